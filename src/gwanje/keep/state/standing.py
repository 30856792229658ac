"""What stands open now, counted and paged by the engine: ten thousand alerts at once cost a screen no more than three do.

Open alerts have a standing, which is how people care for them: `critical`, `warning`, `unknown`, `info`, `pending` and
`recovering`, the worst first, and of one standing the older first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, case, cast, func, or_, select

from gwanje.keep.state.alerts import Row
from gwanje.keep.state.stories import Episode, episodes_of
from gwanje.keep.state.tables import acknowledgements, episodes

STANDINGS: Final = ("critical", "warning", "unknown", "info", "pending", "recovering")
_HOST: Final = func.coalesce(episodes.c.host, "")
_UNKNOWN: Final = ("no_data", "error", "insufficient")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which open alerts. What is empty lets all through; `text` is looked for in rule, host and labels, whatever its case."""

    standing: str = ""
    severity: str = ""
    rule: str = ""
    host: str = ""
    text: str = ""
    unjudged: bool = False
    """True while nobody evaluates rules: how the rules' own alerts stand is then unknown."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many alerts of one rule, or about one host, have one standing, the oldest since when, how many somebody has, and how
    many are muted.
    """

    of: str
    """The rule's name, or the host's; empty where they are about no host."""
    standing: str
    count: int
    since: datetime
    acknowledged: int
    muted: int


@dataclass(frozen=True, slots=True)
class OfHost:
    """How many open alerts about a host, or about a container of it, have one state and severity."""

    host: str
    container: str | None
    state: str
    severity: str
    count: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `before` is how many stand before it, `next` the cursor of the page after it; empty at the end."""

    episodes: Sequence[Episode]
    before: int = 0
    next: str = field(default="")


@dataclass(frozen=True, slots=True)
class HostPage:
    """One page of hosts; empty is what is about none. `before` and `more` are how many stand before and after them."""

    hosts: Sequence[str]
    before: int
    more: int
    next: str
    """The cursor of the page after it; empty at the end."""


def counted(connection: Connection, chosen: Chosen) -> list[Counted]:
    """Open alerts by rule and standing."""
    return _counted(connection, chosen, episodes.c.rule)


def counted_on(connection: Connection, chosen: Chosen, hosts: Sequence[str]) -> list[Counted]:
    """Open alerts about these hosts, by host and standing."""
    return _counted(connection, chosen, _HOST, hosts)


def worst_hosts(connection: Connection, chosen: Chosen, after: str, limit: int) -> HostPage:
    """The hosts after a cursor: those with the worst alerts first, then the ones with more. An odd cursor raises ValueError."""
    columns: tuple[ColumnElement[Any], ...] = (_HOST.label("host"), _rank(chosen).label("rank"))
    one = _open(select(*columns), chosen).subquery().c
    counted = select(one.host, func.min(one.rank).label("rank"), func.count().label("count")).group_by(one.host).subquery()
    of = counted.c
    how_many = select(func.count()).select_from(counted)
    total = left = connection.execute(how_many).scalar_one()
    wanted = select(of.host, of.rank, of.count)
    if after:
        rank, count, host = after.split(".", 2)
        fewer = or_(of.count < int(count), and_(of.count == int(count), of.host > host))
        beyond = or_(of.rank > int(rank), and_(of.rank == int(rank), fewer))
        left = connection.execute(how_many.where(beyond)).scalar_one()
        wanted = wanted.where(beyond)
    found = connection.execute(wanted.order_by(of.rank, of.count.desc(), of.host).limit(limit)).all()
    more = left - len(found)
    following = f"{found[-1].rank}.{found[-1][2]}.{found[-1].host}" if more and found else ""
    return HostPage([row.host for row in found], total - left, more, following)


def _counted(connection: Connection, chosen: Chosen, by: ColumnElement[str], only: Sequence[str] | None = None) -> list[Counted]:
    is_muted = case((cast(episodes.c.muted, Text).like('["%'), 1), else_=0).label("is_muted")
    columns = (by.label("of"), _rank(chosen).label("rank"), episodes.c.began_at, acknowledgements.c.episode, is_muted)
    taken = episodes.outerjoin(acknowledgements, acknowledgements.c.episode == episodes.c.id)
    # Grouped from outside: an engine does not see that two expressions with values bound to them are one.
    listed = _open(select(*columns).select_from(taken), chosen)
    one = (listed if only is None else listed.where(by.in_(only))).subquery().c
    had, quiet = func.count(one.episode), func.sum(one.is_muted)
    wanted = select(one.of, one.rank, func.count(), func.min(one.began_at), had, quiet).group_by(one.of, one.rank)
    rows = connection.execute(wanted).all()
    return [Counted(of, STANDINGS[rank], count, since, on_it, int(quiet)) for of, rank, count, since, on_it, quiet in rows]


def page(connection: Connection, chosen: Chosen, after: str, limit: int) -> Page:
    """The alerts after a cursor (the first with none), the worst first. An odd cursor raises ValueError."""
    rank = _rank(chosen)
    wanted, before = _open(select(episodes), chosen), 0
    if after:
        place, _, id_ = after.partition(".")
        beyond = or_(rank > int(place), and_(rank == int(place), episodes.c.id > id_))
        earlier = _open(select(func.count()).select_from(episodes), chosen)
        before = connection.execute(earlier).scalar_one()
        before -= connection.execute(earlier.where(beyond)).scalar_one()
        wanted = wanted.where(beyond)
    ranked = wanted.add_columns(rank.label("rank")).order_by(rank, episodes.c.id).limit(limit + 1)
    rows = [dict(row) for row in connection.execute(ranked).mappings()]
    ranks = [row.pop("rank") for row in rows]
    last = min(limit, len(rows)) - 1
    following = f"{ranks[last]}.{rows[last]['id']}" if len(rows) > limit else ""
    return Page(episodes_of(connection, rows[:limit]), before, following)


def worst_of_rules(connection: Connection, chosen: Chosen, rules: Sequence[str], each: int) -> list[Episode]:
    """The worst few alerts of each of these rules, the worst of all first."""
    return _worst(connection, chosen, episodes.c.rule, rules, each)


def worst_on_hosts(connection: Connection, chosen: Chosen, hosts: Sequence[str], each: int) -> list[Episode]:
    """The worst few alerts about each of these hosts, the worst of all first."""
    return _worst(connection, chosen, _HOST, hosts, each)


def _worst(connection: Connection, chosen: Chosen, by: ColumnElement[str], names: Sequence[str], each: int) -> list[Episode]:
    rank = _rank(chosen)
    place = func.row_number().over(partition_by=by, order_by=(rank, episodes.c.id))
    numbered = _open(select(episodes.c.id, place.label("place"), rank.label("rank")), chosen).where(by.in_(names))
    few = numbered.subquery()
    wanted = (
        select(episodes)
        .join(few, few.c.id == episodes.c.id)
        .where(few.c.place <= each)
        .order_by(few.c.rank, few.c.place, episodes.c.id)
    )
    return episodes_of(connection, [dict(row) for row in connection.execute(wanted).mappings()])


def about(connection: Connection, label: str, limit: int) -> list[Episode]:
    """Open alerts that carry a label, the oldest first."""
    wanted = _open(select(episodes), Chosen()).where(episodes.c.labels[label].as_string().is_not(None))
    rows = connection.execute(wanted.order_by(episodes.c.id).limit(limit)).mappings()
    return episodes_of(connection, [dict(row) for row in rows])


def of_hosts(connection: Connection) -> list[OfHost]:
    """Open alerts about hosts, counted."""
    name = episodes.c.labels["name"].as_string().label("name")
    wanted = select(episodes.c.host, name, episodes.c.state, episodes.c.severity)
    of = tuple(wanted.where(episodes.c.ended_at.is_(None), episodes.c.host.is_not(None)).subquery().c)
    counting: Select[Any] = select(*of, func.count())
    rows = connection.execute(counting.group_by(*of)).all()
    return [OfHost(host, box, state, severity, count) for host, box, state, severity, count in rows]


def matchable(connection: Connection) -> list[Row]:
    """What matchers look at, of every open alert: its id, rule, severity, state and labels, the worst first."""
    columns = (episodes.c.id, episodes.c.rule, episodes.c.severity, episodes.c.state, episodes.c.value, episodes.c.labels)
    wanted = _open(select(*columns), Chosen()).order_by(_rank(Chosen()), episodes.c.id)
    return [dict(row) for row in connection.execute(wanted).mappings()]


def _rank(chosen: Chosen) -> ColumnElement[int]:
    """The place of an alert's standing in `STANDINGS`."""
    state, severity = episodes.c.state, episodes.c.severity
    places = [
        (state.in_(_UNKNOWN), 2),
        (state == "pending", 4),
        (state == "recovering", 5),
        (severity == "critical", 0),
        (severity == "warning", 1),
    ]
    return case(*([(episodes.c.source == "rule", 2)] if chosen.unjudged else []), *places, else_=3)


def _open(query: Select[Any], chosen: Chosen) -> Select[Any]:
    query = query.where(episodes.c.ended_at.is_(None))
    if chosen.standing:
        query = query.where(_rank(chosen) == STANDINGS.index(chosen.standing))
    for column, value in ((episodes.c.rule, chosen.rule), (episodes.c.host, chosen.host), (episodes.c.severity, chosen.severity)):
        query = query.where(column == value) if value else query
    return query.where(_with_text(chosen.text)) if chosen.text else query


def _with_text(text: str) -> ColumnElement[bool]:
    # Engines keep labels as JSON, some of them with every letter beyond ASCII escaped.
    forms = {text.lower(), json.dumps(text.lower())[1:-1]}
    places = (episodes.c.rule, func.coalesce(episodes.c.host, ""), cast(episodes.c.labels, Text))
    return or_(*(func.lower(place).contains(form, autoescape=True) for place in places for form in sorted(forms)))
