"""Samples as JSON text of one width each, so that columns of numbers become columns of characters.

JSON allows blanks between its tokens: a sample is `[1700000000.123,   "12.5"  ],`, and every row is as long as the others.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gwanje.show.api import decimals, shortest
from gwanje.show.api.decimals import PADDED, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.wire.columns import Times, Values

Column = NDArray[Any]
"""Some characters of each sample, whatever numpy takes them for."""

_EARLIEST, _END = 10**12, 10**13
"""Milliseconds between which seconds have ten digits."""


class Rows(NamedTuple):
    """Each sample as `[seconds,"value"],`, one after the other."""

    text: memoryview
    width: int
    places: Sequence[int] = ()
    """Of numbers that are longer than the others: their rows."""
    others: Sequence[bytes] = ()
    """These numbers, which stand in place of the last characters of their rows."""
    tail: int = 0
    """So many characters."""

    def between(self, low: int, high: int) -> list[bytes | memoryview]:
        """The samples from one place to another, without a comma at the end, in pieces to be put together."""
        begin, end = low * self.width, max(low * self.width, high * self.width - len(","))
        if not self.places:
            return [self.text[begin:end]]
        found: list[bytes | memoryview] = []
        for other in range(bisect_left(self.places, low), bisect_left(self.places, high)):
            after = (self.places[other] + 1) * self.width
            found += [self.text[begin : after - self.tail], self.others[other]]
            begin = min(after - len(","), end)
        return [*found, self.text[begin:end]]


def samples(times: Times, values: Values) -> Rows | None:
    """None where a time lies before 2001 or after 2286, and where there is no sample."""
    if not len(times):
        return None
    own = _once(times)
    if not _EARLIEST <= int(own.min()) <= int(own.max()) < _END:
        return None
    front = _front(own)
    found = decimals.decimals(values)
    return _of_floats(front, values) if found is None else _of_decimals(front, values, found)


def _once(times: Times) -> Times:
    """The times of the first series, where all others have the same ones; else of all."""
    begins = (times == times[0]).nonzero()[0]
    each = int(begins[1]) if len(begins) > 1 else len(times)
    alike = not len(times) % each and (times.reshape(-1, each) == times[:each]).all()
    return times[:each] if alike else times


def _front(times: Times) -> Column:
    """`[1700000000,`, with three places behind the point where one of the times has a fraction."""
    whole = times // 1000
    rest = times - whole * 1000
    thousands = whole // 1000
    last = whole - thousands * 1000
    first = thousands // 10_000
    words = [_OPEN[first], PADDED[thousands - first * 10_000]]
    words += [_POINT[last], _COMMA[rest]] if rest.any() else [_COMMA[last]]
    return _beside(len(times), words).view(_void(4 * len(words)))[:, 0]


def _of_decimals(front: Column, values: Values, number: decimals.Decimals) -> Rows:
    negative = np.signbit(values)
    signed = bool(negative.any())
    whole, end = decimals.columns(number, signed=signed)
    rows = _beside(len(values), [front, *whole, end])
    if signed:
        decimals.sign(rows, rows.shape[1] - end.itemsize, number, negative)
    others = [b'"%b"]' % text for text in shortest.texts(values[number.others])]
    return Rows(rows.reshape(-1).data, rows.shape[1], number.others.tolist(), others, rows.shape[1] - front.itemsize)


def _of_floats(front: Column, values: Values) -> Rows:
    cells = shortest.cells(values)
    rows = _beside(len(values), [front, _QUOTE, cells.view(_void(8 * cells.shape[1]))[:, 0], _CLOSE])
    return Rows(rows.reshape(-1).data, rows.shape[1])


def _beside(rows: int, columns: Sequence[Column]) -> NDArray[np.uint8]:
    """Columns as one text, a sample a row; a column that is shorter is repeated."""
    text = np.empty((rows, sum(column.itemsize for column in columns)), np.uint8)
    begin = 0
    for column in columns:
        end = begin + column.itemsize
        kind = _void(end - begin)
        text[:, begin:end].view(kind).reshape(-1, len(column))[...] = column.view(kind)
        begin = end
    return text


@cache
def _void(characters: int) -> np.dtype[np.void]:
    """So many characters as one; numpy makes such a type anew each time."""
    return np.dtype((np.void, characters))


_QUOTE, _CLOSE = np.array([b'"']), np.array([b"],"])
_OPEN = table(b"[%03d" % number for number in range(1000))
_POINT = table(b"%03d." % number for number in range(1000))
_COMMA = table(b"%03d," % number for number in range(1000))
