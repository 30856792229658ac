"""Type, help and unit of metrics: as senders and scraped pages say them, else as names tell."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.model import METRIC
from gwanje.show.api.parameters import Given
from gwanje.show.api.prometheus.given import whole
from gwanje.show.api.query import in_prometheus_form
from gwanje.show.metrics import OWN
from gwanje.show.rooms import Rooms
from gwanje.wire.columns import About

_HISTOGRAM_PARTS: Final = ("_bucket", "_sum", "_count")


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter()
    asked = _Asked(rooms)

    @router.get("/api/v1/metadata")
    async def metadata(request: Request) -> Response:
        """Type and help by metric; `metric` asks for one, `limit` for so many, `limit_per_metric` for so many words of each."""
        return await in_prometheus_form(rooms, request, asked.metadata)

    return router


class _Asked:
    """Reads a request's parameters and says what Prometheus would."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def metadata(self, given: Given) -> dict[str, list[dict[str, str]]]:
        limit = whole(given, "limit", -1, "limit must be a number")
        each = whole(given, "limit_per_metric", -1, "limit_per_metric must be a number")
        names = set(await self._rooms.samples.label_values(METRIC, [], 0, self._rooms.now_ms()))
        types = _types(names | {name.partition("{")[0] for name in self._rooms.own_samples()})
        found = {name: [_about(name, sort)] for name, sort in types.items()} | self._said()
        metric = given.get("metric")
        chosen = sorted(found) if not metric else [metric] if metric in found else []
        return {name: found[name][: each if each > 0 else None] for name in (chosen if limit < 0 else chosen[:limit])}

    def _said(self) -> dict[str, list[dict[str, str]]]:
        """What senders and scraped pages say, each different word once."""
        found: dict[str, dict[About, None]] = {}
        scraped = self._rooms.scraper.about() if self._rooms.scraper else {}
        for family, abouts in chain(self._rooms.ingest.abouts.known().items(), scraped.items()):
            found.setdefault(family, {}).update(dict.fromkeys(abouts))
        return {
            family: [{"type": one.type, "help": one.help, "unit": one.unit} for one in abouts] for family, abouts in found.items()
        }


def _types(names: Iterable[str]) -> dict[str, str]:
    """The type of each family. Only names tell; what they do not tell is unknown, but our own that are no counters are gauges."""
    known = set(names)
    histograms = {name.removesuffix("_bucket") for name in known if name.endswith("_bucket")}
    families = {_family(name, histograms) for name in known}
    return {family: _type(family, histograms) for family in families}


def _family(name: str, histograms: set[str]) -> str:
    for part in _HISTOGRAM_PARTS:
        if name.endswith(part) and name.removesuffix(part) in histograms:
            return name.removesuffix(part)
    return name


def _type(family: str, histograms: set[str]) -> str:
    if family in histograms:
        return "histogram"
    if family.endswith("_total"):
        return "counter"
    return "gauge" if family in OWN else "unknown"


def _about(family: str, sort: str) -> dict[str, str]:
    return {"type": sort, "help": OWN.get(family, ""), "unit": ""}
