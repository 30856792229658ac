"""Stretches of the calendar: nights, weekends, holidays, a planned change. Pure: told the time.

Whether a window holds is asked of the wall clock in its zone, so that `22:00` to `07:00` is right across a change of clocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import holidays as calendar
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gwanje.because import Because
from gwanje.config import Settings
from gwanje.tell.matchers import Matchers
from gwanje.zones import Zone

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_FURTHEST: Final = timedelta(days=400)
"""How far ahead a calendar looks."""
_NEAR: Final = timedelta(days=14)
"""How far ahead a window's next change is looked for."""


def _country(name: str) -> str:
    try:
        holidays_of(name, 2026)
    except NotImplementedError as error:
        sentence = f"no holidays are known of {name!r}; write a country's two letters, such as KR or US"
        raise ValueError(Because(sentence, "no_country", text=name)) from error
    return name


def _clock(written: Any) -> Any:
    """`22:00`, also where YAML read it as minutes of a day."""
    text = f"{written // 60:02d}:{written % 60:02d}" if isinstance(written, int) else written
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError(Because(f"{written!r} is no time of day; write it as '22:00'", "no_time_of_day", text=str(written)))
    return text


def _listed(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


def _days(written: Iterable[str]) -> tuple[str, ...]:
    """`mon-fri` spelled out."""
    found: list[str] = []
    for one in written:
        first, _, last = one.lower().partition("-")
        if first not in DAYS or (last and last not in DAYS):
            sentence = f"{one!r} is no day; write {', '.join(DAYS)} or a stretch of them: mon-fri"
            raise ValueError(Because(sentence, "no_day", text=one))
        start, end = DAYS.index(first), DAYS.index(last or first)
        found += [DAYS[index % 7] for index in range(start, end + 1 + (7 if end < start else 0))]
    return tuple(dict.fromkeys(found))


def _dates(written: Iterable[str]) -> tuple[str, ...]:
    for one in written:
        _stretch(one)
    return tuple(written)


Country = Annotated[str, AfterValidator(_country)]
"""A country's two letters: `KR`."""
Clock = Annotated[str, BeforeValidator(_clock)]
"""A time of day: `22:00`."""
Days = Annotated[tuple[str, ...], AfterValidator(_days), BeforeValidator(_listed)]
"""Days of the week: `[mon-fri]`, `[sat, sun]`."""
Dates = Annotated[tuple[str, ...], AfterValidator(_dates), BeforeValidator(lambda given: tuple(map(str, _listed(given))))]
"""Dates and stretches of dates: `[2026-12-24, 2026-12-30/2027-01-02]`."""


class Window(Settings):
    """A stretch of the calendar that comes again. What is not set, holds always."""

    name: str = Field(min_length=1, max_length=100)
    """The name by which routes know it."""
    zone: Zone = "UTC"
    """The zone of its clock."""
    days: Days = ()
    """On which days of the week it begins: `[mon-fri]`."""
    from_: Clock = Field(default="00:00", alias="from")
    """When on such a day it begins: `22:00`."""
    to: Clock = "24:00"
    """When it ends; before `from`, it ends on the next day."""
    dates: Dates = ()
    """On which dates it begins: `[2026-12-24, 2026-12-30/2027-01-02]`."""
    holidays: Country | None = None
    """On the public holidays of a country, by its two letters: `KR`."""
    match: Matchers = ()
    """With matchers it is maintenance: nobody at all is told of what they match while it holds, whatever the routes say."""

    @model_validator(mode="after")
    def _some_time(self) -> Window:
        if self.from_ == self.to:
            raise ValueError(Because("`from` and `to` are the same time; leave both out for the whole day", "from_is_to"))
        return self


def holds(window: Window, at: datetime) -> bool:
    """Whether the window holds at a time (aware)."""
    zone = ZoneInfo(window.zone)
    return any(_begins_on(window, day) for day in days_at(at, window.from_, window.to, zone))


def stretches(window: Window, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """When the window holds between two times, as a calendar shows it; cut at both ends. At most `_FURTHEST` is looked at."""
    zone = ZoneInfo(window.zone)
    return [(begin.astimezone(zone), until.astimezone(zone)) for begin, until in _stretches(window, start, end)]


def on(windows: Iterable[Window], at: datetime) -> frozenset[str]:
    """The names of the windows that hold."""
    return frozenset(window.name for window in windows if holds(window, at))


def ends(window: Window, at: datetime) -> datetime | None:
    """When a window that holds now ends; None where that is further away than two weeks."""
    now, zone = at.astimezone(UTC), ZoneInfo(window.zone)
    found = (end for begin, end in _stretches(window, now, now + _NEAR) if begin == now and end < now + _NEAR)
    return next((end.astimezone(zone) for end in found), None)


def begins(window: Window, at: datetime) -> datetime | None:
    """When a window begins next; None where that is further away than two weeks."""
    now, zone = at.astimezone(UTC), ZoneInfo(window.zone)
    return next((begin.astimezone(zone) for begin, _ in _stretches(window, now, now + _NEAR) if begin > now), None)


def days_at(at: datetime, begins: str, ends: str, zone: ZoneInfo) -> list[date]:
    """The days (one or none, two where clocks change) whose stretch from one time of the clock to another holds a time."""
    now, today = at.astimezone(UTC), at.astimezone(zone).date()
    found = []
    for day in (today - timedelta(days=1), today):
        begin, end = _from_to(day, begins, ends, zone)
        if begin <= now < end:
            found.append(day)
    return found


def instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """When the clock shows a time of day, in UTC.

    As in RFC 5545 (3.3.5), the first time where clocks go back and show it twice, and by the clock before where they go
    forward and never do: so a window neither comes twice nor is left out in the night in which clocks change.
    """
    if clock == "24:00":
        return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


@lru_cache(maxsize=256)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """The public holidays of a country in a year. Raises NotImplementedError for a country that is not known."""
    return frozenset(calendar.country_holidays(country, years=year))


def _begins_on(window: Window, day: date) -> bool:
    if window.days and DAYS[day.weekday()] not in window.days:
        return False
    if window.dates and not any(first <= day <= last for first, last in map(_stretch, window.dates)):
        return False
    return window.holidays is None or day in holidays_of(window.holidays, day.year)


def _stretch(written: str) -> tuple[date, date]:
    first, _, last = written.partition("/")
    try:
        found = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError as error:
        sentence = f"{written!r} is no date; write 2026-12-24 or 2026-12-30/2027-01-02"
        raise ValueError(Because(sentence, "no_date", text=written)) from error
    if found[1] < found[0]:
        raise ValueError(Because(f"{written!r} ends before it begins", "date_ends_before", text=written))
    return found


def _from_to(day: date, begins: str, ends: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when until when the stretch of a day lasts, in UTC; it ends on the next day where `ends` lies before `begins`."""
    return instant(day, begins, zone), instant(day + timedelta(days=ends <= begins), ends, zone)


def _stretches(window: Window, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """In UTC: times of one zone compare by their clocks, which say the same twice where they go back."""
    zone = ZoneInfo(window.zone)
    start, end = start.astimezone(UTC), min(end, start + _FURTHEST).astimezone(UTC)
    found: list[tuple[datetime, datetime]] = []
    day = start.astimezone(zone).date() - timedelta(days=1)
    while instant(day, "00:00", zone) < end:
        begin, until = _from_to(day, window.from_, window.to, zone)
        if begin < until and begin < end and until > start and _begins_on(window, day):
            found.append((max(begin, start), min(until, end)))
        day += timedelta(days=1)
    return _joined(found)


def _joined(found: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    joined: list[tuple[datetime, datetime]] = []
    for begin, end in found:
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
