"""JSON lines → columns: one object a line with labels, values and times, as VictoriaMetrics imports and exports them.

The text of a line's labels is its key, so that the labels of a known series are not looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gwanje.errors import BadInput, TooLarge
from gwanje.wire.columns import Columns
from gwanje.wire.remote_write.decode import checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwanje.wire.columns import Labels, Times, Values

PROTOCOL = "json"

_SAMPLES_A_PIECE = 100_000
_MOST_LINES = 500_000
_BAD_LINES_NAMED = 100
_WORDS = {
    **dict.fromkeys(("NaN", "nan"), float("nan")),
    **dict.fromkeys(("Infinity", "+Infinity", "Inf", "+Inf"), float("inf")),
    **dict.fromkeys(("-Infinity", "-Inf"), float("-inf")),
}
_NOTHING = msgspec.Raw(b"")


@dataclass(slots=True)
class Piece:
    """Some lines of a body: what of them can be stored, and what cannot."""

    columns: Columns
    lines: Sequence[int]
    """The line of each key, counted from 1."""
    bad: Sequence[tuple[int, str]] = ()
    """The first of the refused lines, and why."""
    refused: int = 0
    """How many lines were refused."""


def pieces(body: bytes) -> Iterator[Piece]:
    """Read a body piece by piece; a bad line is refused whole and loses no other.

    A line is `{"metric": {"__name__": "up", "host": "web-1"}, "values": [1], "timestamps": [1700000000000]}`; the labels may
    also be called `labels`. Times are milliseconds. A value may be null, which says nothing, and "NaN" or "Infinity" as text.
    Raises TooLarge before the first piece for more lines than allowed.
    """
    if body.count(b"\n") > _MOST_LINES:
        raise TooLarge(f"the body has more than the {_MOST_LINES} lines that are allowed; send fewer")
    rows = _Rows()
    at, number = 0, 0
    while at < len(body):
        end = body.find(b"\n", at)
        end = len(body) if end < 0 else end
        number += 1
        if line := body[at:end].strip():
            rows.read(number, line)
        at = end + 1
        if rows.samples >= _SAMPLES_A_PIECE:
            yield rows.piece()
            rows = _Rows()
    yield rows.piece()


def labels_of(key: bytes) -> Labels:
    """Read and check the labels of a key. Raises BadInput."""
    try:
        labels = _LABELS.decode(key)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadInput(f"labels must be an object of texts: {error}") from error
    return checked(labels.items())


class _Line(msgspec.Struct):
    metric: msgspec.Raw = _NOTHING
    labels: msgspec.Raw = _NOTHING
    values: list[float] = []
    timestamps: list[int] = []


class _LooseLine(msgspec.Struct):
    """A line that has other values than numbers."""

    metric: msgspec.Raw = _NOTHING
    labels: msgspec.Raw = _NOTHING
    values: list[float | str | None] = []
    timestamps: list[int] = []


_LINE, _LOOSE_LINE = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_LooseLine)
_LABELS = msgspec.json.Decoder(dict[str, str])


@dataclass(slots=True)
class _Rows:
    """What was read of one piece so far."""

    keys: list[bytes] = field(default_factory=list)
    times: list[Times] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    refused: int = 0
    samples: int = 0

    def read(self, number: int, line: bytes) -> None:
        try:
            key, times, values = _read(line)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, BadInput) as error:
            self.refused += 1
            if len(self.bad) < _BAD_LINES_NAMED:
                self.bad.append((number, str(error)))
            return
        self.keys.append(key)
        self.times.append(times)
        self.values.append(values)
        self.lines.append(number)
        self.samples += len(times)

    def piece(self) -> Piece:
        columns = Columns(
            protocol=PROTOCOL,
            body=b"",
            keys=self.keys,
            counts=np.array(list(map(len, self.times)), np.int64),
            times=np.concatenate([np.empty(0, np.int64), *self.times]),
            values=np.concatenate([np.empty(0, np.float64), *self.values]),
            labels_of=labels_of,
        )
        return Piece(columns, self.lines, self.bad, self.refused)


def _read(line: bytes) -> tuple[bytes, Times, Values]:
    try:
        read: _Line | _LooseLine = _LINE.decode(line)
    except msgspec.ValidationError:
        read = _LOOSE_LINE.decode(line)
    key = bytes(read.metric) or bytes(read.labels)
    if not key:
        raise BadInput("no labels; name them `metric`")
    if len(read.values) != len(read.timestamps):
        raise BadInput(f"{len(read.values)} values and {len(read.timestamps)} timestamps; send as many of each")
    if not read.values:
        raise BadInput("no `values`")
    times = np.array(read.timestamps, np.int64)
    if isinstance(read, _Line):
        return key, times, np.array(read.values, np.float64)
    said = np.array([one is not None for one in read.values])
    return key, times[said], np.array([_number(one) for one in read.values if one is not None], np.float64)


def _number(value: float | str) -> float:
    if isinstance(value, str):
        if value not in _WORDS:
            raise BadInput(f"{value[:40]!r} is no value; send a number, null, NaN or Infinity")
        return _WORDS[value]
    return float(value)
