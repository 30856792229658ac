"""Peers' defects that are about processes. The message that a kill leaves to be sent is in `test_stories.py`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gwanje.judge.lifecycle import unknown
from gwanje.keep.state import alerts, stories
from gwanje.show.alerts import shown
from gwanje.testing.notifiers import far_end
from tests.e2e.lives import ALERTS, Life, Story  # as a life imports it, not relatively

pytestmark = pytest.mark.e2e


async def test_peers_the_evaluators_death_resolves_nothing(tmp_path: Path) -> None:
    """Kill -9 while alerts fire: they stay open, are shown as unknown, and nobody hears that they are over."""
    all_fire = Story(time.time() - 200, 11, seconds=3600.0, shortest=3500.0)
    async with far_end() as end:
        life = Life("sqlite", "", tmp_path, end.url, all_fire, "w", "w")
        process = await asyncio.to_thread(life.begin)
        try:
            async with asyncio.timeout(120):
                while not end.got:  # noqa: ASYNC110 - the far end has nothing to wait on
                    await asyncio.sleep(0.02)
        finally:
            process.kill()
            await asyncio.to_thread(process.join)
        killed = datetime.now(UTC)
    state = life.state()
    with state.read() as connection:
        opened, judged_at = stories.open_episodes(connection), alerts.judged_at(connection)
    state.close()
    assert judged_at is not None
    assert judged_at <= killed
    lost = unknown(judged_at, judged_at + timedelta(minutes=1))
    assert lost
    assert {shown(one, unknown=lost).state for one in opened} == {"unknown"}
    assert {one.ended_because for one in opened} == {None}
    assert 0 < len(opened) <= ALERTS
    assert {alert["status"] for body in end.got for alert in body["alerts"]} == {"firing"}
