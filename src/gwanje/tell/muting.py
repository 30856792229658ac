"""What keeps an alert from being told now: a silence, planned maintenance, another alert, its own flapping. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gwanje.because import Because
from gwanje.keep.said import Acknowledgement, Silence
from gwanje.model import Severity
from gwanje.tell.inhibition import Inhibition, inhibited
from gwanje.tell.matchers import Matcher, matches, parse_matchers
from gwanje.tell.muted import INHIBITED, MAINTENANCE, MUTE_WINDOW, SILENCED, Muter
from gwanje.tell.placing import Placed
from gwanje.tell.routes import Target
from gwanje.tell.told import Alert
from gwanje.tell.windows import Window, begins, ends, holds


@dataclass(frozen=True, slots=True)
class Muting:
    """Everything that may mute at one time."""

    silences: Sequence[Silence] = ()
    windows: Sequence[Window] = ()
    inhibitions: Sequence[Inhibition] = ()

    def of(self, alerts: Iterable[Alert], now: datetime) -> Mapping[str, tuple[Muter, ...]]:
        """What mutes each alert that fires, by its episode; nothing of those that nothing mutes."""
        firing = [alert for alert in alerts if alert.firing]
        silenced = [(matchers_of(one.matchers), _silence(one)) for one in self.silences if one.holds(now)]
        planned = [(one.match, _maintenance(one, now)) for one in self.windows if one.match and holds(one, now)]
        speakers = inhibited(firing, self.inhibitions) if self.inhibitions else {}
        said = [*silenced, *planned]
        if not said and not speakers:
            return {}
        heard = frozenset(speakers.values())
        speaking = {alert.episode: _speaker(alert) for alert in firing if alert.episode in heard}
        found: dict[str, tuple[Muter, ...]] = {}
        for alert in firing:
            labels = alert.routed_by if said else {}
            by = [muter for matchers, muter in said if matches(matchers, labels)]
            if alert.episode in speakers:
                by.append(speaking[speakers[alert.episode]])
            if by:
                found[alert.episode] = tuple(by)
        return found


def by_calendar(
    placed: Iterable[tuple[Alert, Sequence[Placed]]], windows: Sequence[Window], windows_on: frozenset[str], now: datetime
) -> dict[str, tuple[Muter, ...]]:
    """The receivers that their routes' calendars keep from hearing of an alert now, by its episode."""
    known: dict[Target, Muter | None] = {}
    found: dict[str, tuple[Muter, ...]] = {}
    for alert, places in placed:
        by_receiver: dict[str, Muter | None] = {}
        for one in places:
            if one.target not in known:
                known[one.target] = _mute_window(one.target, windows, windows_on, now)
            # A receiver hears of an alert by whichever of its groups may be told.
            muter = known[one.target]
            by_receiver[one.target.receiver] = by_receiver.get(one.target.receiver, muter) and muter
        muters = tuple(filter(None, by_receiver.values()))
        if muters:
            found[alert.episode] = muters
    return found


def over(taken: Acknowledgement, severity: Severity | None, now: datetime) -> str:
    """Why an acknowledgement ends now; empty while it holds. `severity` is the alert's, None when the alert is over."""
    if severity is None:
        return Because("the alert is over", "alert_over")
    if taken.until is not None and taken.until <= now:
        return Because("its time is over", "time_over")
    if severity.rank < taken.severity.rank:
        return Because(f"the alert is {severity} now", "alert_worse", severity=str(severity))
    return ""


@lru_cache(maxsize=4096)
def matchers_of(written: str) -> tuple[Matcher, ...]:
    """The matchers of a silence as it is kept."""
    return parse_matchers(written)


def _silence(one: Silence) -> Muter:
    return Muter(SILENCED, one.id, one.created_by, one.comment, one.ends_at)


def _maintenance(window: Window, now: datetime) -> Muter:
    return Muter(MAINTENANCE, window.name, until=ends(window, now))


def _speaker(alert: Alert) -> Muter:
    where = alert.labels.get("host") or next(iter(alert.labels.values()), "")
    return Muter(INHIBITED, alert.episode, why=" · ".join(filter(None, (alert.rule, where))))


def _mute_window(target: Target, windows: Sequence[Window], windows_on: frozenset[str], now: datetime) -> Muter | None:
    """What keeps a receiver from being told: a window in which it is not, or that none holds in which it is."""
    if not target.muted(windows_on):
        return None
    muting = [one for one in windows if one.name in windows_on.intersection(target.mute)]
    if muting:
        until = [ends(one, now) for one in muting]
        return Muter(MUTE_WINDOW, ", ".join(one.name for one in muting), until=_last(until), receiver=target.receiver)
    awaited = [begin for one in windows if one.name in target.active and (begin := begins(one, now))]
    return Muter(MUTE_WINDOW, ", ".join(target.active), until=min(awaited, default=None), receiver=target.receiver)


def _last(ends_at: Sequence[datetime | None]) -> datetime | None:
    known = [one for one in ends_at if one is not None]
    return max(known) if len(known) == len(ends_at) else None
