"""Numbers of few decimal places as columns of characters, without a look at each number.

A number is made of words of four characters, which are looked up in tables of all that four digits can say. The whole parts stand
to the right of theirs, so that the points of a column are in one place, and the quote stands before the first digit.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gwanje.wire.columns import Values

Words = NDArray[np.uint32]
"""Four characters each, one a sample."""

_CHUNK = 10_000
_MOST_DECIMALS = 3
_MOST = 10.0**12
"""With the decimals at most 15 digits: such a decimal, when it reads back as the same float, is the shortest that does."""
_FEW = 32
"""Of so many values one may be another number, which is written by itself."""
_GLANCE = 64
"""About how many values say how many places to try first."""
_QUOTE, _MINUS = b'"-'


class Decimals(NamedTuple):
    """Numbers without their signs and points. Where `others` says so there is another number, and 0 stands for it."""

    digits: NDArray[np.int64]
    places: int
    others: NDArray[np.intp]


def decimals(values: Values) -> Decimals | None:
    """The values as decimals of at most three places below 10 ** 12; None where many are none."""
    size = np.abs(values)
    size[~(size < _MOST)] = np.nan
    glance = size[:: max(1, len(size) // _GLANCE)]
    first = next((places for places in range(_MOST_DECIMALS) if _of_places(glance, places)), _MOST_DECIMALS)
    return next(filter(None, (_of_places(size, places) for places in range(first, _MOST_DECIMALS + 1))), None)


def _of_places(size: Values, places: int) -> Decimals | None:
    scaled = np.rint(size * 10**places)
    others = (scaled / 10**places != size).nonzero()[0]
    if len(others) > len(size) // _FEW:
        return None
    scaled[others] = 0
    return Decimals(scaled.astype(np.int64), places, others)


def columns(number: Decimals, *, signed: bool) -> tuple[list[Words], NDArray[Any]]:
    """`"12` and `.5"],` of each number: the words up to the point, with blanks before the quote, and the text from there on.

    `signed` leaves room for a minus.
    """
    whole = number.digits // 10**number.places
    fraction = number.digits - whole * 10**number.places
    length = len(str(int(whole.max()))) + len('"') + signed
    return _whole(whole, -(-length // 4)), _ends(number.places).take(fraction)


def sign(text: NDArray[np.uint8], end: int, number: Decimals, negative: NDArray[np.bool_]) -> None:
    """Put the minus, and the quote before it, into the rows of `text` that are negative; the whole parts end before `end`."""
    rows = np.flatnonzero(negative)
    whole = number.digits[rows] // 10**number.places
    quote = end - 1 - np.maximum(1, np.searchsorted(_POWERS, whole, "right"))
    text[rows, quote] = _MINUS
    text[rows, quote - 1] = _QUOTE


def _whole(number: NDArray[np.int64], words: int) -> list[Words]:
    """Whole numbers to the right, with the quote before the digits and blanks before it."""
    found: list[Words] = []
    least, most = int(number.min()), int(number.max())
    known, full = _LAST, None
    for _ in range(words):
        higher = number // _CHUNK if most >= _CHUNK else _NONE
        if least >= _CHUNK:
            found.append(PADDED.take(number - higher * _CHUNK))
        else:
            place = np.where(higher > 0, number - (higher - 1) * _CHUNK, number) if most >= _CHUNK else number
            found.append(known.take(place if full is None else np.where(full, _ALONE, place)))
            full = (number >= _CHUNK // 10) & (number < _CHUNK) if most >= _CHUNK // 10 else None
        number = higher if len(higher) else np.zeros(len(number), np.int64)
        least, most, known = least // _CHUNK, most // _CHUNK, _HIGHER
    return found[::-1]


def table(texts: Iterable[bytes]) -> Words:
    """Words to be looked up by their places."""
    return np.frombuffer(b"".join(texts), np.uint32)


@cache
def _ends(places: int) -> NDArray[Any]:
    """What follows the whole part, for each fraction: the point, its digits without zeros behind, `"],`."""
    digits = [b".%0*d" % (places, rest) if rest else b"" for rest in range(10**places)]
    width = 8 if places else 4
    texts = ((own.rstrip(b"0") + b'"').ljust(width - 2) + b"]," for own in digits)
    return np.frombuffer(b"".join(texts), np.uint64 if places else np.uint32)


PADDED = table(b"%04d" % number for number in range(_CHUNK))
_QUOTED = table((b'"%d' % number).rjust(4)[-4:] for number in range(_CHUNK))
"""The first digits of a number, with the quote where there is room for it."""
_LAST = np.append(_QUOTED, PADDED)
"""The last four digits of a number; of one that has more, from `_CHUNK` on."""
_ALONE = 2 * _CHUNK
_HIGHER = np.append(_LAST, table([b'   "']))
"""Digits that stand further left; at the end the quote alone, of a number whose digits fill the next word."""
_HIGHER[0] = table([b"    "])[0]
_NONE = np.empty(0, np.int64)
_POWERS = 10 ** np.arange(16)
