"""What is told by the clock: a heartbeat for an outside check, and the day before in one message.

Both are written once for each moment of the clock, whichever process does it and however often it was restarted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from pydantic import field_validator

from gwanje.carry.updates.base import Update, Updates
from gwanje.config import Duration, Settings
from gwanje.keep.state import history, outbox
from gwanje.keep.state.base import State
from gwanje.keep.state.history import Lived
from gwanje.model import Severity, to_ms
from gwanje.tell.notifiers.base import FIRING, AlertInMessage, Notification
from gwanje.tell.windows import Clock
from gwanje.tell.words import spoken
from gwanje.watch.instants import floor
from gwanje.watch.notices import Notice, put, put_once
from gwanje.zones import Zone

HEARTBEAT: Final = "heartbeat"
_TICK: Final = timedelta(seconds=1)
_ALIVE: Final = timedelta(minutes=1)
"""A round that was not completed for so long is not alive: then there is no heartbeat."""
_LATE: Final = timedelta(hours=12)
"""A summary that could not be told at its time is told so long after it at most."""
_NAMED: Final = 5
_BEATS_KEPT: Final = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Heartbeat(Settings):
    """An alert that always fires, for a check elsewhere that tells people when it stops."""

    receiver: str
    """Who gets it; a `webhook` sends it as Alertmanager's payload."""
    every: Duration = timedelta(minutes=1)
    """How often; at least ten seconds apart."""

    @field_validator("every")
    @classmethod
    def _not_too_often(cls, every: timedelta) -> timedelta:
        if every < timedelta(seconds=10):
            raise ValueError("a heartbeat comes at most every 10s")
        return every


class Summary(Settings):
    """What happened the day before, in one message."""

    receiver: str
    """Who gets it."""
    at: Clock = "09:00"
    """When, by the clock of the zone."""
    zone: Zone = "UTC"
    """The zone of that clock, and of the day."""


class Reports:
    """Writes both down when their time has come. `completed` says when the last round was completed."""

    def __init__(
        self,
        state: State,
        updates: Updates | None,
        *,
        heartbeat: Heartbeat | None,
        summary: Summary | None,
        completed: Callable[[], datetime | None],
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._updates = updates
        self._heartbeat = heartbeat
        self._summary = summary
        self._completed = completed
        self._clock = clock
        self._beaten: datetime | None = None
        self._summed: date | None = None

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        while self._heartbeat or self._summary:
            try:
                await self.once(self._clock())
            except Exception as error:  # noqa: BLE001 - a state that cannot be written now must not end the reports for good
                log.error("reports are held up", reason=str(error))  # noqa: TRY400 - the reason says it all
            await asyncio.sleep(_TICK.total_seconds())

    async def once(self, now: datetime) -> int:
        """Write down what is due; how many messages that are."""
        told = 0
        if self._heartbeat and self._beaten != (beat := floor(now, self._heartbeat.every)) and self._alive(now):
            told += await asyncio.to_thread(self._beat, self._heartbeat, beat)
            self._beaten = beat
        if self._summary and (day := due_day(self._summary, now)) is not None and day != self._summed:
            told += await asyncio.to_thread(self._sum_up, self._summary, day, now)
            self._summed = day
        if told and self._updates is not None:
            self._updates.publish(Update("outbox"))
        return told

    def _alive(self, now: datetime) -> bool:
        completed = self._completed()
        return completed is not None and now - completed < _ALIVE

    def _beat(self, settings: Heartbeat, beat: datetime) -> bool:
        key = f"{HEARTBEAT}:{settings.receiver}:{to_ms(beat)}"
        said = {"ko": "감시가 살아 있습니다.", "en": "The watch is alive."}
        alert = AlertInMessage("", HEARTBEAT, HEARTBEAT, {}, Severity.INFO, FIRING, said, None, "", "", beat)
        message = Notification(key, HEARTBEAT, settings.receiver, {}, HEARTBEAT, [alert], beat)
        with self._state.write() as connection:
            # One that could not be sent before the next says nothing any more.
            outbox.forget_group(connection, HEARTBEAT, beat - _BEATS_KEPT)
            return put_once(connection, message, beat, lasts=settings.every)

    def _sum_up(self, settings: Summary, day: date, now: datetime) -> bool:
        zone = ZoneInfo(settings.zone)
        since = datetime.combine(day - timedelta(days=1), time(), zone).astimezone(UTC)
        until = datetime.combine(day, time(), zone).astimezone(UTC)
        with self._state.write() as connection:
            title, text = summed_up(history.lived(connection, since, until), day - timedelta(days=1), since, until)
            return put(connection, Notice(f"summary:{settings.receiver}:{day}", settings.receiver, title, text), now)


def due_day(settings: Summary, now: datetime) -> date | None:
    """The day whose summary is due now; None before its time, and long after it."""
    local = now.astimezone(ZoneInfo(settings.zone))
    at = datetime.combine(local.date(), time.fromisoformat(settings.at.replace("24:00", "00:00")), ZoneInfo(settings.zone))
    return local.date() if timedelta() <= now - at < _LATE else None


def summed_up(lived: Sequence[Lived], day: date, since: datetime, until: datetime) -> tuple[dict[str, str], dict[str, str]]:
    """Title and text of a day, by language: how many, how bad, what is still open, what took longest, which rules."""
    fired = [one for one in lived if one.fired_at >= since]
    still = [one for one in lived if one.ended_at is None or one.ended_at >= until]
    by_severity = Counter(str(one.severity) for one in fired)
    longest = max(lived, key=lambda one: _length(one, until), default=None)
    rules = Counter(one.rule for one in fired).most_common(_NAMED)
    critical, warning = by_severity["critical"], by_severity["warning"]
    title = {
        "ko": f"{day} 알림 {len(fired)}건 (심각 {critical}, 경고 {warning}), 끝나지 않은 것 {len(still)}건",
        "en": f"{day}: {len(fired)} alerts ({critical} critical, {warning} warning), {len(still)} still open",
    }
    ko = [f"- {rule}: {count}건" for rule, count in rules]
    en = [f"- {rule}: {count}" for rule, count in rules]
    if longest is not None:
        where = f" · {longest.host}" if longest.host else ""
        ko.append(f"가장 긴 것: {longest.rule}{where}, {spoken(_length(longest, until), 'ko')}")
        en.append(f"Longest: {longest.rule}{where}, {spoken(_length(longest, until), 'en')}")
    return title, {"ko": "\n".join(ko) or "알림이 없었습니다.", "en": "\n".join(en) or "No alerts."}


def _length(one: Lived, until: datetime) -> timedelta:
    return min(one.ended_at or until, until) - one.fired_at
