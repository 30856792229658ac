"""Rules over stored samples: when they would have fired, and that asking ahead changes no answer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.thresholds import Thresholds
from gwanje.keep.said import Silence
from gwanje.keep.samples.base import Answer, Matrix
from gwanje.keep.state.history import Fired
from gwanje.model import Severity, to_ms
from gwanje.tell.inhibition import Inhibition
from gwanje.tell.muted import words
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.tell.windows import Window
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.ahead import Ahead
from gwanje.watch.backtest import Backtest, Then, backtest, speaking

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=15)
POLICY = Policy(
    Route.model_validate({"receiver": "ops", "routes": [{"match": 'severity="critical"', "receiver": "pager"}]}),
)


def stored(values: dict[int, float], *, until: int) -> MemorySamples:
    """`cpu` of web-1 every 15 s, changing at these minutes."""
    samples, value = MemorySamples(), 0.0
    for second in range(0, until * 60 + 1, 15):
        value = values.get(second // 60, value) if second % 60 == 0 else value
        samples.append("cpu", {"host": "web-1"}, value, to_ms(START) + second * 1000)
    return samples


async def told(
    rule: dict[str, object], samples: MemorySamples, until: int, policy: Policy = POLICY, then: Then | None = None
) -> Backtest:
    wanted = Rule.model_validate({"name": "cpu high", "expr": "cpu", **rule})
    span = START, START + timedelta(minutes=until)
    return await backtest(wanted, samples, policy, span, STEP, thresholds=Thresholds(), then=then)


async def test_h2_a_rule_says_how_often_when_and_for_whom_it_would_have_fired() -> None:
    samples = stored({10: 0.95, 20: 0.97, 21: 0.2, 30: 0.92, 31: 0.1, 50: 0.7}, until=60)

    found = await told({"warning": "> 0.6", "critical": "> 0.9", "for": "5m"}, samples, 60)

    first, second = found.firings
    assert found.failed == ""
    assert found.evaluations == 241
    assert (first.began, first.ended) == (START + timedelta(minutes=15), START + timedelta(minutes=21))
    assert (first.labels, first.severity, first.peak, first.told) == ({"host": "web-1"}, Severity.CRITICAL, 0.97, ("pager",))
    assert (second.began, second.ended, second.told) == (START + timedelta(minutes=55), None, ("ops",))
    assert second.peak == 0.7


async def test_h2_a_short_spike_would_not_have_fired() -> None:
    found = await told({"critical": "> 0.9", "for": "5m"}, stored({10: 0.95, 14: 0.2}, until=30), 30)
    assert found.firings == []


async def test_h2_a_rule_that_cannot_be_evaluated_says_why() -> None:
    samples = stored({}, until=10)
    found = await told({"critical": "> 0.9", "expr": "cpu[5m]"}, samples, 10)
    assert "gives neither" in found.failed
    assert found.firings == []


@pytest.mark.parametrize("query", ["cpu", "cpu > 0.5", "cpu[5m]", "(cpu * 2)[5m:1m]", "max_over_time(cpu[2m])", "scalar(cpu)"])
async def test_asking_ahead_changes_no_answer(query: str) -> None:
    samples = stored({3: 0.6, 9: 0.4, 20: 0.9}, until=30)
    end_ms = to_ms(START) + 40 * 60_000
    ahead = Ahead(samples, 15_000, end_ms)
    for at_ms in range(to_ms(START), end_ms + 1, 15_000):
        assert shown(await ahead.instant(query, at_ms)) == shown(await samples.instant(query, at_ms))


async def test_asking_ahead_asks_the_store_once_in_a_thousand_instants() -> None:
    samples, asked = stored({3: 0.6}, until=30), []

    class Counted(MemorySamples):
        async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
            asked.append(query)
            return await super().range(query, start_ms, end_ms, step_ms)

    ahead = Ahead(Counted(samples.kept), 1000, to_ms(START) + 1_999_000)
    for second in range(2000):
        await ahead.instant("cpu", to_ms(START) + second * 1000)
    assert asked == ["cpu", "cpu"]


def shown(answer: Answer) -> list[object]:
    """Series and values, whichever way they are held."""
    if isinstance(answer, Matrix):
        return [list(answer.labels), answer.offsets.tolist(), answer.times.tolist(), answer.values.tolist()]
    labels = getattr(answer, "labels", [()])
    values = answer.values.tolist() if hasattr(answer, "values") else [answer.value]
    return [list(labels), list(map(repr, values))]


def silence(matchers: str, begins: int, ends: int) -> Silence:
    times = START + timedelta(minutes=begins), START + timedelta(minutes=ends)
    return Silence("s", matchers, *times, "moving", "kim", START, START)


@pytest.mark.parametrize(
    ("silences", "policy", "expected"),
    [
        pytest.param([], POLICY, (("ops",), ()), id="nothing mutes it"),
        pytest.param([silence('host="web-1"', 0, 60)], POLICY, ((), ("silenced",)), id="silenced throughout"),
        pytest.param([silence('host="web-1"', 0, 15)], POLICY, (("ops",), ("silenced",)), id="told when the silence ended"),
        pytest.param([silence('host="db-1"', 0, 60)], POLICY, (("ops",), ()), id="another host's silence"),
        pytest.param(
            [],
            Policy(
                Route(receiver="ops"),
                windows=[Window.model_validate({"name": "work", "from": "09:00", "to": "09:15", "match": 'host="web-1"'})],
            ),
            (("ops",), ("maintenance",)),
            id="told when maintenance ended",
        ),
        pytest.param(
            [],
            Policy(
                Route(receiver="ops", mute=("quiet",)),
                windows=[Window.model_validate({"name": "quiet", "from": "09:00", "to": "10:00"})],
            ),
            ((), ("mute window",)),
            id="quiet hours throughout",
        ),
    ],
)
async def test_h2_silences_and_windows_of_that_time_are_replayed(
    silences: Sequence[Silence], policy: Policy, expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    found = await told({"warning": ">= 0.9"}, stored({10: 0.95, 20: 0.2}, until=30), 30, policy, Then(silences))
    assert [(tuple(one.told), words(one.muted)) for one in found.firings] == [expected]


@pytest.mark.parametrize(
    ("route", "ends", "expected"),
    [
        pytest.param({"group_wait": "2m"}, 11, (), id="over before its group was told"),
        pytest.param({"group_wait": "2m"}, 13, ("ops",), id="longer than the group waits"),
        pytest.param({"group_wait": "0s"}, 11, ("ops",), id="a group that does not wait"),
    ],
)
async def test_h2_g4_what_would_have_been_over_within_group_wait_would_not_have_been_told(
    route: dict[str, str], ends: int, expected: tuple[str, ...]
) -> None:
    policy = Policy(Route.model_validate({"receiver": "ops", **route}))
    found = await told({"warning": ">= 0.9"}, stored({10: 0.95, ends: 0.2}, until=30), 30, policy)
    assert [tuple(one.told) for one in found.firings] == [expected]


async def test_h2_who_has_quiet_hours_would_have_been_told_after_those_who_have_none() -> None:
    night = Window.model_validate({"name": "night", "from": "09:00", "to": "09:20"})
    routes = [{"receiver": "boss", "mute": ["night"], "continue": True}, {}]
    policy = Policy(Route.model_validate({"receiver": "ops", "routes": routes}), windows=[night])
    found = await told({"warning": ">= 0.9"}, stored({10: 0.95, 25: 0.2}, until=30), 30, policy)
    short = await told({"warning": ">= 0.9"}, stored({10: 0.95, 15: 0.2}, until=30), 30, policy)
    assert [[(tuple(one.told), words(one.muted)) for one in run.firings] for run in (found, short)] == [
        [(("ops", "boss"), ())],
        [(("ops",), ())],
    ]


def switch(begins: int, ends: int | None, rule: str = "switch down", site: str = "seoul") -> Fired:
    over = None if ends is None else START + timedelta(minutes=ends)
    return Fired(f"{rule}{begins}", rule, {"site": site}, Severity.CRITICAL, START + timedelta(minutes=begins), over)


@pytest.mark.parametrize(
    ("fired", "expected"),
    [
        pytest.param([switch(0, None)], ((), ("inhibited",)), id="the switch was down all the time"),
        pytest.param([switch(0, 15)], (("ops",), ("inhibited",)), id="told when the switch was up again"),
        pytest.param([switch(12, 15)], (("ops",), ()), id="told before the switch went down"),
        pytest.param([switch(0, 5)], (("ops",), ()), id="the switch was up again before"),
        pytest.param([switch(0, None, site="busan")], (("ops",), ()), id="another site's switch"),
        pytest.param([switch(0, None, rule="cpu high")], (("ops",), ()), id="the rule's own past is not its future"),
    ],
)
async def test_h2_g5_what_fired_then_speaks_for_what_would_have_fired(
    fired: Sequence[Fired], expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    speaks = {"source": 'severity="critical"', "target": 'severity="warning"', "equal": ["site"]}
    policy = Policy(Route(receiver="ops"), inhibitions=[Inhibition.model_validate(speaks)])
    rule: dict[str, object] = {"warning": ">= 0.9", "labels": {"site": "seoul"}}
    found = await told(rule, stored({10: 0.95, 20: 0.2}, until=30), 30, policy, Then(fired=fired))
    assert [(tuple(one.told), words(one.muted)) for one in found.firings] == [expected]


def test_only_alerts_that_may_speak_for_others_are_looked_at() -> None:
    policy = Policy(inhibitions=[Inhibition.model_validate({"source": 'site="seoul"', "target": 'severity="warning"'})])
    assert speaking([switch(0, 1), switch(2, 3, site="busan")], policy) == [switch(0, 1)]
    assert speaking([switch(0, 1)], Policy()) == []
