"""D8 and D11: a heartbeat, and the day before in one message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from gwanje.keep.state import alerts, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import outbox
from gwanje.kinds import World
from gwanje.tell.message import from_plain
from gwanje.tell.notifiers.base import Notification
from gwanje.watch.reports import Heartbeat, Reports, Summary

SEOUL = ZoneInfo("Asia/Seoul")
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=SEOUL)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = sqlite.create(sqlite.Settings(), World(tmp_path))
    state.migrate()
    yield state
    state.close()


def _reports(state: State, **given: Any) -> Reports:
    known: dict[str, Any] = {"heartbeat": None, "summary": None, "completed": lambda: NINE, "clock": lambda: NINE}
    return Reports(state, None, **{**known, **given})


def _sent(state: State) -> list[Notification]:
    with state.read() as connection:
        return [from_plain(row) for row in connection.execute(select(outbox.c.message).order_by(outbox.c.id)).scalars()]


async def test_d8_a_heartbeat_leaves_each_interval_once_and_also_after_a_restart(state: State) -> None:
    heartbeat = Heartbeat(receiver="check", every=timedelta(minutes=1))
    alive = {"heartbeat": heartbeat, "completed": lambda: NINE + timedelta(seconds=30)}
    for reports in (_reports(state, **alive), _reports(state, **alive)):
        for seconds in (0, 1, 30, 60):
            await reports.once(NINE + timedelta(seconds=seconds))
    assert [(one.alerts[0].rule, one.alerts[0].state) for one in _sent(state)] == [("heartbeat", "firing")] * 2


async def test_d8_a_watch_that_stands_still_has_no_heartbeat(state: State) -> None:
    reports = _reports(state, heartbeat=Heartbeat(receiver="check"), completed=lambda: NINE - timedelta(minutes=2))
    assert await reports.once(NINE) == 0
    assert await _reports(state, heartbeat=Heartbeat(receiver="check"), completed=lambda: None).once(NINE) == 0


def _row(id_: str, began: datetime, minutes: float | None, **given: Any) -> alerts.Row:
    known = {"id": id_, "fingerprint": id_, "rule": "disk full", "labels": {"host": "web-1"}, "annotations": {}, "summary": {}}
    ended = None if minutes is None else began + timedelta(minutes=minutes)
    times = {"began_at": began, "fired_at": began, "ended_at": ended, "state": "firing", "severity": "critical"}
    rest = {"operator": ">=", "threshold": 0.9, "query": "", "unit": "", "for_ms": 0}
    return {**known, **times, **rest, **given}


async def test_d11_the_day_before_is_told_once_at_its_hour(state: State) -> None:
    day = datetime(2026, 3, 1, 10, 0, tzinfo=SEOUL).astimezone(UTC)
    with state.write() as connection:
        rows = [_row("1", day, 30), _row("2", day, 90, severity="warning", rule="cpu high"), _row("3", day, None)]
        alerts.begin_episodes(connection, [*rows, _row("4", day - timedelta(days=2), 5)])
    summary = Summary(receiver="ops", zone="Asia/Seoul")
    for reports in (_reports(state, summary=summary), _reports(state, summary=summary)):
        for minutes in (-1, 0, 1, 90):
            await reports.once(NINE + timedelta(minutes=minutes))
    (told,) = _sent(state)
    assert (told.reason, told.receiver) == ("notice", "ops")
    assert told.title["ko"] == "2026-03-01 알림 3건 (심각 2, 경고 1), 끝나지 않은 것 1건"
    assert told.title["en"] == "2026-03-01: 3 alerts (2 critical, 1 warning), 1 still open"
    assert told.text["en"] == "- disk full: 2\n- cpu high: 1\nLongest: disk full · web-1, 14 h"


async def test_a_summary_whose_time_passed_while_nothing_ran_is_told_late_but_not_in_the_night(state: State) -> None:
    summary = Summary(receiver="ops", zone="Asia/Seoul")
    assert await _reports(state, summary=summary).once(NINE + timedelta(hours=13)) == 0
    assert await _reports(state, summary=summary).once(NINE + timedelta(hours=3)) == 1
    assert _sent(state)[0].text["ko"] == "알림이 없었습니다."
