"""A storm: when too much happens, each receiver gets so many messages a minute, and one digest of the rest. Pure.

What is held back is told, in one message; nothing leaves the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from gwanje.tell.told import Alert, Decided

MOST: Final = 20
"""Messages a minute and receiver, unless the settings say otherwise."""
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Weather:
    """What one receiver was sent within the last minute, and what is held back for its digest."""

    receiver: str
    sent: tuple[datetime, ...] = ()
    held: Mapping[str, bool] = field(default_factory=dict)
    """Episodes held back, and whether each fires; the last word counts."""
    since: datetime | None = None
    """When the first of them was held back."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One message in the place of many: the episodes that fire and those that are over."""

    receiver: str
    firing: tuple[str, ...]
    over: tuple[str, ...]
    at: datetime


def limit(
    decided: Sequence[Decided], before: Mapping[str, Weather], now: datetime, most: int = MOST
) -> tuple[list[Decided], list[Digest], dict[str, Weather]]:
    """What of the decided messages goes out by itself, the digests that are due, and the weather after it.

    While something is held back for a receiver, everything new joins it, so that no "resolved" overtakes its "firing".
    """
    after = {receiver: _aged(one, now) for receiver, one in before.items()}
    alone: list[Decided] = []
    for message in decided:
        receiver = message.group.receiver
        weather = after.get(receiver, Weather(receiver))
        if len(weather.sent) < most and not weather.held:
            alone.append(message)
            after[receiver] = replace(weather, sent=(*weather.sent, now))
        else:
            held = {**weather.held, **{alert.episode: alert.firing for alert in message.alerts}}
            after[receiver] = replace(weather, held=held, since=weather.since or now)
    digests: list[Digest] = []
    for receiver, weather in after.items():
        if weather.since is not None and now - weather.since >= MINUTE:
            firing = tuple(episode for episode, fires in weather.held.items() if fires)
            over = tuple(episode for episode, fires in weather.held.items() if not fires)
            digests.append(Digest(receiver, firing, over, now))
            after[receiver] = Weather(receiver, (*weather.sent, now))
    return alone, digests, {receiver: one for receiver, one in after.items() if one.sent or one.held}


def room(weather: Weather | None, now: datetime, most: int) -> bool:
    """Whether a receiver may be told one thing more by itself now; the digest of what is held back keeps its place."""
    return weather is None or len(_aged(weather, now).sent) + bool(weather.held) < most


def spent(before: Mapping[str, Weather], receivers: Iterable[str], now: datetime) -> dict[str, Weather]:
    """The weather after one message to each of these beside those that `limit` decides about."""
    told = {receiver: before.get(receiver, Weather(receiver)) for receiver in receivers}
    return {**before, **{receiver: replace(one, sent=(*one.sent, now)) for receiver, one in told.items()}}


def worst(alerts: Sequence[Alert], count: int) -> list[Alert]:
    """The alerts that a digest names: the worst first, what fires before what is over."""
    return sorted(alerts, key=lambda alert: (not alert.firing, alert.severity.rank, alert.episode))[:count]


def _aged(weather: Weather, now: datetime) -> Weather:
    recent = tuple(at for at in weather.sent if now - at < MINUTE)
    return weather if len(recent) == len(weather.sent) else replace(weather, sent=recent)
