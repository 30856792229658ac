"""Answers of queries as the bytes of Prometheus's HTTP API, made of arrays: no object a sample, and not all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from gwanje.keep.promql.names import names_of
from gwanje.keep.samples.base import Answer, Labels, Matrix, Scalar, Text, Vector
from gwanje.show.api import fixed
from gwanje.wire.columns import Times, Values
from gwanje.wire.exposition.encode import number

TRUNCATED = "results truncated due to limit"
_AT_ONCE = 20_000
"""About how many samples one piece of an answer holds."""


def pieces(answer: Answer, limit: int = 0) -> Iterator[bytes]:
    """The whole answer, piece by piece; of at most `limit` series, all with 0."""
    warnings = [*answer.warnings, *([TRUNCATED] if 0 < limit < _series_of(answer) else [])]
    noted = {name: notes for name, notes in (("warnings", warnings), ("infos", list(answer.infos))) if notes}
    yield b'{"status":"success","data":'
    yield from _data(answer, limit)
    yield b"".join(b',"%b":%b' % (name.encode(), msgspec.json.encode(notes)) for name, notes in noted.items()) + b"}"


def texts(values: Values) -> list[bytes]:
    """Each number as the API writes it, as `number` does."""
    if not len(values):
        return []
    size = np.abs(values)
    whole = values == np.rint(values)
    if (whole & (size < 1e15)).all() and not np.signbit(values[values == 0]).any():
        return msgspec.json.encode(values.astype(np.int64).tolist())[1:-1].split(b",")
    found = msgspec.json.encode(values.tolist())[1:-1].replace(b".0,", b",").split(b",")
    found[-1] = found[-1].removesuffix(b".0")
    for place in np.flatnonzero(~((size >= 1e-4) & (size < 1e15))).tolist():
        found[place] = number(float(values[place])).encode() if values[place] else found[place]
    return found


def _series_of(answer: Answer) -> int:
    return len(answer.labels) if isinstance(answer, Vector | Matrix) else 1


def _data(answer: Answer, limit: int) -> Iterator[bytes]:
    match answer:
        case Scalar(value, at_ms):
            yield b'{"resultType":"scalar","result":[%b,"%b"]}' % (_seconds(at_ms), number(value).encode())
        case Text(value, at_ms):
            yield b'{"resultType":"string","result":[%b,%b]}' % (_seconds(at_ms), msgspec.json.encode(value))
        case Vector():
            yield b'{"resultType":"vector","result":['
            yield from _vector(answer, limit or len(answer.labels))
            yield b"]}"
        case Matrix():
            yield b'{"resultType":"matrix","result":['
            yield from _matrix(answer, limit or len(answer.labels))
            yield b"]}"


def _vector(vector: Vector, limit: int) -> Iterator[bytes]:
    named = _named(vector.labels)
    line = b'%%b,"value":[%b,"%%b"]}' % _seconds(vector.at_ms)
    for start in range(0, min(limit, len(named)), _AT_ONCE):
        some = slice(start, min(start + _AT_ONCE, limit))
        own = zip(named[some], texts(vector.values[some]), strict=True)
        yield (b"," if start else b"") + b",".join([line % pair for pair in own])


def _matrix(matrix: Matrix, limit: int) -> Iterator[bytes]:
    named = _named(matrix.labels)
    offsets = matrix.offsets[: limit + 1].tolist()
    start = 0
    while start < len(offsets) - 1:
        end = start + 1
        while end < len(offsets) - 1 and offsets[end + 1] - offsets[start] <= _AT_ONCE:
            end += 1
        rows = _Rows(matrix.times[offsets[start] : offsets[end]], matrix.values[offsets[start] : offsets[end]])
        lines = [
            b'%b,"values":[%b]}' % (named[row], rows.between(offsets[row] - offsets[start], offsets[row + 1] - offsets[start]))
            for row in range(start, end)
        ]
        yield (b"," if start else b"") + b",".join(lines)
        start = end


class _Rows:
    """The samples of several series, as text."""

    def __init__(self, times: Times, values: Values) -> None:
        self._times = times
        words = fixed.samples(times, values)
        self._fixed = words.tobytes() if words is not None else b""
        self._width = len(self._fixed) // max(1, len(times))
        self._values = texts(values) if words is None else []
        self._form_of: Times = np.empty(0, np.int64)
        self._form = b""

    def between(self, low: int, high: int) -> bytes:
        """Some neighbouring ones, without a comma at the end."""
        if not self._values:
            return self._fixed[low * self._width : max(low, high * self._width - 1)]
        return self._formed(self._times[low:high]) % tuple(self._values[low:high])

    def _formed(self, times: Times) -> bytes:
        """Times with a place for each value; most series of an answer have the same ones."""
        if not len(self._form_of) or not np.array_equal(times, self._form_of):
            self._form_of = times
            self._form = b",".join([b'[%b,"%%b"]' % one for one in map(_seconds, times.tolist())])
        return self._form


def _named(labels: Sequence[Labels]) -> list[bytes]:
    return names_of(labels).once("json", lambda rows: [b'{"metric":' + msgspec.json.encode(dict(own)) for own in rows])


def _seconds(at_ms: int) -> bytes:
    seconds, rest = divmod(abs(at_ms), 1000)
    text = b"%d.%03d" % (seconds, rest)
    return (b"-" if at_ms < 0 else b"") + (text.rstrip(b"0").rstrip(b".") if rest % 10 == 0 else text)
