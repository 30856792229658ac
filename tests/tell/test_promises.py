"""What telling promises whatever happens: alerts begin, end, get worse, are muted and taken over, and routes are edited."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.model import Severity
from gwanje.tell.escalation import Escalation
from gwanje.tell.groups import step
from gwanje.tell.spec import Route
from gwanje.tell.told import Alert, Decided, Group, Reason, Ways

BEGAN: Final = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
NIGHT: Final = Escalation.model_validate(
    {"name": "night", "steps": [{"after": "2m", "receiver": "lead"}, {"after": "10m", "receiver": "boss"}]}
)


def _ways(**root: Any) -> Ways:
    pager = {"match": 'severity="critical"', "receiver": "pager", "group_wait": "0s", "continue": True}
    times = {"receiver": "ops", "group_wait": "30s", "group_interval": "1m", "repeat_interval": "5m", "escalate": "night"}
    return Ways(Route.model_validate({**times, "routes": [pager, {}], **root}), escalations={"night": NIGHT})


GROUPINGS: Final = [_ways(group_by=by) for by in ([], ["rule"], ["rule", "host"], ["severity"])]
CHANGES: Final = ["begin", "end", "mute", "free", "take", "give back", "worse", "better", "regroup"]


@dataclass
class World:
    """Alerts, and what every receiver knows by the messages that it got, at each step of an escalation."""

    now: datetime = BEGAN
    ways: Ways = GROUPINGS[1]
    firing: dict[int, Alert] = field(default_factory=dict)
    over: dict[str, Alert] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    known: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    on_it: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Of which episodes each knows that somebody took them over."""
    begun: int = 0

    def change(self, what: str, host: int) -> None:
        alert = self.firing.get(host)
        if what == "begin" and alert is None:
            self.begun += 1
            self.firing[host] = Alert(
                f"e{self.begun}", f"rule {host % 2}", {"host": f"web-{host}"}, Severity.WARNING, firing=True
            )
        elif what == "regroup":
            self.ways = GROUPINGS[host]
        elif alert is not None and what == "end":
            del self.firing[host]
            self.over[alert.episode] = replace(alert, firing=False, muted="", acknowledged="")
        elif alert is not None and what != "begin":
            changes: dict[str, Any] = {
                "mute": {"muted": "silenced"},
                "free": {"muted": ""},
                "take": {"acknowledged": "kim"},
                "give back": {"acknowledged": ""},
                "worse": {"severity": Severity.CRITICAL},
                "better": {"severity": Severity.WARNING},
            }
            self.firing[host] = replace(alert, **changes[what])
            if what == "give back":
                for episodes in self.on_it.values():
                    episodes.discard(alert.episode)

    def until(self, end: datetime) -> None:
        """Look whenever there may be something to say, and hear what is said."""
        while True:
            before = {group.key: group for group in self.groups}
            self.groups, decided, wakes = step(self.groups, [*self.over.values(), *self.firing.values()], self.ways, self.now)
            for message in decided:
                self.hear(message)
            rests = not decided and {group.key: group for group in self.groups} == before
            moment = wakes() if rests else self.now + timedelta(seconds=1)
            if moment >= end:
                self.now = end
                return
            self.now = moment

    def hear(self, message: Decided) -> None:
        who = message.group.receiver, message.group.step
        known = self.known[who]
        for alert in message.alerts:
            if not alert.firing:
                assert alert.episode in known, "resolved goes only where firing was told, and once"
                known.remove(alert.episode)
                continue
            assert not alert.muted, "nobody hears of what is muted"
            if message.reason is Reason.ACKNOWLEDGED:
                assert alert.episode in known - self.on_it[who], "who is on it is told once, to those who know the alert"
                self.on_it[who].add(alert.episode)
            elif message.reason is Reason.FIRST:
                assert alert.episode not in known, "the first word on an alert is the first"
            known.add(alert.episode)
        assert message.alerts


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 15, 60, 400, 900]), st.sampled_from(CHANGES), st.integers(0, 3)),
        min_size=1,
        max_size=25,
    )
)
def test_g3_g4_m3_m4_whatever_happens_nobody_misses_a_beginning_or_an_end_and_nobody_hears_one_twice(
    story: list[tuple[int, str, int]],
) -> None:
    world = World()
    for pause, what, host in story:
        world.until(world.now + timedelta(seconds=pause))
        world.change(what, host)
    for host in range(4):
        world.change("free", host)
    world.until(world.now + timedelta(minutes=10))
    firing = {alert.episode for alert in world.firing.values()}
    critical = {alert.episode for alert in world.firing.values() if alert.severity is Severity.CRITICAL}
    assert world.known["ops", 0] == firing, "what fires and is not muted any more was told; what is over was told as over"
    assert world.known["pager", 0] >= critical
    for host in range(4):
        world.change("end", host)
    world.until(world.now + timedelta(minutes=10))
    assert not any(world.known.values()), "everybody who heard of a beginning heard of its end"
    assert world.groups == [], "and nothing is remembered"
