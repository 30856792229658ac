"""Rules and alerts as Prometheus lists them: alerting rules in one group, recording rules in another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import promql_parser
from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.errors import BadQuery, QueryLimit
from gwanje.judge.lifecycle import State
from gwanje.judge.rules.questions import curve
from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.keep.promql import Matcher, matchers
from gwanje.keep.promql.mistakes import parsed
from gwanje.keep.state import stories
from gwanje.keep.state.stories import Episode
from gwanje.show.api.parameters import Given
from gwanje.show.api.prometheus.given import NEVER, flag, rfc3339
from gwanje.show.api.query import bad_parameter, in_prometheus_form
from gwanje.show.rooms import Rooms
from gwanje.watch.book import Evaluation
from gwanje.watch.recorder import Recorded
from gwanje.wire.exposition.encode import number

_GROUP: Final = "gwanje"
_RECORDINGS: Final = "recording"
_STATES: Final = ("inactive", "pending", "firing")


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter()
    asked = _Asked(rooms)

    @router.get("/api/v1/rules")
    async def rules(request: Request) -> Response:
        """Every rule with its alerts.

        `type`, `rule_name[]`, `rule_group[]`, `file[]`, `match[]` (of a rule's labels) and `exclude_alerts` narrow it;
        `group_limit` with `group_next_token` gives so many groups at a time.
        """
        return await in_prometheus_form(rooms, request, asked.rules)

    @router.get("/api/v1/alerts")
    async def alerts(request: Request) -> Response:
        """Every alert that is pending or firing."""
        return await in_prometheus_form(rooms, request, asked.alerts)

    return router


class _Asked:
    """Reads a request's parameters and says what Prometheus would."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._queries = {rule.name: _query(rule) for rule in rooms.rules}

    async def rules(self, given: Given) -> dict[str, Any]:
        wanted = _Wanted.of(given)
        recordings = [one for one in self._rooms.recordings if wanted.takes("record", _RECORDINGS, one.record, one.labels)]
        alerting = [rule for rule in self._rooms.rules if wanted.takes("alert", _GROUP, rule.name, _rule_labels(rule))]
        with_alerts = not flag(given, "exclude_alerts")
        latest, open_ = self._rooms.latest(), await self._open()
        shown = [self._rule(rule, latest.get(rule.name), open_, with_alerts=with_alerts) for rule in alerting]
        at = max((latest[rule.name].at for rule in alerting if rule.name in latest), default=None)
        groups = [_group(_GROUP, alerting, shown, at)] if shown else []
        if recordings:
            told = self._rooms.recorded()
            at = max((told[one.record].at for one in recordings if one.record in told), default=None)
            groups.append(_group(_RECORDINGS, recordings, [_recording(one, told.get(one.record)) for one in recordings], at))
        return _page(groups, given)

    async def alerts(self, _given: Given) -> dict[str, Any]:
        return {"alerts": [_alert(episode) for episode in await self._open()]}

    async def _open(self) -> list[Episode]:
        """The episodes that are alerts to Prometheus, too: one without data that never fired is none."""
        found = await asyncio.to_thread(self._read_open)
        return [episode for episode in found if episode.fired_at is not None or episode.state == State.PENDING]

    def _read_open(self) -> list[Episode]:
        with self._rooms.state.read() as connection:
            return stories.open_episodes(connection)

    def _rule(self, rule: Rule, latest: Evaluation | None, open_: Iterable[Episode], *, with_alerts: bool) -> dict[str, Any]:
        own = [_alert(episode) for episode in open_ if episode.rule == rule.name]
        failed = str(latest.failed) if latest else ""
        return {
            "state": max((alert["state"] for alert in own), key=_STATES.index, default=_STATES[0]),
            "name": rule.name,
            "query": self._queries[rule.name],
            "duration": rule.for_.total_seconds(),
            "keepFiringFor": max(rule.clear_for, rule.keep_firing_for).total_seconds(),
            "labels": _rule_labels(rule),
            "annotations": _annotations(rule.annotations, rule.annotations.get("summary")),
            "alerts": own if with_alerts else [],
            "health": "unknown" if latest is None else "err" if failed else "ok",
            **({"lastError": failed} if failed else {}),
            "evaluationTime": latest.seconds if latest else 0.0,
            "lastEvaluation": rfc3339(latest.at) if latest else NEVER,
            "type": "alerting",
        }


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which rules a request means: each of its parameters that is there must take a rule, by one of its values."""

    sort: str
    groups: frozenset[str]
    files: frozenset[str]
    names: frozenset[str]
    selectors: Sequence[Sequence[Matcher]]

    @classmethod
    def of(cls, given: Given) -> _Wanted:
        sort = given.get("type").lower()
        if sort not in {"", "alert", "record"}:
            raise bad_parameter("type", f'not supported value "{sort}"')
        groups, files, names = (frozenset(given.every(key)) for key in ("rule_group[]", "file[]", "rule_name[]"))
        return cls(sort, groups, files, names, [matchers(one) for one in given.every("match[]")])

    def takes(self, sort: str, group: str, name: str, labels: Mapping[str, str]) -> bool:
        """A rule by its sort, its group (which is its file, too), its name and its labels."""
        sets = ((self.groups, group), (self.files, group), (self.names, name))
        if self.sort not in {"", sort} or any(some and one not in some for some, one in sets):
            return False
        return not self.selectors or any(
            all(matcher.select([labels.get(matcher.name, "")])[0] for matcher in selector) for selector in self.selectors
        )


def _page(groups: Sequence[Mapping[str, Any]], given: Given) -> dict[str, Any]:
    """The groups that `group_limit` and `group_next_token` ask for, and the token of the next one."""
    text, token = given.get("group_limit"), given.get("group_next_token")
    if not text and token:
        raise bad_parameter("group_next_token", "group_limit needs to be present in order to paginate over the groups")
    if not text:
        return {"groups": groups}
    if not re.fullmatch(r"\d{1,9}", text) or not int(text):
        raise bad_parameter("group_limit", "group_limit needs to be a number greater than 0")
    tokens = [_token(group) for group in groups]
    if token and token not in tokens:
        raise bad_parameter("group_next_token", f"invalid group_next_token '{token}'. were rule groups changed?")
    first = tokens.index(token) if token else 0
    past = first + int(text)
    following = {"groupNextToken": tokens[past]} if past < len(groups) else {}
    return {"groups": groups[first:past], **following}


def _token(group: Mapping[str, Any]) -> str:
    return blake2b(f"{group['file']};{group['name']}".encode(), digest_size=20).hexdigest()


def _recording(recording: Recording, told: Recorded | None) -> dict[str, Any]:
    return {
        "name": recording.record,
        "query": _in_one_line(recording.expr),
        "labels": recording.labels,
        "health": "unknown" if told is None else "err" if told.failed else "ok",
        **({"lastError": told.failed} if told and told.failed else {}),
        "evaluationTime": told.seconds if told else 0.0,
        "lastEvaluation": rfc3339(told.at) if told else NEVER,
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
        "lastEvaluation": rfc3339(at) if at else NEVER,
    }


def _query(rule: Rule) -> str:
    """PromQL that gives what breaches, as a rule of Prometheus does: what is looked at, compared with the thresholds."""
    looked_at = curve(rule, {}) + "\n"  # a comment may end it
    if rule.severity is not None:  # its condition stands in the query
        return _in_one_line(parsed(looked_at, len(looked_at)).prettify())
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
        "activeAt": rfc3339(episode.began_at),
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
