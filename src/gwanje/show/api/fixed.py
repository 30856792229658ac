"""Samples as JSON text of one width each, so that columns of numbers become columns of characters.

JSON allows blanks between its tokens: a sample is ` [1700000000.123,  "12.5"  ],`, and every row is as long as the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gwanje.show.api import decimals, shortest
from gwanje.show.api.decimals import PADDED, Words, table

if TYPE_CHECKING:
    from gwanje.wire.columns import Times, Values

Rows = NDArray[np.uint8]
"""Characters; a sample a row."""

_EARLIEST, _END = 10**12, 10**13
"""Milliseconds between which seconds have ten digits."""


def samples(times: Times, values: Values) -> Rows | None:
    """Each sample as `[seconds,"value"],`. None where a time lies before 2001 or after 2286, and where there is no sample."""
    if not len(times) or not _EARLIEST <= int(times.min()) <= int(times.max()) < _END:
        return None
    found = decimals.decimals(values)
    return _of_floats(times, values) if found is None else _of_decimals(times, values, found)


def _of_decimals(times: Times, values: Values, number: decimals.Decimals) -> Rows:
    front, (before, after) = _seconds(times), decimals.columns(number)
    others = [b',"%b"' % text for text in shortest.texts(values[number.others])]
    missing = -(-(max(map(len, others), default=0) + 2) // 4) - len(before) - len(after)
    columns = [*front, *[_BLANK] * missing, *before, *after]
    words = np.empty((len(times), len(columns)), np.uint32)
    for place, column in enumerate(columns):
        words[:, place] = column
    rows = words.view(np.uint8)
    negative = np.signbit(values)
    if negative.any():
        decimals.sign(rows, 4 * (len(columns) - len(after)), number, negative)
    room = rows[:, 4 * len(front) :]
    for place, text in zip(number.others.tolist(), others, strict=True):
        room[place] = np.frombuffer(text.ljust(room.shape[1] - 2) + b"],", np.uint8)
    return rows


def _of_floats(times: Times, values: Values) -> Rows:
    front, cells = _seconds(times), shortest.cells(values)
    width = 8 * cells.shape[1]
    form = [("front", np.uint32, len(front)), ("open", "S2"), ("cell", np.void, width), ("end", "S2")]
    rows = np.empty(len(times), form)
    for place, column in enumerate(front):
        rows["front"][:, place] = column
    rows["open"] = b',"'
    rows["cell"] = cells.view(np.dtype((np.void, width)))[:, 0]
    rows["end"] = b"],"
    return rows.view(np.uint8).reshape(len(times), -1)


def _seconds(times: Times) -> list[Words]:
    """`[1700000000`, and the fraction where one of the times has one; the comma is left to what follows."""
    whole = times // 1000
    front = whole // 10_000
    first = front // 10_000
    words = [_HUNDRED[first], PADDED[front - first * 10_000], PADDED[whole - front * 10_000]]
    rest = times - whole * 1000
    return [*words, _THOUSANDTHS[rest]] if rest.any() else words


_BLANK = table([b"    "])
_HUNDRED = table(b" [%02d" % number for number in range(100))
_THOUSANDTHS = table(b".%03d" % number for number in range(1000))
