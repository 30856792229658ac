"""Runs and admission say on arrays what a plain loop says; the whole store says what a dictionary says."""

from __future__ import annotations

import asyncio
import math
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gwanje.keep.samples.local import Settings, create
from gwanje.keep.samples.local.admission import NEVER, Bounds, Outcome, all_new, judge
from gwanje.keep.samples.local.runs import Part, Rows, assemble, first_after, merged, run_of
from gwanje.kinds import World
from gwanje.model import STALE_NAN_BITS
from gwanje.testing.samples import NOW_MS, Story, columns, held, load, series
from gwanje.wire.columns import Times, Values

Plain = list[tuple[int, int, float]]
"""Series, time, value."""

plain_rows = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 3).map(float)),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:2],
)


def rows_of(plain: Plain) -> Rows:
    ids, times, values = zip(*plain, strict=True) if plain else ((), (), ())
    return Rows(np.array(ids, np.int64), np.array(times, np.int64), np.array(values, np.float64))


def plain_of(ids: list[int], parts: Part) -> Plain:
    owners = np.repeat(np.array(ids, np.int64), parts.counts).tolist()
    return list(zip(owners, parts.times.tolist(), parts.values.tolist(), strict=True))


@given(plain_rows, st.lists(st.integers(0, 7), unique=True).map(sorted), st.integers(-1, 31), st.integers(-1, 31))
def test_a_run_gives_what_was_asked_for(plain: Plain, wanted: list[int], after_ms: int, until_ms: int) -> None:
    part = run_of(rows_of(plain)).select(np.array(wanted, np.int64), after_ms, until_ms)
    assert plain_of(wanted, part) == sorted(row for row in plain if row[0] in wanted and after_ms < row[1] <= until_ms)


@given(st.lists(plain_rows, min_size=1, max_size=4), st.lists(st.integers(0, 7), unique=True, min_size=1).map(sorted))
def test_parts_are_assembled_in_order_and_the_first_named_wins(plains: list[Plain], wanted: list[int]) -> None:
    first: dict[tuple[int, int], float] = {}
    for plain in plains:
        for number, at_ms, value in plain:
            first.setdefault((number, at_ms), value)
    ids = np.array(wanted, np.int64)
    offsets, times, values = assemble([run_of(rows_of(plain)).select(ids, -1, 99) for plain in plains])
    found = plain_of(wanted, Part(np.diff(offsets), times, values))
    assert found == sorted((number, at_ms, value) for (number, at_ms), value in first.items() if number in wanted)


@given(st.lists(plain_rows, min_size=1, max_size=4))
def test_merged_runs_hold_what_each_held(plains: list[Plain]) -> None:
    run = merged([run_of(rows_of(plain)) for plain in plains])
    assert run.ids.tolist() == sorted({row[0] for plain in plains for row in plain})
    assert {(row[0], row[1]) for plain in plains for row in plain} == {
        row[:2] for row in plain_of(run.ids.tolist(), Part(np.diff(run.offsets), run.times, run.values))
    }
    assert (run.start_ms, run.end_ms) == (int(run.times.min()), int(run.times.max()))


@given(plain_rows, plain_rows)
def test_a_run_knows_what_it_holds(plain: Plain, asked: Plain) -> None:
    known = {row[:2]: row[2] for row in plain}
    found, values = run_of(rows_of(plain)).held(*rows_of(asked)[:2])
    assert found.tolist() == [row[:2] in known for row in asked]
    assert [values[i] for i, row in enumerate(asked) if row[:2] in known] == [known[r[:2]] for r in asked if r[:2] in known]


@given(st.lists(st.lists(st.integers(0, 20), unique=True).map(sorted), min_size=1), st.integers(-1, 21))
def test_the_first_place_after_an_instant(stretches: list[list[int]], instant: int) -> None:
    edges = np.cumsum([0] + [len(stretch) for stretch in stretches])
    times = np.array([at for stretch in stretches for at in stretch], np.int64)
    found = first_after(times, edges[:-1], edges[1:], instant) if len(times) else edges[:-1]
    assert (found - edges[:-1]).tolist() == [sum(at <= instant for at in stretch) for stretch in stretches]


# --- admission -----------------------------------------------------------------------------------------------------------

BOUNDS = Bounds(oldest_ms=0, latest_ms=100, window_ms=20)
HELD = {(0, 50): 1.0, (0, 40): 2.0, (0, 5): 3.0, (1, 10): 4.0}
NEWEST_MS: Times = np.array([50, 10, NEVER])
NEWEST_VALUES: Values = np.array([1.0, 4.0, 0.0])


def held_rows(numbers: Times, times: Times) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], Values]:
    asked = list(zip(numbers.tolist(), times.tolist(), strict=True))
    return np.array([one in HELD for one in asked]), np.array([HELD.get(one, 0.0) for one in asked])


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        pytest.param((0, 51, 7.0), Outcome.ACCEPTED, id="newer"),
        pytest.param((0, 50, 1.0), Outcome.DUPLICATE, id="the newest again"),
        pytest.param((0, 50, 2.0), Outcome.CONFLICT, id="the newest with another value"),
        pytest.param((0, 40, 2.0), Outcome.DUPLICATE, id="an older one again"),
        pytest.param((0, 40, 9.0), Outcome.CONFLICT, id="an older one with another value"),
        pytest.param((0, 30, 1.0), Outcome.ACCEPTED, id="late, at the edge of the window"),
        pytest.param((0, 29, 1.0), Outcome.TOO_OLD, id="late, past the window"),
        pytest.param((0, 5, 3.0), Outcome.TOO_OLD, id="past the window even when it is there"),
        pytest.param((1, 11, 1.0), Outcome.ACCEPTED, id="order is a matter of each series"),
        pytest.param((2, 0, 1.0), Outcome.ACCEPTED, id="a new series at the retention's edge"),
        pytest.param((2, -1, 1.0), Outcome.TOO_OLD, id="past the retention"),
        pytest.param((2, 100, 1.0), Outcome.ACCEPTED, id="in the future, not too far"),
        pytest.param((2, 101, 1.0), Outcome.TOO_FAR_AHEAD, id="too far in the future"),
        pytest.param((-1, 50, 1.0), Outcome.REFUSED_SERIES, id="a refused series"),
        pytest.param((-1, 101, 1.0), Outcome.REFUSED_SERIES, id="a refused series is refused for that alone"),
    ],
)
def test_each_sample_has_one_outcome(row: tuple[int, int, float], outcome: Outcome) -> None:
    rows = rows_of([row])
    assert Outcome(int(judge(rows, NEWEST_MS, NEWEST_VALUES, BOUNDS, held_rows)[0])) is outcome
    assert all_new(rows, NEWEST_MS, BOUNDS, ascending=True) <= (outcome is Outcome.ACCEPTED)


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-2, 103), st.integers(0, 9).map(float)), max_size=40))
def test_what_is_accepted_is_never_there_twice(plain: Plain) -> None:
    outcome = judge(rows_of(plain), NEWEST_MS, NEWEST_VALUES, BOUNDS, held_rows)
    accepted = [row[:2] for row, one in zip(plain, outcome.tolist(), strict=True) if one == Outcome.ACCEPTED]
    assert len(set(accepted)) == len(accepted)
    assert not set(accepted) & set(HELD)
    if all_new(rows_of(plain), NEWEST_MS, BOUNDS, ascending=True) and len({row[:2] for row in plain}) == len(plain):
        assert len(accepted) == len(plain)


# --- the whole store -----------------------------------------------------------------------------------------------------

WINDOW_MS = 1000
steps = st.lists(
    st.one_of(
        st.dictionaries(st.integers(0, 3), st.tuples(st.integers(0, 60), st.integers(0, 2)), min_size=1),
        st.sampled_from(["block", "restart", "block", "look"]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@example([{0: (0, 0)}, {0: (22, 0)}, {0: (2, 0)}, {0: (1, 0)}])  # what comes late does not become the newest
@given(steps)
def test_any_story_of_batches_blocks_and_restarts_is_what_a_dictionary_says(
    story: list[dict[int, tuple[int, int]] | str],
) -> None:
    """A batch maps hosts to (time in steps of 50 ms, value)."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(tell(story, Path(folder)))


async def tell(story: list[dict[int, tuple[int, int]] | str], folder: Path) -> None:
    narrow = Settings(out_of_order=timedelta(milliseconds=WINDOW_MS))
    store = create(narrow, World(folder))
    known: dict[int, dict[int, float]] = {}
    for step in [*story, "restart"]:
        if step == "block":
            await store.write_block()
        elif step == "restart":
            await store.close()
            store = create(narrow, World(folder))
        elif isinstance(step, dict):
            batch = [load(f"web-{host}", at(tick), float(value)) for host, (tick, value) in step.items()]
            await store.append(columns(*batch), NOW_MS)
            for host, (tick, value) in step.items():
                there = known.setdefault(host, {})
                if at(tick) >= max(there, default=0) - WINDOW_MS:
                    there.setdefault(at(tick), float(value))
        assert await held(store) == expected(known)
    await store.close()


def at(tick: int) -> int:
    return NOW_MS + tick * 50


def expected(known: dict[int, dict[int, float]]) -> Story:
    return {series("node_load1", host=f"web-{host}"): sorted(there.items()) for host, there in known.items()}


def test_a_run_knows_of_which_series_it_has_a_stale_marker() -> None:
    stale = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]
    one = run_of(Rows(np.array([7, 5, 7, 9]), np.array([1, 1, 2, 1]), np.array([1.0, math.nan, stale, 2.0])))
    other = run_of(Rows(np.array([5, 8, 9]), np.array([5, 5, 5]), np.array([1.0, stale, 2.0])))
    again = run_of(Rows(np.array([8, 5, 9]), np.array([9, 9, 9]), np.array([1.0, 1.0, stale])))
    assert (one.ids.tolist(), one.marked.tolist()) == ([5, 7, 9], [False, True, False])
    both = merged([one, other])
    assert (both.ids.tolist(), both.marked.tolist()) == ([5, 7, 8, 9], [False, True, True, False])
    assert merged([other, again]).marked.tolist() == [False, True, True]
