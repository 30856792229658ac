"""`info`: the labels that a series' target has elsewhere, by default on `target_info`, put on the series as Prometheus 3 does.

Series and facts belong together by `job` and `instance`. Of several facts of one name the one whose sample is the newest counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Final, cast

import numpy as np

from gwanje.errors import BadQuery
from gwanje.keep.promql.calls import Asked
from gwanje.keep.promql.plan import Aggregate, AtTime, Binary, Call, Negate, Node, Range, Select, Subquery
from gwanje.keep.promql.selection import Matcher
from gwanje.keep.promql.table import Indices, Mask, Table, empty, label, relabelled
from gwanje.model import METRIC
from gwanje.wire.columns import Labels

_IDENTITY: Final = ("instance", "job")
_NOBODY: Final = -1


def info(asked: Asked) -> Table:
    """Each series with the labels of its facts; the second argument's values are the times of its samples. Raises BadQuery."""
    table: Table = asked.arguments[0]
    asks = _Asks.of(facts_of(asked.node).matchers)
    alone = asks.are_facts(table.labels)
    facts = _Facts(_reached(asked.arguments[1], [own for own, out in zip(table.labels, alone, strict=True) if not out]))
    facts.refuse_twins(np.logical_or.reduce(table.present, axis=0))
    found = _Rows()
    for row, (own, is_fact) in enumerate(zip(table.labels, alone, strict=True)):
        if is_fact:
            found.add(own, row, table.present[row])
            continue
        for steps, chosen in facts.of(own):
            present = table.present[row] & steps
            if present.any() and (labels := _with_facts(own, chosen, asks)) is not None:
                found.add(labels, row, present)
    return found.of(table)


@dataclass(slots=True)
class _Rows:
    """Rows of a table under new labels; one row may become several, each at some of its steps."""

    labels: list[Labels] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    present: list[Mask] = field(default_factory=list)

    def add(self, labels: Labels, row: int, present: Mask) -> None:
        self.labels.append(labels)
        self.rows.append(row)
        self.present.append(present)

    def of(self, table: Table) -> Table:
        """Raises BadQuery where two have the same labels at one step."""
        if not self.rows:
            return empty(table.values.shape[1])
        return relabelled(Table(self.labels, table.values[self.rows], np.array(self.present, np.bool_)), self.labels)


def facts_of(node: Call) -> Select:
    """The selector of the facts, at the time at which the series are selected where all of their selectors have the same one."""
    series, facts = node.arguments
    times = set(_times(series))
    at, offset_ms = next(iter(times)) if len(times) == 1 else (None, 0)
    return replace(cast("Select", facts), at=at, offset_ms=offset_ms)


def _times(node: Node) -> Iterator[tuple[AtTime, int]]:
    """What `@` and `offset` say of every selector, those of subqueries around it among them."""
    match node:
        case Select():
            yield node.at, node.offset_ms
        case Range():
            yield from _times(node.select)
        case Subquery():
            for at, offset_ms in _times(node.expression):
                yield (at, offset_ms) if at is not None else (node.at, offset_ms + node.offset_ms)
        case Negate():
            yield from _times(node.expression)
        case Aggregate():
            yield from _times(node.expression)
        case Binary():
            yield from _times(node.left)
            yield from _times(node.right)
        case Call():
            for argument in node.arguments:
                yield from _times(argument)


@dataclass(frozen=True, slots=True)
class _Asks:
    """What the selector of facts asks for."""

    names: Sequence[Matcher]
    """Of the facts' metric."""
    labels: Mapping[str, Sequence[Matcher]]
    """Of the labels that are wanted; all of them are where it names none."""

    @classmethod
    def of(cls, matchers: Sequence[Matcher]) -> _Asks:
        by_name: dict[str, list[Matcher]] = {}
        for matcher in matchers:
            by_name.setdefault(matcher.name, []).append(matcher)
        return cls(by_name.pop(METRIC, []), by_name)

    def are_facts(self, series: Sequence[Labels]) -> list[bool]:
        """Which of the series are facts themselves, and get no other's labels."""
        names = [label(labels, METRIC) for labels in series]
        known = sorted(set(names))
        facts = set(compress(known, np.logical_and.reduce([matcher.select(known) for matcher in self.names])))
        return [name in facts for name in names]

    def wants(self, name: str) -> bool:
        return name != METRIC and (not self.labels or name in self.labels)

    @property
    def may_be_missing(self) -> bool:
        """Whether a series stays that has no facts."""
        return all(matcher.takes_empty for own in self.labels.values() for matcher in own)


class _Facts:
    """Facts by whom they belong to; the values of their table are the times of their samples."""

    def __init__(self, table: Table) -> None:
        self._table = table
        by_owner: defaultdict[Labels, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row, labels in enumerate(table.labels):
            by_owner[_owner(labels)][label(labels, METRIC)].append(row)
        self._of = {owner: [np.array(rows, np.int64) for rows in by_name.values()] for owner, by_name in by_owner.items()}
        self._chosen: dict[Labels, list[tuple[Mask, list[Labels]]]] = {}

    def of(self, labels: Labels) -> list[tuple[Mask, list[Labels]]]:
        """The facts of a series, one of each name, and the steps at which they are these."""
        owner = _owner(labels)
        if owner not in self._chosen:
            self._chosen[owner] = list(self._combinations(self._of.get(owner, [])))
        return self._chosen[owner]

    def _combinations(self, groups: Sequence[Indices]) -> Iterator[tuple[Mask, list[Labels]]]:
        steps = self._table.values.shape[1]
        newest = np.array([self._newest(rows) for rows in groups], np.int64).reshape(len(groups), steps)
        if (newest == newest[:, :1]).all():  # nearly always, and much less work
            combinations, which = newest[:, :1], np.zeros(steps, np.int64)
        else:
            combinations, which = np.unique(newest, axis=1, return_inverse=True)
        for place, combination in enumerate(combinations.T.tolist()):
            yield which.reshape(-1) == place, [self._table.labels[row] for row in combination if row != _NOBODY]

    def refuse_twins(self, steps: Mask) -> None:
        """Raises BadQuery where two facts of one name and one owner are equally new."""
        for rows in (rows for several in self._of.values() for rows in several if len(rows) > 1):
            times = self._times(rows)
            twins = ((times == times.max(axis=0)) & (times != _NOBODY)).sum(axis=0) > 1
            if (twins & steps).any():
                raise BadQuery(f"found duplicate series for info metric: {dict(self._table.labels[int(rows[0])])}")

    def _newest(self, rows: Indices) -> Indices:
        """Which of the rows has the newest sample at each step."""
        found: Indices
        if len(rows) == 1:
            found = np.where(self._table.present[rows[0]], rows[0], _NOBODY)
            return found
        times = self._times(rows)
        found = np.where(times.max(axis=0) == _NOBODY, _NOBODY, rows[times.argmax(axis=0)])
        return found

    def _times(self, rows: Indices) -> Indices:
        found: Indices = np.where(self._table.present[rows], self._table.values[rows], _NOBODY).astype(np.int64)
        return found


def _owner(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] in _IDENTITY)


def _reached(facts: Table, series: Sequence[Labels]) -> Table:
    """The facts of owners that the series have; of series without an owner none."""
    values = {name: {label(labels, name) for labels in series} for name in _IDENTITY}
    owned = any(own - {""} for own in values.values())
    there = [owned and all(label(labels, name) in own for name, own in values.items()) for labels in facts.labels]
    return facts.rows(np.array(there, np.bool_))


def _with_facts(labels: Labels, facts: Sequence[Labels], asks: _Asks) -> Labels | None:
    """The labels with those of the facts that they lack; None for a series that does not stay. Raises BadQuery."""
    own, more = dict(labels), dict[str, str]()
    for name, value in (pair for fact in facts for pair in fact if asks.wants(pair[0])):
        if more.get(name, value) != value:
            raise BadQuery(f"conflicting label: {name}")
        if name not in own:
            more[name] = value
    if not facts and not asks.may_be_missing:
        return None
    return tuple(sorted({**own, **more}.items()))
