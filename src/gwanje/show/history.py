"""Exceedances by day and machine, and figures about alerts: for the page, and for the review on Monday."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

from gwanje.judge.rules.threshold import Threshold
from gwanje.keep.state import history, stories
from gwanje.keep.state.history import Lived, Step
from gwanje.keep.state.stories import Episode, Wanted
from gwanje.model import to_ms
from gwanje.show.alerts import muted
from gwanje.show.rooms import Rooms
from gwanje.tell.muted import Muted, mutings

_BEYOND: Final = frozenset({"pending", "firing"})
_PAGE: Final = 500
_MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Exceedance:
    """One stretch in which an alert's threshold was crossed, whether anybody was told or not."""

    episode: str
    rule: str
    host: str
    container: str
    labels: dict[str, str]
    severity: str
    start: datetime
    end: datetime | None
    peak: float | None
    """The value furthest beyond the threshold, of the whole episode."""
    threshold: str
    """As it was then: `>= 0.9`; empty where another program told the alert without one."""
    unit: str
    fired: bool
    told: tuple[str, ...]
    """The receivers that were told."""
    ended_because: str
    muted: tuple[Muted, ...] = ()
    """When nobody was told of it, or one receiver was not, and by whose word."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which exceedances: those that touch the stretch of time, and have these names where they are not empty."""

    since: datetime
    until: datetime
    host: str = ""
    container: str = ""
    rule: str = ""
    severity: str = ""


def day(written: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A day of a zone's calendar; 23 or 25 hours where clocks change."""
    return datetime.combine(written, time(), zone), datetime.combine(written + timedelta(days=1), time(), zone)


def exceedances(rooms: Rooms, asked: Asked) -> Iterator[Exceedance]:
    """Newest episode first; read a page at a time, so that a year does not stand in memory."""
    before, count = "", 0
    while count < _MOST:
        with rooms.state.read() as connection:
            wanted = Wanted(
                since=asked.since,
                until=asked.until,
                rule=asked.rule,
                host=asked.host,
                severity=asked.severity,
                before=before,
                limit=_PAGE,
            )
            found = stories.episode_page(connection, wanted)
            steps = history.steps_of(connection, [one.id for one in found.episodes])
        for episode in found.episodes:
            if asked.container and episode.labels.get("container", episode.labels.get("name", "")) != asked.container:
                continue
            for one in stretches(episode, steps.get(episode.id, ())):
                if one.start < asked.until and (one.end is None or one.end > asked.since):
                    count += 1
                    yield one
        if not found.next:
            return
        before = found.next


def stretches(episode: Episode, steps: Sequence[Step]) -> list[Exceedance]:
    """The stretches of one episode: from a breach to the next moment that was good, told nothing, or the end."""
    whole = Exceedance(
        episode=episode.id,
        rule=episode.rule,
        host=episode.host or "",
        container=episode.labels.get("container", episode.labels.get("name", "")),
        labels=dict(episode.labels),
        severity=str(episode.severity),
        start=episode.began_at,
        end=episode.ended_at,
        peak=episode.peak,
        threshold=str(Threshold(episode.operator, episode.threshold)),
        unit=episode.unit,
        fired=episode.fired_at is not None,
        told=tuple(dict.fromkeys(told.receiver for told in episode.told if told.state == "sent")),
        ended_because=episode.ended_because or "",
    )
    quiet = mutings(steps, episode.ended_at)
    found: list[Exceedance] = []
    began: datetime | None = episode.began_at if steps and steps[0].after in _BEYOND else None
    for step in steps:
        if step.after in _BEYOND:
            began = began or step.at
        elif began is not None:
            found.append(replace(whole, start=began, end=step.at))
            began = None
    if began is not None:
        found.append(replace(whole, start=began, end=episode.ended_at))
    return [replace(one, muted=tuple(stretch for stretch in quiet if _meet(one, stretch))) for one in found or [whole]]


def plain(one: Exceedance) -> dict[str, Any]:
    """An exceedance as JSON says it; times in milliseconds."""
    return {
        "episode": one.episode,
        "rule": one.rule,
        "host": one.host,
        "container": one.container,
        "labels": one.labels,
        "severity": one.severity,
        "start": to_ms(one.start),
        "end": to_ms(one.end) if one.end else None,
        "peak": one.peak,
        "threshold": one.threshold,
        "unit": one.unit,
        "fired": one.fired,
        "told": one.told,
        "ended_because": one.ended_because,
        "muted": [muted(stretch) for stretch in one.muted],
    }


def statistics(rooms: Rooms, since: datetime, until: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """How many alerts fired, where, in which hour of a zone's clock, and how long it took to take them over and to end them.

    Lengths are medians, in seconds; an hour in which none fired is left out.
    """
    with rooms.state.read() as connection:
        found = history.lived(connection, since, until)
        taken = history.acknowledged_at(connection, [one.id for one in found])
    fired = [one for one in found if one.fired_at >= since]
    to_acknowledge = [(taken[one.id] - one.fired_at).total_seconds() for one in fired if one.id in taken]
    to_end = [(one.ended_at - one.fired_at).total_seconds() for one in fired if one.ended_at is not None]
    return {
        "from": to_ms(since),
        "to": to_ms(until),
        "fired": len(fired),
        "open": sum(one.ended_at is None for one in found),
        "acknowledged": len(to_acknowledge),
        "seconds_to_acknowledge": median(to_acknowledge) if to_acknowledge else None,
        "seconds_to_resolve": median(to_end) if to_end else None,
        "by_severity": dict(Counter(str(one.severity) for one in fired)),
        "by_rule": _most(one.rule for one in fired),
        "by_host": _most(one.host or "" for one in fired),
        "by_hour": [{"at": at, "fired": count} for at, count in sorted(Counter(_hour(one, zone) for one in fired).items())],
    }


def _hour(one: Lived, zone: ZoneInfo) -> int:
    return to_ms(one.fired_at.astimezone(zone).replace(minute=0, second=0, microsecond=0))


def _meet(one: Exceedance, stretch: Muted) -> bool:
    return (one.end is None or stretch.begins < one.end) and (stretch.ends is None or stretch.ends > one.start)


def _most(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name, "fired": count} for name, count in Counter(names).most_common(20)]
