"""Window functions for all series at once give what a plain loop over one window gives."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gwanje.keep.promql import over_time, rates, trends
from gwanje.keep.promql.edges import Edges, edges
from gwanje.keep.promql.selection import Samples, Selected
from gwanje.keep.promql.sums import compensated_sum
from gwanje.keep.promql.table import Numbers
from gwanje.keep.promql.windows import Ranged, Result, Windows, newest, windows
from gwanje.model import STALE_NAN_BITS

STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]

Sample = tuple[int, float]

numbers = st.floats(-1e6, 1e6) | st.integers(0, 20).map(float)
odd_numbers = numbers | st.sampled_from([math.nan, math.inf, -math.inf, STALE])


def series_of(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[list[Sample]]]:
    """Some series of samples at any times, many of them nearly regular as scrapes are."""
    anywhere = st.lists(st.integers(-50_000, 50_000), max_size=40, unique=True).map(sorted)
    regular = st.builds(
        lambda start, jitter: [start + 1000 * place + off for place, off in enumerate(jitter)],
        st.integers(-30_000, 30_000),
        st.lists(st.integers(-20, 20), max_size=40),
    )
    one = (anywhere | regular).flatmap(lambda times: st.tuples(*(st.tuples(st.just(at), values) for at in times)).map(list))
    return st.lists(one, min_size=1, max_size=5)


steps = st.tuples(st.integers(-60_000, 60_000), st.integers(1, 9_000), st.integers(1, 30)).map(
    lambda parts: parts[0] + parts[1] * np.arange(parts[2], dtype=np.int64)
)
even_steps = st.tuples(st.integers(-60_000, 60_000), st.integers(1, 9), st.integers(5, 30)).map(
    lambda parts: parts[0] + 1000 * parts[1] * np.arange(parts[2], dtype=np.int64)
)
ranges = st.integers(1, 30_000)


def scrapes(phase: int, jitter: list[int], lost: set[int], held: tuple[int, int]) -> list[Sample]:
    begin, end = sorted(held)
    kept = [place for place in range(begin, end) if place not in lost]
    return [(phase + 1000 * place + jitter[place % len(jitter)], float(place)) for place in kept]


scraped = st.lists(
    st.builds(
        scrapes,
        st.integers(-30_000, -29_000),
        st.lists(st.integers(-20, 20), min_size=1, max_size=7),
        st.sets(st.integers(0, 60), max_size=2),
        st.sampled_from([(0, 60), (0, 60), (0, 60), (0, 60), (20, 60), (0, 15)]),
    ),
    min_size=6,
    max_size=12,
)


def selected_from(series: Sequence[Sequence[Sample]]) -> Selected:
    offsets = np.cumsum([0, *(len(own) for own in series)]).astype(np.int64)
    times = np.array([at for own in series for at, _ in own], np.int64)
    values = np.array([value for own in series for _, value in own], np.float64)
    return Selected([(("host", f"web-{number}"),) for number in range(len(series))], offsets, times, values)


def samples_from(series: Sequence[Sequence[Sample]]) -> Samples:
    return selected_from(series).samples(slice(0, len(series)))


def is_stale(value: float) -> bool:
    return bool(np.array([value]).view(np.uint64)[0] == STALE_NAN_BITS)


@settings(deadline=None)
@given(series_of(numbers), steps | even_steps, st.sampled_from([1, 3, 30]))
def test_edges_are_where_a_search_finds_them(series: list[list[Sample]], ends: NDArray[np.int64], few: int) -> None:
    """Of many ends as of few, in few series as in many."""
    series, ends = series * 2, ends[:few]
    samples = samples_from(series)

    found = edges(samples, ends)

    assert found.place.tolist() == searched(series, samples, ends)
    assert_beside(found, samples)


@settings(deadline=None)
@given(scraped, even_steps)
def test_edges_of_scraped_series_are_found_by_their_step(series: list[list[Sample]], ends: NDArray[np.int64]) -> None:
    """Also of those that lack a scrape, begin late or end early. Shared by all of them is only the time from one to the next."""
    samples = samples_from(series)

    found = edges(samples, ends)

    assert found.place.tolist() == searched(series, samples, ends)
    assert_beside(found, samples)


def test_the_times_beside_edges_are_kept_where_they_were_looked_at() -> None:
    series = [[(phase + 1000 * place, 0.0) for place in range(40) if (phase, place) != (3, 20)] for phase in range(0, 900, 3)]
    samples = samples_from(series)

    found = edges(samples, np.arange(2500, 38_000, 3000))

    assert found.before is not None
    assert found.after is not None
    assert_beside(found, samples)


def searched(series: Sequence[Sequence[Sample]], samples: Samples, ends: NDArray[np.int64]) -> list[list[int]]:
    """Per series and end the first sample after it."""
    return [
        [int(samples.offsets[row]) + sum(at <= end for at, _ in own) for end in ends.tolist()] for row, own in enumerate(series)
    ]


def assert_beside(found: Edges, samples: Samples) -> None:
    """The times that edges keep are those of the samples beside them, where the series has one there."""
    for beside, place in ((found.before, found.place - 1), (found.after, found.place)):
        if beside is not None:
            there = (place >= samples.begins[:, None]) & (place < samples.ends[:, None])
            assert beside[there].tolist() == samples.times[place[there]].tolist()


@settings(deadline=None)
@given(series_of(odd_numbers), steps, ranges)
def test_the_newest_sample_stands_for_its_series_until_it_is_old_or_stale(
    series: list[list[Sample]], ends: NDArray[np.int64], look_back_ms: int
) -> None:
    values, present, times = newest(samples_from(series), ends, look_back_ms)

    for row, own in enumerate(series):
        for column, end in enumerate(ends.tolist()):
            young = [(at, value) for at, value in own if end - look_back_ms < at <= end]
            there = bool(young) and not is_stale(young[-1][1])
            assert present[row, column] == there
            if there:
                assert times[row, column] == young[-1][0]
                np.testing.assert_equal(values[row, column], young[-1][1])


def slow_rate(own: Sequence[Sample], end: int, range_ms: int, *, counter: bool = True, per_second: bool = True) -> float | None:
    if len(own) < 2:
        return None
    gained = own[-1][1] - own[0][1]
    if counter:
        gained += sum(before for (_, before), (_, after) in pairwise(own) if after < before)
    sampled = (own[-1][0] - own[0][0]) / 1000
    apart = sampled / (len(own) - 1)
    before, after = (own[0][0] - (end - range_ms)) / 1000, (end - own[-1][0]) / 1000
    before = apart / 2 if before >= apart * 1.1 else before
    after = apart / 2 if after >= apart * 1.1 else after
    if counter and gained > 0 and own[0][1] >= 0:
        before = min(before, sampled * (own[0][1] / gained))
    factor = (sampled + before + after) / sampled
    return gained * (factor / (range_ms / 1000) if per_second else factor)


def slow_sum(values: Sequence[float]) -> float:
    """Neumaier's summation, one number after the other."""
    total, lost = values[0], 0.0
    for value in values[1:]:
        grown = total + value
        if math.isinf(grown):
            lost = 0.0
        elif abs(total) >= abs(value):
            lost += (total - grown) + value
        else:
            lost += (value - grown) + total
        total = grown
    return total if math.isinf(total) else total + lost


def of_values(
    function: Callable[[list[float]], float], at_least: int = 1
) -> Callable[[Sequence[Sample], int, int], float | None]:
    return lambda own, _, __: function([value for _, value in own]) if len(own) >= at_least else None


def slow_quantile(fraction: float) -> Callable[[list[float]], float]:
    def quantile(values: list[float]) -> float:
        ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
        rank = fraction * (len(ordered) - 1)
        lower = math.floor(rank)
        upper = min(lower + 1, len(ordered) - 1)
        return ordered[lower] * (1 - (rank - lower)) + ordered[upper] * (rank - lower)

    return quantile


def without_nan(values: list[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)] or [math.nan]


def pairs(values: list[float]) -> list[tuple[float, float]]:
    return list(pairwise(values))


def slow_slope(own: Sequence[Sample], _: int, __: int) -> float | None:
    if len(own) < 2:
        return None
    seconds = [(at - own[0][0]) / 1000 for at, _ in own]
    return float(np.polynomial.polynomial.polyfit(seconds, [value for _, value in own], 1)[1])


SLOW = {
    "rate": (rates.rate, slow_rate),
    "increase": (rates.increase, lambda own, end, width: slow_rate(own, end, width, per_second=False)),
    "delta": (rates.delta, lambda own, end, width: slow_rate(own, end, width, counter=False, per_second=False)),
    "idelta": (rates.idelta, of_values(lambda values: values[-1] - values[-2], 2)),
    "changes": (
        rates.changes,
        of_values(lambda values: sum(b != a and not (math.isnan(a) and math.isnan(b)) for a, b in pairs(values))),
    ),
    "resets": (rates.resets, of_values(lambda values: sum(b < a for a, b in pairs(values)))),
    "count": (over_time.count, of_values(lambda values: float(len(values)))),
    "first": (over_time.first, of_values(lambda values: values[0])),
    "last": (over_time.last, of_values(lambda values: values[-1])),
    "min": (over_time.minimum, of_values(lambda values: min(without_nan(values)))),
    "max": (over_time.maximum, of_values(lambda values: max(without_nan(values)))),
    "sum": (over_time.sum_, of_values(slow_sum)),
    "mean": (over_time.mean, of_values(lambda values: slow_sum(values) / len(values))),
    "quantile": (lambda window: over_time.quantile(window, np.full(len(window.ends), 0.3)), of_values(slow_quantile(0.3))),
}


@pytest.mark.parametrize("name", SLOW)
@settings(max_examples=40, deadline=None)
@given(series=series_of(odd_numbers), ends=steps, range_ms=ranges, in_turn=st.booleans())
def test_every_window_gives_what_a_plain_loop_gives(
    name: str, series: list[list[Sample]], ends: NDArray[np.int64], range_ms: int, *, in_turn: bool
) -> None:
    """Also where each window begins at the end of the one before it."""
    fast, slow = SLOW[name]
    range_ms = int(ends[1] - ends[0]) if in_turn and len(ends) > 1 else range_ms
    window = windows(samples_from(series), ends, ends, range_ms, one_metric=True)

    assert_same(quietly(fast, window), slow, series, ends, range_ms)


@pytest.mark.parametrize("range_ms", [1, 5000, (1 << 31) - 1, 1 << 31, 1 << 35])
@settings(max_examples=30, deadline=None)
@given(series=series_of(odd_numbers), ends=steps)
def test_rates_of_short_times_are_those_of_long_ones(range_ms: int, series: list[list[Sample]], ends: NDArray[np.int64]) -> None:
    """However long the window is, and however far its ends are from the samples."""
    plain = samples_from(series * 2)
    short = replace(plain, when=plain.times.astype(np.int32))
    for apart in (0, 1 << 31, -(1 << 31)):
        long_ones, short_ones = (
            quietly(rates.rate, windows(samples, ends + apart, ends, range_ms, one_metric=True)) for samples in (plain, short)
        )

        assert short_ones[1].tolist() == long_ones[1].tolist()
        np.testing.assert_array_equal(short_ones[0][long_ones[1]], long_ones[0][long_ones[1]])


@pytest.mark.parametrize(
    ("fast", "slow", "tolerance"),
    [
        pytest.param(over_time.mean, of_values(lambda values: math.fsum(values) / len(values)), 1e-12, id="mean"),
        pytest.param(
            over_time.variance, of_values(lambda values: float(np.var(np.array(values, np.longdouble)))), 1e-9, id="variance"
        ),
        pytest.param(trends.slope, slow_slope, 1e-3, id="slope"),
    ],
)
@settings(max_examples=40, deadline=None)
@given(series=series_of(st.integers(-1000, 1000).map(float)), ends=steps, range_ms=ranges)
def test_every_window_comes_close_to_what_a_plain_formula_gives(
    *,
    fast: Callable[[Windows], Result],
    slow: Callable[[Sequence[Sample], int, int], float | None],
    tolerance: float,
    series: list[list[Sample]],
    ends: NDArray[np.int64],
    range_ms: int,
) -> None:
    window = windows(samples_from(series), ends, ends, range_ms, one_metric=True)

    assert_same(quietly(fast, window), slow, series, ends, range_ms, tolerance=tolerance)


def quietly(function: Callable[[Windows], Result], window: Windows) -> Result:
    """As the functions are called: Inf minus Inf is NaN on purpose."""
    with np.errstate(all="ignore"):
        return function(window)


def assert_same(
    result: Result,
    slow: Callable[[Sequence[Sample], int, int], float | None],
    series: list[list[Sample]],
    ends: NDArray[np.int64],
    range_ms: int,
    *,
    tolerance: float = 1e-12,
) -> None:
    values, present = result
    for row, own in enumerate(series):
        for column, end in enumerate(ends.tolist()):
            inside = [(at, value) for at, value in own if end - range_ms < at <= end and not is_stale(value)]
            expected = slow(inside, end, range_ms)
            assert present[row, column] == (expected is not None)
            if expected is not None:
                np.testing.assert_allclose(values[row, column], expected, rtol=tolerance, atol=1e-9)


@settings(deadline=None)
@given(series_of(numbers), steps, ranges)
def test_tiles_give_what_the_whole_gives(series: list[list[Sample]], ends: NDArray[np.int64], range_ms: int) -> None:
    selected = selected_from(series * 3)
    window = windows(samples_from(series * 3), ends, ends, range_ms, one_metric=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gwanje.keep.promql.selection.TILE_CELLS", len(ends))
        table = Ranged(selected, ends, ends, range_ms, one_metric=True).reduced(over_time.sum_)

    whole, whole_present = over_time.sum_(window)
    assert (table.present == whole_present).all()
    assert (table.values[table.present] == whole[whole_present]).all()


@settings(deadline=None)
@given(series_of(odd_numbers), steps, ranges, st.sampled_from([STALE, 0.0, 1e9]))
def test_what_is_nobodys_between_two_series_is_not_seen(
    series: list[list[Sample]], ends: NDArray[np.int64], range_ms: int, nobodys: float
) -> None:
    """Tiles of a store leave room on both sides of short rows; whatever stands there belongs to no series."""
    width = max(len(own) for own in series) + 2
    rows = np.arange(len(series) + 1, dtype=np.int64) * width + 1
    times, values = np.full(len(series) * width, 7, np.int64), np.full(len(series) * width, nobodys)
    for row, own in enumerate(series):
        for place, (at, value) in enumerate(own):
            times[rows[row] + place], values[rows[row] + place] = at, value
    dense = samples_from(series)
    loose = Samples(np.append(rows[:-1], len(times)), times, values, rows[:-1] + np.array([len(own) for own in series], np.int64))

    def median(window: Windows) -> Result:
        return over_time.quantile(window, np.full(len(ends), 0.5))

    for reduce in (rates.increase, rates.changes, over_time.sum_, over_time.maximum, median):
        both = (windows(found, ends, ends, range_ms, one_metric=True) for found in (dense, loose))
        (first, first_present), (second, second_present) = (quietly(reduce, window) for window in both)
        assert (first_present == second_present).all()
        np.testing.assert_array_equal(first[first_present], second[second_present])
    newest_dense, newest_loose = (newest(found, ends, 20_000)[1] for found in (dense, loose))
    assert (newest_dense == newest_loose).all()


def test_ends_beyond_all_short_times_are_past_everything() -> None:
    samples = Samples(np.array([0, 2]), np.array([5, 9], np.int32), np.zeros(2), since_ms=1 << 41)

    assert edges(samples, np.array([-(1 << 40), 5, 1 << 40])).place.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("odd", [1.0, 1e308, math.inf, math.nan])
def test_many_rows_are_added_up_as_each_alone(odd: float) -> None:
    values = np.random.default_rng(3).normal(0, 1e6, (2000, 40))
    values[7, 3:5] = odd

    with np.errstate(all="ignore"):
        together = compensated_sum(values)
        alone = np.array([compensated_sum(row[None, :])[0] for row in values])

    np.testing.assert_array_equal(together, alone)


@settings(deadline=None)
@given(st.lists(st.integers(-(1 << 52), 1 << 52).map(float), min_size=1, max_size=60), steps, ranges)
@example([*[2.0**52] * 5, 1.0, 1.0, 1.0], np.array([7000]), 1500)
def test_whole_numbers_are_added_up_exactly(values: list[float], ends: NDArray[np.int64], range_ms: int) -> None:
    """Also where running sums of all of them would not be."""
    series = [[(1000 * place, value) for place, value in enumerate(values)]]

    found = over_time.sum_(windows(samples_from(series), ends, ends, range_ms, one_metric=True))

    assert_same(found, of_values(math.fsum), series, ends, range_ms)


def test_the_only_window_of_an_instant_needs_no_search() -> None:
    samples = samples_from([[(1, 5.0), (2, 7.0)], [], [(2, STALE), (3, 1.0)]])
    end = np.array([3], np.int64)

    searched = windows(samples, end, end, 10, one_metric=True)
    known = windows(samples, end, end, 10, one_metric=True, exact=True)

    assert known.first.tolist() == searched.first.tolist()
    assert known.past.tolist() == searched.past.tolist() == [[2], [2], [3]]


def test_one_infinite_reset_spoils_no_other_window() -> None:
    samples = samples_from([[(0, 5.0), (1000, math.inf), (2000, 1.0), (3000, 2.0), (4000, 1.0), (5000, 4.0)]])
    ends = np.array([2000, 5000], np.int64)

    values, _ = quietly(rates.increase, windows(samples, ends, ends, 2500, one_metric=True))

    assert values[0].tolist() == [math.inf, slow_rate([(3000, 2.0), (4000, 1.0), (5000, 4.0)], 5000, 2500, per_second=False)]


def test_a_counter_keeps_its_precision_beside_a_huge_one() -> None:
    samples = samples_from([[(0, 1e300), (1000, 1.0)], [(0, 3.0), (1000, 1.0), (2000, 2.0)]])
    ends = np.array([2000], np.int64)

    values, _ = quietly(rates.increase, windows(samples, ends, ends, 2001, one_metric=True))

    assert values[1, 0] == slow_rate([(0, 3.0), (1000, 1.0), (2000, 2.0)], 2000, 2001, per_second=False)


def test_smoothing_and_prediction_follow_a_straight_line() -> None:
    samples = samples_from([[(at * 1000, 2.0 * at) for at in range(10)]])
    ends = np.array([9000], np.int64)
    window = windows(samples, ends, ends, 10_000, one_metric=True)
    half: Numbers = np.array([0.5])

    assert trends.smoothed(window, half, half)[0][0, 0] == pytest.approx(18)
    assert trends.predicted(window, np.array([60.0]))[0][0, 0] == pytest.approx(138)
