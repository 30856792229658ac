"""Machines that are away on purpose, by what people said: shown as such, and not as machines without data. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from gwanje.judge.leaving import Departed, leaving
from gwanje.judge.rules.thresholds import HostGroups
from gwanje.keep.said import Departure
from gwanje.model import to_ms
from gwanje.show.machines import Absence, Container, Fleet, Host
from gwanje.watch.away import away

AWAY: Final = "away"
"""The state of a host or container of which nothing is expected."""

_Holding = Sequence[tuple[Departure, Departed]]
"""Departures that hold, those that end last first, with what rules take them to mean."""


def expected(said: Collection[Departure]) -> Mapping[str, None]:
    """The hosts that will be back: they are known, however long ago they spoke."""
    return {one.name: None for one in said if one.scope == "host" and not one.removed}


def with_away(fleet: Fleet, said: Collection[Departure], groups: HostGroups, now: datetime) -> Fleet:
    """The fleet where hosts and containers that are away have that state. What was removed and speaks again has come back."""
    longest = sorted((one for one in said if one.holds(now)), key=lambda one: one.ends_at, reverse=True)
    holding = [(one, away([one], groups, now).departed) for one in longest]
    if not holding:
        return fleet
    hosts = [_host(host, holding) for host in fleet.hosts]
    containers = [_container(box, holding) for box in fleet.containers]
    return replace(fleet, hosts=hosts, containers=containers)


def _host(host: Host, holding: _Holding) -> Host:
    said = _said({"host": host.host}, host.state, holding)
    if said is None:
        return host
    until = None if said.removed else to_ms(said.ends_at)
    return replace(host, state=AWAY, away=Absence(said.who, said.why, to_ms(said.starts_at), until))


def _container(box: Container, holding: _Holding) -> Container:
    said = _said({"host": box.host, "container": box.name}, box.state, holding)
    return replace(box, state=AWAY) if said else box


def _said(labels: Mapping[str, str], state: str, holding: _Holding) -> Departure | None:
    """The word that holds longest for what has these labels."""
    found = (one for one, departed in holding if leaving(labels, departed))
    return next((one for one in found if not one.removed or state == "no_data"), None)
