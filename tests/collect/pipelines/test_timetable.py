"""When a pipeline runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gwanje.collect.pipelines.timetable import Timetable


@pytest.mark.parametrize(
    ("text", "zone", "now", "tick"),
    [
        pytest.param("*/5 * * * *", "UTC", "2026-11-21T02:03:10", "2026-11-21T02:05:00", id="every five minutes, aligned"),
        pytest.param("*/5 * * * *", "UTC", "2026-11-21T02:05:00", "2026-11-21T02:10:00", id="a tick is over when it has come"),
        pytest.param("*/5 * * * *", "UTC", "2026-11-21T02:04:59.999", "2026-11-21T02:05:00", id="a moment before it"),
        pytest.param("*/2 * * * * *", "UTC", "2026-11-21T02:03:10.5", "2026-11-21T02:03:12", id="six fields: seconds"),
        pytest.param("50 23,11 * * *", "Asia/Seoul", "2026-11-21T02:03:10", "2026-11-21T02:50:00", id="in its own zone"),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T01:00:00", id="an hour that the clocks leave out"
        ),
        pytest.param("every 30s", "UTC", "2026-11-21T02:03:10", "2026-11-21T02:03:30", id="a steady beat, aligned"),
        pytest.param("every 30s", "UTC", "2026-11-21T02:03:30", "2026-11-21T02:04:00", id="a beat is over when it has come"),
        pytest.param("every 1h30m", "UTC", "2026-11-21T02:03:10", "2026-11-21T03:00:00", id="a longer beat"),
        pytest.param("  every   500ms ", "UTC", "2026-11-21T02:03:10.2", "2026-11-21T02:03:10.5", id="spaces do not matter"),
        pytest.param("", "UTC", "2026-11-21T02:03:10", None, id="only when asked"),
    ],
)
def test_the_next_tick(text: str, zone: str, now: str, tick: str | None) -> None:
    found = Timetable.read(text, zone).next_after(_utc(now))
    assert found == (None if tick is None else _utc(tick))
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        (
            "*/5 * * *",
            "UTC",
            r"is not a schedule \(wrong number of fields\); write minute hour day month weekday, as in '\*/5 \* \* \* \*'",
        ),
        ("61 * * * *", "UTC", r"bad minute"),
        ("0 0 31 2 *", "UTC", r"bad day-of-month"),
        ("every", "UTC", "is not a schedule"),
        ("every day", "UTC", r"'day' is not a duration; write 30s, 5m"),
        ("every 0s", "UTC", "never moves on"),
        ("* * * * *", "Asia/Soul", r"'Asia/Soul' is not a time zone; write Asia/Seoul"),
        ("* * * * *", "../etc/passwd", "not a time zone"),
    ],
)
def test_what_is_no_schedule_says_what_is(text: str, zone: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Timetable.read(text, zone)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
