"""Judging as the round does it: rules, samples and state together, told the time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select

from gwanje import kinds
from gwanje.judge.leaving import Departed, Leaving
from gwanje.judge.lifecycle import State as Standing
from gwanje.judge.lifecycle import unknown
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Acknowledgement, Override, Silence
from gwanje.keep.state import acknowledgements, alerts, silences, sqlite, stories, thresholds
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata, outbox, transitions
from gwanje.model import Severity, to_ms
from gwanje.tell.inhibition import Inhibition
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.tell.windows import Window
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.book import SHOWN_EVERY
from gwanje.watch.round import Places, Round
from gwanje.watch.why import Stands, Why
from tests.watch.refusing import RefusingSamples

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HIGH = {"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", "interval": "5s"}


class Samples(RefusingSamples):
    def measure(self, seconds: float, value: float, host: str = "web-1", metric: str = "cpu") -> None:
        self.append(metric, {"host": host}, value, to_ms(_at(seconds)))


def _round(state: State, samples: MemorySamples, *rules: Mapping[str, object], **more: Places | timedelta) -> Round:
    read = [Rule.model_validate(rule) for rule in rules or (HIGH,)]
    return Round(read, samples, state, Policy(Route(receiver="ops")), None, clock=lambda: NOW, **more)  # type: ignore[arg-type] # places, delay


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def _open(state: State) -> list[stories.Episode]:
    with state.read() as connection:
        return sorted(stories.open_episodes(connection), key=lambda one: (one.rule, sorted(one.labels.items())))


def _ended(state: State) -> dict[str, str | None]:
    with state.read() as connection:
        return {one.rule: one.ended_because for one in stories.episode_page(connection, stories.Wanted(state="ended")).episodes}


async def test_e1_a_delay_sees_the_samples_as_of_then_so_that_late_ones_count(state: State) -> None:
    samples = Samples()
    samples.measure(0, 0.1)
    samples.measure(8, 0.95)
    own, by_store = HIGH | {"delay": "30s"}, HIGH | {"name": "as the store says"}
    round_ = _round(state, samples, own, by_store, delay=timedelta(seconds=20))
    await round_.once(_at(25))
    assert _open(state) == []
    await round_.once(_at(30))
    await round_.once(_at(40))
    assert [(one.rule, one.began_at) for one in _open(state)] == [("as the store says", _at(30)), ("cpu high", _at(40))]


async def test_e8_after_three_failures_in_a_row_a_rule_error_fires_and_no_state_changes(state: State) -> None:
    samples = Samples()
    samples.measure(0, 0.95)
    round_ = _round(state, samples)
    await round_.once(_at(0))
    samples.down = True
    for seconds in (5, 10):
        await round_.once(_at(seconds))
    assert [one.rule for one in _open(state)] == ["cpu high"]
    await round_.once(_at(15))
    high, error = _open(state)
    assert (high.state, error.rule, error.labels["failed_rule"]) == ("firing", "rule error", "cpu high")
    assert error.summary["en"] == "The rule 'cpu high' cannot be judged as it should (evaluation failed)"
    with state.read() as connection:
        (why,) = connection.execute(select(transitions.c.reason).where(transitions.c.episode == error.id)).scalars()
    busy = {"code": "query_too_large", "values": {"error": "the store is busy"}}
    assert why == {"code": "evaluations_failed", "values": {"count": 3, "error": busy}}
    samples.down = False
    await round_.once(_at(20))
    assert _ended(state) == {"rule error": "resolved"}


async def test_e9_a_cap_says_that_it_refuses(state: State) -> None:
    samples = Samples()
    for host in ("web-1", "web-2", "web-3"):
        samples.measure(0, 0.95, host)
    round_ = _round(state, samples, HIGH | {"max_instances": 2})
    await round_.once(_at(0))
    assert [(one.rule, one.labels.get("problem")) for one in _open(state)] == [
        ("cpu high", None),
        ("cpu high", None),
        ("rule error", "too many alerts"),
    ]
    assert round_.own_samples()['gwanje_alerts_refused{rule="cpu high"}'] == 1


def _apart(critical: str) -> Override:
    return Override("cpu high", "host", "web-1", None, critical, None, "kim", NOW)


async def test_e11_a_threshold_that_people_change_counts_from_the_next_round_on(state: State) -> None:
    samples = Samples()
    for seconds in (0, 5, 10):
        samples.measure(seconds, 0.85)
    round_ = _round(state, samples, places=Places(groups={"web": ["web-.*"]}, overrides=[_apart(">= 0.95")]))
    await round_.once(_at(0))
    with state.write() as connection:
        thresholds.put(connection, _apart(">= 0.8"))
    await round_.once(_at(5))
    (episode,) = _open(state)
    assert (episode.operator, episode.threshold, episode.threshold_from) == (">=", 0.8, "host web-1")
    with state.write() as connection:
        thresholds.drop(connection, "cpu high", "host", "web-1")
    await round_.once(_at(10))
    assert _open(state) == []


FLAGS = {
    "none": Policy(Route(receiver="ops")),
    "acknowledged": Policy(Route(receiver="ops")),
    "silenced": Policy(Route(receiver="ops")),
    "inhibited": Policy(
        Route(receiver="ops"),
        inhibitions=[Inhibition.model_validate({"source": 'host="web-2"', "target": 'host="web-1"'})],
    ),
    "maintenance": Policy(
        Route(receiver="ops"),
        windows=[Window.model_validate({"name": "patch", "match": 'host="web-1"', "from": "00:00", "to": "24:00"})],
    ),
}
VALUES = (0.1, 0.95, 0.95, 0.85, 0.1, None, float("nan"), 0.1, 0.1, 0.95, 0.95, 0.95, None, None, 0.95, 0.1, 0.1, 0.1)


async def test_s1_no_flag_changes_a_state(tmp_path: Path) -> None:
    """The same samples under each flag: the same transitions at the same times, and what differs is only who is told."""
    changes: dict[str, list[tuple[object, ...]]] = {}
    messages: dict[str, int] = {}
    rule = HIGH | {"warning": ">= 0.8", "clear": "< 0.5", "for": "5s", "clear_for": "5s"}
    for flag, policy in FLAGS.items():
        (tmp_path / flag).mkdir()
        state = sqlite.create(sqlite.Settings(), kinds.World(tmp_path / flag))
        metadata.create_all(state.engine)
        samples = Samples()
        round_ = Round([Rule.model_validate(rule)], samples, state, policy, None, clock=lambda: NOW)
        if flag == "silenced":
            with state.write() as connection:
                silences.put(connection, Silence("s", 'host="web-1"', _at(-5), _at(900), "moving", "kim", _at(-5), _at(-5)))
        for place, value in enumerate(VALUES):
            samples.measure(5 * place, 0.99, "web-2")
            if value is not None:
                samples.measure(5 * place, value)
            await round_.once(_at(5 * place))
            if flag == "acknowledged":
                with state.write() as connection:
                    for one in stories.open_episodes(connection):
                        taken = Acknowledgement(one.id, "kim", _at(5 * place), "on it", None, Severity.CRITICAL)
                        acknowledgements.put(connection, taken)
        with state.read() as connection:
            rows = connection.execute(select(transitions).order_by(transitions.c.at, transitions.c.episode)).mappings()
            changes[flag] = [(one["episode"], one["at"], one["after"]) for one in rows if one["before"] != one["after"]]
            told = connection.execute(select(outbox.c.message)).scalars()
            messages[flag] = sum(alert["labels"]["host"] == "web-1" for message in told for alert in message["alerts"])
        state.close()
    assert all(story == changes["none"] for story in changes.values())
    assert len(changes["none"]) > 5
    assert messages["none"] > 0
    assert [messages[flag] for flag in ("silenced", "inhibited", "maintenance")] == [0, 0, 0]


async def test_s7_a_rule_that_is_switched_off_ends_what_is_open_with_rule_removed(state: State) -> None:
    samples = Samples()
    samples.measure(0, 0.95)
    await _round(state, samples).once(_at(0))
    await _round(state, samples, HIGH | {"enabled": False}).once(_at(5))
    assert _ended(state) == {"cpu high": "rule removed"}


async def test_s7_a_changed_rule_judges_at_once_what_is_open(state: State) -> None:
    samples = Samples()
    samples.measure(0, 0.95)
    await _round(state, samples).once(_at(0))
    samples.measure(5, 0.95)
    await _round(state, samples, HIGH | {"critical": ">= 0.99"}).once(_at(5))
    assert _ended(state) == {"cpu high": "resolved"}


BY_HOST = {"name": "busy", "expr": "sum by (host) (cpu)", "critical": ">= 0.9", "interval": "5s"}
INSIDE = {"name": "busy", "expr": "sum by (host) (cpu) > 0.9", "severity": "critical", "interval": "5s"}


@pytest.mark.parametrize(
    ("before", "after", "ended"),
    [
        pytest.param(BY_HOST, BY_HOST | {"expr": "sum(cpu)"}, {"busy": "rule changed"}, id="another grouping"),
        pytest.param(BY_HOST, BY_HOST | {"expr": 'cpu{host="db-1"}'}, {"busy": "rule changed"}, id="other series"),
        pytest.param(BY_HOST, BY_HOST | {"labels": {"team": "web"}}, {"busy": "rule changed"}, id="other labels of its own"),
        pytest.param(BY_HOST, BY_HOST | {"for": "1m"}, {}, id="the same label sets"),
        pytest.param(BY_HOST, BY_HOST | {"labels": {"team": ""}}, {}, id="an empty label is none"),
        pytest.param(INSIDE, INSIDE | {"expr": "sum(cpu) > 0.9"}, {"busy": "rule changed"}, id="a condition inside"),
        pytest.param(INSIDE, INSIDE | {"expr": "sum by (host) (cpu) > 0.99"}, {"busy": "resolved"}, id="good by the new text"),
    ],
)
async def test_s7_what_the_new_text_looks_for_no_longer_ends_with_rule_changed(
    state: State, before: Mapping[str, object], after: Mapping[str, object], ended: Mapping[str, str]
) -> None:
    samples = Samples()
    first = _round(state, samples, before)
    for seconds in range(0, 31, 5):
        samples.measure(seconds, 0.95)
        await first.once(_at(seconds))
    second = _round(state, samples, after)
    for seconds in range(35, 61, 5):
        samples.measure(seconds, 0.95)
        await second.once(_at(seconds))
    assert _ended(state) == ended


async def test_s7_what_stopped_before_the_change_is_still_missing_and_not_let_go(state: State) -> None:
    samples = Samples()
    first = _round(state, samples, BY_HOST)
    for seconds in range(0, 900, 5):
        if seconds <= 30:
            samples.measure(seconds, 0.95)
        await first.once(_at(seconds))
    second = _round(state, samples, BY_HOST | {"critical": ">= 0.8"})
    await second.once(_at(905))
    assert _ended(state) == {}
    assert [one.state for one in _open(state)] == ["firing"]


async def test_s7_those_who_were_told_hear_that_the_rule_changed(state: State) -> None:
    samples = Samples()
    samples.measure(0, 0.95)
    await _round(state, samples, BY_HOST).once(_at(0))
    second = _round(state, samples, BY_HOST | {"expr": "sum(cpu)"})
    for seconds in range(5, 330, 5):
        samples.measure(seconds, 0.1)
        await second.once(_at(seconds))
    with state.read() as connection:
        (told,) = connection.exec_driver_sql("SELECT message FROM outbox WHERE reason = 'resolved'").scalars()
    assert '"rule changed"' in told


async def test_s4_s6_clocks_survive_a_restart_though_what_stays_is_not_written_each_round(state: State) -> None:
    samples = Samples()
    rule = HIGH | {"for": "1m", "keep_firing_for": "1m"}
    for seconds in range(0, 200, 5):
        samples.measure(seconds, 0.95 if seconds <= 60 else 0.1)
    began: list[tuple[float, str]] = []
    for seconds in range(0, 200, 5):
        await _round(state, samples, rule).once(_at(seconds))  # a new process each time
        began += [(seconds, one.state) for one in _open(state) if not began or began[-1][1] != one.state]
    assert began == [(0, "pending"), (60, "firing")]
    with state.read() as connection:
        (ended,) = stories.episode_page(connection, stories.Wanted(state="ended")).episodes
    assert (ended.fired_at, ended.ended_at) == (_at(60), _at(125))


async def test_n3_what_stopped_while_nobody_looked_raises_a_no_data_alert(state: State) -> None:
    """It answered ten minutes ago, and does not in the first evaluation after the start."""
    samples = Samples()
    samples.measure(-600, 0.1)
    round_ = _round(state, samples, HIGH | {"no_data": "alert"})
    for seconds in range(0, 60, 5):
        await round_.once(_at(seconds))
    (episode,) = _open(state)
    assert (episode.state, episode.severity, episode.began_at) == ("no_data", Severity.CRITICAL, _at(35))


async def test_n4_a_series_that_stopped_is_not_judged_by_its_last_sample(state: State) -> None:
    """PromQL answers for five minutes with the sample of 60 s; the alert does not fire by it."""
    samples = Samples()
    for seconds in range(0, 61, 5):
        samples.measure(seconds, 0.95)
    round_ = _round(state, samples, HIGH | {"for": "2m"})
    for seconds in range(0, 300, 5):
        await round_.once(_at(seconds))
    (episode,) = _open(state)
    assert (episode.state, episode.fired_at) == ("no_data", None)


async def test_n1_four_things_are_told_apart(state: State) -> None:
    samples = Samples()
    for seconds in range(0, 101, 5):
        samples.measure(seconds, 0.0, metric="zero")
    samples.measure(0, 0.95, metric="stopped")
    samples.measure(1, 0.95, metric="stopped")
    names = ("zero", "stopped", "never")
    rules = [HIGH | {"name": name, "expr": name} for name in names]
    rules[0] |= {"critical": "<= 0"}
    round_ = _round(state, samples, *rules)
    for seconds in range(0, 101, 5):
        await round_.once(_at(seconds))
    told = {name: [(one.found, one.value) for one in round_.why(name)] for name in names}
    assert told == {"zero": [("breach", 0.0)], "stopped": [("stale", 0.95)], "never": []}
    samples.down = True
    await round_.once(_at(105))
    assert round_.latest()["zero"].failed == "the store is busy"
    assert [one.found for one in round_.why("zero")] == ["failed"]


async def test_n5_what_departs_as_expected_is_ended_as_such(state: State) -> None:
    samples = Samples()
    samples.measure(0, 0.95)
    gone: list[str] = []

    def departed() -> Departed:
        return [Leaving.of(host=host) for host in gone]

    round_ = _round(state, samples, places=Places(departed=departed))
    await round_.once(_at(0))
    gone.append("web-1")
    await round_.once(_at(400))
    assert _ended(state) == {"cpu high": "departed"}


async def test_n6_state_keeps_when_somebody_evaluated_last(state: State) -> None:
    samples = Samples()
    samples.measure(0, 0.95)
    round_ = _round(state, samples)
    for seconds in range(0, 20, 5):
        await round_.once(_at(seconds))
    with state.read() as connection:
        judged = alerts.judged_at(connection)
    assert judged == _at(15)
    assert [unknown(judged, _at(seconds)) for seconds in (20, 46)] == [False, True]


async def test_h3_every_evaluation_can_be_asked_why(state: State) -> None:
    samples = Samples()
    for seconds in (-10, -5, 0):
        samples.measure(seconds, 0.95)
        samples.measure(seconds, 0.1, "web-2")
    rule = {
        "name": "cpu high",
        "metric": "cpu",
        "over": "1m",
        "min_samples": 3,
        "critical": ">= 0.9",
        "interval": "5s",
        "for": "1m",
    }
    round_ = _round(state, samples, rule, places=Places(overrides=[_apart(">= 0.95")]))
    assert round_.why("cpu high") == []
    await round_.once(_at(0))
    (episode,) = _open(state)
    assert round_.why("cpu high") == [
        Why(
            rule="cpu high",
            labels={"host": "web-1"},
            at=_at(0),
            found="breach",
            said="0.95 (3 samples in 1m) is >= 0.95",
            value=0.95,
            thresholds={Severity.CRITICAL: ">= 0.95"},
            clear="",
            origins={"critical": "host web-1"},
            samples=3,
            stands=Stands(Standing.PENDING, Severity.CRITICAL, _at(0), _at(60), episode.id),
        ),
        Why(
            rule="cpu high",
            labels={"host": "web-2"},
            at=_at(0),
            found="good",
            said="0.1 (3 samples in 1m)",
            value=0.1,
            thresholds={Severity.CRITICAL: ">= 0.9"},
            clear="",
            origins={},
            samples=3,
            stands=Stands(),
        ),
    ]


async def test_what_stays_is_written_only_where_people_look_at_it(state: State) -> None:
    """A hundred alerts whose values change each second: what they show is written every five seconds, no instance is."""
    samples = Samples()
    for second in range(30):
        for host in range(100):
            samples.measure(second, 0.91 + second / 1000, f"web-{host}")
    round_ = _round(state, samples, HIGH | {"interval": "1s"})
    await round_.once(_at(0))
    await round_.once(_at(1))
    written: list[tuple[int, str]] = []

    @event.listens_for(state.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, parameters: object, _context: object, many: bool) -> None:  # noqa: FBT001 - the engine's signature
        if statement.startswith(("UPDATE", "INSERT", "DELETE")):
            written.append(
                (len(parameters) if many and isinstance(parameters, list) else 1, statement.split("SET", maxsplit=1)[0].strip())
            )

    for second in range(2, 22):
        await round_.once(_at(second))
    shown = [rows for rows, statement in written if statement == "UPDATE episodes"]
    assert shown == [100] * (20 // int(SHOWN_EVERY.total_seconds()))
    assert not [statement for _, statement in written if "instances" in statement]
    (first, *_) = _open(state)
    assert first.value == pytest.approx(0.91 + 20 / 1000, abs=0.005)


async def test_whose_turn_begins_again_reads_state_and_does_not_go_over_what_another_evaluated(state: State) -> None:
    """The other saw it begin and end; made up for here, it would begin once more."""
    samples = Samples()
    for seconds in range(0, 60, 5):
        samples.measure(seconds, 0.95 if seconds == 10 else 0.1)
    one, other = _round(state, samples), _round(state, samples)
    await one.once(_at(0))
    for seconds in range(5, 45, 5):
        await other.once(_at(seconds))
    one.forget()
    await one.once(_at(45))
    with state.read() as connection:
        page = stories.episode_page(connection, stories.Wanted())
    assert [(episode.began_at, episode.ended_at) for episode in page.episodes] == [(_at(10), _at(15))]
