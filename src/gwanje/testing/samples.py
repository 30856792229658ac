"""The contract suite of `keep/samples/base.py`. Every kind runs through it.

Subclass `SamplesContract` as a `Test…` class (for a store elsewhere, which has its own rules of order: `StoreContract`) and
override the fixture `samples` with one that gives an empty store; for a store that keeps its samples over a restart subclass
`DurableSamplesContract` too and override `opened`.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from gwanje.errors import BadQuery
from gwanje.keep.samples.base import Appended, Columns, Labels, Matrix, Samples, Vector
from gwanje.model import METRIC, STALE_NAN_BITS, Sample
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of, encode

NOW_MS = 1_700_000_000_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]

Story = dict[Labels, list[tuple[int, float]]]
"""Series and their samples `(at_ms, value)`, as a test compares them."""


def columns(*samples: Sample) -> Columns:
    """Samples as a door would hand them in."""
    return decode(encode(samples).body)


def load(host: str, at_ms: int, value: float) -> Sample:
    return Sample("node_load1", {"host": host}, value, at_ms)


def series(metric: str, **labels: str) -> Labels:
    return tuple(sorted({METRIC: metric, **labels}.items()))


def raw(labels: Labels, samples: Iterable[tuple[int, float]]) -> Columns:
    """One series with whatever labels, good or bad."""
    return decode(body_of([(labels, samples)]))


async def held(samples: Samples, selector: str = '{__name__!=""}', until_ms: int = NOW_MS + HOUR, reach: str = "30d") -> Story:
    """Everything a store answers for a selector, in plain values."""
    answer = await samples.instant(f"{selector}[{reach}]", until_ms)
    assert isinstance(answer, Matrix)
    rows = list(zip(answer.times.tolist(), answer.values.tolist(), strict=True))
    edges = answer.offsets.tolist()
    return {labels: rows[edges[i] : edges[i + 1]] for i, labels in enumerate(answer.labels)}


def values_of(answer: object) -> dict[Labels, float]:
    assert isinstance(answer, Vector)
    return dict(zip(answer.labels, answer.values.tolist(), strict=True))


WEB_1, WEB_2 = series("node_load1", host="web-1"), series("node_load1", host="web-2")


class StoreContract:
    """What every store of samples does, also one elsewhere."""

    @pytest.fixture
    async def samples(self) -> Samples:
        raise NotImplementedError("override the fixture `samples` with one that gives an empty store")

    async def test_an_answered_sample_is_visible_at_once(self, samples: Samples) -> None:
        appended = await samples.append(columns(load("web-1", NOW_MS, 0.5), load("web-2", NOW_MS, 2.0)), NOW_MS)
        assert appended == Appended(accepted=2)
        assert values_of(await samples.instant("node_load1", NOW_MS)) == {WEB_1: 0.5, WEB_2: 2.0}

    async def test_a_batch_sent_again_changes_nothing(self, samples: Samples) -> None:
        batch = columns(load("web-1", NOW_MS, 2.0), load("web-2", NOW_MS, 3.0))
        for _ in range(2):
            appended = await samples.append(batch, NOW_MS)
            assert (appended.refused, appended.problem) == ({}, "")
        assert await held(samples) == {WEB_1: [(NOW_MS, 2.0)], WEB_2: [(NOW_MS, 3.0)]}

    async def test_an_empty_batch_is_fine(self, samples: Samples) -> None:
        assert await samples.append(columns(), NOW_MS) == Appended(accepted=0)

    async def test_a_bad_series_does_not_lose_its_neighbours(self, samples: Samples) -> None:
        good, bad = ((METRIC, "good"),), (("host", "web-1"),)
        batch = decode(body_of([(good, [(NOW_MS, 1.0)]), (bad, [(NOW_MS, 2.0), (NOW_MS + 1, 2.0)]), (WEB_1, [(NOW_MS, 3.0)])]))
        appended = await samples.append(batch, NOW_MS)
        assert (appended.accepted, appended.refused) == (2, {"bad_labels": 2})
        assert METRIC in appended.problem
        assert await held(samples) == {good: [(NOW_MS, 1.0)], WEB_1: [(NOW_MS, 3.0)]}

    async def test_a_series_ends_with_its_stale_marker(self, samples: Samples) -> None:
        await samples.append(columns(load("web-1", NOW_MS, 1.0), load("web-1", NOW_MS + MINUTE, STALE)), NOW_MS)
        assert values_of(await samples.instant("node_load1", NOW_MS + MINUTE - 1)) == {WEB_1: 1.0}
        assert values_of(await samples.instant("node_load1", NOW_MS + MINUTE)) == {}

    async def test_a_range_query_gives_one_value_a_step(self, samples: Samples) -> None:
        await samples.append(columns(*(load("web-1", NOW_MS + i * MINUTE, float(i)) for i in range(10))), NOW_MS)
        matrix = await samples.range("sum(node_load1) * 2", NOW_MS, NOW_MS + 9 * MINUTE, 3 * MINUTE)
        assert matrix.times.tolist() == [NOW_MS + minute * MINUTE for minute in (0, 3, 6, 9)]
        assert matrix.values.tolist() == [0.0, 6.0, 12.0, 18.0]

    @pytest.mark.parametrize(
        ("matchers", "hosts"),
        [
            pytest.param('host="web-1"', ["web-1"], id="equal"),
            pytest.param('host!="web-1"', ["db-1", "web-2"], id="not equal, and a series without the label"),
            pytest.param('host=~"web-.*"', ["web-1", "web-2"], id="a pattern"),
            pytest.param('host=~"eb-.*"', [], id="a pattern is anchored"),
            pytest.param('host!~"web-.*"', ["db-1"], id="not a pattern"),
            pytest.param('host=~".*", zone=""', ["db-1", "web-1"], id="an empty value is an absent label"),
            pytest.param('zone=~".+"', ["web-2"], id="a label that must be there"),
            pytest.param('host="web-2", zone="kr-1"', ["web-2"], id="both"),
            pytest.param('host="web-1", zone="kr-1"', [], id="both, and none has both"),
        ],
    )
    async def test_matchers_choose_series(self, samples: Samples, matchers: str, hosts: list[str]) -> None:
        in_zone = Sample("node_load1", {"host": "web-2", "zone": "kr-1"}, 1.0, NOW_MS)
        await samples.append(columns(load("web-1", NOW_MS, 1.0), load("db-1", NOW_MS, 1.0), in_zone), NOW_MS)
        found = await held(samples, f"node_load1{{{matchers}}}")
        assert sorted(dict(labels)["host"] for labels in found) == hosts

    async def test_labels_and_series_are_found_by_time_and_matcher(self, samples: Samples) -> None:
        await samples.append(columns(load("web-1", NOW_MS, 1.0), Sample("up", {"job": "node"}, 1.0, NOW_MS)), NOW_MS)
        assert await samples.label_names([], NOW_MS, NOW_MS) == [METRIC, "host", "job"]
        assert await samples.label_names(["up"], NOW_MS, NOW_MS) == [METRIC, "job"]
        assert await samples.label_values(METRIC, [], NOW_MS, NOW_MS) == ["node_load1", "up"]
        assert await samples.label_values("host", ["up"], NOW_MS, NOW_MS) == []
        found = await samples.series(["up", '{host="web-1"}', '{job="node"}'], NOW_MS, NOW_MS)
        assert sorted(found) == sorted([WEB_1, series("up", job="node")])
        assert await samples.series(["up"], NOW_MS - 2 * DAY, NOW_MS - DAY) == []

    async def test_a_question_that_is_none_is_a_bad_query(self, samples: Samples) -> None:
        with pytest.raises(BadQuery):
            await samples.instant("sum(", NOW_MS)
        with pytest.raises(BadQuery):
            await samples.series(["{"], NOW_MS, NOW_MS)

    async def test_batches_come_from_several_loops_at_once(self, samples: Samples) -> None:
        def send(host: int) -> None:
            async def batches() -> None:
                for i in range(20):
                    await samples.append(columns(load(f"web-{host}", NOW_MS + i, float(i))), NOW_MS)

            asyncio.run(batches())

        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(4) as threads:
            await asyncio.gather(*(loop.run_in_executor(threads, partial(send, host)) for host in range(4)))
        wanted = [(NOW_MS + i, float(i)) for i in range(20)]
        assert await held(samples) == {series("node_load1", host=f"web-{host}"): wanted for host in range(4)}

    async def test_own_figures_are_numbers_with_our_name(self, samples: Samples) -> None:
        await samples.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
        figures = samples.own_samples()
        assert figures
        assert all(name.startswith("gwanje_store_") and isinstance(value, int | float) for name, value in figures.items())


class SamplesContract(StoreContract):
    """What a store of our own does besides: order is a matter of each series, and everything that is not kept is counted."""

    async def test_a_repeated_batch_changes_nothing(self, samples: Samples) -> None:
        batch = columns(load("web-1", NOW_MS, 2.0), load("web-2", NOW_MS, STALE))
        await samples.append(batch, NOW_MS)
        assert await samples.append(batch, NOW_MS) == Appended(accepted=0, duplicates=2)
        assert await held(samples) == {WEB_1: [(NOW_MS, 2.0)]}

    async def test_a_batch_repeated_later_changes_nothing(self, samples: Samples) -> None:
        batches = [columns(load("web-1", NOW_MS + i, float(i)), load("web-1", NOW_MS + i + 1, i + 1.0)) for i in (0, 2, 4)]
        for batch in (*batches, *reversed(batches)):
            await samples.append(batch, NOW_MS)
        assert await held(samples) == {WEB_1: [(NOW_MS + i, float(i)) for i in range(6)]}

    async def test_of_two_values_for_one_time_the_first_stays(self, samples: Samples) -> None:
        await samples.append(columns(load("web-1", NOW_MS - SECOND, 1.0), load("web-1", NOW_MS, 2.0)), NOW_MS)
        assert await samples.append(columns(load("web-1", NOW_MS, 9.0)), NOW_MS) == Appended(accepted=0, conflicts=1)
        await samples.append(columns(load("web-1", NOW_MS - SECOND, 8.0)), NOW_MS)
        assert await held(samples) == {WEB_1: [(NOW_MS - SECOND, 1.0), (NOW_MS, 2.0)]}

    async def test_inside_a_batch_the_same_rules_hold(self, samples: Samples) -> None:
        batch = columns(
            load("web-1", NOW_MS, 1.0),
            load("web-1", NOW_MS - SECOND, 0.5),
            load("web-1", NOW_MS, 1.0),
            load("web-1", NOW_MS, 7.0),
        )
        assert await samples.append(batch, NOW_MS) == Appended(accepted=2, duplicates=1, conflicts=1)
        assert await held(samples) == {WEB_1: [(NOW_MS - SECOND, 0.5), (NOW_MS, 1.0)]}

    async def test_late_samples_find_their_place(self, samples: Samples) -> None:
        for minute in (0, 10, 5, 7, 2):
            await samples.append(columns(load("web-1", NOW_MS + minute * MINUTE, float(minute))), NOW_MS + 10 * MINUTE)
        assert await held(samples) == {WEB_1: [(NOW_MS + minute * MINUTE, float(minute)) for minute in (0, 2, 5, 7, 10)]}

    async def test_what_is_much_older_than_its_series_is_refused_and_the_rest_stays(self, samples: Samples) -> None:
        await samples.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
        batch = columns(load("web-1", NOW_MS - 2 * HOUR, 0.1), load("web-2", NOW_MS - 2 * HOUR, 0.2))
        appended = await samples.append(batch, NOW_MS)
        assert (appended.accepted, appended.refused) == (1, {"too_old": 1})
        assert 'host="web-1"' in appended.problem
        assert await held(samples) == {WEB_1: [(NOW_MS, 1.0)], WEB_2: [(NOW_MS - 2 * HOUR, 0.2)]}

    async def test_a_series_that_was_away_for_a_day_comes_back(self, samples: Samples) -> None:
        await samples.append(columns(load("web-1", NOW_MS - 2 * DAY, 1.0), load("web-2", NOW_MS, 1.0)), NOW_MS)
        assert await samples.append(columns(load("web-1", NOW_MS - DAY, 2.0)), NOW_MS) == Appended(accepted=1)

    async def test_what_is_far_in_the_future_is_refused(self, samples: Samples) -> None:
        ahead = NOW_MS + 10 * MINUTE
        appended = await samples.append(columns(load("web-1", ahead, 1.0), load("web-1", ahead + 1, 2.0)), NOW_MS)
        assert (appended.accepted, appended.refused) == (1, {"too_far_ahead": 1})
        assert "clock" in appended.problem

    async def test_a_range_leaves_out_its_left_end(self, samples: Samples) -> None:
        await samples.append(columns(*(load("web-1", NOW_MS + i * SECOND, float(i)) for i in range(4))), NOW_MS)
        found = await held(samples, "node_load1", until_ms=NOW_MS + 2 * SECOND, reach="2s")
        assert found == {WEB_1: [(NOW_MS + SECOND, 1.0), (NOW_MS + 2 * SECOND, 2.0)]}


class DurableSamplesContract:
    """What a store does that keeps its samples over a restart."""

    @pytest.fixture
    def opened(self) -> Callable[[], Awaitable[Samples]]:
        raise NotImplementedError("override the fixture `opened` with one that opens the same store again")

    async def test_what_was_answered_is_there_after_a_restart(self, opened: Callable[[], Awaitable[Samples]]) -> None:
        samples = await opened()
        await samples.append(columns(load("web-1", NOW_MS, 1.0), load("web-2", NOW_MS, STALE)), NOW_MS)
        await samples.append(columns(load("web-1", NOW_MS, 9.0), load("web-1", NOW_MS + SECOND, 2.0)), NOW_MS)
        await samples.close()
        samples = await opened()
        assert await held(samples) == {WEB_1: [(NOW_MS, 1.0), (NOW_MS + SECOND, 2.0)]}
        assert values_of(await samples.instant("node_load1", NOW_MS)) == {WEB_1: 1.0}
        await samples.close()

    async def test_a_batch_sent_again_after_a_restart_changes_nothing(self, opened: Callable[[], Awaitable[Samples]]) -> None:
        batch = columns(load("web-1", NOW_MS, 1.0))
        samples = await opened()
        await samples.append(batch, NOW_MS)
        await samples.close()
        samples = await opened()
        assert await samples.append(batch, NOW_MS) == Appended(accepted=0, duplicates=1)
        assert await held(samples) == {WEB_1: [(NOW_MS, 1.0)]}
        await samples.close()
