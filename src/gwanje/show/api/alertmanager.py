"""Alertmanager's API, version 2, so that Prometheus can send alerts here and amtool works against gwanje.

What Alertmanager calls `alertname` is the rule here. Silences are gwanje's own: made by either door, seen by both.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gwanje import __version__
from gwanje.errors import BadInput
from gwanje.judge import lifecycle
from gwanje.keep.said import OutsideAlert
from gwanje.keep.state import silences, stories
from gwanje.keep.state.people import Scope, Who
from gwanje.keep.state.stories import Episode
from gwanje.model import Severity
from gwanje.show import saying
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms
from gwanje.tell.matchers import Matcher, matcher, parse_matchers, unescaped
from gwanje.tell.routes import targets
from gwanje.watch.outside import take
from gwanje.wire import alertmanager as wire
from gwanje.wire.alertmanager import ALERTNAME

RESOLVE_TIMEOUT: Final = timedelta(minutes=5)
"""After so long without a word, an alert that was posted without an end is expired; Alertmanager's default."""
_NOT_OVER: Final = timedelta(minutes=5)
"""What is shown as the end of an alert that has none, always so far ahead, as a sender would say it."""


class Filters(BaseModel):
    """Which alerts are asked for: by matchers (`alertname="disk full"`), by a receiver's name, by what mutes them."""

    filter: list[str] = Field(default_factory=list)
    receiver: str = ""
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    unprocessed: bool = True


_BARE: Final = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*([^"{},]*?)\s*')
"""A matcher whose value stands without quotes, as amtool sends it."""


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alertmanager"])

    @router.post("/api/v2/alerts")
    async def post_alerts(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """Alerts of another program, such as Prometheus. 200 means that they are kept and survive a kill."""
        del who
        told = [_outside(one, rooms.now()) for one in wire.alerts(await request.body())]
        await asyncio.to_thread(take, rooms.state, rooms.updates, told)
        return Response(status_code=200)

    @router.get("/api/v2/alerts", dependencies=[needs(Scope.READ)])
    async def get_alerts(filters: Annotated[Filters, Query()]) -> Response:
        """Alerts that fire."""
        return answer(await asyncio.to_thread(_alerts, rooms, _Wanted(filters)))

    @router.get("/api/v2/alerts/groups", dependencies=[needs(Scope.READ)])
    async def get_groups(filters: Annotated[Filters, Query()]) -> Response:
        """Alerts that fire, by the groups in which their receivers are told of them."""
        return answer(await asyncio.to_thread(_groups, rooms, _Wanted(filters)))

    @router.get("/api/v2/receivers", dependencies=[needs(Scope.READ)])
    async def get_receivers() -> Response:
        """The names of all receivers."""
        return answer([{"name": name} for name in rooms.policybook.receivers])

    @router.get("/api/v2/status", dependencies=[needs(Scope.READ)])
    async def get_status() -> Response:
        """What runs here. There is one member: processes that share a database agree by it."""
        version = {"version": __version__, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
        return answer(
            {
                "cluster": {"status": "disabled", "peers": []},
                "versionInfo": version,
                "config": {"original": ""},
                "uptime": rooms.started.isoformat(),
            }
        )

    return router


class _Wanted:
    """Which alerts are asked for, ready to be asked of each."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._matchers = matchers_of(filters.filter)
        self._receiver = _matcher("receiver", "=~", filters.receiver) if filters.receiver else None

    def takes(self, episode: Episode) -> bool:
        if not all(one.matches(_routed_by(episode)) for one in self._matchers):
            return False
        if not episode.muted:
            return self._filters.active
        return self._filters.inhibited if "inhibited" in episode.muted else self._filters.silenced

    def by_receivers(self, names: Iterable[str]) -> bool:
        return self._receiver is None or any(self._receiver.matches({"receiver": name}) for name in names)


def _outside(told: wire.PostedAlert, now: datetime) -> OutsideAlert:
    rule = told.labels[ALERTNAME]
    severity = next((one for one in Severity if one.value == told.labels.get("severity", "").lower()), Severity.WARNING)
    labels = {name: value for name, value in told.labels.items() if name not in {ALERTNAME, "severity"} and value}
    ends_at = None if told.ends_at is None or wire.unset(told.ends_at) else told.ends_at
    starts_at = None if told.starts_at is None or wire.unset(told.starts_at) else told.starts_at
    over = ends_at is not None and ends_at <= now
    return OutsideAlert(
        fingerprint=lifecycle.fingerprint(rule, labels),
        source="alertmanager",
        rule=rule[:200],
        labels=labels,
        severity=severity,
        starts_at=min(starts_at or now, ends_at or now),
        renewed_at=now,
        ends_at=ends_at if over else None,
        expires_at=None if over else ends_at or now + RESOLVE_TIMEOUT,
        annotations=told.annotations,
        url=told.generator_url,
    )


def _alerts(rooms: Rooms, wanted: _Wanted) -> list[dict[str, Any]]:
    found = []
    for episode in _firing(rooms):
        receivers = _receivers(rooms, episode)
        if wanted.takes(episode) and wanted.by_receivers(receivers):
            found.append(_alert(episode, receivers, rooms))
    return found


def _groups(rooms: Rooms, wanted: _Wanted) -> list[dict[str, Any]]:
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[dict[str, Any]]] = {}
    for episode in _firing(rooms):
        if not wanted.takes(episode):
            continue
        by_labels = _routed_by(episode)
        for target in targets(rooms.policy.root, by_labels) if rooms.policy.root else []:
            if wanted.by_receivers([target.receiver]):
                labels = tuple((name, by_labels[name]) for name in target.group_by if by_labels.get(name))
                found.setdefault((target.receiver, labels), []).append(_alert(episode, _receivers(rooms, episode), rooms))
    return [
        {"receiver": {"name": receiver}, "labels": {_foreign(name): value for name, value in labels}, "alerts": members}
        for (receiver, labels), members in found.items()
    ]


def _firing(rooms: Rooms) -> list[Episode]:
    with rooms.state.read() as connection:
        return [one for one in stories.open_episodes(connection) if one.fired_at is not None]


def _alert(episode: Episode, receivers: Sequence[str], rooms: Rooms) -> dict[str, Any]:
    muted = bool(episode.muted)
    summary = episode.summary.get("en") or next(iter(episode.summary.values()), "")
    return {
        "fingerprint": episode.fingerprint,
        "labels": {**episode.labels, ALERTNAME: episode.rule, "severity": str(episode.severity)},
        "annotations": {**episode.annotations, "summary": summary},
        "startsAt": episode.began_at.isoformat(),
        "updatedAt": rooms.now().isoformat(),
        "endsAt": (rooms.now() + _NOT_OVER).isoformat(),
        "generatorURL": f"{rooms.url}/alerts/{episode.id}",
        "receivers": [{"name": name} for name in receivers],
        "status": {
            "state": "suppressed" if muted else "active",
            "silencedBy": _silenced_by(rooms, episode) if "silenced" in episode.muted else [],
            "inhibitedBy": [one for one in episode.muted if one == "inhibited"],
            "mutedBy": [one for one in episode.muted if one not in {"silenced", "inhibited"}],
        },
    }


def _silenced_by(rooms: Rooms, episode: Episode) -> list[str]:
    with rooms.state.read() as connection:
        holding = [one for one in silences.not_over(connection, rooms.now()) if one.holds(rooms.now())]
    labels = _routed_by(episode)
    return [one.id for one in holding if all(matcher.matches(labels) for matcher in saying.matchers_of(one))]


def _receivers(rooms: Rooms, episode: Episode) -> list[str]:
    ways = rooms.policy.ways(rooms.now())
    return [target.receiver for target in targets(ways.root, _routed_by(episode), ways.on_duty)] if ways.root else []


def _routed_by(episode: Episode) -> dict[str, str]:
    return {**episode.labels, "rule": episode.rule, "severity": str(episode.severity)}


def _matcher(label: str, operator: str, value: str) -> Matcher:
    try:
        return matcher(label, operator, value)
    except ValueError as error:
        raise BadInput(str(error), where=label) from error


def _foreign(label: str) -> str:
    return ALERTNAME if label == "rule" else label


def matchers_of(written: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers as Alertmanager's friends write them; `alertname` means the rule. Raises BadInput."""
    found: list[Matcher] = []
    for text in written:
        try:
            if bare := _BARE.fullmatch(text):
                found.append(matcher(bare[1], bare[2], unescaped(bare[3])))
            else:
                found += parse_matchers(text.strip().removeprefix("{").removesuffix("}"))
        except ValueError as error:
            raise BadInput(str(error), where="filter") from error
    return tuple(Matcher("rule", one.operator, one.value) if one.label == ALERTNAME else one for one in found)
