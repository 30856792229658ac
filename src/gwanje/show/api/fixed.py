"""Samples as JSON text of one width each, so that columns of numbers become columns of characters without a look at each number.

JSON allows blanks between its tokens: a sample is ` [1700000000.123,  "12.5"  ],`, and every row is as long as the others. A row
is made of words of four characters, which are looked up in tables of all that four digits can say.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gwanje.wire.exposition import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gwanje.wire.columns import Times, Values

Words = NDArray[np.uint32]
"""Four characters each; a sample a row."""

_CHUNK = 10_000
_MOST_DECIMALS = 3
_MOST = 10.0**12
"""With the decimals at most 15 digits: such a decimal, when it reads back as the same float, is the shortest that does."""
_FEW = 32
"""Of so many values one may be another number, which is written by itself."""
_QUOTE, _MINUS = b'"-'


def samples(times: Times, values: Values) -> Words | None:
    """Each sample as `[seconds,"value"],`.

    None where a time lies before 2001 or after 2286, or where many values are no decimals of at most three places below 10 ** 12.
    """
    number = _decimals(np.abs(values))
    if number is None or (len(times) and not 10**12 <= int(times.min()) <= int(times.max()) < 10**13):
        return None
    digits, places, others = number
    texts = [encode.number(value).encode() for value in values[others].tolist()]
    whole = digits // 10**places
    fraction = digits - whole * 10**places
    front, middle, after = _seconds(times), _whole(whole), [table[fraction] for table in _ends(places)]
    free = [_FREE] + [_BLANK] * (-(-max((len(text) + 5 for text in texts), default=0) // 4) - 1 - len(middle) - len(after))
    before = front + free + middle
    words = np.empty((len(times), len(before) + len(after)), np.uint32)
    for place, column in enumerate(before + after):
        words[:, place] = column
    _quote(words, len(before), whole, np.signbit(values))
    room = words.view(np.uint8)[:, 4 * len(front) :]
    for row, text in zip(others.tolist(), texts, strict=True):
        room[row] = np.frombuffer((b',"' + text + b'"').ljust(room.shape[1] - 2) + b"],", np.uint8)
    return words


def _seconds(times: Times) -> list[Words]:
    """`[1700000000`, and the fraction where one of the times has one; the comma is left to what follows."""
    whole = times // 1000
    rest = times - whole * 1000
    words = [_HUNDRED[whole // 10**8], _PADDED[whole // _CHUNK % _CHUNK], _PADDED[whole % _CHUNK]]
    return [*words, _THOUSANDTHS[rest]] if rest.any() else words


def _whole(number: NDArray[np.int64]) -> list[Words]:
    """Whole numbers to the right, with blanks before them."""
    chunks, table = [], _LAST
    for _ in range(-(-len(str(int(number.max(initial=0)))) // 4)):
        higher = number // _CHUNK
        chunks.append(table[number - higher * _CHUNK + _CHUNK * (higher > 0)])
        number, table = higher, _LEADING
    return chunks[::-1]


def _quote(words: Words, end: int, whole: NDArray[np.int64], negative: NDArray[np.bool_]) -> None:
    """The quote, and the minus, before each first digit; the whole part ends where the word `end` begins."""
    text = words.view(np.uint8).reshape(-1)
    digits = np.maximum(1, np.searchsorted(_POWERS, whole, "right"))
    before = np.arange(len(words)) * (4 * words.shape[1]) + (4 * end - 1) - digits
    text[before[negative]] = _MINUS
    text[before - negative] = _QUOTE


def _decimals(size: Values) -> tuple[NDArray[np.int64], int, NDArray[np.int64]] | None:
    """The numbers without their points, how many places each then has behind it, and which of them are not so: there stands 0.

    None where those are many.
    """
    size = np.where(size < _MOST, size, np.nan)
    for places in range(_MOST_DECIMALS + 1):
        scaled = np.rint(size * 10**places)
        others = np.flatnonzero(scaled / 10**places != size)
        if len(others) <= len(size) // _FEW:
            scaled[others] = 0
            return scaled.astype(np.int64), places, others
    return None


def _table(texts: Iterable[bytes]) -> Words:
    return np.frombuffer(b"".join(texts), np.uint32)


@cache
def _ends(places: int) -> list[Words]:
    """The words that follow the whole part, for each fraction: the point, its digits without zeros behind, `"],`."""
    digits = [b".%0*d" % (places, rest) if rest else b"" for rest in range(10**places)]
    width = 8 if places else 4
    table = _table((own.rstrip(b"0") + b'"').ljust(width - 2) + b"]," for own in digits)
    return [table[place :: width // 4].copy() for place in range(width // 4)]


_FREE, _BLANK = _table([b",   "]), _table([b"    "])
_HUNDRED = _table(b" [%02d" % number for number in range(100))
_PADDED = _table(b"%04d" % number for number in range(_CHUNK))
_THOUSANDTHS = _table(b".%03d" % number for number in range(1000))
_LAST = np.append(_table(b"%4d" % number for number in range(_CHUNK)), _PADDED)
"""The last four digits of a number; of one that has more, from `_CHUNK` on."""
_LEADING = np.append(_table([b"    ", *(b"%4d" % number for number in range(1, _CHUNK))]), _PADDED)
"""Digits that stand further left."""
_POWERS = 10 ** np.arange(16)
