"""What streams to people: one loop looks for everybody when something changed, and each stream takes what is on its screen.

A stream is a bounded queue. One that does not keep up is ended, and its browser connects again and begins with a full look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

import msgspec
import structlog

from gwanje.errors import GwanjeError
from gwanje.show import machines
from gwanje.show.alerts import one_alert
from gwanje.show.overview import HostDetail, Overview, host_detail, overview
from gwanje.show.rooms import Rooms
from gwanje.show.standing import OpenNow, asked_by, open_now, standing, tally

log = structlog.get_logger(__name__)

_BEAT_SECONDS = 0.5
_LOOK_SECONDS = 0.15
"""From one look to the next, at least: so that what changed is told within a quarter of a second, the look included."""
_SEEN_SECONDS = 60.0
_ALERTS_SECONDS = 1.0
"""How old a look at the open alerts may be where nothing said that one changed: their values move without a word."""
_OF_ALERTS = ("alerts", "alert:", "standing:")
"""How the topics begin that show nothing but alerts."""
_WAITING = 200

Message = tuple[str, bytes]
"""An event's name and its JSON."""


@dataclass(eq=False, slots=True)
class Stream:
    """One browser's stream: what it shows, and what waits to be sent. `ended` when it fell behind or the process stops."""

    topics: frozenset[str]
    queue: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(_WAITING))
    ended: bool = False

    def put(self, message: Message) -> None:
        if self.queue.full():
            self.end()
        elif not self.ended:
            self.queue.put_nowait(message)

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            if self.queue.full():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


class Live:
    """The newest look at everything, shared by the API and all streams. Owned by the server's loop."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._streams: set[Stream] = set()
        self._seen: dict[str, int] = {}
        self._seen_at = -_SEEN_SECONDS
        self._changed = asyncio.Event()
        self._looking: dict[str, asyncio.Task[Any]] = {}
        self._last: dict[str, Message] = {}
        self._open: OpenNow | None = None
        self._alerts_at = -_ALERTS_SECONDS
        self._alerts_changed = True
        self._stopped = False

    async def run(self) -> None:
        """Listen for changes, look when there are some, and beat twice a second, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for loop in (self._listen(), self._beat(), self._follow()):
                group.create_task(loop)

    def stop(self) -> None:
        """End every stream; new ones end at once."""
        self._stopped = True
        for stream in tuple(self._streams):
            stream.end()

    async def overview(self) -> Overview:
        """Everything now; callers at the same time share one look."""
        found: Overview = await self._shared("overview", lambda: self._overview(None))
        return found

    async def host(self, host: str) -> HostDetail | None:
        """One host now; None when nobody knows it."""
        found: HostDetail | None = await self._shared(f"host:{host}", lambda: self._host(host, None))
        return found

    async def stream(self, topics: frozenset[str]) -> AsyncGenerator[Message, None]:
        """Messages for one browser, a full look at each of its topics first. Ends when it falls behind or the process stops."""
        stream = Stream(topics)
        self._streams.add(stream)
        try:
            for topic in sorted(topics):
                if message := await self._look(topic):
                    yield message
            while not (self._stopped and stream.queue.empty()):
                message = await stream.queue.get()
                if message is None:
                    return
                yield message
        finally:
            self._streams.discard(stream)

    @property
    def streams(self) -> int:
        """How many browsers listen."""
        return len(self._streams)

    async def _shared(self, key: str, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        task = self._looking.get(key)
        if task is None or task.done():
            task = self._looking[key] = asyncio.create_task(make())
            task.add_done_callback(lambda _: self._looking.pop(key, None))
        return await asyncio.shield(task)

    async def _overview(self, open_: OpenNow | None) -> Overview:
        return await overview(self._rooms, await self._hosts_seen(), open_ or await self._look_at_alerts())

    async def _host(self, host: str, open_: OpenNow | None) -> HostDetail | None:
        return await host_detail(self._rooms, host, await self._hosts_seen(), open_ or await self._look_at_alerts())

    async def _look_at_alerts(self) -> OpenNow:
        self._open = await asyncio.to_thread(open_now, self._rooms)
        return self._open

    async def _hosts_seen(self) -> dict[str, int]:
        if monotonic() - self._seen_at >= _SEEN_SECONDS:
            self._seen_at = monotonic()
            self._seen = await machines.seen_lately(self._rooms.samples, self._rooms.now_ms())
        return self._seen

    async def _listen(self) -> None:
        async with self._rooms.updates.listen() as updates:
            async for update in updates:
                self._changed.set()
                self._alerts_changed = self._alerts_changed or update.topic in {"alerts", "missed"}
                with suppress(GwanjeError):
                    if update.topic == "fetches":
                        self._tell("fetches", ("fetch", msgspec.json.encode(dict(update.fields))))

    async def _beat(self) -> None:
        while True:
            tick = ("tick", msgspec.json.encode({"at": self._rooms.now_ms()}))
            for stream in tuple(self._streams):
                stream.put(tick)
            await asyncio.sleep(_BEAT_SECONDS)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            started = monotonic()
            await self._look_at_all()
            taken = monotonic() - started
            await asyncio.sleep(max(_LOOK_SECONDS - taken, taken))  # a machine that is busy looks less often

    async def _look_at_all(self) -> None:
        """Tell each stream what changed on its screen."""
        self._changed.clear()
        alerts_too = self._alerts_changed or monotonic() - self._alerts_at >= _ALERTS_SECONDS
        if alerts_too:
            self._alerts_changed, self._alerts_at, self._open = False, monotonic(), None
        topics = {topic for stream in self._streams for topic in stream.topics}
        self._last = {topic: message for topic, message in self._last.items() if topic in topics}
        for topic in topics:
            if topic.startswith(_OF_ALERTS) and not alerts_too:
                continue
            message = await self._look(topic)
            if message and self._last.get(topic) != message:
                self._last[topic] = message
                self._tell(topic, message)

    async def _look(self, topic: str) -> Message | None:
        """The full look that a topic begins with and is refreshed by; None for topics of single events."""
        try:
            found = await self._found(topic)
        except GwanjeError as error:
            log.warning("a look at the stores failed; the next comes with the next change", topic=topic, reason=str(error))
            return None
        return found and (found[0], msgspec.json.encode(found[1]))

    async def _found(self, topic: str) -> tuple[str, object] | None:
        kind, _, asked = topic.partition(":")
        match kind:
            case "overview":
                return "overview", await self._shared("streamed overview", lambda: self._overview(self._open))
            case "host":
                host = await self._shared(f"streamed {topic}", lambda: self._host(asked, self._open))
                return ("host", flat(host)) if host else None
            case "alerts":
                return "tally", await asyncio.to_thread(tally, self._rooms)
            case "alert":
                alert = await asyncio.to_thread(one_alert, self._rooms, asked)
                return ("alert", alert) if alert else None
            case "standing":
                listed = await asyncio.to_thread(standing, self._rooms, asked_by(asked))
                return "standing", {"asked": asked, "standing": listed}
        return None

    def _tell(self, topic: str, message: Message) -> None:
        for stream in tuple(self._streams):
            if topic in stream.topics:
                stream.put(message)


def flat(detail: HostDetail) -> dict[str, object]:
    """A host's detail as one object: its own figures beside the lists."""
    rest = {name: getattr(detail, name) for name in HostDetail.__dataclass_fields__ if name != "summary"}
    return {**asdict(detail.summary), **rest}
