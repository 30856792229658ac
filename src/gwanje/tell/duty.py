"""Who is on duty: people who take turns, and those who take a stretch over. Pure: told the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from gwanje.because import Because
from gwanje.config import Settings
from gwanje.tell.windows import DAYS, Clock, Country, Days, days_at, holidays_of, instant
from gwanje.zones import Zone

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
            raise ValueError(Because("`to` must lie after `from`", "to_before_from"))
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
    from_: Clock = Field(default="00:00", alias="from")
    """From when on the clock somebody is on duty: `18:00` for a layer of the night."""
    to: Clock = "24:00"
    """Until when; before `from`, until that time of the next day."""
    otherwise: str | None = None
    """The rota that answers where nobody is on duty in this one: the layer below."""
    not_on_holidays: Country | None = None
    """Nobody is on duty on the public holidays of this country, such as `KR`; the route's or step's other receivers are told."""
    overrides: tuple[Override, ...] = ()
    """Stretches that somebody else takes over; of several, the last written wins."""

    @model_validator(mode="after")
    def _known(self) -> Rota:
        if self.from_ == self.to:
            raise ValueError(Because("`from` and `to` are the same time; leave both out for the whole day", "from_is_to"))
        names = [person.name for person in self.people]
        if len(set(names)) < len(names):
            raise ValueError(Because("two people have one name; tell them apart", "two_of_one_name"))
        for override in self.overrides:
            if override.person not in names:
                known = ", ".join(names)
                sentence = f"{override.person!r} takes a stretch over but is not among the people: {known}"
                raise ValueError(Because(sentence, "not_among_people", name=override.person, known=known))
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
    if not _in_hours(rota, at):
        return None
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


def answering(rotas: Sequence[Rota], at: datetime) -> dict[str, Person]:
    """Who answers for each rota, by its name: who is on duty in it, otherwise in the layers below. Without those of nobody."""
    known = {rota.name: rota for rota in rotas}
    return {rota.name: person for rota in rotas if (person := _answering(rota, known, at))}


def receiver_of(rotas: Sequence[Rota], name: str, at: datetime) -> str:
    """The receiver of who answers for the rota of this name; empty where nobody does."""
    person = answering(rotas, at).get(name)
    return person.receiver if person else ""


def circle(rotas: Sequence[Rota], name: str) -> bool:
    """Whether the layers below a rota come back to it."""
    below = {rota.name: rota.otherwise for rota in rotas}
    seen, layer = set[str](), below.get(name)
    while layer is not None and layer not in seen:
        seen.add(layer)
        layer = below.get(layer)
    return name in seen


def _answering(rota: Rota, known: Mapping[str, Rota], at: datetime) -> Person | None:
    layer: Rota | None = rota
    asked: set[str] = set()
    while layer is not None and layer.name not in asked:
        asked.add(layer.name)
        person = on_duty(layer, at)
        if person is not None:
            return person
        layer = known.get(layer.otherwise or "")
    return None


def _in_hours(rota: Rota, at: datetime) -> bool:
    return bool(days_at(at, rota.from_, rota.to, ZoneInfo(rota.zone)))


def _day(rota: Rota, at: datetime) -> date:
    """The day of duty that a time belongs to: before the hand-over it is still the day before."""
    zone = ZoneInfo(rota.zone)
    today = at.astimezone(zone).date()
    return today - timedelta(days=at.astimezone(UTC) < instant(today, rota.hand_over, zone))


def _moments(rota: Rota, start: datetime, end: datetime) -> Sequence[datetime]:
    """Every time at which who is on duty may change, in UTC."""
    zone, day, found = ZoneInfo(rota.zone), _day(rota, start), set[datetime]()
    clocks = {rota.hand_over, rota.from_, rota.to}
    while len(found) < _MOST_TURNS and instant(day, "00:00", zone) < end:
        found |= {instant(day, clock, zone) for clock in clocks}
        day += timedelta(days=1)
    for override in rota.overrides:
        found |= {override.from_.astimezone(UTC), override.to.astimezone(UTC)}
    return sorted(found)


def check_receivers(rota: Rota, known: Iterable[str]) -> list[str]:
    """What is wrong with the receivers of its people."""
    names = set(known)
    return [
        f"{person.name}'s receiver {person.receiver!r} does not exist" for person in rota.people if person.receiver not in names
    ]
