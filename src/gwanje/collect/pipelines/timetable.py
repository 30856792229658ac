"""When a pipeline runs: cron in its own zone, or a steady beat. Pure: told the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

from gwanje.config import format_duration, parse_duration
from gwanje.model import from_ms, to_ms
from gwanje.zones import zone_named

_EVERY = "every "
_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)
"""From here a schedule is tried out; 2024 is a leap year, so that 29 February comes."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """Read from text by `read`; `text` empty means: only when somebody asks."""

    text: str
    zone: tzinfo

    @classmethod
    def read(cls, text: str, zone: str = "UTC") -> Timetable:
        """Read `*/5 * * * *` (also with a field of seconds before), or `every 30s`. ValueError says what is allowed."""
        timetable = cls(" ".join(text.split()), zone_named(zone))
        try:
            timetable.next_after(_ANY_DAY)
        except CronSimError as error:
            reason = str(error).lower()
            raise ValueError(
                f"{text!r} is not a schedule ({reason}); write minute hour day month weekday, as in '*/5 * * * *', or 'every 30s'"
            ) from error
        return timetable

    def next_after(self, now: datetime) -> datetime | None:
        """The first tick later than `now`, in UTC; None when nothing is scheduled.

        A steady beat is aligned to the epoch, so that all processes beat together.
        """
        if not self.text:
            return None
        if self.text.startswith(_EVERY):
            return _next_beat(parse_every(self.text), now)
        try:
            return next(CronSim(self.text, now.astimezone(self.zone))).astimezone(UTC)
        except StopIteration:
            raise CronSimError("no such day ever comes") from None

    def last_before(self, now: datetime) -> datetime | None:
        """The last tick earlier than `now`, in UTC; None when nothing is scheduled."""
        if not self.text:
            return None
        if self.text.startswith(_EVERY):
            beat = parse_every(self.text)
            return _next_beat(beat, now - timedelta(milliseconds=1)) - beat
        return next(CronSim(self.text, now.astimezone(self.zone), reverse=True)).astimezone(UTC)


def parse_every(text: str) -> timedelta:
    """The beat of `every 30s`. ValueError says what is allowed."""
    beat = parse_duration(text.removeprefix(_EVERY).strip())
    if beat <= timedelta():
        raise ValueError(f"{text!r} never moves on; write a time longer than {format_duration(timedelta())}, as in 'every 30s'")
    return beat


def _next_beat(beat: timedelta, now: datetime) -> datetime:
    length = beat // timedelta(milliseconds=1)
    return from_ms((to_ms(now) // length + 1) * length)
