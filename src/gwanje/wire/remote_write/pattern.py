"""The same series again and again → remote write messages, in which only values and times are written anew."""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from gwanje.wire.remote_write.encode import varint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.wire.columns import Times, Values

_SERIES, _SAMPLE, _VALUE, _TIME = b"\x0a", b"\x12", b"\x09", b"\x10"
_TIME_BYTES: Final = 6
_FIRST_MS, _LAST_MS = 1 << 7 * (_TIME_BYTES - 1), 1 << 7 * _TIME_BYTES
"""Times that take six bytes: from February 1971 up to 2109."""
_VALUE_BYTES: Final = 8
_SAMPLE_BYTES: Final = 1 + _VALUE_BYTES + 1 + _TIME_BYTES
_TAIL: Final = (
    _SAMPLE + varint(_SAMPLE_BYTES) + _VALUE + bytes(_VALUE_BYTES) + _TIME + b"\x80" * (_TIME_BYTES - 1) + b"\0"
)  # of every series: its one sample


class Pattern:
    """A message of one sample for each series; `series` are framed label messages, as `key_of(…, framed=True)` gives them."""

    def __init__(self, series: Sequence[bytes]) -> None:
        records = [_SERIES + varint(len(labels) + len(_TAIL)) + labels + _TAIL for labels in series]
        self.count = len(records)
        self._series = series
        self._message = np.frombuffer(b"".join(records), dtype=np.uint8)
        ends = np.fromiter(accumulate(map(len, records)), dtype=np.int64, count=len(records))
        self._times = (ends - _TIME_BYTES)[:, None] + np.arange(_TIME_BYTES)
        self._values = (ends - _TIME_BYTES - 1 - _VALUE_BYTES)[:, None] + np.arange(_VALUE_BYTES)

    def message(self, times: Times, values: Values) -> bytes:
        """The message, not compressed: `times` and `values` in the order of the series."""
        if len(times) and (times.min() < _FIRST_MS or times.max() >= _LAST_MS):
            return self._one_by_one(times, values)
        message = self._message.copy()
        message[self._values] = np.ascontiguousarray(values, dtype="<f8").view(np.uint8).reshape(-1, _VALUE_BYTES)
        groups = times[:, None] >> (7 * np.arange(_TIME_BYTES, dtype=np.int64)) & 0x7F
        message[self._times] = groups.astype(np.uint8) | np.array([0x80] * (_TIME_BYTES - 1) + [0], dtype=np.uint8)
        return message.tobytes()

    def _one_by_one(self, times: Times, values: Values) -> bytes:
        """The same with times of any length."""
        parts = []
        for labels, at_ms, value in zip(self._series, times.tolist(), values.tolist(), strict=True):
            sample = _VALUE + struct.pack("<d", value) + _TIME + varint(at_ms & 0xFFFF_FFFF_FFFF_FFFF)
            content = labels + _SAMPLE + varint(len(sample)) + sample
            parts.append(_SERIES + varint(len(content)) + content)
        return b"".join(parts)
