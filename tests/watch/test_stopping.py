"""Data that stop, and nobody who looks: whichever way a rule looks and however they end, nothing begins or ends by that."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from gwanje.judge.rules.spec import Rule
from gwanje.keep.state import stories
from gwanje.keep.state.base import State
from gwanje.model import STALE, to_ms
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import START
from gwanje.watch.round import Round
from tests.watch.refusing import RefusingSamples

INSIDE = {"expr": "cpu > 0.9", "severity": "critical"}
RATIO = {"ratio": {"failed": 'done{how="badly"}', "total": "done", "over": "15m", "min_samples": 3}, "critical": ">= 0.2"}


class Stage:
    """One rule, and one look a minute; `clock` counts them."""

    def __init__(self, state: State, **rule: object) -> None:
        self.samples = RefusingSamples()
        self.state = state
        self.rule = Rule.model_validate({"name": "rule", "interval": "1m", **rule})
        self.clock = 0
        self.restart()

    def restart(self) -> None:
        self.round = Round([self.rule], self.samples, self.state, Policy(Route(receiver="ops")), None, clock=lambda: START)

    async def until(self, minute: int, **measured: float | Mapping[str, float]) -> None:
        """Measure the same values, of `web-1` or of each host, before each evaluation until then."""
        while self.clock < minute:
            at = START + timedelta(minutes=self.clock)
            for metric, value in measured.items():
                for host, one in value.items() if isinstance(value, Mapping) else [("web-1", value)]:
                    self.samples.append(metric, {"host": host}, one, to_ms(at))
            await self.round.once(at)
            self.clock += 1

    async def without_looking(self, minute: int, *, fails: bool) -> None:
        """Until then nothing is measured, and either the program is away, or it asks and its store does not answer."""
        self.samples.down = fails
        if fails:
            await self.until(minute)
            self.samples.down = False
        else:
            self.clock = minute
            self.restart()

    async def count_until(self, minute: int) -> None:
        """Two of six fail, early; the counters stand as they are from then on."""
        while self.clock <= minute:
            at = to_ms(START + timedelta(minutes=self.clock))
            self.samples.append("done", {"how": "badly"}, 0 if self.clock < 1 else 2, at)
            self.samples.append("done", {"how": "well"}, 0 if self.clock < 6 else 4, at)
            await self.until(self.clock + 1)

    def told(self) -> list[tuple[str, str, str | None]]:
        with self.state.read() as connection:
            page = stories.episode_page(connection, stories.Wanted()).episodes
        return [(one.labels.get("host", ""), one.state, one.ended_because) for one in page if one.rule == "rule"]

    def fired(self) -> list[int]:
        """The minutes in which it fired."""
        with self.state.read() as connection:
            page = stories.episode_page(connection, stories.Wanted()).episodes
        return [(one.fired_at - START) // timedelta(minutes=1) for one in page if one.fired_at and one.rule == "rule"]


FIRING = [("web-1", "firing", None)]


@pytest.mark.parametrize(
    ("rule", "beside"),
    [
        pytest.param(INSIDE, {}, id="a condition inside the query"),
        pytest.param(INSIDE, {"cpu": {"web-2": 0.1}}, id="while another host reports"),
        pytest.param(INSIDE | {"expr": "cpu > on (host) most"}, {"most": {"web-1": 0.9}}, id="while its threshold reports"),
        pytest.param(INSIDE | {"expr": "cpu > 0.9 unless spare"}, {"cpu": {"web-2": 0.1}}, id="beside what is usually not there"),
        pytest.param({"expr": "cpu", "critical": ">= 0.9"}, {"cpu": {"web-2": 0.1}}, id="a threshold beside the query"),
        pytest.param({"expr": "max(cpu)", "critical": ">= 0.9"}, {}, id="all hosts together"),
    ],
)
@pytest.mark.parametrize("marked", [False, True], ids=["silently", "with a stale marker"])
@pytest.mark.parametrize("restarts", [False, True], ids=["watched", "over a restart"])
async def test_n2_what_fires_is_not_resolved_when_its_data_stop(
    state: State, rule: Mapping[str, object], beside: Mapping[str, Mapping[str, float]], *, marked: bool, restarts: bool
) -> None:
    stage = Stage(state, **rule)
    await stage.until(2, **{**beside, "cpu": {"web-1": 0.95, **beside.get("cpu", {})}})
    if marked:
        stage.samples.append("cpu", {"host": "web-1"}, STALE, to_ms(START + timedelta(minutes=2)))
    await stage.until(3, **beside)
    if restarts:
        stage.restart()
    await stage.until(8, **beside)
    if restarts:
        stage.restart()
    await stage.until(30, **beside)
    assert [state for _, state, _ in stage.told()] == ["firing"]


async def test_n2_a_good_value_resolves_what_had_stopped(state: State) -> None:
    stage = Stage(state, **INSIDE)
    await stage.until(2, cpu=0.95)
    await stage.until(20, other=1)
    await stage.until(21, cpu=0.1)
    assert stage.told() == [("web-1", "resolved", "resolved")]


async def test_n2_a_result_under_another_name_than_its_samples_is_resolved_by_what_they_say(state: State) -> None:
    """The query renames the host, so no sample has the labels of the alert."""
    stage = Stage(state, **INSIDE | {"expr": 'label_replace(cpu > 0.9, "host", "$1.example", "host", "(.*)")'})
    await stage.until(2, cpu=0.95)
    await stage.until(4, cpu=0.1)
    assert stage.told() == [("web-1.example", "resolved", "resolved")]


async def test_n2_a_ratio_is_not_resolved_by_failures_that_grow_old_after_the_counting_stopped(state: State) -> None:
    """Nothing is counted any more, and in the window successes would be left alone."""
    stage = Stage(state, **RATIO)
    await stage.count_until(10)
    await stage.until(40)
    assert stage.told() == [("", "firing", None)]


async def test_n2_a_ratio_is_resolved_by_failures_that_grow_old_while_it_is_counted(state: State) -> None:
    stage = Stage(state, **RATIO)
    await stage.count_until(20)
    assert stage.told() == [("", "resolved", "resolved")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param((95, 5), FIRING, id="N2 what fired is not resolved by what was good before"),
        pytest.param((5, 95), [], id="N4 nothing begins by what was bad before"),
    ],
)
async def test_n4_what_is_looked_at_over_an_hour_says_nothing_of_the_hour_after_its_data_stopped(
    state: State, values: tuple[float, float], expected: list[tuple[str, str, str | None]]
) -> None:
    """Half an hour of each; then the older half leaves the window by and by."""
    stage = Stage(state, metric="used", over="60m", critical=">= 50")
    await stage.until(30, used=values[0])
    await stage.until(58, used=values[1])
    await stage.until(125, used={"web-2": 10})
    assert stage.told() == expected


async def test_n3_what_is_good_by_a_condition_inside_the_query_raises_no_alert_for_missing_data(state: State) -> None:
    """Such a query leaves out what is good: that it is not in the answer says nothing of its data."""
    stage = Stage(state, **INSIDE, no_data="alert")
    await stage.until(2, cpu=0.95)
    await stage.until(10, cpu=0.1)
    assert stage.told() == [("web-1", "resolved", "resolved")]


@pytest.mark.parametrize("fails", [False, True], ids=["a restart", "a store that does not answer"])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param({"for": "0s", "no_data": "ok"}, [0], id="what fires is not taken for ok"),
        pytest.param({"for": "0s", "no_data": "keep"}, [0], id="what fires goes on"),
        pytest.param(
            {"for": "10m", "no_data": "keep"}, [11], id="S4 the clock of `for` goes on; the look without an answer is left out"
        ),
        pytest.param({"for": "10m", "no_data": "breach"}, [11], id="and is no breach"),
    ],
)
async def test_n1_what_is_not_measured_before_the_first_look_after_an_outage_is_not_missing(
    state: State, rule: Mapping[str, object], expected: list[int], *, fails: bool
) -> None:
    """A program that restarts with its machine looks before its agent has measured anew."""
    stage = Stage(state, expr="cpu", critical=">= 0.9", **rule)
    await stage.until(2, cpu=0.95)
    await stage.without_looking(8, fails=fails)
    await stage.until(9)
    await stage.until(20, cpu=0.95)
    assert (stage.told(), stage.fired()) == (FIRING, expected)


@pytest.mark.parametrize("fails", [False, True], ids=["a restart", "a store that does not answer"])
@pytest.mark.parametrize(
    ("no_data", "expected"), [("ok", ("resolved", "no data")), ("alert", ("no_data", None)), ("breach", ("firing", None))]
)
async def test_n3_what_stays_away_after_an_outage_is_missing(
    state: State, no_data: str, expected: tuple[str, str | None], *, fails: bool
) -> None:
    """From the first look on, as long as it would be missing otherwise."""
    stage = Stage(state, expr="cpu", critical=">= 0.9", no_data=no_data)
    await stage.until(10, cpu=0.95 if no_data == "ok" else 0.1)
    await stage.without_looking(45, fails=fails)
    await stage.until(48)
    before = stage.told()
    await stage.until(50)
    assert before == (FIRING if no_data == "ok" else [])
    assert [told[1:] for told in stage.told()] == [expected]


async def test_n3_a_store_that_fails_now_and_then_does_not_hide_what_is_gone(state: State) -> None:
    stage = Stage(state, expr="cpu", critical=">= 0.9", no_data="alert")
    await stage.until(2, cpu=0.1)
    while stage.clock < 10:
        stage.samples.down = stage.clock % 3 > 0
        await stage.until(stage.clock + 1)
    assert [told[1] for told in stage.told()] == ["no_data"]


@pytest.mark.parametrize(
    ("for_", "minutes", "fires"),
    [
        pytest.param("5m", 50, 52, id="a short `for` is over by then"),
        pytest.param("30m", 25, 37, id="a longer one has ten minutes of grace"),
        pytest.param("5m", 62, 69, id="after more than an hour the clock starts again"),
    ],
)
async def test_s4_a_store_that_did_not_answer_is_an_outage_like_any_other(
    state: State, for_: str, minutes: int, fires: int
) -> None:
    stage = Stage(state, expr="cpu", critical=">= 0.9", **{"for": for_})
    await stage.until(2, cpu=0.95)
    await stage.without_looking(2 + minutes, fails=True)
    await stage.until(2 + minutes + 20, cpu=0.95)
    assert stage.fired() == [fires]


@pytest.mark.parametrize(
    ("rule", "values", "before"),
    [
        pytest.param({"for": "5m"}, [0.95, 0.95], "pending", id="pending"),
        pytest.param({}, [0.95, 0.95], "firing", id="firing"),
        pytest.param({"clear_for": "5m"}, [0.95, 0.1], "recovering", id="recovering"),
        pytest.param({"keep_firing_for": "5m"}, [0.95, 0.1], "firing", id="kept firing"),
    ],
)
async def test_e8_failed_evaluations_change_no_state_and_two_tell_nobody(
    state: State, rule: Mapping[str, object], values: list[float], before: str
) -> None:
    stage = Stage(state, expr="cpu", critical=">= 0.9", **rule)
    for value in values:
        await stage.until(stage.clock + 1, cpu=value)
    for failed, told in ((2, False), (2, False), (3, True)):  # in a row, and not altogether
        stage.samples.down = True
        await stage.until(stage.clock + failed)
        with state.read() as connection:
            found = {one.rule: one.state for one in stories.open_episodes(connection)}
        assert found == {"rule": before} | ({"rule error": "firing"} if told else {})
        stage.samples.down = False
        if not told:
            await stage.until(stage.clock + 1, cpu=values[-1])
        if rule:
            return  # its clock runs meanwhile
