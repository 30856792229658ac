"""Some of the series, always the same ones: each has a place between 0 and 1 that its labels alone decide (`limit_ratio`).

The places are those of Prometheus 3: XXH64 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md) of the labels
in order, each name and value behind its length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.names import names_of
from gwanje.keep.promql.table import Mask, Numbers
from gwanje.wire.columns import Labels

_FIRST, _SECOND, _THIRD = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_FOURTH, _FIFTH = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_MASK = (1 << 64) - 1
_LANES = 32
_SHORT = 255
"""Lengths below take one byte; longer ones take this byte and three more."""


def chosen(labels: Sequence[Labels], ratio: Numbers) -> Mask:
    """Series by steps: which a ratio takes. A negative one takes those that `1 + ratio` leaves."""
    place = names_of(labels).once("places", _places)[:, None]
    taken: Mask = np.where(ratio >= 0, place < np.minimum(ratio, 1.0), place >= 1.0 + np.maximum(ratio, -1.0))
    return taken


def _places(labels: Sequence[Labels]) -> NDArray[np.float64]:
    return np.array([xxh64(_written(own)) / float(_MASK) for own in labels], np.float64)


def _written(labels: Labels) -> bytes:
    return b"".join(_sized(text.encode()) for pair in labels for text in pair)


def _sized(text: bytes) -> bytes:
    size = len(text)
    return (bytes((size,)) if size < _SHORT else bytes((_SHORT,)) + size.to_bytes(3, "little")) + text


def xxh64(data: bytes) -> int:
    """The XXH64 of some bytes with seed 0."""
    lanes = len(data) - len(data) % _LANES
    state = _striped(data[:lanes]) if lanes else _FIFTH
    state = (state + len(data)) & _MASK
    words = lanes + (len(data) - lanes) // 8 * 8
    for at in range(lanes, words, 8):
        state = (_turned(state ^ _round(0, _number(data[at : at + 8])), 27) * _FIRST + _FOURTH) & _MASK
    if len(data) - words >= 4:
        state = (_turned(state ^ (_number(data[words : words + 4]) * _FIRST & _MASK), 23) * _SECOND + _THIRD) & _MASK
        words += 4
    for byte in data[words:]:
        state = _turned(state ^ (byte * _FIFTH & _MASK), 11) * _FIRST & _MASK
    state = (state ^ state >> 33) * _SECOND & _MASK
    state = (state ^ state >> 29) * _THIRD & _MASK
    return state ^ state >> 32


def _striped(data: bytes) -> int:
    lanes = [(_FIRST + _SECOND) & _MASK, _SECOND, 0, -_FIRST & _MASK]
    for at in range(0, len(data), 8):
        lane = at // 8 % 4
        lanes[lane] = _round(lanes[lane], _number(data[at : at + 8]))
    state = sum(_turned(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
    for lane in lanes:
        state = ((state ^ _round(0, lane)) * _FIRST + _FOURTH) & _MASK
    return state


def _round(state: int, word: int) -> int:
    return _turned((state + word * _SECOND) & _MASK, 31) * _FIRST & _MASK


def _turned(state: int, bits: int) -> int:
    return (state << bits | state >> (64 - bits)) & _MASK


def _number(word: bytes) -> int:
    return int.from_bytes(word, "little")
