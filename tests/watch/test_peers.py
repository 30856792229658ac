"""What went wrong in programs like this one, kept as tests: the table "Peers' defects" of the specification, row by row.

The rows that are not here stand where their story is: `tests/scenarios` (their comments name the defect), and of processes
that are killed `tests/e2e/test_peers.py` and `tests/e2e/test_stories.py`; the size set by hand is `tests/show/test_scaling.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gwanje.app import folder as folders
from gwanje.app import packs
from gwanje.errors import RetryLater
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Silence
from gwanje.keep.state import silences, stories
from gwanje.keep.state.base import State
from gwanje.model import Severity, to_ms
from gwanje.tell.delivery import Delivery
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.tell.windows import Window
from gwanje.testing.notifiers import Recorder
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Round

NOW = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
HIGH = Rule.model_validate({"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", "interval": "15s"})
AT_ONCE: Mapping[str, Any] = {"receiver": "ops", "group_by": ["rule", "host"], "group_wait": "0s", "group_interval": "0s"}
NIGHT = Window.model_validate({"name": "night", "zone": "UTC", "from": "02:00", "to": "03:10"})


@dataclass
class Site:
    """Hosts with a CPU, one receiver, and a process that can be started anew by another policy."""

    state: State
    policy: Policy
    ops: Recorder = field(default_factory=Recorder)
    samples: MemorySamples = field(default_factory=MemorySamples)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, policy: Policy | None = None) -> None:
        self.policy = policy or self.policy
        self.round = Round([HIGH], self.samples, self.state, self.policy, None, clock=lambda: self.now)
        self.delivery = Delivery(self.state, {"ops": self.ops}, None, worker_id="a", clock=lambda: self.now, chance=lambda: 1.0)

    async def minutes(self, first: int, last: int, **cpu: float) -> None:
        """What each host's CPU is from one minute to another, looked at four times a minute."""
        for quarter in range(first * 4, last * 4):
            self.now = NOW + timedelta(seconds=15 * quarter)
            for host, value in cpu.items():
                self.samples.append("cpu", {"host": host}, value, to_ms(self.now))
            await self.round.once(self.now)
            await self.delivery.once()

    def heard(self) -> list[tuple[str, str, str]]:
        """Reason, host and state of everything that was heard."""
        return [(one.reason, alert.labels["host"], alert.state) for one in self.ops.sent for alert in one.alerts]


def _silence(state: State, matchers: str, minutes: int) -> None:
    ends = NOW + timedelta(minutes=minutes)
    with state.write() as connection:
        silences.put(connection, Silence("s", matchers, NOW - timedelta(hours=1), ends, "moving", "kim", NOW, NOW))


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted within"])
@pytest.mark.parametrize("quiet", ["silenced", "mute window"])
async def test_peers_quiet_hours_delete_no_message(state: State, quiet: str, *, restarted: bool) -> None:
    """A breach that outlasts them is told exactly once, late, and says what held it back."""
    route = Route.model_validate({**AT_ONCE, **({"mute": ["night"]} if quiet == "mute window" else {})})
    site = Site(state, Policy(route, windows=(NIGHT,)))
    if quiet == "silenced":
        _silence(state, 'host="web-1"', 10)
    await site.minutes(0, 5, web_1=0.1)
    await site.minutes(5, 8, **{"web-1": 0.97})
    if restarted:
        site.restart()
    await site.minutes(8, 10, **{"web-1": 0.97})
    assert site.heard() == []
    await site.minutes(10, 40, **{"web-1": 0.97})
    assert site.heard() == [("was muted", "web-1", "firing")]
    assert site.ops.sent[0].alerts[0].was_muted == quiet
    assert site.ops.sent[0].decided == NOW + timedelta(minutes=10)


async def test_peers_one_attempt_is_not_all_and_an_error_not_only_logged(state: State) -> None:
    """The receiver answers 500 for sixty seconds: delivered once afterwards, and each attempt stands with the alert."""
    site = Site(state, Policy(Route.model_validate(AT_ONCE)))
    site.ops.failures = [RetryLater("ops answered 500", status=500)] * 1000
    await site.minutes(0, 1, **{"web-1": 0.97})
    site.ops.failures = []
    await site.minutes(1, 10, **{"web-1": 0.97})
    assert site.heard() == [("first", "web-1", "firing")]
    with state.read() as connection:
        (episode,) = stories.open_episodes(connection)
        story = stories.story(connection, episode.id)
    assert story is not None
    tried = [(one.outcome, one.status) for one in reversed(story.entries) if isinstance(one, stories.Attempt)]
    assert tried[:-1] == [("later", 500)] * (len(tried) - 1)
    assert (tried[-1], len(tried) > 2) == (("sent", None), True)


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted within"])
async def test_peers_a_failed_resolved_is_tried_again(state: State, *, restarted: bool) -> None:
    site = Site(state, Policy(Route.model_validate(AT_ONCE)))
    await site.minutes(0, 1, **{"web-1": 0.97})
    site.ops.failures = [RetryLater("down")] * 1000
    await site.minutes(1, 20, **{"web-1": 0.1})
    if restarted:
        site.restart()
    assert site.heard() == [("first", "web-1", "firing")]
    site.ops.failures = []
    await site.minutes(20, 30, **{"web-1": 0.1})
    assert site.heard() == [("first", "web-1", "firing"), ("resolved", "web-1", "resolved")]
    (over,) = site.ops.sent[1].alerts
    assert over.ended is not None
    assert over.ended - over.since == timedelta(minutes=1)


@pytest.mark.parametrize("pack", packs.names())
async def test_peers_defaults_can_fire(state: State, tmp_path: Path, pack: str) -> None:
    """What a new user has, freshly started beside a disk that is 95 % full: an alert exists in the first round."""
    packs.lay(pack, tmp_path / "site")
    rules = folders.read(tmp_path / "site").rules
    samples = MemorySamples()
    disk = {"host": "web-1", "mountpoint": "/", "fstype": "ext4", "device": "/dev/sda1"}
    samples.append("node_filesystem_size_bytes", disk, 100e9, to_ms(NOW))
    samples.append("node_filesystem_avail_bytes", disk, 5e9, to_ms(NOW))
    await Round(rules, samples, state, Policy(), None, clock=lambda: NOW).once(NOW)
    with state.read() as connection:
        opened = stories.open_episodes(connection)
    assert [(one.host, one.severity, one.state, round(one.value or 0, 2)) for one in opened] == [
        ("web-1", Severity.CRITICAL, "firing", 0.95)
    ]


async def test_peers_a_silence_on_one_host_mutes_not_the_rule(state: State) -> None:
    site = Site(state, Policy(Route.model_validate({**AT_ONCE, "group_by": ["rule"]})))
    _silence(state, 'host="web-1"', 60)
    await site.minutes(0, 3, **{"web-1": 0.97})
    assert site.heard() == []
    await site.minutes(3, 6, **{"web-1": 0.97, "web-2": 0.97})
    await site.minutes(6, 9, **{"web-1": 0.97, "web-2": 0.1})
    assert site.heard() == [("first", "web-2", "firing"), ("resolved", "web-2", "resolved")]


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param({"group_by": ["host"]}, id="other labels"),
        pytest.param({"group_by": []}, id="one group of all"),
        pytest.param({"group_wait": "5m", "group_interval": "10m"}, id="other times"),
        pytest.param({"routes": [{"match": 'host="web-1"', "group_by": ["rule", "host", "team"]}]}, id="another route"),
    ],
)
async def test_peers_edited_grouping_repeats_nothing(state: State, edited: Mapping[str, Any]) -> None:
    site = Site(state, Policy(Route.model_validate(AT_ONCE)))
    high = {f"web-{number}": 0.97 for number in range(1, 6)}
    await site.minutes(0, 5, **high)
    told = site.heard()
    assert len(told) == 5
    site.restart(Policy(Route.model_validate({**AT_ONCE, **edited})))
    await site.minutes(5, 25, **high)
    assert site.heard() == told, "a burst"
    await site.minutes(25, 37, **{**high, "web-1": 0.1})
    assert ("web-1", "resolved") in {(host, state) for _, host, state in site.heard()[5:]}
