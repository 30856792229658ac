"""The paths of Prometheus's HTTP API beside its queries: rules and alerts, metadata and what a server says of itself.

Grafana's data source, its alert list and promtool ask for them. What Prometheus knows and this program does not is left out
of an answer, never made up.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import promql_parser
from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from gwanje.collect.scrape.loop import Pool, Watched
from gwanje.config import format_duration
from gwanje.errors import BadQuery, QueryLimit
from gwanje.http import without_secrets
from gwanje.judge.lifecycle import State
from gwanje.judge.rules.evaluate import curve
from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.keep.promql import Limits
from gwanje.keep.promql.mistakes import parsed
from gwanje.keep.samples.base import Labels
from gwanje.keep.state import alerts as kept
from gwanje.keep.state.alerts import Episode
from gwanje.keep.state.people import Scope
from gwanje.model import METRIC, from_ms
from gwanje.show.api.gate import needs
from gwanje.show.api.query import bad_parameter, in_prometheus_form, text_given, time_given
from gwanje.show.metrics import OWN
from gwanje.show.rooms import Rooms
from gwanje.watch.book import Evaluation
from gwanje.watch.recorder import Recorded
from gwanje.wire.exposition.encode import number

_GROUP: Final = "gwanje"
_RECORDINGS: Final = "recording"
_NEVER: Final = "0001-01-01T00:00:00Z"
_STATES: Final = ("inactive", "pending", "firing")
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"", "0", "f", "F", "false", "FALSE", "False"})
_HEAD: Final = timedelta(hours=2)
"""How far back series count as those of now; Prometheus's own head spans about as much."""
_PARAM: Final = "__param_"
_ACTIVE: Final = frozenset({"", "any", "active"})
_DROPPED: Final = frozenset({"", "any", "dropped"})
_EVERYTHING: Final = '{__name__=~".+"}'
_HISTOGRAM_PARTS: Final = ("_bucket", "_sum", "_count")


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["prometheus"], dependencies=[needs(Scope.READ)])
    asked = _Asked(rooms)

    @router.get("/api/v1/rules")
    async def rules(request: Request) -> Response:
        """Every rule with its alerts; `type`, `rule_name[]`, `rule_group[]`, `file[]` and `exclude_alerts` narrow it."""
        return await in_prometheus_form(rooms, request, asked.rules)

    @router.get("/api/v1/alerts")
    async def alerts(request: Request) -> Response:
        """Every alert that is pending or firing."""
        return await in_prometheus_form(rooms, request, asked.alerts)

    @router.get("/api/v1/targets")
    async def targets(request: Request) -> Response:
        """What is scraped, and how it went; `state` narrows it to `active` or `dropped`, `scrapePool` to a job."""
        return await in_prometheus_form(rooms, request, asked.targets)

    @router.get("/api/v1/query_exemplars")
    @router.post("/api/v1/query_exemplars")
    async def query_exemplars(request: Request) -> Response:
        """The exemplars of a query's series: none, because none are kept."""
        return await in_prometheus_form(rooms, request, asked.exemplars)

    @router.get("/api/v1/metadata")
    async def metadata(request: Request) -> Response:
        """Type and help by metric; `metric` asks for one, `limit` for so many."""
        return await in_prometheus_form(rooms, request, asked.metadata)

    @router.get("/api/v1/format_query")
    @router.post("/api/v1/format_query")
    async def format_query(request: Request) -> Response:
        """`query` in the language's usual form."""
        return await in_prometheus_form(rooms, request, asked.formatted)

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

    return router


class _Asked:
    """Reads a request's parameters and says what Prometheus would."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._scraper = rooms.scraper
        self._queries = {rule.name: _query(rule) for rule in rooms.rules}

    async def rules(self, given: QueryParams) -> dict[str, Any]:
        recordings = [one for one in self._rooms.recordings if _is_wanted(given, "record", _RECORDINGS, one.record)]
        wanted = [rule for rule in self._rooms.rules if _is_wanted(given, "alert", _GROUP, rule.name)]
        with_alerts = not _flag(given, "exclude_alerts")
        latest, open_ = self._rooms.latest(), await self._open()
        shown = [self._rule(rule, latest.get(rule.name), open_, with_alerts=with_alerts) for rule in wanted]
        at = max((latest[rule.name].at for rule in wanted if rule.name in latest), default=None)
        groups = [_group(_GROUP, wanted, shown, at)] if shown else []
        if recordings:
            told = self._rooms.recorded()
            at = max((told[one.record].at for one in recordings if one.record in told), default=None)
            groups.append(_group(_RECORDINGS, recordings, [_recording(one, told.get(one.record)) for one in recordings], at))
        return {"groups": groups}

    async def alerts(self, _given: QueryParams) -> dict[str, Any]:
        return {"alerts": [_alert(episode) for episode in await self._open()]}

    async def targets(self, given: QueryParams) -> dict[str, Any]:
        state, job = str(given.get("state", "")).lower(), str(given.get("scrapePool", ""))
        pools = [pool for pool in self._scraper.pools if not job or pool.job.name == job] if self._scraper else []
        active = [_scraped(one, self._rooms.url) for pool in pools for one in _by_url(pool)] if state in _ACTIVE else []
        dropped = [
            {"discoveredLabels": _discovered(labels), "scrapePool": pool.job.name}
            for pool in pools
            for labels in pool.dropped
            if state in _DROPPED
        ]
        counts = {pool.job.name: len(pool.dropped) for pool in pools}
        return {"activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts}

    async def exemplars(self, given: QueryParams) -> list[Any]:
        if time_given(given, "end", self._rooms.now_ms()) < time_given(given, "start", 0):
            raise bad_parameter("", "end timestamp must not be before start timestamp")
        _read(str(given.get("query", "")))
        return []

    async def metadata(self, given: QueryParams) -> dict[str, list[dict[str, str]]]:
        limit = _whole(given, "limit", -1, "limit must be a number")
        names = set(await self._rooms.samples.label_values(METRIC, [], 0, self._rooms.now_ms()))
        types = _types(names | {name.partition("{")[0] for name in self._rooms.own_samples()})
        scraped = self._scraper.about() if self._scraper else {}
        found = {name: [_about(name, sort)] for name, sort in types.items()} | {
            name: [{"type": one.type, "help": one.help, "unit": one.unit} for one in said] for name, said in scraped.items()
        }
        metric = str(given.get("metric", ""))
        chosen = sorted(found) if not metric else [metric] if metric in found else []
        return {name: found[name] for name in (chosen if limit < 0 else chosen[:limit])}

    async def formatted(self, given: QueryParams) -> str:
        query = text_given(given, "query")
        try:
            return _read(query).prettify()
        except BadQuery as error:
            raise bad_parameter("query", str(error)) from error

    async def tsdb(self, given: QueryParams) -> dict[str, Any]:
        limit = _whole(given, "limit", 10, "limit must be a positive number")
        if limit < 1:
            raise bad_parameter("", "limit must be a positive number")
        end = self._rooms.now_ms()
        start = end - _HEAD // timedelta(milliseconds=1)
        found = await self._rooms.samples.series([_EVERYTHING], start, end)
        counted = await asyncio.to_thread(_counted, found, limit)
        counted["headStats"] |= {"minTime": start, "maxTime": end}
        return counted

    async def runtimeinfo(self, _given: QueryParams) -> dict[str, Any]:
        started = _rfc3339(self._rooms.started)
        return {
            "startTime": started,
            "serverTime": _rfc3339(self._rooms.now()),
            "reloadConfigSuccess": True,  # a process with settings that cannot be read does not start
            "lastConfigTime": started,
            "GOMAXPROCS": os.cpu_count() or 1,
        }

    async def flags(self, _given: QueryParams) -> dict[str, str]:
        return {}

    async def _open(self) -> list[Episode]:
        """The episodes that are alerts to Prometheus, too: one without data that never fired is none."""
        found = await asyncio.to_thread(self._read_open)
        return [episode for episode in found if episode.fired_at is not None or episode.state == State.PENDING]

    def _read_open(self) -> list[Episode]:
        with self._rooms.state.read() as connection:
            return kept.open_episodes(connection)

    def _rule(self, rule: Rule, latest: Evaluation | None, open_: Iterable[Episode], *, with_alerts: bool) -> dict[str, Any]:
        own = [_alert(episode) for episode in open_ if episode.rule == rule.name]
        failed = latest.failed if latest else ""
        return {
            "state": max((alert["state"] for alert in own), key=_STATES.index, default=_STATES[0]),
            "name": rule.name,
            "query": self._queries[rule.name],
            "duration": rule.for_.total_seconds(),
            "keepFiringFor": rule.clear_for.total_seconds(),
            "labels": _rule_labels(rule),
            "annotations": _annotations(rule.annotations, rule.annotations.get("summary")),
            "alerts": own if with_alerts else [],
            "health": "unknown" if latest is None else "err" if failed else "ok",
            **({"lastError": failed} if failed else {}),
            "evaluationTime": latest.seconds if latest else 0.0,
            "lastEvaluation": _rfc3339(latest.at) if latest else _NEVER,
            "type": "alerting",
        }


# --- rules and alerts ----------------------------------------------------------------------------------------------------


def _is_wanted(given: QueryParams, sort: str, group: str, name: str) -> bool:
    """Whether a request for rules means this one: by its sort, its group (which is its file, too) and its name."""
    asked = str(given.get("type", "")).lower()
    if asked not in {"", "alert", "record"}:
        raise bad_parameter("type", f'not supported value "{asked}"')
    names, groups, files = (set(given.getlist(key)) for key in ("rule_name[]", "rule_group[]", "file[]"))
    return asked in {"", sort} and all(not some or one in some for some, one in ((groups, group), (files, group), (names, name)))


def _recording(recording: Recording, told: Recorded | None) -> dict[str, Any]:
    return {
        "name": recording.record,
        "query": _in_one_line(recording.expr),
        "labels": recording.labels,
        "health": "unknown" if told is None else "err" if told.failed else "ok",
        **({"lastError": told.failed} if told and told.failed else {}),
        "evaluationTime": told.seconds if told else 0.0,
        "lastEvaluation": _rfc3339(told.at) if told else _NEVER,
        "type": "recording",
    }


def _group(
    name: str, rules: Sequence[Rule | Recording], shown: Sequence[Mapping[str, Any]], at: datetime | None
) -> dict[str, Any]:
    """All rules of a sort are one group; each goes by itself, so the group says its shortest interval and its last evaluation."""
    return {
        "name": name,
        "file": name,
        "rules": shown,
        "interval": min(rule.interval for rule in rules).total_seconds(),
        "limit": 0,
        "evaluationTime": sum(rule["evaluationTime"] for rule in shown),
        "lastEvaluation": _rfc3339(at) if at else _NEVER,
    }


def _query(rule: Rule) -> str:
    """PromQL that gives what breaches, as a rule of Prometheus does: what is looked at, compared with the thresholds."""
    looked_at = curve(rule, {}) + "\n"  # a comment may end it
    whole = f"({looked_at})" if _operates(looked_at) else looked_at
    for inner in (whole, f"vector({looked_at})"):  # a number without labels cannot be compared before it is a vector
        compared = " or ".join(f"{inner} {one.operator} {number(one.number)}" for one in _thresholds(rule))
        try:
            tree = parsed(compared, len(compared))
        except (BadQuery, QueryLimit):
            continue
        return _in_one_line(tree.prettify())
    return looked_at.strip()


def _operates(query: str) -> bool:
    try:
        return isinstance(parsed(query, len(query)), promql_parser.BinaryExpr)
    except (BadQuery, QueryLimit):
        return True


def _in_one_line(query: str) -> str:
    """A query in its usual form has line ends between its words only: texts in it write theirs escaped."""
    closed = re.sub(r"\(\s*\n\s*", "(", re.sub(r"\s*\n\s*\)", ")", query))
    return re.sub(r"\s*\n\s*", " ", closed).strip()


def _thresholds(rule: Rule) -> list[Threshold]:
    """The thresholds, without the worse one where whatever breaches it breaches the other."""
    found = [threshold for _, threshold in rule.conditions]
    worst, least = found[0], found[-1]
    same_side = worst.operator[0] == least.operator[0] and worst.operator[0] in "<>"
    return [least] if same_side and least.holds(worst.number) else found


def _rule_labels(rule: Rule) -> dict[str, str]:
    """A rule with two thresholds has two severities; then only its alerts say theirs."""
    severities = [str(severity) for severity, _ in rule.conditions]
    return {**rule.labels, "severity": severities[0]} if len(severities) == 1 else dict(rule.labels)


def _alert(episode: Episode) -> dict[str, Any]:
    return {
        "labels": {**episode.labels, "alertname": episode.rule, "severity": str(episode.severity)},
        "annotations": _annotations(episode.annotations, episode.summary),
        "state": "pending" if episode.fired_at is None else "firing",
        "activeAt": _rfc3339(episode.began_at),
        "value": _scientific(episode.value),
    }


def _annotations(texts: Mapping[str, Any], summary: Any) -> dict[str, str]:
    """Annotations are texts there: `summary` in English, or whatever there is, and `summary_ko` beside it."""
    found = {name: str(text) for name, text in texts.items() if name != "summary"}
    if isinstance(summary, str):
        return {**found, "summary": summary}
    if not isinstance(summary, Mapping) or not summary:
        return found
    by_language = {f"summary_{language}": str(text) for language, text in summary.items() if language != "en"}
    return {**found, "summary": str(summary.get("en") or next(iter(summary.values()))), **by_language}


def _scientific(value: float | None) -> str:
    """`9.5e-01`: the shortest digits that read back as the same number."""
    if value is None or not np.isfinite(value):
        return number(float("nan") if value is None else value)
    return np.format_float_scientific(value, trim="-", exp_digits=2)


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- targets -------------------------------------------------------------------------------------------------------------


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
        "lastScrape": _NEVER if at_ms is None else _rfc3339(from_ms(at_ms)),
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


# --- metrics and series --------------------------------------------------------------------------------------------------


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


# --- parameters ----------------------------------------------------------------------------------------------------------


def _read(query: str) -> promql_parser.Expr:
    return parsed(query, Limits().query_length)


def _flag(given: QueryParams, name: str) -> bool:
    text = str(given.get(name, ""))
    if text not in _TRUE | _FALSE:
        raise bad_parameter(name, f'"{text}" is neither true nor false')
    return text in _TRUE


def _whole(given: QueryParams, name: str, default: int, problem: str) -> int:
    text = str(given.get(name, ""))
    try:
        return int(text) if text else default
    except ValueError as error:
        raise bad_parameter("", problem) from error
