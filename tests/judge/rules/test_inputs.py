"""N4: what still answers is stale when its inputs stopped."""

from datetime import UTC, datetime, timedelta

import pytest

from gwanje.judge.rules import inputs
from gwanje.judge.rules.spec import Rule
from gwanje.model import to_ms
from gwanje.testing.scenarios import MemorySamples

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _rule(expr: str, **keys: object) -> Rule:
    return Rule.model_validate({"name": "a", "expr": expr, "critical": "> 0", **keys})


async def _stopped(expr: str, series: dict[str, tuple[int, int]], by: str = "host") -> dict[str, str]:
    """Series that report each so many seconds, and stopped so many seconds ago."""
    samples, rule = MemorySamples(), _rule(expr)
    for name, (every, ago) in series.items():
        for back in range(500 // every, -1, -1):
            at = NOW - timedelta(seconds=ago + back * every)
            samples.append("cpu", {"host": name.split("/")[0], "core": name}, 1.0, to_ms(at))
    at_ms = to_ms(NOW)
    ages = [await samples.instant(one.query, at_ms) for one in inputs.ages(rule)]
    sets = {name: {by: name} for name in series if by == "core" or "/" not in name}
    if not inputs.suspect(rule, sets, ages, at_ms):
        return {}
    return inputs.stopped(sets, [await samples.instant(one.query, at_ms) for one in inputs.rhythms(rule)], at_ms)


@pytest.mark.parametrize(
    ("every", "ago", "stale"),
    [
        pytest.param(1, 30, False, id="thirty seconds are never too long"),
        pytest.param(1, 31, True, id="but longer are, for what reports each second"),
        pytest.param(60, 180, False, id="three intervals of a slow series are not"),
        pytest.param(60, 181, True, id="and longer are"),
    ],
)
async def test_n4_staleness_counts_missed_intervals_of_the_series(every: int, ago: int, *, stale: bool) -> None:
    assert bool(await _stopped("cpu", {"web-1": (every, ago)})) is stale


async def test_n4_of_an_aggregate_the_input_that_reported_last_longest_ago_counts() -> None:
    told = await _stopped("avg by (host) (cpu)", {"web-1": (1, 0), "web-1/2": (1, 90), "db-1": (1, 0)})
    assert told == {"web-1": "the last sample is 1m30s old"}


async def test_n4_each_result_has_its_own_inputs() -> None:
    told = await _stopped("rate(cpu[5m]) / cpu", {"web-1": (1, 40), "db-1": (1, 0)}, by="core")
    assert told == {"web-1": "the last sample is 40s old"}


@pytest.mark.parametrize(
    ("expr", "asked"),
    [
        pytest.param('a{x=~"1\\\\d"} / b > bool 3', ['{__name__="a",x=~"1\\\\d"}', '{__name__="b"}'], id="every selector"),
        pytest.param("absent(a) or time() - timestamp(b)", [], id="not where their absence is looked for"),
        pytest.param("a - a offset 1h", ['{__name__="a"}'], id="not what is past on purpose"),
        pytest.param("max_over_time(rate(a[5m])[1h:1m])", ['{__name__="a"}'], id="inside a subquery"),
        pytest.param('info(a, {version="2"})', ['{__name__="a"}'], id="not what info adds"),
        pytest.param('{"my.metric","a.b"="c"} > 1', ['{__name__="my.metric","a.b"="c"}'], id="names of any text"),
    ],
)
def test_n4_the_inputs_are_the_selectors_of_the_query(expr: str, asked: list[str]) -> None:
    assert list(inputs.selectors(_rule(expr))) == asked


@pytest.mark.parametrize(
    ("expr", "back"),
    [
        pytest.param("a", "10m", id="a value, and the rhythm before it"),
        pytest.param("rate(a[1m])", "10m", id="a range inside it"),
        pytest.param("avg_over_time(a[1h])", "1h5m", id="an hour, and the rhythm before it"),
        pytest.param("max_over_time(rate(a[5m])[1h:1m]) + a", "1h10m", id="a subquery of ranges"),
        pytest.param("avg_over_time(a[30d])", "6h", id="no more than six hours"),
    ],
)
def test_n4_samples_are_looked_at_as_far_back_as_a_result_may_be_made_of_them(expr: str, back: str) -> None:
    assert [one.query for one in inputs.rhythms(_rule(expr))] == [f'{{__name__="a"}}[{back}]']


async def test_n1_an_input_that_nobody_has_any_more_is_told_from_one_that_reports() -> None:
    samples = MemorySamples()
    then, now = NOW - timedelta(minutes=10), NOW
    for host, at in (("web-1", then), ("web-1", now), ("db-1", then)):
        samples.append("cpu", {"host": host}, 1.0, to_ms(at))
    (asked,) = inputs.ages(_rule("cpu"))
    before, after = [[await samples.instant(asked.query, to_ms(at))] for at in (then, now)]
    sets = {host: {"host": host} for host in ("web-1", "db-1", "renamed")}
    assert inputs.gone(sets, before, after) == {"db-1": "no sample any more"}
    assert inputs.gone(sets, [], []) == {}, "a query that counts what is there has no inputs"


def test_the_inputs_of_a_rule_are_looked_at_every_ten_seconds_whatever_its_interval() -> None:
    for interval, expected in (("250ms", 6), ("1s", 6), ("3s", 6), ("15s", 4)):
        rule = _rule("up", interval=interval)
        looks = sum(inputs.due(rule, NOW + rule.interval * place) for place in range(int(timedelta(minutes=1) / rule.interval)))
        assert looks == expected
