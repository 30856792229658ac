"""Plain rules looked at together: what people are told, and what the page shows, is as if each had been asked by itself."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from gwanje import kinds
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Override
from gwanje.keep.samples import local
from gwanje.keep.samples.base import Answer, Labels, Matrix, Swept
from gwanje.keep.state import sqlite, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata, outbox
from gwanje.model import STALE, Sample, to_ms
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.watch.round import Places, Round
from gwanje.watch.sweeping import plain
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import encode

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
RULES = (
    {"name": "at once", "expr": "cpu", "critical": ">= 0.9"},
    {"name": "waits", "expr": "cpu", "warning": ">= 0.7", "for": "3s", "clear": "< 0.5", "interval": "1s"},
    {"name": "low", "metric": "cpu", "where": 'host=~"web-[12]"', "critical": "<= 0.1", "clear_for": "2s"},
    {"name": "looks back", "expr": "cpu", "critical": "> 0.8", "delay": "2s"},
    {"name": "hides", "expr": "cpu", "critical": "!= 0.5", "labels": {"host": "one"}, "interval": "1s"},
    {"name": "adds", "expr": "cpu", "warning": "== 0.95", "labels": {"team": "shop"}, "interval": "1s"},
    {"name": "set apart", "expr": "cpu", "critical": ">= 2"},
    {"name": "missing", "expr": "cpu", "critical": ">= 0.9", "no_data": "alert"},
    {"name": "worst", "metric": "cpu", "by": ["job"], "critical": ">= 0.9"},
    {"name": "sum", "expr": "sum(cpu)", "critical": ">= 2", "interval": "1s"},
    {"name": "few", "expr": "cpu", "critical": ">= 0.9", "max_instances": 1},
)
OVERRIDE = Override("set apart", "host", "web-1", warning=None, critical=">= 0.9", clear=None, changed_by="kim", changed_at=START)


@dataclass
class OneByOne:
    """The same samples from a store that is asked question by question."""

    samples: local.LocalSamples

    async def instant(self, query: str, at_ms: int) -> Answer:
        return await self.samples.instant(query, at_ms)

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        return await self.samples.range(query, start_ms, end_ms, step_ms)

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        return await self.samples.series(matchers, start_ms, end_ms)

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        return await self.samples.label_names(matchers, start_ms, end_ms)

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        return await self.samples.label_values(name, matchers, start_ms, end_ms)


@dataclass
class Together(OneByOne):
    """A store that answers many selectors at one go, and remembers what it was asked by itself."""

    asked: list[str] = field(default_factory=list)
    broken: bool = False

    async def instant(self, query: str, at_ms: int) -> Answer:
        self.asked.append(query)
        return await self.samples.instant(query, at_ms)

    async def sweep(self, selectors: tuple[str, ...], at_ms: int) -> Swept:
        if self.broken:
            raise RuntimeError("cannot schedule new futures after shutdown")
        return await self.samples.sweep(selectors, at_ms)


@pytest.fixture
async def samples(tmp_path: Path) -> AsyncIterator[local.LocalSamples]:
    made = local.create(local.Settings(), kinds.World(tmp_path))
    yield made
    await made.close()


@contextlib.contextmanager
def _side(folder: Path, samples: OneByOne, rules: Sequence[Mapping[str, Any]] = RULES) -> Any:
    folder.mkdir()
    state = sqlite.create(sqlite.Settings(), kinds.World(folder))
    event.listen(state.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
    metadata.create_all(state.engine)
    routes = Route(receiver="ops", group_by=("rule", "host"), group_wait=timedelta(), group_interval=timedelta(seconds=2))
    read = [Rule.model_validate(rule) for rule in rules]
    made = Round(read, samples, state, Policy(routes), None, clock=lambda: START, places=Places(overrides=[OVERRIDE]))
    try:
        yield state, made
    finally:
        state.close()


async def _put(samples: local.LocalSamples, at: datetime, values: Mapping[str, float]) -> None:
    found = [Sample("cpu", {"host": host, "job": "node"}, value, to_ms(at)) for host, value in values.items()]
    if found:
        await samples.append(decode(encode(found).body), to_ms(at))


def _told(state: State) -> dict[str, Any]:
    """Everything that state keeps of alerts and messages, without the names that are drawn anew each time."""
    with state.read() as connection:
        page = stories.episode_page(connection, stories.Wanted(limit=1000)).episodes
        told = [stories.story(connection, one.id) for one in page]
        messages = connection.execute(select(outbox.c.key, outbox.c.reason).order_by(outbox.c.key)).all()
    found = [
        (
            (one.episode.rule, sorted(one.episode.labels.items()), one.episode.state, one.episode.severity, one.episode.summary),
            (one.episode.began_at, one.episode.fired_at, one.episode.ended_at, one.episode.ended_because, one.episode.peak),
            [(entry.at, str(entry)) for entry in one.entries],
        )
        for one in told
        if one is not None
    ]
    return {"alerts": sorted(found, key=repr), "messages": list(map(tuple, messages))}


def _shown(round_: Round) -> dict[str, Any]:
    """What the page shows of the last evaluations."""
    return {
        name: (
            evaluation.at,
            evaluation.failed,
            [(sorted(one.labels.items()), one.found, one.said, repr(one.value), one.stands.state) for one in round_.why(name)],
        )
        for name, evaluation in round_.latest().items()
    }


@pytest.mark.parametrize("seed", range(4))
async def test_rules_looked_at_together_say_what_each_says_by_itself(
    samples: local.LocalSamples, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - values of a test
    with _side(tmp_path / "a", OneByOne(samples)) as (state, single), _side(tmp_path / "b", Together(samples)) as (other, swept):
        values: dict[str, float] = {}
        for number in range(40):
            at = START + number * timedelta(milliseconds=500)
            for host in ("web-1", "web-2", "web-3"):
                if chance.random() < 0.3:
                    values[host] = chance.choice((0.05, 0.3, 0.5, 0.5, 0.6, 0.75, 0.95, 0.95, 3.0, math.nan, math.inf, STALE))
                if chance.random() < 0.05:
                    values.pop(host, None)
            await _put(samples, at - timedelta(milliseconds=chance.choice((0, 100))), values)
            await single.once(at)
            await swept.once(at)
            if chance.random() < 0.3:
                assert _shown(swept) == _shown(single)
            if chance.random() < 0.05:
                single.forget()
                swept.forget()
        assert _told(other) == _told(state)
        evaluations = [name for name in single.own_samples() if "evaluations_total" in name or "errors_total" in name]
        assert [swept.own_samples()[name] for name in evaluations] == [single.own_samples()[name] for name in evaluations]


async def test_rules_without_a_breach_ask_nothing_by_themselves(samples: local.LocalSamples, tmp_path: Path) -> None:
    rules = [{"name": f"rule {number}", "expr": f'cpu{{job!="{number}"}}', "critical": ">= 0.9"} for number in range(5)]
    store = Together(samples)
    await _put(samples, START, {"web-1": 0.1})
    with _side(tmp_path / "a", store, rules) as (state, round_):
        for number in range(4):
            await round_.once(START + number * timedelta(milliseconds=500))
        assert not store.asked
        await _put(samples, START + timedelta(seconds=2), {"web-1": 0.95})
        await round_.once(START + timedelta(seconds=2))
        assert len(_told(state)["alerts"]) == 5
        assert not store.asked


async def test_a_store_that_cannot_answer_at_one_go_is_asked_rule_by_rule(samples: local.LocalSamples, tmp_path: Path) -> None:
    await _put(samples, START, {"web-1": 0.95})
    with _side(tmp_path / "a", Together(samples, broken=True), RULES[:1]) as (state, round_):
        await round_.once(START)
        assert len(_told(state)["alerts"]) == 1


async def test_the_last_evaluation_is_worked_out_of_what_was_seen_then(samples: local.LocalSamples, tmp_path: Path) -> None:
    with _side(tmp_path / "a", Together(samples), RULES[:1]) as (_, round_):
        for number, value in enumerate((0.1, 0.2, 0.3)):
            at = START + timedelta(seconds=number)
            await _put(samples, at, {"web-1": value})
            await round_.once(at)
        await _put(samples, at + timedelta(milliseconds=1), {"web-1": 0.4})
        await asyncio.sleep(0)
        latest = round_.latest()["at once"]
        assert latest.at == at
        assert [verdict.why for verdict in latest.verdicts] == ["0.3"]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"expr": "cpu"}, True),
        ({"expr": '{__name__="cpu", host="a"}'}, True),
        ({"metric": "cpu", "where": 'host="a"'}, True),
        ({"expr": '{host="a"}'}, False),
        ({"expr": "cpu offset 5m"}, False),
        ({"expr": "cpu @ 100"}, False),
        ({"expr": "cpu * 2"}, False),
        ({"metric": "cpu", "over": "5m"}, False),
        ({"metric": "cpu", "by": ["host"]}, False),
        ({"expr": "cpu", "no_data": "breach"}, False),
    ],
)
def test_plain_is_the_newest_sample_of_one_metric_and_no_word_on_missing_data(more: Mapping[str, Any], wanted: bool) -> None:  # noqa: FBT001 - a case
    assert plain(Rule.model_validate({"name": "rule", "critical": ">= 1", **more})) is wanted
