"""What stands open now, as one look: how many of what, rule by rule, and the worst of them.

However many alerts fire, a look has at most `MOST_RULES` rules and a page of alerts; the rest is counted, and asked for by
filters and page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from sqlalchemy import Connection

from gwanje.errors import BadInput
from gwanje.keep.promql.regex import full_match
from gwanje.keep.state import standing as kept
from gwanje.keep.state.alerts import Row
from gwanje.keep.state.standing import STANDINGS, Chosen, Counted, OfHost, Page
from gwanje.model import to_ms
from gwanje.show.alerts import Alert, evaluator_is_lost, shown
from gwanje.show.rooms import Rooms
from gwanje.tell.matchers import Matcher

PAGE: Final = 50
MOST_ALERTS: Final = 200
MOST_RULES: Final = 12
MOST_HOSTS: Final = 50
EACH: Final = 3
"""So many alerts stand for a rule or a host where all are shown; of one with more than that, one line says the rest."""
BY_HOST: Final = "host"
PIPELINE: Final = "pipeline"
"""The label of alerts about a pipeline."""
_PIPELINES: Final = 50
_MATCHED_RULES: Final = 10
_Found = TypeVar("_Found")
_FILTERS: Final = ("standing", "severity", "rule", "host", "text")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many open alerts have which standing; `acknowledged` and `muted` are among them."""

    critical: int = 0
    warning: int = 0
    unknown: int = 0
    info: int = 0
    pending: int = 0
    recovering: int = 0
    acknowledged: int = 0
    muted: int = 0


@dataclass(frozen=True, slots=True)
class OfRule:
    """The open alerts of one rule in a line; `since` is when the oldest of the worst standing began, in milliseconds."""

    rule: str
    tally: Tally
    since: int


@dataclass(frozen=True, slots=True)
class OnHost:
    """The same about one host; empty is what is about none."""

    host: str
    tally: Tally
    since: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Counts of all that a filter lets through, the worst rules, and alerts, the worst first."""

    total: int
    tally: Tally
    """By standing, whichever standing the filter asks for."""
    rules: Sequence[OfRule]
    more_rules: int
    """How many rules are left out."""
    alerts: Sequence[Alert]
    before: int = 0
    """How many alerts stand before these."""
    next: str = ""
    """The cursor of the alerts after these; empty at the end."""
    hosts: Sequence[OnHost] = ()
    """A page of hosts, the worst first, where alerts are asked for by host: `alerts` are then the worst few of each, and
    `before` and `next` are those of the hosts."""
    more_hosts: int = 0
    """How many hosts stand after these."""


@dataclass(frozen=True, slots=True)
class OpenNow:
    """All that is open, in short: counts, the worst rules, a few alerts that stand for all, and how hosts are touched."""

    tally: Tally
    rules: Sequence[OfRule]
    more_rules: int
    alerts: Sequence[Alert]
    """The worst few of each of these rules, the worst first, and then those about pipelines."""
    hosts: Sequence[OfHost]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which open alerts, and which page of them."""

    chosen: Chosen = field(default_factory=Chosen)
    after: str = ""
    limit: int = PAGE
    by: str = ""
    """`host` for a page of hosts with the worst few of each, instead of a page of all."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The open alerts that matchers match: how many, and of which rules the most."""

    open: int
    rules: Mapping[str, int] = field(default_factory=dict)
    more_rules: int = 0


def standing(rooms: Rooms, asked: Asked) -> Standing:
    """Open alerts by filters, one page or the worst of each host, with the counts of all. Raises BadInput for an odd cursor."""
    with rooms.state.read() as connection:
        lost = evaluator_is_lost(rooms, connection)
        chosen = replace(asked.chosen, unjudged=lost)
        counted = kept.counted(connection, replace(chosen, standing=""))
        if asked.by == BY_HOST:
            hosts = _paged(asked, lambda: kept.worst_hosts(connection, chosen, asked.after, min(asked.limit, MOST_HOSTS)))
            listed = _with_counts(connection, chosen, hosts.hosts)
            page = Page(kept.worst_on_hosts(connection, chosen, hosts.hosts, EACH), hosts.before, hosts.next)
            more = hosts.more
        else:
            page = _paged(asked, lambda: kept.page(connection, chosen, asked.after, asked.limit))
            listed, more = [], 0
    alerts = [shown(one, unknown=lost) for one in page.episodes]
    found = [one for one in counted if chosen.standing in {"", one.standing}]
    rules = _rules(found)
    total = sum(one.count for one in found)
    few, left = rules[:MOST_RULES], len(rules[MOST_RULES:])
    return Standing(total, _tally(counted), few, left, alerts, page.before, page.next, listed, more)


def open_now(rooms: Rooms) -> OpenNow:
    """Everything open, in short."""
    with rooms.state.read() as connection:
        lost = evaluator_is_lost(rooms, connection)
        chosen = Chosen(unjudged=lost)
        found = kept.counted(connection, chosen)
        rules = _rules(found)
        few = kept.worst_of_rules(connection, chosen, [one.rule for one in rules[:MOST_RULES]], EACH) if rules else []
        known = {one.id for one in few}
        few += [one for one in kept.about(connection, PIPELINE, _PIPELINES) if one.id not in known] if rules else []
        hosts = kept.of_hosts(connection) if rules else []
    alerts = [shown(one, unknown=lost) for one in few]
    return OpenNow(_tally(found), rules[:MOST_RULES], len(rules[MOST_RULES:]), alerts, hosts)


def tally(rooms: Rooms) -> dict[str, Any]:
    """What every view shows: the counts, and the alerts about pipelines."""
    with rooms.state.read() as connection:
        lost = evaluator_is_lost(rooms, connection)
        found = kept.counted(connection, Chosen(unjudged=lost))
        about = kept.about(connection, PIPELINE, _PIPELINES) if found else []
    return {"tally": _tally(found), "pipelines": [shown(one, unknown=lost) for one in about]}


def _paged(asked: Asked, ask: Callable[[], _Found]) -> _Found:
    try:
        return ask()
    except ValueError as error:
        raise BadInput(f"{asked.after!r} is no cursor; ask with the `next` of the page before", where="after") from error


def _with_counts(connection: Connection, chosen: Chosen, names: Sequence[str]) -> list[OnHost]:
    ranked = {name: (tally, since) for name, tally, since in _ranked(kept.counted_on(connection, chosen, names))}
    return [OnHost(name, *ranked[name]) for name in names]


def asked_by(query: str) -> Asked:
    """What a query such as `standing=critical&rule=disk+full` asks for. Raises BadInput."""
    given = dict(parse_qsl(query))
    limit = given.pop("limit", str(PAGE))
    after, by = given.pop("after", ""), given.pop("by", "")
    if unknown := given.keys() - set(_FILTERS):
        raise BadInput(f"open alerts are not chosen by {', '.join(sorted(unknown))}", where="topics")
    if not (limit.isdecimal() and 1 <= int(limit) <= MOST_ALERTS):
        raise BadInput(f"a page has 1 to {MOST_ALERTS} alerts", where="limit")
    if given.get("standing", "critical") not in STANDINGS:
        raise BadInput(f"{given['standing']!r} is no standing; known: {', '.join(STANDINGS)}", where="standing")
    if by not in {"", BY_HOST}:
        raise BadInput(f"open alerts are not put together by {by!r}; known: {BY_HOST}", where="by")
    standing, severity, rule, host, text = (given.get(name, "") for name in _FILTERS)
    return Asked(Chosen(standing, severity, rule, host, text), after, int(limit), by)


def matched(rooms: Rooms, matchers: Sequence[Matcher]) -> Matched:
    """What matchers would take now, before somebody says it."""
    with rooms.state.read() as connection:
        rows = matching(connection, matchers)
    rules: dict[str, int] = {}
    for row in rows:
        rules[row["rule"]] = rules.get(row["rule"], 0) + 1
    most = sorted(rules.items(), key=lambda one: (-one[1], one[0]))
    return Matched(len(rows), dict(most[:_MATCHED_RULES]), len(most[_MATCHED_RULES:]))


def matching(connection: Connection, matchers: Sequence[Matcher]) -> list[Row]:
    """Open alerts that all matchers match, as a silence matches them: `rule` and `severity` beside the labels."""
    rows = kept.matchable(connection)
    for matcher in matchers:
        texts = [_text(row, matcher.label) for row in rows]
        if matcher.operator.endswith("~"):
            holds = [bool(one) for one in full_match(matcher.value, texts)] if texts else []
        else:
            holds = [text == matcher.value for text in texts]
        rows = [row for row, one in zip(rows, holds, strict=True) if one != matcher.operator.startswith("!")]
    return rows


def _text(row: Row, label: str) -> str:
    found: str = row[label] if label in {"rule", "severity"} else row["labels"].get(label, "")
    return found


def _tally(found: Sequence[Counted]) -> Tally:
    counts: dict[str, Any] = {name: sum(one.count for one in found if one.standing == name) for name in STANDINGS}
    return Tally(**counts, acknowledged=sum(one.acknowledged for one in found), muted=sum(one.muted for one in found))


def _rules(found: Sequence[Counted]) -> list[OfRule]:
    return [OfRule(*one) for one in _ranked(found)]


def _ranked(found: Sequence[Counted]) -> list[tuple[str, Tally, int]]:
    """Rules or hosts by their worst standing, the ones with more alerts of it first."""
    by_name: dict[str, list[Counted]] = {}
    for one in sorted(found, key=lambda one: STANDINGS.index(one.standing)):
        by_name.setdefault(one.of, []).append(one)
    ranked = sorted(by_name.items(), key=lambda one: (STANDINGS.index(one[1][0].standing), -one[1][0].count, one[0]))
    return [(name, _tally(counts), to_ms(counts[0].since)) for name, counts in ranked]
