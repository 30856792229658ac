"""Bodies that say the same again: a sender's next body often differs from its last one in times and values only.

What a body looks like is remembered with the places of its times and values. Where a new one is equal everywhere else, those are
read by two gathers, and nothing is parsed. The places are computed from the lengths of what the full decoder found, and a layout
is only kept when reading it so gives exactly what the full decoder gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import Times, Values

    Places = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

_SAMPLE_HEAD: Final = (0x12, 0x10, 0x09)  # a sample, 16 bytes; its value, 8 bytes
_TIME_TAG: Final = 0x10
_SAMPLE_BYTES: Final = 18
_VALUE_AT: Final = 3
_TIME_TAG_AT: Final = 11
_TIME_AT: Final = 12
_TIME_BYTES: Final = 6  # a varint of so many bytes holds the milliseconds of 1971 to 2109
_SEPTET: Final = np.uint64(0x7F)
_CONTINUE_BITS: Final = np.uint64(0x80_80_80_80_80_80)
_CONTINUED: Final = np.uint64(0x00_80_80_80_80_80)
"""Every byte of a varint but its last says that one follows."""
_LAYOUTS: Final = 16
_LAYOUT_BYTES: Final = 24 << 20
_GLANCE: Final = 4096
_FRUITLESS: Final = 4
"""So many layouts of the same series in a row that no body had again: then the sender's values come and go, and none is kept."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a decoder found: series `i` is `keys[i]` and owns the next `counts[i]` of `times` and `values`."""

    keys: Sequence[bytes]
    counts: NDArray[np.int64]
    times: Times
    values: Values


@dataclass(slots=True)
class _Layout:
    template: Bytes
    fixed: NDArray[np.bool_]
    """Where a body of this layout has the template's byte: everywhere but in times and values."""
    samples: Places
    """Where each sample begins."""
    keys: Sequence[bytes]
    counts: NDArray[np.int64]
    hits: int = 0

    def fits(self, message: Bytes) -> bool:
        if len(message) != len(self.template):
            return False
        for end in (_GLANCE, len(message)):  # most that do not fit differ early
            other = message[:end] != self.template[:end]
            other &= self.fixed[:end]
            if other.any():
                return False
        return True

    def read(self, message: bytes) -> Parts | None:
        """None where a time takes fewer or more bytes."""
        eights = np.ndarray((len(message) - 7,), "<u8", message, strides=(1,))  # the 8 bytes that begin at each byte
        packed = eights[self.samples + (_TIME_AT - 2)] >> np.uint64(16)
        if ((packed & _CONTINUE_BITS) != _CONTINUED).any():
            return None
        times = packed & _SEPTET
        for i in range(1, _TIME_BYTES):
            times |= packed >> np.uint64(i) & _SEPTET << np.uint64(7 * i)
        values = eights[self.samples + _VALUE_AT].view("<f8")
        return Parts(self.keys, self.counts, times.view(np.int64), values)

    @property
    def nbytes(self) -> int:
        return 2 * len(self.template) + self.samples.nbytes + self.counts.nbytes


class Repeats:
    """The layouts that came last. May be asked from several threads: the worst that happens is that a layout is learned again."""

    def __init__(self) -> None:
        self._known: tuple[_Layout, ...] = ()

    def read(self, message: bytes) -> Parts | None:
        """What a body of a known layout holds; None for any other."""
        data = np.frombuffer(message, np.uint8)
        for layout in self._known:
            if layout.fits(data):
                layout.hits += 1
                return layout.read(message)
        return None

    def learn(self, message: bytes, labels: NDArray[np.int64], of_series: NDArray[np.int64], found: Parts) -> None:
        """Remember what a body looks like, if it can be read by places.

        `labels` are the lengths of the label messages in order, and series `i` owns `labels[of_series[i]:of_series[i + 1]]`.
        """
        same = [layout for layout in self._known if layout.keys is found.keys]
        if len(same) >= _FRUITLESS and not any(layout.hits for layout in same):
            return
        layout = _learned(message, labels, of_series, found)
        if layout is None:
            return
        known = (layout, *self._known)[:_LAYOUTS]
        while known and sum(one.nbytes for one in known) > _LAYOUT_BYTES:
            known = known[:-1]
        self._known = known


def _learned(message: bytes, labels: NDArray[np.int64], of_series: NDArray[np.int64], found: Parts) -> _Layout | None:
    data = np.frombuffer(message, np.uint8)
    framed = np.concatenate([[0], np.cumsum(1 + _varint_bytes(labels) + labels)])
    before_samples = framed[of_series[1:]] - framed[of_series[:-1]]
    content = before_samples + found.counts * _SAMPLE_BYTES
    whole = 1 + _varint_bytes(content) + content
    ends = np.cumsum(whole)
    if not len(ends) or ends[-1] != len(data) or not len(found.times):
        return None
    first = ends - found.counts * _SAMPLE_BYTES
    number = np.arange(len(found.times)) - np.repeat(np.cumsum(found.counts) - found.counts, found.counts)
    samples = np.repeat(first, found.counts) + number * _SAMPLE_BYTES
    head = data[samples[:, None] + np.arange(len(_SAMPLE_HEAD))]
    if (head != _SAMPLE_HEAD).any() or (data[samples + _TIME_TAG_AT] != _TIME_TAG).any():
        return None
    fixed = np.ones(len(data), np.bool_)
    for start, length in ((_VALUE_AT, 8), (_TIME_AT, _TIME_BYTES)):
        fixed[samples[:, None] + np.arange(start, start + length)] = False
    layout = _Layout(data, fixed, samples, found.keys, found.counts)
    read = layout.read(message)
    same = read is not None and np.array_equal(read.times, found.times) and _same_bits(read.values, found.values)
    return layout if same else None


def _same_bits(one: Values, other: Values) -> bool:
    return np.array_equal(one.view(np.int64), np.ascontiguousarray(other).view(np.int64))


def _varint_bytes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bytes each length takes as a varint."""
    return np.searchsorted(1 << 7 * np.arange(1, 9), lengths, side="right") + 1
