"""What a server says of itself: what its series have most of, when it began, and that its settings stand in files."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.keep.samples.base import Labels
from gwanje.model import METRIC
from gwanje.show.api.parameters import Given
from gwanje.show.api.prometheus.given import rfc3339, whole
from gwanje.show.api.query import bad_parameter, in_prometheus_form
from gwanje.show.rooms import Rooms

_HEAD: Final = timedelta(hours=2)
"""How far back series count as those of now; Prometheus's own head spans about as much."""
_EVERYTHING: Final = '{__name__=~".+"}'


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter()
    asked = _Asked(rooms)

    @router.get("/api/v1/status/tsdb")
    async def tsdb(request: Request) -> Response:
        """Which names and labels the series of the last two hours have most of; `limit` of each, ten unless told."""
        return await in_prometheus_form(rooms, request, asked.tsdb)

    @router.get("/api/v1/status/runtimeinfo")
    async def runtimeinfo(request: Request) -> Response:
        """When this process started and what it runs on."""
        return await in_prometheus_form(rooms, request, asked.runtimeinfo)

    @router.get("/api/v1/status/flags")
    async def flags(request: Request) -> Response:
        """Command-line flags by name: none, because settings stand in files."""
        return await in_prometheus_form(rooms, request, asked.flags)

    @router.get("/api/v1/status/config")
    async def config(request: Request) -> Response:
        """The configuration in Prometheus's own form: none, because ours is another and is not shown here."""
        return await in_prometheus_form(rooms, request, asked.config)

    return router


class _Asked:
    """Reads a request's parameters and says what Prometheus would."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def tsdb(self, given: Given) -> dict[str, Any]:
        limit = whole(given, "limit", 10, "limit must be a positive number")
        if limit < 1:
            raise bad_parameter("", "limit must be a positive number")
        end = self._rooms.now_ms()
        start = end - _HEAD // timedelta(milliseconds=1)
        found = await self._rooms.samples.series([_EVERYTHING], start, end)
        counted = await asyncio.to_thread(_counted, found, limit)
        counted["headStats"] |= {"minTime": start, "maxTime": end}
        return counted

    async def runtimeinfo(self, _given: Given) -> dict[str, Any]:
        started = rfc3339(self._rooms.started)
        return {
            "startTime": started,
            "serverTime": rfc3339(self._rooms.now()),
            "reloadConfigSuccess": True,  # a process with settings that cannot be read does not start
            "lastConfigTime": started,
            "GOMAXPROCS": os.cpu_count() or 1,
        }

    async def flags(self, _given: Given) -> dict[str, str]:
        return {}

    async def config(self, _given: Given) -> dict[str, str]:
        return {"yaml": ""}


def _counted(found: Sequence[Labels], limit: int) -> dict[str, Any]:
    pairs = Counter(chain.from_iterable(found))
    metrics = Counter({value: count for (name, value), count in pairs.items() if name == METRIC})
    values = Counter(name for name, _ in pairs)
    size: Counter[str] = Counter()
    for name, value in pairs:
        size[name] += len(value.encode())
    return {
        "headStats": {"numSeries": len(found), "numLabelPairs": len(pairs)},
        "seriesCountByMetricName": _most(metrics, limit),
        "labelValueCountByLabelName": _most(values, limit),
        "memoryInBytesByLabelName": _most(size, limit),
        "seriesCountByLabelValuePair": _most(Counter({f"{name}={value}": n for (name, value), n in pairs.items()}), limit),
    }


def _most(counts: Counter[str], limit: int) -> list[dict[str, Any]]:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [{"name": name, "value": count} for name, count in ordered[:limit]]
