"""D8 and D11: a heartbeat, and the day before in one message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from gwanje.errors import RetryLater
from gwanje.keep.state import alerts, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import attempts, outbox
from gwanje.tell.delivery import Delivery
from gwanje.tell.message import from_plain
from gwanje.tell.notifiers import webhook
from gwanje.tell.notifiers.base import Notification
from gwanje.testing.notifiers import Recorder
from gwanje.watch.notices import Notice, put
from gwanje.watch.reports import Heartbeat, Reports, Summary

SEOUL = ZoneInfo("Asia/Seoul")
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=SEOUL)


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


async def test_d8_a_heartbeat_is_an_alert_that_fires_for_whoever_understands_alertmanager(state: State) -> None:
    alive = {"heartbeat": Heartbeat(receiver="check"), "completed": lambda: NINE}
    await _reports(state, **alive).once(NINE)
    (beat,) = _sent(state)
    told = webhook.payload(beat, webhook.Settings.model_validate({"url": "http://check.example", "language": "en"}))
    assert (told["status"], told["alerts"][0]["status"]) == ("firing", "firing")
    assert told["alerts"][0]["labels"]["alertname"] == "heartbeat"
    assert told["alerts"][0]["startsAt"] == "2026-03-02T00:00:00Z"


async def test_d8_of_beats_that_nobody_took_only_the_newest_is_told(state: State) -> None:
    """The check was away for ten minutes: an old beat says nothing of now, and none of them is worth a word about itself."""
    clock = [NINE]
    check = Recorder(failures=[RetryLater("away")] * 1000)
    alive = {"heartbeat": Heartbeat(receiver="check"), "completed": lambda: clock[0]}
    reports = _reports(state, **alive)
    delivery = Delivery(state, {"check": check}, None, worker_id="a", clock=lambda: clock[0], chance=lambda: 1.0)
    for second in range(0, 660, 5):
        clock[0] = NINE + timedelta(seconds=second)
        if second == 600:
            check.failures.clear()
        await reports.once(clock[0])
        delivery._expire()
        await delivery.once()
    assert check.sent[0].decided >= NINE + timedelta(minutes=9)
    assert len(check.sent) <= 2


async def test_d11_a_notice_is_told_once_takes_the_outbox_and_has_no_life(state: State) -> None:
    clock = [NINE]
    ops = Recorder(failures=[RetryLater("away", status=503)] * 3)
    delivery = Delivery(state, {"ops": ops}, None, worker_id="a", clock=lambda: clock[0], chance=lambda: 1.0)
    told = Notice("load:2026-03-01", "ops", {"en": "The load ended well"}, {"en": "12 000 records"})
    with state.write() as connection:
        assert put(connection, told, NINE)
    for minute in range(0, 24 * 60, 10):
        clock[0] = NINE + timedelta(minutes=minute)
        await delivery.once()
        with state.write() as connection:
            assert not put(connection, told, clock[0]), "the same notice is another one"
    assert [(one.reason, one.title["en"], one.resolved) for one in ops.sent] == [("notice", "The load ended well", False)]
    with state.read() as connection:
        assert stories.open_episodes(connection) == []
        kept = connection.execute(select(attempts.c.outcome).order_by(attempts.c.id)).scalars().all()
    assert list(kept) == ["later", "later", "later", "sent"]
