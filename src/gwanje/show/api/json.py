"""Answers of queries as the bytes of Prometheus's HTTP API, made of arrays: no object a sample, and not all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from gwanje.keep.promql.names import names_of
from gwanje.keep.samples.base import Answer, Labels, Matrix, Scalar, Text, Vector
from gwanje.show.api import fixed
from gwanje.show.api.shortest import texts
from gwanje.wire.columns import Times, Values
from gwanje.wire.exposition.encode import number

TRUNCATED = "results truncated due to limit"
_AT_ONCE = 25_000
"""About how many samples one piece of an answer holds."""


def pieces(answer: Answer, limit: int = 0) -> Iterator[bytes]:
    """The whole answer, piece by piece; of at most `limit` series, all with 0."""
    warnings = [*answer.warnings, *([TRUNCATED] if 0 < limit < _series_of(answer) else [])]
    noted = {name: notes for name, notes in (("warnings", warnings), ("infos", list(answer.infos))) if notes}
    yield b'{"status":"success","data":'
    yield from _data(answer, limit)
    yield b"".join(b',"%b":%b' % (name.encode(), msgspec.json.encode(notes)) for name, notes in noted.items()) + b"}"


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
        own = slice(offsets[start], offsets[end])
        between = _between(matrix.times[own], matrix.values[own])
        lines: list[bytes | memoryview] = []
        for row in range(start, end):
            samples = between(offsets[row] - offsets[start], offsets[row + 1] - offsets[start])
            lines += [b"," if row else b"", named[row], b',"values":[', *samples, b"]}"]
        yield b"".join(lines)
        start = end


def _between(times: Times, values: Values) -> Callable[[int, int], list[bytes | memoryview]]:
    """Says the samples from one place to another, without a comma at the end, in pieces."""
    rows = fixed.samples(times, values)
    if rows is not None:
        return rows.between
    parts = [b'[%b,"%b"]' % pair for pair in zip(map(_seconds, times.tolist()), texts(values), strict=True)]
    return lambda low, high: [b",".join(parts[low:high])]


def _named(labels: Sequence[Labels]) -> list[bytes]:
    return names_of(labels).once("json", lambda rows: [b'{"metric":' + msgspec.json.encode(dict(own)) for own in rows])


def _seconds(at_ms: int) -> bytes:
    seconds, rest = divmod(abs(at_ms), 1000)
    text = b"%d.%03d" % (seconds, rest)
    return (b"-" if at_ms < 0 else b"") + (text.rstrip(b"0").rstrip(b".") if rest % 10 == 0 else text)
