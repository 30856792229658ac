"""Groups and storms as state keeps them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gwanje.keep.state import alerts
from gwanje.model import Severity, from_ms, to_ms
from gwanje.tell.escalation import Clock
from gwanje.tell.storm import Weather
from gwanje.tell.told import Group


def group(row: alerts.Row) -> Group:
    told = {episode: Severity(severity) for episode, severity in row["told"].items()}
    more: Mapping[str, Any] = row["more"] or {}
    return Group(
        row["key"],
        row["receiver"],
        row["labels"],
        row["began_at"],
        row["told_at"],
        told,
        held=more.get("held", {}),
        acknowledged=frozenset(more.get("acknowledged", ())),
        clock=_clock(more["clock"]) if more.get("clock") else None,
        step=more.get("step", 0),
    )


def group_row(one: Group) -> alerts.Row:
    more = {
        "held": dict(one.held),
        "acknowledged": sorted(one.acknowledged),
        "clock": _clock_plain(one.clock) if one.clock else None,
        "step": one.step,
    }
    return {
        "key": one.key,
        "receiver": one.receiver,
        "labels": dict(one.labels),
        "began_at": one.began,
        "told_at": one.told_at,
        "told": {episode: str(severity) for episode, severity in one.told.items()},
        "more": {name: value for name, value in more.items() if value},
    }


def weather(row: alerts.Row) -> Weather:
    return Weather(row["receiver"], tuple(map(from_ms, row["sent"])), row["held"], row["since"])


def weather_row(one: Weather) -> alerts.Row:
    return {
        "receiver": one.receiver,
        "sent": [to_ms(at) for at in one.sent],
        "held": dict(one.held),
        "since": one.since,
    }


def _clock(plain: Mapping[str, Any]) -> Clock:
    stopped = plain["stopped"]
    return Clock(
        since=from_ms(plain["since"]),
        paused=timedelta(milliseconds=plain["paused"]),
        stopped=None if stopped is None else from_ms(stopped),
        taken=plain["taken"],
    )


def _clock_plain(clock: Clock) -> dict[str, Any]:
    return {
        "since": to_ms(clock.since),
        "paused": clock.paused // timedelta(milliseconds=1),
        "stopped": None if clock.stopped is None else to_ms(clock.stopped),
        "taken": clock.taken,
    }
