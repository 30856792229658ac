"""Absence: `absent` and `absent_over_time`, and the labels that the absent series would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql import over_time
from gwanje.keep.promql.calls import Asked
from gwanje.keep.promql.plan import Call, Range, Select
from gwanje.keep.promql.selection import Matcher
from gwanje.keep.promql.table import Table, one_row
from gwanje.keep.promql.windows import Ranged
from gwanje.model import METRIC
from gwanje.wire.columns import Labels


def absent(asked: Asked) -> Table:
    """One series of 1 at the steps at which a vector is empty."""
    table: Table = asked.arguments[0]
    return _where_absent(asked, np.logical_or.reduce(table.present, axis=0))


def absent_over_time(asked: Asked) -> Table:
    """One series of 1 at the steps whose windows are empty."""
    ranged: Ranged = asked.arguments[0]
    return _where_absent(asked, np.logical_or.reduce(ranged.reduced(over_time.present).present, axis=0))


def _where_absent(asked: Asked, there: NDArray[np.bool_]) -> Table:
    row = one_row(np.ones(len(there)), _labels_asked_for(asked.node))
    return replace(row, present=~there[None, :])


def _labels_asked_for(node: Call) -> Labels:
    """The labels that a selector fixes to one value: what the absent series would have."""
    argument = node.arguments[0]
    select = argument.select if isinstance(argument, Range) else argument
    if not isinstance(select, Select):
        return ()
    named: dict[str, list[Matcher]] = {}
    for matcher in select.matchers:
        named.setdefault(matcher.name, []).append(matcher)
    return tuple(sorted((name, own[-1].value) for name, own in named.items() if _fixes(name, own)))


def _fixes(name: str, own: Sequence[Matcher]) -> bool:
    """Prometheus's own rule: exactly one `=`, and nothing more about the label after it."""
    return name != METRIC and own[-1].op == "=" and sum(matcher.op == "=" for matcher in own) == 1 and bool(own[-1].value)
