"""The overview: what is wrong, since when, who knows; and the four numbers that say the program itself is well."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gwanje.keep.samples.base import Queryable, Vector
from gwanje.keep.state.standing import Chosen, OfHost
from gwanje.model import to_ms
from gwanje.show import absences, collection, departures, machines
from gwanje.show.alerts import Alert
from gwanje.show.machines import Container, Filesystem, Fleet, Host
from gwanje.show.rooms import Rooms
from gwanje.show.standing import Asked, OfRule, OpenNow, Tally, standing

_RANK = ("critical", "warning", "pending", "ok")
_SHOWN = {"firing": None, "recovering": None, "no_data": None, "pending": "pending"}
_MOST_OF_A_HOST = 50


@dataclass(frozen=True, slots=True)
class Numbers:
    """The live numbers; null is "not known"."""

    samples_per_second: float | None
    active_series: int | None
    hosts: int
    containers: int
    firing: int
    pending: int
    fetches_per_minute: float
    newest_sample_at: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One look at everything. Hosts and alerts stand worst first.

    `alerts` stand for all: of each of `rules` the worst few, and those about pipelines.
    """

    at: int
    started_at: int
    numbers: Numbers
    hosts: Sequence[Host]
    containers: Sequence[Container]
    tally: Tally
    rules: Sequence[OfRule]
    more_rules: int
    alerts: Sequence[Alert]
    pipelines: Sequence[collection.Pipeline]


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a rule holds against a host, and what kind of figure it looks at."""

    rule: str
    metric_of: str
    operator: str
    warning: float | None
    critical: float | None


@dataclass(frozen=True, slots=True)
class HostDetail:
    """One host with everything about it."""

    summary: Host
    filesystems: Sequence[Filesystem]
    networks: Sequence[Mapping[str, object]]
    disks: Sequence[Mapping[str, object]]
    containers_list: Sequence[Container]
    alerts_list: Sequence[Alert]
    thresholds: Sequence[Threshold]


async def overview(rooms: Rooms, seen: Mapping[str, int], alerts: OpenNow) -> Overview:
    """Everything now, with the alerts that are open."""
    now = rooms.now()
    at_ms = to_ms(now)
    fleet, pipelines, rate, series = await asyncio.gather(
        _fleet(rooms, now, seen, alerts),
        collection.pipelines(rooms, now),
        _one(rooms.samples, "sum(rate(gwanje_samples_received_total[1m]))", at_ms),
        _one(rooms.samples, "sum(gwanje_store_series)", at_ms),
    )
    tally = alerts.tally
    numbers = Numbers(
        samples_per_second=rate,
        active_series=None if series is None else int(series),
        hosts=len(fleet.hosts),
        containers=len(fleet.containers),
        firing=tally.critical + tally.warning + tally.info + tally.recovering,
        pending=tally.pending,
        fetches_per_minute=sum(pipeline.per_minute for pipeline in pipelines),
        newest_sample_at=rooms.ingest.newest_ms or None,
    )
    hosts = sorted(fleet.hosts, key=lambda host: (_badness(host.state), host.host))
    return Overview(
        at=at_ms,
        started_at=to_ms(rooms.started),
        numbers=numbers,
        hosts=hosts,
        containers=fleet.containers,
        tally=tally,
        rules=alerts.rules,
        more_rules=alerts.more_rules,
        alerts=alerts.alerts,
        pipelines=pipelines,
    )


async def host_detail(rooms: Rooms, host: str, seen: Mapping[str, int], alerts: OpenNow) -> HostDetail | None:
    """One host now; None when nobody knows it."""
    now = rooms.now()
    at_ms = to_ms(now)
    fleet, own, devices = await asyncio.gather(
        _fleet(rooms, now, seen, alerts),
        asyncio.to_thread(standing, rooms, Asked(Chosen(host=host), limit=_MOST_OF_A_HOST)),
        machines.devices(rooms.samples, host, at_ms),
    )
    found = next((one for one in fleet.hosts if one.host == host), None)
    if found is None:
        return None
    return HostDetail(
        summary=found,
        filesystems=fleet.filesystems.get(host, ()),
        networks=devices["networks"],
        disks=devices["disks"],
        containers_list=[box for box in fleet.containers if box.host == host],
        alerts_list=own.alerts,
        thresholds=thresholds(rooms),
    )


async def _fleet(rooms: Rooms, now: datetime, seen: Mapping[str, int], alerts: OpenNow) -> Fleet:
    """All hosts and containers, with what is wrong with them, and which of them are away on purpose."""
    said = await asyncio.to_thread(departures.not_over, rooms)
    fleet = await machines.look(rooms.samples, to_ms(now), {**absences.expected(said), **seen})
    return absences.with_away(_coloured(fleet, alerts.hosts), said, rooms.inventory.groups, now)


def thresholds(rooms: Rooms) -> list[Threshold]:
    """The rules that look at hosts, with their numbers."""
    found = []
    for rule in rooms.rules:
        expression = rule.expr or ""
        if "node_" not in expression:
            continue
        numbers = {severity.value: threshold.number for severity, threshold in rule.conditions}
        operator = rule.conditions[0][1].operator
        found.append(Threshold(rule.name, _metric_of(expression), operator, numbers.get("warning"), numbers.get("critical")))
    return found


def _metric_of(expression: str) -> str:
    return next((what for what in ("cpu", "memory", "filesystem") if f"node_{what}" in expression), "other")


def _coloured(fleet: Fleet, trouble: Sequence[OfHost]) -> Fleet:
    worst: dict[str, str] = {}
    by_container: dict[tuple[str, str], str] = {}
    count: dict[str, int] = {}
    for one in trouble:
        count[one.host] = count.get(one.host, 0) + one.count
        if one.state not in _SHOWN:
            continue
        state = _SHOWN[one.state] or ("critical" if one.severity == "critical" else "warning")
        worst[one.host] = min(state, worst.get(one.host, "ok"), key=_RANK.index)
        if one.container:
            key = (one.host, one.container)
            by_container[key] = min(state, by_container.get(key, "ok"), key=_RANK.index)
    return machines.with_alerts(fleet, worst, count, by_container)


def _badness(state: str) -> int:
    return ("critical", "warning", "no_data", "pending", "ok", absences.AWAY).index(state)


async def _one(samples: Queryable, query: str, at_ms: int) -> float | None:
    """The only value of a query; None when there is none."""
    found = await samples.instant(query, at_ms)
    return float(found.values[0]) if isinstance(found, Vector) and len(found.values) else None
