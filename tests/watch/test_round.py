"""The round as a door: when it evaluates, what it writes together, what it says of itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, event, func, select

from gwanje import kinds
from gwanje.carry.updates.base import Update
from gwanje.errors import QueryLimit
from gwanje.judge.leaving import Departed
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Answer
from gwanje.keep.state import sqlite, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import episodes, instances, metadata, outbox, transitions
from gwanje.model import to_ms
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Places, Round

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
POLICY = Policy(Route(receiver="ops"))
HIGH = {"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", "interval": "5s"}
FAILS = {
    "name": "fail rate",
    "ratio": {"failed": 'f{outcome="failed"}', "total": "f", "over": "15m", "min_samples": 3},
    "critical": ">= 0.2",
    "clear": "< 0.2",
}


@dataclass
class Heard:
    """Updates as a list."""

    updates: list[Update] = field(default_factory=list)

    def publish(self, update: Update) -> None:
        self.updates.append(update)

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Update]]:
        raise NotImplementedError("the round only publishes")


def _round(state: State, samples: MemorySamples, *rules: Mapping[str, object], updates: Heard | None = None) -> Round:
    read = [Rule.model_validate(rule) for rule in rules or (HIGH,)]
    return Round(read, samples, state, POLICY, updates, clock=lambda: NOW, page_url="https://watch.example/")


def _counts(state: State) -> list[int]:
    with state.read() as connection:
        tables = (instances, episodes, transitions, outbox)
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def test_e1_the_answer_does_not_depend_on_when_the_process_woke(state: State) -> None:
    samples = MemorySamples()
    for seconds, value in ((0, 0.1), (5, 0.95), (10, 0.1)):
        samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(seconds)))
    late = _round(state, samples)
    await late.once(_at(0))
    await late.once(_at(12))
    with state.read() as connection:
        (episode,) = stories.episode_page(connection, stories.Wanted()).episodes
    assert (episode.began_at, episode.ended_at) == (_at(5), _at(10))


@pytest.mark.parametrize("seed", range(3))
async def test_e1_whenever_it_wakes_and_however_often_it_starts_the_same_is_told_at_the_same_times(
    tmp_path: Path, seed: int
) -> None:
    """One looks on time; the other sleeps for up to half a minute, and now and then another process goes on."""
    chance = Random(seed)  # noqa: S311 - chance that repeats
    samples = MemorySamples()
    for measured in range(0, 300, 5):
        if measured % 30 == 0:
            value = chance.choice([0.1, 0.85, 0.95, float("nan")])
        samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(measured)))
    rules = [HIGH | {"name": "at once", "warning": ">= 0.8"}, HIGH | {"name": "waits", "for": "20s", "clear_for": "10s"}]
    told = []
    for name, late in (("punctual", False), ("sleepy", True)):
        (tmp_path / name).mkdir()
        state = sqlite.create(sqlite.Settings(), kinds.World(tmp_path / name))
        event.listen(state.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
        metadata.create_all(state.engine)
        round_, second = _round(state, samples, *rules), 0.0
        await round_.once(_at(0))
        while second < 299:
            second = min(second + (chance.uniform(1, 30) if late else 5), 299)
            await round_.once(_at(second))
            if late and chance.random() < 0.2:
                round_ = _round(state, samples, *rules)
                await round_.once(_at(second))
        with state.read() as connection:
            rows = connection.execute(select(transitions).order_by(transitions.c.at, transitions.c.episode)).mappings()
            of_states = [row for row in rows if row["reason"]["code"] != "flapping"]
            told.append([(row["episode"], row["at"], row["after"], row["severity"], row["value"]) for row in of_states])
        state.close()
    assert told[0] == told[1]
    assert len(told[0]) > 5


async def test_e1_a_clock_that_was_nine_hours_ahead_silences_nothing_when_it_is_set_right(state: State) -> None:
    samples, ahead = MemorySamples(), 9 * 3600
    round_ = _round(state, samples)
    await round_.once(_at(ahead))
    for seconds, value in ((0, 0.95), (5, 0.1), (10, 0.95)):
        samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(seconds)))
        await round_.once(_at(seconds))
    with state.read() as connection:
        found = stories.episode_page(connection, stories.Wanted()).episodes
        told = connection.execute(select(outbox.c.reason).order_by(outbox.c.id)).scalars().all()
    assert [(one.began_at, one.ended_at) for one in found] == [(_at(10), None), (_at(0), _at(5))]
    assert "first" in told


async def test_e1_what_arrives_later_changes_history_and_not_what_was_told(state: State) -> None:
    """A sample of 5 s comes after 5 s was judged. Asked again, the store shows the breach; no alert begins, and none ends."""
    samples = MemorySamples()
    for seconds, value in ((0, 0.95), (10, 0.1)):
        samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(seconds)))
    round_ = _round(state, samples)
    for seconds in (0, 5, 10):
        await round_.once(_at(seconds))
    told = _counts(state)
    samples.kept[("__name__", "cpu"), ("host", "web-1")][1:1] = [(to_ms(_at(5)), 0.1), (to_ms(_at(6)), 0.99)]
    for seconds in (12, 15, 20):
        await round_.once(_at(seconds))
    assert _counts(state) == told
    assert (await samples.range("max_over_time(cpu[3s])", to_ms(_at(7)), to_ms(_at(7)), 1000)).values == [0.99]
    with state.read() as connection:
        (episode,) = stories.episode_page(connection, stories.Wanted()).episodes
    assert (episode.began_at, episode.ended_at, episode.peak) == (_at(0), _at(10), 0.95)


async def test_d1_a_crash_between_state_and_outbox_leaves_neither(state: State) -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    broken = True

    @event.listens_for(state.engine, "before_cursor_execute")
    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if broken and statement.startswith("INSERT INTO outbox"):
            raise RuntimeError("killed here")

    round_ = _round(state, samples)
    with pytest.raises(RuntimeError, match="killed here"):
        await round_.once(NOW)
    assert _counts(state) == [0, 0, 0, 0]
    broken = False
    await round_.once(NOW)
    assert _counts(state) == [1, 1, 1, 1]


async def test_d3_a_message_about_what_fires_is_tried_for_24_hours(state: State) -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    await _round(state, samples).once(NOW)
    with state.read() as connection:
        (row,) = connection.execute(select(outbox.c.created_at, outbox.c.next_at, outbox.c.deadline_at)).all()
    assert tuple(row) == (NOW, NOW, NOW + timedelta(hours=24))


async def test_d1_a_crash_at_any_statement_leaves_all_of_it_or_nothing(state: State) -> None:
    """The process dies before each statement of the transaction in turn, and at its commit; the next one begins anew."""
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    left, died = -1, 0

    def statement(*_about: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise RuntimeError("killed here")

    event.listen(state.engine, "before_cursor_execute", statement)
    event.listen(state.engine, "commit", statement)
    for after in range(1, 100):
        left = after
        try:
            await _round(state, samples).once(NOW)
        except RuntimeError:
            died += 1
            assert _counts(state) in ([0, 0, 0, 0], [1, 1, 1, 1])
        else:
            break
    left = -1
    assert died > 5
    assert _counts(state) == [1, 1, 1, 1]


async def test_what_did_not_change_is_not_written_again(state: State) -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    for _ in range(3):  # three processes, one after the other
        await _round(state, samples).once(NOW)
    assert _counts(state) == [1, 1, 1, 1]


async def test_a_quiet_instant_writes_nothing_and_takes_no_lock(state: State) -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.1, to_ms(NOW))
    round_ = _round(state, samples)
    await round_.once(NOW)
    asked: list[str] = []
    event.listen(state.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    await round_.once(_at(5))
    assert asked
    assert all(statement.startswith(("BEGIN", "SELECT")) and "IMMEDIATE" not in statement for statement in asked)
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(_at(10)))
    await round_.once(_at(10))
    assert _counts(state) == [1, 1, 1, 1]


async def test_groups_that_wait_are_looked_at_once_a_second(state: State) -> None:
    """A warning waits for its group; the round wakes four times a second and does not write each time."""
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.85, to_ms(NOW))
    rule = {"name": "cpu high", "expr": "cpu", "warning": ">= 0.8", "interval": "1h"}
    round_ = _round(state, samples, rule)
    await round_.once(NOW)
    began: list[str] = []

    def note(connection: Connection) -> None:
        if not connection.get_execution_options().get("reads", False):
            began.append("transaction")

    event.listen(state.engine, "begin", note)
    for quarter in range(1, 9):
        await round_.once(_at(quarter / 4))
    assert began == ["transaction"] * 2


async def test_listeners_hear_of_it_after_the_commit(state: State) -> None:
    samples, heard = MemorySamples(), Heard()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    await _round(state, samples, updates=heard).once(NOW)
    with state.read() as connection:
        (episode,) = stories.open_episodes(connection)
    assert heard.updates == [Update("alerts", episode.id), Update("outbox")]
    assert episode.query == 'cpu{host="web-1"}'


async def test_who_cannot_keep_up_makes_up_for_what_there_is_time_for_and_tells_of_now(state: State) -> None:
    """A minute was missed, and each question takes a second. Who is late judges the newest instant, in the next round too."""
    time, takes = _at(0), timedelta()

    class Slow(MemorySamples):
        async def instant(self, query: str, at_ms: int) -> Answer:
            nonlocal time  # it passes while a question is answered
            time += takes
            asked.append((query, at_ms))
            return await MemorySamples.instant(self, query, at_ms)

    asked: list[tuple[str, int]] = []
    rules = [Rule.model_validate(HIGH), Rule.model_validate(HIGH | {"name": "each 20 s", "expr": "slower", "interval": "20s"})]
    round_ = Round(rules, Slow(), state, POLICY, None, clock=lambda: time)
    await round_.once(time)
    time, takes = _at(60), timedelta(seconds=1)
    asked.clear()
    await round_.once(time)
    assert asked == [("cpu", to_ms(_at(at))) for at in (5, 10)] + [("cpu", to_ms(_at(60))), ("slower", to_ms(_at(60)))]
    assert round_.own_samples()["gwanje_rule_evaluations_left_out_total"] == 9 + 2
    asked.clear()
    time, takes = _at(75), timedelta()
    await round_.once(time)
    assert asked == [("cpu", to_ms(_at(75)))]
    asked.clear()
    time = _at(90)
    await round_.once(time)
    judged = [(query, at_ms // 1000 - to_ms(NOW) // 1000) for query, at_ms in asked]
    assert judged == [("cpu", 80), ("slower", 80), ("cpu", 85), ("cpu", 90)], "who keeps up makes up for everything"


async def test_a_message_links_to_the_page(state: State) -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    await _round(state, samples).once(NOW)
    with state.read() as connection:
        (message,) = connection.execute(select(outbox.c.message)).scalars()
        (episode,) = stories.open_episodes(connection)
    assert message["alerts"][0]["link"] == f"https://watch.example/alerts/{episode.id}"


@dataclass
class FetchInBetween(MemorySamples):
    """A failed fetch is stored between the first question and the second."""

    asked: int = 0

    async def instant(self, query: str, at_ms: int) -> Answer:
        self.asked += 1
        if self.asked == 2:
            self.append("f", {"outcome": "failed"}, 1, at_ms)
        return await MemorySamples.instant(self, query, at_ms)


async def test_a_fetch_stored_between_two_questions_does_not_count_half(state: State) -> None:
    """Read half, it would be 0 of 5 and good; it is 1 of 5 and a breach."""
    samples = FetchInBetween()
    for outcome, at, value in (("failed", -60, 0), ("succeeded", -60, 0), ("succeeded", -30, 4)):
        samples.append("f", {"outcome": outcome}, value, to_ms(_at(at)))
    round_ = _round(state, samples, FAILS)
    await round_.once(NOW)
    (verdict,) = round_.latest()["fail rate"].verdicts
    assert verdict.why == "0.2 (1 of 5 in 15m) is >= 0.2"


@dataclass
class Limited(MemorySamples):
    """One query is more than the store answers, another breaks it."""

    async def instant(self, query: str, at_ms: int) -> Answer:
        if query == "wide":
            raise QueryLimit("too many samples; narrow it")
        if query == "broken":
            raise ZeroDivisionError("by nothing")
        return await MemorySamples.instant(self, query, at_ms)


async def test_e8_one_rule_that_cannot_be_evaluated_stops_no_other(state: State) -> None:
    samples = Limited()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    round_ = _round(state, samples, HIGH | {"name": "wide", "expr": "wide"}, HIGH, HIGH | {"name": "broken", "expr": "broken"})
    await round_.once(NOW)
    assert _counts(state) == [1, 1, 1, 1]
    figures = round_.own_samples()
    assert [figures[f'gwanje_rule_errors_total{{rule="{name}"}}'] for name in ("wide", "cpu high", "broken")] == [1, 0, 1]
    assert figures['gwanje_rule_evaluations_total{rule="cpu high"}'] == 1
    assert figures['gwanje_alerts{state="firing"}'] == 1
    assert round_.latest()["wide"].failed == "too many samples; narrow it"


async def test_only_a_completed_round_says_that_somebody_looked(state: State) -> None:
    def broken() -> Departed:
        raise RuntimeError("in the middle of a round")

    whole = _round(state, MemorySamples())
    rules = [Rule.model_validate(HIGH)]
    half = Round(rules, MemorySamples(), state, POLICY, None, clock=lambda: NOW, places=Places(departed=broken))
    for second in (0, 5):
        await whole.once(_at(second))
        with pytest.raises(RuntimeError):
            await half.once(_at(second))
    assert [one.own_samples()["gwanje_rounds_total"] for one in (whole, half)] == [2, 0]


async def test_a_label_of_the_rule_that_changed_ends_what_nobody_evaluates_any_more(state: State) -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    await _round(state, samples).once(NOW)
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(_at(5)))
    await _round(state, samples, HIGH | {"labels": {"team": "ops"}}).once(_at(5))
    with state.read() as connection:
        told = [(one.labels, one.ended_because) for one in stories.episode_page(connection, stories.Wanted()).episodes]
    assert told == [({"host": "web-1", "team": "ops"}, None), ({"host": "web-1"}, "rule changed")]


async def test_run_goes_on_after_a_round_that_failed(state: State) -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    failures, written = [RuntimeError("disk full")], asyncio.Event()
    loop = asyncio.get_running_loop()

    @event.listens_for(state.engine, "before_cursor_execute")
    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO outbox "):
            if failures:
                raise failures.pop()
            loop.call_soon_threadsafe(written.set)

    running = asyncio.create_task(_round(state, samples).run())
    async with asyncio.timeout(30):
        await written.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert failures == []
