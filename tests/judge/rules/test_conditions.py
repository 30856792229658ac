"""The simple form of a rule: what it asks, and what it makes of the answers, through the real PromQL."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from gwanje import judge
from gwanje.judge.rules.buckets import merged
from gwanje.judge.rules.evaluate import found
from gwanje.judge.rules.questions import curve, questions, value
from gwanje.judge.rules.spec import Rule, unhurried
from gwanje.judge.rules.verdict import Breach, Error, Good, Insufficient, Verdict
from gwanje.model import STALE, to_ms
from gwanje.testing.scenarios import MemorySamples

SHIPPED = Path(judge.__file__).parents[1]
AVERAGED = re.compile(r"""\b(avg|sum)(_over_time)?\b.*(histogram_quantile|quantile_over_time|quantile=)""")
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _rule(**keys: object) -> Rule:
    return Rule.model_validate({"name": "a", "metric": "used", "critical": ">= 85", "interval": "1m"} | keys)


def _samples(series: Mapping[str, Sequence[float | None]], metric: str = "used") -> MemorySamples:
    """One value a minute for each host, the last one now; None is no sample."""
    samples = MemorySamples()
    for host, values in series.items():
        for back, one in enumerate(reversed(values)):
            if one is not None:
                samples.append(metric, {"host": host}, one, to_ms(NOW - timedelta(minutes=back)))
    for kept in samples.kept.values():
        kept.sort()
    return samples


async def _judged(rule: Rule, samples: MemorySamples, of: str = "host") -> dict[str, Verdict]:
    answers = [await samples.instant(one.query, to_ms(NOW - one.ago)) for one in questions(rule)]
    return {one.labels.get(of, ""): one for one in found(rule, answers, to_ms(NOW)).verdicts()}


def _value(verdict: Verdict) -> float | None:
    return verdict.value if isinstance(verdict, Breach | Good) else None


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        pytest.param("average", [0] * 59 + [90, 90], False, id="an average is not moved by a spike"),
        pytest.param("average", [85] * 61, True, id="exactly at the threshold on average"),
        pytest.param("every", [90] * 61, True, id="every sample is a breach"),
        pytest.param("every", [90] * 60 + [80], False, id="every sample but one"),
        pytest.param("any", [0] * 60 + [85], True, id="one sample is enough"),
        pytest.param("any", [84] * 61, False, id="none"),
        pytest.param("sum", [2] * 61, True, id="sixty times two is over 85"),
        pytest.param("sum", [1] * 61, False, id="sixty times one is not"),
    ],
)
async def test_e5_four_conditions_over_a_time(condition: str, values: list[float], *, expected: bool) -> None:
    told = await _judged(_rule(over="60m", condition=condition), _samples({"web-1": values}))
    assert isinstance(told["web-1"], Breach) is expected


async def test_e5_every_sample_needs_the_whole_time_measured() -> None:
    told = await _judged(_rule(over="60m", condition="every"), _samples({"web-1": [90] * 30}))
    assert told["web-1"] == Insufficient({"host": "web-1"}, "measured for less than 1h")


async def test_e5_below_a_floor_the_lowest_sample_is_the_worst() -> None:
    rule = _rule(over="5m", condition="any", critical="< 10")
    assert {host: _value(one) for host, one in (await _judged(rule, _samples({"web-1": [50, 5, 50]}))).items()} == {"web-1": 5}


async def test_e5_of_several_series_the_worst_counts_and_an_average_weighs_every_sample() -> None:
    samples = _samples({"web-1": [10] * 5, "db-1": [90]})
    worst = await _judged(_rule(over="5m", condition="any", by=["job"]), samples)
    average = await _judged(_rule(over="5m", condition="average", by=["job"]), samples)
    assert [_value(worst[""]), _value(average[""])] == [90, pytest.approx((5 * 10 + 90) / 6)]


async def test_e5_too_few_samples_say_nothing() -> None:
    told = await _judged(_rule(over="60m", condition="any", min_samples=3), _samples({"web-1": [90, 90], "db-1": [90] * 3}))
    assert told["web-1"] == Insufficient({"host": "web-1"}, "2 samples in 1h, 3 are needed")
    assert isinstance(told["db-1"], Breach)


async def test_e6_a_percentile_comes_from_merged_buckets() -> None:
    """One host answers 90 requests in 0.1 s, the other 10 in 1 s: p95 of both is in the slow bucket, not between two p95s."""
    samples = MemorySamples()
    for host, fast, slow in (("web-1", 90, 0), ("web-2", 0, 10)):
        for back, share in ((5, 0), (0, 1)):
            at = to_ms(NOW - timedelta(minutes=back))
            for le, count in (("0.1", fast), ("1", fast + slow), ("+Inf", fast + slow)):
                samples.append("latency_bucket", {"host": host, "le": le}, count * share, at)
            samples.append("latency_count", {"host": host}, (fast + slow) * share, at)
    rule = _rule(metric="latency", percentile=95, over="10m", critical=">= 0.5", min_samples=50)
    told = await _judged(rule, samples)
    assert _value(told[""]) == pytest.approx(0.1 + 0.9 / 2)
    assert isinstance((await _judged(rule.model_copy(update={"by": ("host",)}), samples))["web-2"], Insufficient)


async def test_e6_histograms_with_different_buckets_are_an_error_and_never_a_number() -> None:
    """Merged, the counts would fall from one bucket to the next. Apart, or by themselves, each has its percentile."""
    samples = MemorySamples()
    for host, bounds in (("web-1", ("0.1", "1", "+Inf")), ("web-2", ("0.1", "0.5", "+Inf")), ("db-1", ("0.1", "1", "+Inf"))):
        for back, share in ((5, 0), (0, 1)):
            at = to_ms(NOW - timedelta(minutes=back))
            for place, le in enumerate(bounds):
                labels = {"host": host, "kind": host[:2], "le": le}
                samples.append("latency_bucket", labels, (50, 90, 100)[place] * share, at)
    rule = _rule(metric="latency", percentile=50, over="10m", critical=">= 0.5")
    together = await _judged(rule, samples)
    assert isinstance(together[""], Error)
    assert "different buckets" in together[""].why
    by_kind = await _judged(rule.model_copy(update={"by": ("kind",)}), samples, of="kind")
    assert isinstance(by_kind["we"], Error)
    assert _value(by_kind["db"]) == pytest.approx(0.1)
    assert _value((await _judged(rule.model_copy(update={"by": ("host",)}), samples))["web-2"]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("kinds", "wrong"),
    [
        pytest.param({"we": ("0.1", "1", "+Inf"), "db": ("0.1", "0.5", "+Inf")}, [], id="each kind has its own buckets"),
        pytest.param({"we": None, "db": ("0.1", "1", "+Inf")}, ["we"], id="hosts of one kind differ"),
    ],
)
@pytest.mark.parametrize(
    "query",
    [
        "histogram_quantile(0.5, sum by (le, kind) (rate(latency_bucket[10m])))",
        "(1000 * histogram_quantile(0.5, sum without (host) (rate(latency_bucket[10m])))) > 0",
    ],
)
async def test_e6_a_query_of_ones_own_that_merges_different_buckets_is_an_error(
    query: str, kinds: Mapping[str, tuple[str, ...] | None], wrong: list[str]
) -> None:
    samples = MemorySamples()
    for kind, bounds in kinds.items():
        for host, own in (("1", bounds or ("0.1", "1", "+Inf")), ("2", bounds or ("0.1", "0.5", "+Inf"))):
            for back, share in ((5, 0), (0, 1)):
                for place, le in enumerate(own):
                    labels = {"host": kind + host, "kind": kind, "le": le}
                    samples.append("latency_bucket", labels, (50, 90, 100)[place] * share, to_ms(NOW - timedelta(minutes=back)))
    rule = Rule.model_validate({"name": "slow", "expr": query, "critical": ">= 5000"})
    told = await _judged(rule, samples, of="kind")
    assert [kind for kind, verdict in told.items() if isinstance(verdict, Error)] == wrong
    assert all("different buckets" in told[kind].why for kind in wrong)


@pytest.mark.parametrize(
    ("expr", "asked"),
    [
        pytest.param("histogram_quantile(0.9, sum(rate(x[5m])) by (le))", "count by (le) (rate(x[5m]))", id="by behind"),
        pytest.param("histogram_quantile(0.9, sum by (le) (x)) / 60 > 2", "count by (le) (x)", id="with numbers"),
        pytest.param("histogram_quantile(0.9, rate(x[5m]))", "", id="nothing is merged"),
        pytest.param("max(histogram_quantile(0.9, sum by (le) (x)))", "", id="the result has other labels"),
        pytest.param("histogram_quantile(0.9, sum by (le) (x)) > y", "", id="two vectors"),
        pytest.param("histogram_quantile(0.9, avg by (le) (x))", "", id="no sum"),
        pytest.param("sum(x)", "", id="no percentile"),
    ],
)
def test_e6_what_tells_whether_buckets_are_alike_is_asked_only_where_it_can_be_told(expr: str, asked: str) -> None:
    assert merged(expr) == asked


def test_e6_no_query_that_ships_averages_percentiles() -> None:
    """Neither by an aggregation nor over time, neither ours nor those that came as summaries."""
    shipped = [file.read_text(encoding="utf-8") for file in SHIPPED.rglob("*.yaml")]
    asked = [line for text in shipped for line in text.splitlines() if "quantile" in line]
    assert asked
    assert [line for line in asked if AVERAGED.search(line)] == []
    assert AVERAGED.search("avg by (host) (histogram_quantile(0.9, x))")
    assert AVERAGED.search('sum(latency{quantile="0.99"})')


def _noisy(count: int, last: float) -> list[float | None]:
    return [*(10.0 if place % 2 else 12.0 for place in range(count)), last]


async def test_e7_a_z_score_leaves_the_tested_point_out() -> None:
    """Mean 11 and deviation 1 of the hundred before: 15 is four deviations off. Were it among them, it would be less."""
    rule = _rule(anomaly={}, critical=">= 4")
    told = await _judged(rule, _samples({"web-1": _noisy(100, 15)}))
    assert told["web-1"] == Breach(
        {"host": "web-1"}, 4.0, rule.conditions[0][0], rule.conditions[0][1], "4 (15, usual are 11 ± 1) is >= 4"
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param(_noisy(99, 15), "99 of 100 points", id="until the window is full"),
        pytest.param([*_noisy(50, 12), None, *_noisy(48, 15)], "99 of 100 points", id="with a gap in the window"),
        pytest.param([0.1] * 100 + [15], "nothing deviates", id="when the deviation is 0"),
    ],
)
async def test_e7_a_score_is_undefined(values: list[float | None], why: str) -> None:
    samples = _samples({"web-1": values})
    # In this store a missing minute would be filled by the sample before it; a stale marker says that there is none.
    for kept in samples.kept.values():
        missing = [place for place, one in enumerate(values) if one is None]
        kept += [(to_ms(NOW - timedelta(minutes=len(values) - 1 - place)), STALE) for place in missing]
        kept.sort(key=lambda one: one[0])
    told = await _judged(_rule(anomaly={}, critical=">= 4"), samples)
    assert told["web-1"] == Insufficient({"host": "web-1"}, why)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", ["zscore", "robust", "seasonal"])
async def test_e3_the_score_of_what_is_no_number_is_an_error_and_not_missing(value: float, method: str) -> None:
    samples = _samples({"web-1": _noisy(100, value)})
    rule = _rule(anomaly={"method": method, "window": 10, "season": "1m"}, critical=">= 4")
    assert isinstance((await _judged(rule, samples))["web-1"], Error)


async def test_e2_a_season_is_compared_with_its_own_series_and_no_other_of_the_same_labels() -> None:
    """Yesterday two metrics had the labels that one has today. Merged, its yesterday would be that of the other."""
    samples = MemorySamples()
    for day, one in enumerate((13.0, 12.0, 10.0)):
        samples.append("used", {"host": "web-1"}, one, to_ms(NOW - timedelta(days=day)))
        if day:
            samples.append("used_before", {"host": "web-1"}, 1000.0 * day, to_ms(NOW - timedelta(days=day)))
    for kept in samples.kept.values():
        kept.sort()
    seasonal = {"anomaly": {"method": "seasonal", "window": 2}, "critical": ">= 2"}
    rule = Rule.model_validate({"name": "a", "expr": '{__name__=~"used.*"}', **seasonal})
    assert _value((await _judged(rule, samples))["web-1"]) == 2.0


async def test_e7_a_robust_score_is_not_moved_by_outliers_in_the_window() -> None:
    values = _noisy(100, 30)
    values[3] = values[50] = 5000
    told = {
        method: await _judged(_rule(anomaly={"method": method}, critical=">= 4"), _samples({"web-1": values}))
        for method in ("zscore", "robust")
    }
    assert [isinstance(told[method]["web-1"], Breach) for method in ("zscore", "robust")] == [False, True]


async def test_e7_a_season_compares_with_the_same_time_of_days_before() -> None:
    samples = MemorySamples()
    for day, one in enumerate((40.0, 11.0, 10.0, 12.0)):
        samples.append("used", {"host": "web-1"}, one, to_ms(NOW - timedelta(days=day)))
        samples.append("used", {"host": "web-1"}, 400.0, to_ms(NOW - timedelta(days=day, hours=12)))
    for kept in samples.kept.values():
        kept.sort()
    told = await _judged(_rule(anomaly={"method": "seasonal", "window": 3}, critical=">= 4"), samples)
    assert _value(told["web-1"]) == pytest.approx((40 - 11) / (2 / 3) ** 0.5)


@pytest.mark.parametrize(("side", "scores"), [("above", [4, -4]), ("below", [-4, 4]), ("both", [4, 4])])
async def test_e7_a_side_may_be_usual(side: str, scores: list[float]) -> None:
    told = await _judged(
        _rule(anomaly={"side": side}, critical=">= 5"), _samples({"high": _noisy(100, 15), "low": _noisy(100, 7)})
    )
    assert [_value(told["high"]), _value(told["low"])] == scores


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"metric": None, "expr": "up", "over": "5m"}, "`over` needs `metric`", id="a time without a metric"),
        pytest.param({"where": 'host="'}, "not valid PromQL", id="matchers that do not parse"),
        pytest.param({"percentile": 95}, "`percentile` needs `over`", id="a percentile of no time"),
        pytest.param({"min_samples": 3}, "`min_samples` needs `over`", id="samples of no time"),
        pytest.param({"over": "0s"}, "longer than 0s", id="no time at all"),
        pytest.param({"over": "5m", "condition": "any", "critical": "!= 1"}, "lie on one side", id="the worst of what?"),
        pytest.param({"over": "5m", "condition": "any", "warning": "< 1"}, "lie on one side", id="two sides"),
        pytest.param({"by": ["__name__"]}, "cannot be a label", id="a label that is none"),
        pytest.param({"metric": "rate(used[5m])"}, "a query belongs into", id="a query for a metric"),
        pytest.param({"anomaly": {}, "over": "5m"}, "leave out `over`", id="an anomaly over a time"),
        pytest.param({"severity": "critical"}, "leave out `warning`", id="two conditions"),
    ],
)
def test_what_makes_no_rule_is_refused(change: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _rule(**change)


def test_the_curve_of_an_alert_is_the_rules_question_narrowed_to_it() -> None:
    rule = _rule(where='job="node"', over="60m", condition="any", by=["host"], labels={"team": "ops"})
    assert value(rule) == 'max by (host) (max_over_time(used{job="node"}[1h]))'
    assert curve(rule, {"host": 'a"b', "team": "ops"}) == 'max by (host) (max_over_time(used{job="node",host="a\\"b"}[1h]))'


@pytest.mark.parametrize(
    ("said", "here", "there"),
    [
        pytest.param({"for": "1m"}, 1, 15, id="by default"),
        pytest.param({}, 0.5, 15, id="where it tells at once"),
        pytest.param({"interval": "5s"}, 5, 5, id="as it says"),
        pytest.param({"interval": "1s"}, 1, 1, id="as it says, though that is the default"),
        pytest.param({"interval": "500ms"}, 0.5, 0.5, id="as it says, though that follows from telling at once"),
        pytest.param({"interval": "250ms"}, 0.25, 0.25, id="as often as can be"),
        pytest.param({"for": "0s"}, 0.5, 15, id="where it says that it tells at once"),
        pytest.param({"critical": None, "warning": "> 1"}, 1, 15, id="where nothing is critical"),
        pytest.param({"interval": "1m", "for": "5m"}, 60, 60, id="seldom"),
    ],
)
def test_e1_a_remote_store_is_asked_less_often_unless_the_rule_says_how_often(
    said: Mapping[str, object], here: float, there: float
) -> None:
    rule = Rule.model_validate({"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", **said})
    assert [one.interval.total_seconds() for one in (rule, unhurried(rule))] == [here, there]
    again = Rule.model_validate(rule.model_dump(by_alias=True, exclude_unset=True))
    assert unhurried(again).interval.total_seconds() == there, "also where it is written down and read again"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({}, id="now"),
        pytest.param({"where": '"host.name"!="web-2"'}, id="some of the series"),
        pytest.param({"by": ["host.name"]}, id="the worst of a label"),
        pytest.param({"over": "5m", "condition": "average", "by": ["host.name"]}, id="an average"),
        pytest.param({"over": "5m", "condition": "every", "by": ["host.name"]}, id="every sample"),
        pytest.param({"over": "5m", "condition": "any", "min_samples": 2}, id="so many samples"),
    ],
)
async def test_names_with_dots_are_asked_for_in_quotes(form: Mapping[str, object]) -> None:
    rule, samples = _rule(metric="disk.used", **form), MemorySamples()
    for minute in range(10, -1, -1):
        samples.append("disk.used", {"host.name": "web-1"}, 90, to_ms(NOW - timedelta(minutes=minute)))

    verdicts = await _judged(rule, samples, of="host.name")

    assert {host: _value(verdict) for host, verdict in verdicts.items()} == {"web-1": 90}
    assert isinstance(verdicts["web-1"], Breach)
    (drawn,) = (await samples.range(curve(rule, {"host.name": "web-1"}), to_ms(NOW), to_ms(NOW), 60_000)).values
    assert drawn == 90


async def test_percentiles_and_ratios_have_labels_with_dots() -> None:
    """What they ask is PromQL, and of the labels that are meant."""
    percentile = _rule(metric="http.time_bucket", percentile=95, over="5m", by=["http.route"])
    ratio = Rule.model_validate(
        {
            "name": "a",
            "ratio": {"failed": '{"http.requests",code="500"}', "total": '{"http.requests"}', "over": "5m", "by": ["http.route"]},
            "critical": ">= 0.5",
        }
    )
    for rule in (percentile, ratio):
        for question in questions(rule):
            await MemorySamples().instant(question.query, to_ms(NOW))
        assert '"http.route"' in curve(rule, {"http.route": "/"})
