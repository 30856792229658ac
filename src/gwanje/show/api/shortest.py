"""Any numbers as the HTTP API writes them: the shortest decimal that reads back as the same float."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from gwanje.wire.columns import Values
from gwanje.wire.exposition.encode import number

_COMMA, _QUOTE, _BLANK = b'," '
_WORD = 8
_FEW = 8
"""So many numbers are written sooner one by one."""


def texts(values: Values) -> list[bytes]:
    """Each number as `number` writes it, and -0."""
    if len(values) <= _FEW:
        return [_text(value) for value in values.tolist()]
    size = np.abs(values)
    if (size < 1e15).all() and (values == np.rint(values)).all() and not np.signbit(values[values == 0]).any():
        return msgspec.json.encode(values.astype(np.int64).tolist())[1:-1].split(b",")
    found = _listed(values)[1:-1].split(b",")
    for place in _unlike(values):
        found[place] = _text(float(values[place]))
    return found


def cells(values: Values) -> NDArray[np.uint64]:
    """Each number and a quote after it, then blanks up to one width for all: a row of words of eight characters a number.

    There must be a number.
    """
    text = np.frombuffer(_listed(values), np.uint8)
    ends = np.append(np.flatnonzero(text == _COMMA), len(text) - 1)
    starts = np.append(0, ends[:-1]) + 1
    lengths = ends - starts + 1
    unlike = {place: _text(float(values[place])) + b'"' for place in _unlike(values)}
    width = -(-max(int(lengths.max()), *map(len, unlike.values()), 0) // _WORD) * _WORD
    room = np.empty(len(text) + width, np.uint8)
    room[: len(text)] = text
    room[ends] = _QUOTE
    windows = np.ndarray((len(text),), np.dtype((np.void, width)), room, strides=(1,))
    found: NDArray[np.uint64] = windows[starts].view(np.uint64).reshape(len(values), -1)
    kept, blanks = _masks(width)
    found &= kept.take(lengths, 0)
    found |= blanks.take(lengths, 0)
    for place, own in unlike.items():
        found[place] = np.frombuffer(own.ljust(width), np.uint64)
    return found


def _listed(values: Values) -> bytes:
    """The numbers as a list of JSON; `_unlike` are not as they should be."""
    found = msgspec.json.encode(values.tolist())
    if (values == np.rint(values)).any():
        return found.replace(b".0,", b",").replace(b".0]", b"]")
    return found


def _unlike(values: Values) -> list[int]:
    """Which numbers JSON writes otherwise or not at all: NaN, infinite ones, and those with exponents."""
    size = np.abs(values)
    places: list[int] = np.flatnonzero(~(((size >= 1e-4) & (size < 1e15)) | (size == 0))).tolist()
    return places


def _text(value: float) -> bytes:
    return number(value).encode() if value else repr(value).removesuffix(".0").encode()


@cache
def _masks(width: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """For so many characters of a cell that are kept: all bits of those, and blanks in the places of the others."""
    kept = np.arange(width) < np.arange(width + 1)[:, None]
    return (kept * np.uint8(255)).view(np.uint64), (~kept * np.uint8(_BLANK)).view(np.uint64)
