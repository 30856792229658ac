"""Who is on duty: people who take turns, and those who take a stretch over. Pure: told the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from gwanje.config import Settings
from gwanje.tell.windows import DAYS, Clock, Country, Days, Zone, holidays_of

_MOST_TURNS: Final = 1000


class Person(Settings):
    """Somebody who takes turns, and how they are told."""

    name: str = Field(min_length=1, max_length=100)
    """Their name, as messages and the page say it."""
    receiver: str
    """The receiver by which they are told."""


class Override(Settings):
    """A stretch that somebody else takes over."""

    person: str
    """The name of who takes it."""
    from_: AwareDatetime = Field(alias="from")
    """From when: `2026-12-24T09:00:00+09:00`."""
    to: AwareDatetime
    """Until when."""

    @model_validator(mode="after")
    def _in_order(self) -> Override:
        if self.to <= self.from_:
            raise ValueError("`to` must lie after `from`")
        return self


class Rota(Settings):
    """People who take turns. Each turn begins at the hand-over time; the first person's first turn is that of `starts`."""

    name: str = Field(min_length=1, max_length=100)
    """The name by which routes and escalations know it."""
    zone: Zone = "UTC"
    """The zone of its clock."""
    people: tuple[Person, ...] = Field(min_length=1)
    """Who takes turns, in order."""
    every: Annotated[int, Field(ge=1, le=366)] = 7
    """How many days a turn lasts."""
    starts: Annotated[date, BeforeValidator(lambda written: written if isinstance(written, date) else str(written))]
    """The day on which the first person's first turn begins: `2026-01-05`."""
    hand_over: Clock = "09:00"
    """When on the day of a hand-over the next turn begins."""
    days: Days = ()
    """On which days somebody is on duty; every day unless set. A day is from hand-over to hand-over."""
    not_on_holidays: Country | None = None
    """Nobody is on duty on the public holidays of this country, such as `KR`; the route's or step's other receivers are told."""
    overrides: tuple[Override, ...] = ()
    """Stretches that somebody else takes over; of several, the last written wins."""

    @model_validator(mode="after")
    def _known(self) -> Rota:
        names = [person.name for person in self.people]
        if len(set(names)) < len(names):
            raise ValueError("two people have one name; tell them apart")
        for override in self.overrides:
            if override.person not in names:
                raise ValueError(f"{override.person!r} takes a stretch over but is not among the people: {', '.join(names)}")
        return self


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is on duty from when until when."""

    person: Person
    begins: datetime
    ends: datetime


def on_duty(rota: Rota, at: datetime) -> Person | None:
    """Who is on duty at a time (aware); None where nobody is."""
    taken = next((one for one in reversed(rota.overrides) if one.from_ <= at < one.to), None)
    if taken is not None:
        return next(person for person in rota.people if person.name == taken.person)
    day = _day(rota, at)
    if rota.days and DAYS[day.weekday()] not in rota.days:
        return None
    if rota.not_on_holidays and day in holidays_of(rota.not_on_holidays, day.year):
        return None
    return rota.people[(day - rota.starts).days // rota.every % len(rota.people)]


def turns(rota: Rota, start: datetime, end: datetime) -> list[Turn]:
    """Who is on duty between two times, as a calendar shows it: one entry each time that changes."""
    moments = [start, *(moment for moment in _moments(rota, start, end) if start < moment < end)]
    found: list[Turn] = []
    for begins, ends in zip(moments, [*moments[1:], end], strict=True):
        person = on_duty(rota, begins)
        if person is None:
            continue
        if found and found[-1].person == person and found[-1].ends == begins:
            found[-1] = Turn(person, found[-1].begins, ends)
        else:
            found.append(Turn(person, begins, ends))
    return found


def receiver_of(rotas: Iterable[Rota], name: str, at: datetime) -> str:
    """The receiver of who is on duty in the rota of this name; empty where nobody is."""
    person = next((on_duty(rota, at) for rota in rotas if rota.name == name), None)
    return person.receiver if person else ""


def _day(rota: Rota, at: datetime) -> date:
    """The day of duty that a time belongs to: before the hand-over it is still the day before."""
    local = at.astimezone(ZoneInfo(rota.zone))
    return local.date() - timedelta(days=local.strftime("%H:%M") < rota.hand_over)


def _moments(rota: Rota, start: datetime, end: datetime) -> Sequence[datetime]:
    """Every time at which who is on duty may change."""
    zone, clock = ZoneInfo(rota.zone), time.fromisoformat(rota.hand_over)
    day, found = _day(rota, start), set[datetime]()
    while len(found) < _MOST_TURNS and (moment := datetime.combine(day, clock, zone)) < end:
        found.add(moment)
        day += timedelta(days=1)
    for override in rota.overrides:
        found |= {override.from_, override.to}
    return sorted(found)


def check_receivers(rota: Rota, known: Iterable[str]) -> list[str]:
    """What is wrong with the receivers of its people."""
    names = set(known)
    return [
        f"{person.name}'s receiver {person.receiver!r} does not exist" for person in rota.people if person.receiver not in names
    ]
