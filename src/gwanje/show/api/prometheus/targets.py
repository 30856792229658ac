"""What is scraped, as Prometheus lists it: targets, their jobs, and what their pages say of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.collect.scrape.loop import Pool, Watched
from gwanje.config import format_duration
from gwanje.errors import BadQuery
from gwanje.http import without_secrets
from gwanje.keep.promql import Matcher, matchers
from gwanje.model import from_ms
from gwanje.show.api.parameters import Given
from gwanje.show.api.prometheus.given import NEVER, rfc3339, whole
from gwanje.show.api.query import bad_parameter, in_prometheus_form
from gwanje.show.rooms import Rooms

_PARAM: Final = "__param_"
_ACTIVE: Final = frozenset({"", "any", "active"})
_DROPPED: Final = frozenset({"", "any", "dropped"})


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter()
    asked = _Asked(rooms)

    @router.get("/api/v1/targets")
    async def targets(request: Request) -> Response:
        """What is scraped, and how it went; `state` narrows it to `active` or `dropped`, `scrapePool` to a job."""
        return await in_prometheus_form(rooms, request, asked.targets)

    @router.get("/api/v1/targets/metadata")
    async def target_metadata(request: Request) -> Response:
        """What targets say of their metrics; `match_target`, `metric` and `limit` narrow it."""
        return await in_prometheus_form(rooms, request, asked.metadata)

    @router.get("/api/v1/scrape_pools")
    async def scrape_pools(request: Request) -> Response:
        """The names of the jobs that scrape."""
        return await in_prometheus_form(rooms, request, asked.pools)

    return router


class _Asked:
    """Reads a request's parameters and says what Prometheus would."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._scraper = rooms.scraper

    async def targets(self, given: Given) -> dict[str, Any]:
        state, job = given.get("state").lower(), given.get("scrapePool")
        pools = [pool for pool in self._pools() if not job or pool.job.name == job]
        active = [_scraped(one, self._rooms.url) for pool in pools for one in _by_url(pool)] if state in _ACTIVE else []
        dropped = [
            {"discoveredLabels": _discovered(labels), "scrapePool": pool.job.name}
            for pool in pools
            for labels in pool.dropped
            if state in _DROPPED
        ]
        counts = {pool.job.name: len(pool.dropped) for pool in pools}
        return {"activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts}

    async def metadata(self, given: Given) -> list[dict[str, Any]]:
        limit = whole(given, "limit", -1, "limit must be a number")
        wanted, metric = _selector(given), given.get("metric")
        found = [
            {"target": dict(watched.target.labels), **said}
            for pool in self._pools()
            for watched in _by_url(pool)
            if all(matcher.select([dict(watched.target.labels).get(matcher.name, "")])[0] for matcher in wanted)
            for said in _said(watched, metric)
        ]
        return found if limit < 0 else found[:limit]

    async def pools(self, _given: Given) -> dict[str, Any]:
        return {"scrapePools": sorted({pool.job.name for pool in self._pools()})}

    def _pools(self) -> Iterable[Pool]:
        return self._scraper.pools if self._scraper else ()


def _selector(given: Given) -> list[Matcher]:
    text = given.get("match_target")
    try:
        return matchers(text) if text else []
    except BadQuery as error:
        raise bad_parameter("match_target", str(error)) from error


def _said(watched: Watched, metric: str) -> Iterator[dict[str, str]]:
    for family, about in sorted(watched.pages.about.items()):
        if metric in {"", family}:
            named = {} if metric else {"metric": family}
            yield {**named, "type": about.type, "help": about.help, "unit": about.unit}


def _by_url(pool: Pool) -> list[Watched]:
    return sorted(pool.watched.values(), key=lambda watched: watched.target.url)


def _scraped(watched: Watched, page: str) -> dict[str, Any]:
    target, at_ms = watched.target, watched.last_scrape_ms
    url = without_secrets(target.url)
    return {
        "discoveredLabels": _discovered(target.discovered),
        "labels": dict(target.labels),
        "scrapePool": target.job,
        "scrapeUrl": url,
        "globalUrl": _from_elsewhere(url, page),
        "lastError": watched.last_error,
        "lastScrape": NEVER if at_ms is None else rfc3339(from_ms(at_ms)),
        "lastScrapeDuration": watched.last_seconds,
        "health": watched.health,
        "scrapeInterval": format_duration(target.interval),
        "scrapeTimeout": format_duration(target.timeout),
    }


def _discovered(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Labels as they were found; a parameter of the URL that is a secret there is one here."""
    return {name: "***" if _PARAM in name and _is_secret(name.removeprefix(_PARAM)) else value for name, value in labels}


def _is_secret(parameter: str) -> bool:
    return without_secrets(f"http://host/?{parameter}=value").endswith("***")


def _from_elsewhere(url: str, page: str) -> str:
    """The URL as one elsewhere would ask it: loopback's name is that of this server."""
    parts = urlsplit(url)
    name = urlsplit(page).hostname
    if parts.hostname not in {"localhost", "127.0.0.1", "::1"} or not name:
        return url
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{name}{port}"))
