"""The lines of data of one page on their way to columns.

Plain lines are read as a whole, and what the page before had too is taken from that. Lines that are not plain (tabs, exemplars,
several blanks) are read one by one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gwanje.errors import BadInput
from gwanje.wire.exposition.keys import KEY, is_right, pairs_of, shown
from gwanje.wire.exposition.numbers import float_of, floats_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import Times, Values
    from gwanje.wire.exposition.decode import Decoded

_BAD_LINES_NAMED: Final = 20
_FARTHEST_MS: Final = 1 << 62
_REST: Final = re.compile(rb"([ \t]*+)([^ \t]++)(?:[ \t]++([^ \t#][^ \t]*+))?[ \t]*+(#[ \t]*+\{.*+)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that was refused, counted from 1."""

    number: int
    reason: str


class Page:
    """One page's lines of data: `read` them, then take `keys`, `values`, `times` and `own_times`, a row each."""

    def __init__(self, data: Any, now_ms: int, *, openmetrics: bool, previous: Decoded | None) -> None:
        self.data = data
        self.keys: Sequence[bytes] = []
        self.values: Values = np.empty(0)
        self.times: Times = np.empty(0, dtype=np.int64)
        self.own_times: NDArray[np.bool_] | None = None
        self.bad: list[tuple[int, str]] = []
        """Row among the lines of data, and what is wrong with it."""
        self.plain: Any = None
        self._now_ms = now_ms
        self._openmetrics = openmetrics
        self._previous = previous

    def read(self) -> None:
        """Read every line; what is bad is noted and loses no other."""
        rows = np.arange(len(self.data))
        plain = self._plain_rows()
        keys, values = _halves(self.data if len(plain) == len(rows) else self.data.take(pa.array(plain)))
        floats, right = floats_of(values)
        before = self._previous
        whole = len(plain) == len(rows) and right.all()
        if whole and before is not None and before.plain is not None and keys.equals(before.plain):
            self.keys, self.values, self.plain = before.columns.keys, floats, keys
            self.times = np.full(len(floats), self._now_ms, dtype=np.int64)
        else:
            self._anew(plain, keys, values, floats, right)

    def named_bad(self, filled: Any) -> tuple[BadLine, ...]:
        """The first of the refused lines; `filled` says which lines of the page are lines of data."""
        if not self.bad:
            return ()
        numbers = np.flatnonzero(filled.to_numpy(zero_copy_only=False)) + 1
        return tuple(BadLine(int(numbers[row]), reason) for row, reason in sorted(self.bad)[:_BAD_LINES_NAMED])

    def _plain_rows(self) -> NDArray[np.int64]:
        """Lines with a blank and no exemplar: the others are read one by one."""
        plain = pc.match_substring(self.data, pattern=b" ")
        if self._openmetrics:
            plain = pc.and_not(plain, pc.match_substring(self.data, pattern=b" # "))
        rows: NDArray[np.int64] = np.flatnonzero(plain.to_numpy(zero_copy_only=False))
        return rows

    def _anew(self, rows: NDArray[np.int64], keys: Any, values: Any, floats: Values, right: NDArray[np.bool_]) -> None:
        timed = _holds_value(keys)
        right &= ~timed
        untimed_keys = _where(keys, right).to_pylist()
        readable = np.fromiter(map(self._is_series(), untimed_keys), dtype=np.bool_, count=len(untimed_keys))
        right[np.flatnonzero(right)[~readable]] = False
        found = _Found(self._now_ms)
        if readable.all():
            found.add(untimed_keys, floats[right])
        else:
            found.add([key for key, good in zip(untimed_keys, readable, strict=True) if good], floats[right])
        right |= self._with_times(keys, values, timed, found)
        rest = np.setdiff1d(np.arange(len(self.data)), rows[right], assume_unique=True)
        for row, whole in zip(rest.tolist(), self.data.take(pa.array(rest)).to_pylist(), strict=True):
            line = whole.strip(b" \t")
            if not line or line.startswith(b"#"):
                continue
            try:
                found.add_one(*self._one(line))
            except BadInput as error:
                self.bad.append((row, str(error)))
        self.keys, self.values, self.times, self.own_times = found.columns()
        self.plain = keys if len(untimed_keys) == len(self.keys) == len(self.data) else None

    def _with_times(self, keys: Any, values: Any, timed: NDArray[np.bool_], found: _Found) -> NDArray[np.bool_]:
        """Read lines that bring a time; says of each plain line whether it was one and was read."""
        read = np.zeros(len(timed), dtype=np.bool_)
        if not timed.any():
            return read
        timed_keys, texts = _halves(_where(keys, timed))
        floats, right = floats_of(texts)
        times, right_times = floats_of(_where(values, timed))
        times = times * 1000 if self._openmetrics else times
        right &= right_times & (np.abs(np.nan_to_num(times, nan=np.inf)) < _FARTHEST_MS)
        if not self._openmetrics:
            right &= times == np.floor(times)
        listed = timed_keys.to_pylist()
        is_series = self._is_series()
        right &= np.fromiter(map(is_series, listed), dtype=np.bool_, count=len(listed))
        good = np.flatnonzero(right)
        found.add([listed[at] for at in good.tolist()], floats[good], np.rint(times[good]).astype(np.int64))
        read[np.flatnonzero(timed)[good]] = True
        return read

    def _is_series(self) -> Any:
        """Whether a key can be read; those of the page before are known to be."""
        known = frozenset(self._previous.columns.keys) if self._previous else frozenset()
        fits = KEY.fullmatch
        return lambda key: key in known or (fits(key) is not None and is_right(key))

    def _one(self, line: bytes) -> tuple[bytes, float, int | None]:
        """One line, wherever the blanks in it are. Raises BadInput."""
        key = KEY.match(line)
        rest = _REST.fullmatch(line, key.end()) if key else None
        if not key or not rest or (not rest[1] and not key[0].endswith(b"}")):
            raise BadInput("no series and value", where=shown(line))
        if rest[4] and not self._openmetrics:
            raise BadInput("an exemplar, which only OpenMetrics has", where=shown(line))
        pairs_of(key[0])
        return key[0], float_of(rest[2], line), None if rest[3] is None else self._time(rest[3], line)

    def _time(self, text: bytes, line: bytes) -> int:
        number = float_of(text, line) * (1000 if self._openmetrics else 1)
        if not math.isfinite(number) or abs(number) >= _FARTHEST_MS or (not self._openmetrics and number != int(number)):
            raise BadInput(f"{shown(text)} is no time", where=shown(line))
        return round(number)


@dataclass(slots=True)
class _Found:
    """Samples gathered part by part."""

    now_ms: int
    keys: list[bytes] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    times: list[Times | None] = field(default_factory=list)

    def add(self, keys: list[bytes], values: Values, times: Times | None = None) -> None:
        self.keys = self.keys + keys if self.keys else keys
        self.values.append(values)
        self.times.append(times)

    def add_one(self, key: bytes, value: float, at_ms: int | None) -> None:
        self.keys.append(key)
        self.values.append(np.array([value]))
        self.times.append(None if at_ms is None else np.array([at_ms], dtype=np.int64))

    def columns(self) -> tuple[list[bytes], Values, Times, NDArray[np.bool_] | None]:
        times = [
            np.full(len(values), self.now_ms, dtype=np.int64) if own is None else own
            for values, own in zip(self.values, self.times, strict=True)
        ]
        marks = [np.full(len(values), own is not None) for values, own in zip(self.values, self.times, strict=True)]
        own_times = np.concatenate(marks)
        return self.keys, np.concatenate(self.values), np.concatenate(times), own_times if own_times.any() else None


def _halves(lines: Any) -> tuple[Any, Any]:
    """What stands before and after the last blank of each; every line has one."""
    parts = pc.split_pattern(lines, pattern=b" ", max_splits=1, reverse=True).flatten()
    firsts = np.arange(0, len(parts), 2)
    return parts.take(pa.array(firsts)), parts.take(pa.array(firsts + 1))


def _holds_value(keys: Any) -> NDArray[np.bool_]:
    """Which keys still hold the value, because what was split off is the time."""
    with_blank = pc.match_substring(keys, pattern=b" ")
    timed: NDArray[np.bool_] = pc.and_not(with_blank, pc.ends_with(keys, pattern=b"}")).to_numpy(zero_copy_only=False)
    return timed


def _where(texts: Any, mask: NDArray[np.bool_]) -> Any:
    return texts if mask.all() else texts.filter(pa.array(mask))
