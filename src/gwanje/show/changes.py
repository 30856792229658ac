"""Changes of alerts as they happen, each with its number, so that whoever was away goes on where they stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import msgspec

from gwanje.keep.state import history, stories
from gwanje.keep.state.history import Chosen
from gwanje.model import to_ms
from gwanje.show import alerts
from gwanje.show.rooms import Rooms

_MOST_AT_ONCE: Final = 500
_SAID: Final = ("before", "after", "because", "reason", "value")

Change = tuple[int, bytes]
"""A change's number, and what it says as JSON: the alert as it is now, and what changed."""


async def follow(rooms: Rooms, chosen: Chosen, number: int, beat: timedelta) -> AsyncIterator[Change | None]:
    """Every change after a number, then each as it comes; None after each `beat` in which there was none."""
    async with rooms.updates.listen() as heard:
        hint = asyncio.ensure_future(anext(heard))
        try:
            while True:
                found = await asyncio.to_thread(_after, rooms, number, chosen)
                for change in found:
                    number = change[0]
                    yield change
                if len(found) == _MOST_AT_ONCE:
                    continue
                await asyncio.wait({hint}, timeout=beat.total_seconds())
                if hint.done():
                    hint = asyncio.ensure_future(anext(heard))
                else:
                    yield None
        finally:
            hint.cancel()


def _after(rooms: Rooms, number: int, chosen: Chosen) -> list[Change]:
    with rooms.state.read() as connection:
        found = history.steps_after(connection, number, chosen, _MOST_AT_ONCE)
        known = {one.id: one for one in stories.fired_or_named(connection, {step.episode for step in found}, fired=False)}
    said: list[Change] = []
    for step in found:
        change = {"at": to_ms(step.at), **{name: getattr(step, name) for name in _SAID}}
        said.append((step.id, msgspec.json.encode({"alert": alerts.shown(known[step.episode]), "change": change})))
    return said
