"""The order of an instant answer: by value, or by labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from gwanje.keep.promql.calls import Asked
from gwanje.keep.promql.table import Table, label
from gwanje.wire.columns import Labels


def by_value(asked: Asked) -> Table:
    """The lowest first."""
    return _in_order(asked, sign=1)


def by_value_down(asked: Asked) -> Table:
    """The highest first."""
    return _in_order(asked, sign=-1)


def by_label(asked: Asked) -> Table:
    """By the labels that are named, numbers in them as numbers, then by all of them."""
    return _in_label_order(asked, reverse=False)


def by_label_down(asked: Asked) -> Table:
    """The other way round."""
    return _in_label_order(asked, reverse=True)


def _in_order(asked: Asked, sign: int) -> Table:
    """By the value at the last step, NaN at the end. The order is lost in a range query."""
    table: Table = asked.arguments[0]
    if asked.steps.count > 1:
        asked.notes.sorted_range(asked.node.function)
    if not table.labels:
        return table
    return table.rows(np.argsort(sign * table.values[:, -1], kind="stable"))


def _in_label_order(asked: Asked, *, reverse: bool) -> Table:
    table: Table = asked.arguments[0]
    if asked.steps.count > 1:
        asked.notes.sorted_range(asked.node.function)
    names: Sequence[str] = asked.arguments[1:]

    def key(row: int) -> tuple[list[Any], Labels]:
        return [_natural(label(table.labels[row], name)) for name in names], table.labels[row]

    return table.rows(np.array(sorted(range(len(table.labels)), key=key, reverse=reverse), np.int64))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A key under which `node10` comes after `node9`."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[0-9]+|[^0-9]+", text)]
