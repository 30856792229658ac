"""Delivery to a receiver that has a bad day: a real HTTP server that refuses, pauses, hangs and breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from gwanje import kinds
from gwanje.config import Secret
from gwanje.keep.state import outbox, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import attempts
from gwanje.tell import post
from gwanje.tell.delivery import Delivery
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers import webhook
from gwanje.tell.notifiers.base import Notification
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, notification

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DB_ALERT = replace(FIRING_ALERT, episode="019f00000000bb", labels={"host": "db-1"})


@dataclass
class BadDay:
    """Answers as its list says, one after another, and well when the list is empty."""

    answers: list[str]
    accepted: list[tuple[str, list[str]]] = field(default_factory=list)
    """Idempotency key, and host and status of each alert."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        answer = self.answers.pop(0) if self.answers else "200"
        if answer == "hangs":
            await self.over.wait()
        if answer == "breaks off":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"half")
            assert request.transport is not None
            request.transport.abort()
            return response
        status, _, pause = answer.partition(" retry after ")
        if status == "200":
            told = [f"{alert['labels']['host']} {alert['status']}" for alert in body["alerts"]]
            self.accepted.append((request.headers["Idempotency-Key"], told))
        return web.Response(status=int(status), headers={"Retry-After": pause} if pause else {})


@dataclass
class Place:
    """State, a clock, and receivers that lead to far ends."""

    state: State
    delivery: Delivery
    now: datetime = NOW

    def put(self, key: str, receiver: str, message: Notification, group: str = "g1") -> None:
        message = replace(message, key=key, receiver=receiver, group_key=group)
        with self.state.write() as connection:
            outbox.put(
                connection,
                key=key,
                receiver=receiver,
                group_key=group,
                reason=message.reason,
                episodes=[alert.episode for alert in message.alerts],
                message=to_plain(message),
                now=self.now,
                deadline=self.now + timedelta(hours=24),
            )

    async def seconds(self, count: int) -> None:
        """Let so many seconds pass, with a look at the outbox in each."""
        for _ in range(count):
            await self.delivery.once()
            self.now += timedelta(seconds=1)

    def tried(self) -> list[tuple[float, str, int | None]]:
        """Each attempt: seconds since the beginning, outcome, status."""
        with self.state.read() as connection:
            rows = connection.execute(select(attempts.c.at, attempts.c.outcome, attempts.c.status).order_by(attempts.c.id)).all()
        return [((at - NOW).total_seconds(), outcome, status) for at, outcome, status in rows]


@pytest.fixture
def days(request: pytest.FixtureRequest) -> dict[str, BadDay]:
    return {"ops": BadDay([]), "hook": BadDay([])}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), kinds.World(tmp_path))
    made.migrate()
    yield made
    made.close()


@pytest.fixture
async def place(state: State, days: dict[str, BadDay], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(post, "TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    application = web.Application()
    for name, day in days.items():
        application.router.add_post(f"/{name}", day.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as http:
        world = kinds.World(Path(), http=http)
        receivers = {name: webhook.create(webhook.Settings(url=Secret(f"{url}/{name}")), world) for name in days}
        made = Place(state, Delivery(state, receivers, None, worker_id="a", clock=lambda: made.now, chance=lambda: 1.0))
        yield made
    for day in days.values():
        day.over.set()
    await runner.cleanup()


async def test_d3_after_every_sort_of_failure_the_message_comes_once(place: Place, days: dict[str, BadDay]) -> None:
    days["ops"].answers = ["500", "429 retry after 30", "hangs", "breaks off", "408", "503 retry after 60"]
    place.put("k1", "ops", notification())
    await place.seconds(125)
    assert place.tried() == [
        (0, "later", 500),
        (1, "later", 429),
        (31, "later", None),
        (35, "later", None),
        (43, "later", 408),
        (59, "later", 503),
        (119, "sent", 200),
    ]
    assert days["ops"].accepted == [("k1", ["web-1 firing"])]


async def test_d4_what_happens_while_it_is_down_comes_afterwards_in_order_and_as_one_message_a_group(
    place: Place, days: dict[str, BadDay]
) -> None:
    """web-1 fires and is over while the receiver is down; db-1 fires in a group of its own; then web-1 fires again."""
    days["ops"].answers = ["500"] * 6
    place.put("web-1 fires", "ops", notification())
    await place.seconds(2)
    place.put("db-1 fires", "ops", notification(DB_ALERT), group="g2")
    place.put("web-1 is over", "ops", notification(RESOLVED_ALERT, reason="resolved"))
    await place.seconds(60)
    again = replace(FIRING_ALERT, episode="019f00000000cc")
    place.put("web-1 fires again", "ops", notification(again))
    place.put("web-1 is over again", "ops", notification(replace(RESOLVED_ALERT, episode=again.episode), reason="resolved"))
    await place.seconds(2)
    assert sorted(days["ops"].accepted[:2]) == [("db-1 fires", ["db-1 firing"]), ("web-1 is over", ["web-1 resolved"])]
    assert days["ops"].accepted[2:] == [("web-1 fires again", ["web-1 firing"]), ("web-1 is over again", ["web-1 resolved"])]


async def test_d3_a_receiver_down_for_less_than_the_deadline_hears_it_in_the_end(place: Place, days: dict[str, BadDay]) -> None:
    place.put("k1", "ops", notification())
    days["ops"].answers = ["503"] * 100
    while place.now < NOW + timedelta(hours=5):
        await place.delivery.once()
        place.now += timedelta(minutes=5)
    days["ops"].answers = []
    await place.delivery.once()
    assert days["ops"].accepted == [("k1", ["web-1 firing"])]


async def test_d3_after_24_hours_of_refusals_another_receiver_hears_that_this_one_is_broken(
    place: Place, days: dict[str, BadDay]
) -> None:
    place.put("k1", "ops", notification())
    days["ops"].answers = ["503"] * 1000
    while place.now <= NOW + timedelta(hours=25):
        await place.delivery.once()
        place.now += timedelta(minutes=5)
    with place.state.read() as connection:
        assert outbox.counts_by_state(connection) == {"failed": 1, "sent": 1}
    assert [key.rpartition(":")[0] for key, _ in days["hook"].accepted] == ["broken:ops"]


async def test_d5_one_receiver_that_hangs_delays_no_other(place: Place, days: dict[str, BadDay]) -> None:
    days["ops"].answers = ["hangs"]
    place.put("k1", "ops", notification())
    for number in range(20):
        place.put(f"h{number}", "hook", notification(replace(FIRING_ALERT, episode=f"e{number}")), group=f"g{number}")
    await place.delivery.once()
    assert [key for key, _ in days["hook"].accepted] == [f"h{number}" for number in range(20)]


async def test_d2_a_key_travels_whatever_stands_in_it(place: Place, days: dict[str, BadDay]) -> None:
    """The name of a receiver is part of some keys, and may be Korean."""
    place.put("broken:운영팀:42", "ops", notification())
    place.put("heartbeat:ops:1", "ops", notification(), group="g2")
    await place.seconds(1)
    keys = [key for key, _ in days["ops"].accepted]
    assert keys == ["broken:%EC%9A%B4%EC%98%81%ED%8C%80:42", "heartbeat:ops:1"]


async def test_d6_every_attempt_says_when_who_what_and_how_long(place: Place, days: dict[str, BadDay]) -> None:
    days["ops"].answers = ["500", "404"]
    place.put("k1", "ops", notification())
    await place.seconds(3)
    with place.state.read() as connection:
        rows = connection.execute(select(attempts).order_by(attempts.c.id)).mappings().all()
    assert [(row["outcome"], row["status"], row["error"]) for row in rows[:2]] == [
        ("later", 500, "the webhook answered 500"),
        ("failed", 404, "the webhook answered 404"),
    ]
    assert all(row["latency_ms"] > 0 for row in rows)
