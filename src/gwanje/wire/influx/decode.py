r"""An InfluxDB line protocol body → columns. What is before the first blank and a field's key are together the series' key.

A body of plain lines, each with a time and without an escape, is split as a whole; any other is read line by line. A bad line
is refused as a whole and loses no other. `\` stands before `,`, `=`, a blank, `"` and `\`; before anything else it is itself.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise, repeat
from operator import mul
from typing import TYPE_CHECKING

import numpy as np

from gwanje.errors import BadInput, TooLarge
from gwanje.model import METRIC
from gwanje.wire.columns import Columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import Labels, Times, Values

PROTOCOL = "influx"

_NS, _US, _MS, _S = (1, 1_000_000), (1, 1_000), (1, 1), (1_000, 1)
_PRECISIONS = {
    "": _NS,
    "n": _NS,
    "ns": _NS,
    "u": _US,
    "us": _US,
    "µ": _US,
    "μ": _US,
    "ms": _MS,
    "s": _S,
    "m": (60_000, 1),
    "h": (3_600_000, 1),
}
"""Milliseconds are the number times the first, divided by the second."""

_FARTHEST_MS = 1 << 62
_BAD_LINES_NAMED = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """What one body may hold. They protect everybody else from one sender."""

    body_bytes: int = 32 << 20
    """Unpacked."""
    samples: int = 500_000
    """Also the most lines of one body."""
    key_bytes: int = 256 << 20
    """Of all keys together: each field repeats what stands before it."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that was refused, counted from 1."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What of a body can be stored, and what cannot."""

    columns: Columns
    lines: NDArray[np.int64]
    """The line that each key stands in."""
    bad: Sequence[BadLine] = ()
    """The first of the refused lines."""
    refused: int = 0
    """How many lines were refused."""
    strings: int = 0
    """How many fields are text and so no samples; they were passed over."""


def decode(body: bytes, precision: str = "", now_ms: int = 0, limits: Limits | None = None) -> Decoded:
    """Read a whole body; lines without a time are of `now_ms`. Raises TooLarge over a limit, BadInput for an unknown precision.

    What stands before the blank is not looked at here: `labels_of` does it for keys that nobody knows yet.
    """
    limits = limits or Limits()
    scale = _PRECISIONS.get(precision)
    if scale is None:
        known = ", ".join(word for word in _PRECISIONS if word.isascii() and word)
        raise BadInput(f"{precision[:40]!r} is no precision; use one of {known}", where="precision")
    if len(body) > limits.body_bytes:
        raise TooLarge(f"the body has more than the {limits.body_bytes} bytes that are allowed; send smaller requests")
    if body.count(b"\n") > limits.samples:
        raise TooLarge(f"the body has more than the {limits.samples} lines that are allowed; send fewer")
    return _of_plain_lines(body, scale, limits) or _line_by_line(body, _Terms(scale, now_ms, limits))


def unpacked(body: bytes, limits: Limits | None = None) -> bytes:
    """What a gzip body holds. Raises TooLarge before it takes more room than allowed, and BadInput for what is no gzip."""
    most = (limits or Limits()).body_bytes
    parts: list[bytes] = []
    size = 0
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(body, most - size + 1))
        except zlib.error as error:
            raise BadInput(f"not gzip: {error}; send `Content-Encoding: gzip` with such a body only") from error
        size += len(parts[-1])
        if size > most:
            raise TooLarge(f"the body unpacks to more than the {most} bytes that are allowed; send smaller requests")
        if not member.eof:
            raise BadInput("the gzip body ends too early; send it again")
        body = member.unused_data
        if len(parts) > _BAD_LINES_NAMED:
            raise BadInput(f"the gzip body has more than {_BAD_LINES_NAMED} members; send one")
    return b"".join(parts)


def labels_of(key: bytes) -> Labels:
    """Read and check the labels of a key: names made Prometheus's, tags without a value left out. Raises BadInput."""
    parts = _split(key, b" ")
    if len(parts) != 2:
        raise BadInput("no series: a blank or a field too many", where=_shown(key))
    measurement, *tags = _split(parts[0], b",")
    if not measurement or not parts[1]:
        raise BadInput("a series without a measurement or field", where=_shown(key))
    name, wanted = _read(measurement, key), _read(parts[1], key)
    pairs = [(METRIC, _as_name(name if wanted == "value" else f"{name}_{wanted}"))]
    pairs += [pair for tag in tags if (pair := _pair(tag, key))[1]]
    pairs.sort()
    for (one, _), (following, _) in pairwise(pairs):
        if one == following:
            raise BadInput(f"two tags become the one label {one!r}; send each tag once", where=_shown(key))
    return tuple(pairs)


# --- plain lines, all at once ------------------------------------------------------------------------------------------------


def _others(separators: bytes) -> bytes:
    return bytes(byte for byte in range(256) if byte not in separators)


_BETWEEN_TOKENS, _NO_TOKEN_SEPARATORS = b"  \n", _others(b" \n")
_BETWEEN_FIELDS, _NO_FIELD_SEPARATORS = b"=,", _others(b"=,")
_OF_NUMBERS = b"0123456789.eE+-"
_OF_TIMES = b"0123456789-"


def _of_plain_lines(body: bytes, scale: tuple[int, int], limits: Limits) -> Decoded | None:
    """The body, if every line is `head fields time` without escapes, strings and mistakes; else None."""
    text = body.replace(b"\r\n", b"\n") if b"\r" in body else body
    if any(sign in text for sign in (b"\\", b'"', b"\t", b"\r", b"\n#")) or text[:1] == b"#":
        return None
    text = text if text.endswith(b"\n") else text + b"\n"
    if not _repeats(text.translate(None, _NO_TOKEN_SEPARATORS), _BETWEEN_TOKENS):
        return None
    tokens = text.replace(b"\n", b" ").split(b" ")
    heads, fields, stamps = tokens[:-1:3], tokens[1::3], tokens[2::3]
    pairs = b",".join(fields) + b","
    if b"" in heads or not _repeats(pairs.translate(None, _NO_FIELD_SEPARATORS), _BETWEEN_FIELDS):
        return None
    counts = np.ones(len(heads), np.int64)
    owners: Sequence[bytes] = heads
    if (samples := pairs.count(b",")) != len(heads):
        _check_samples(samples, limits)
        of_lines = [one.count(b",") + 1 for one in fields]
        counts = np.array(of_lines, np.int64)
        _check_keys(sum(map(mul, map(len, heads), of_lines)), limits)
        owners = list(chain.from_iterable(map(repeat, heads, of_lines)))
    halves = pairs.replace(b"=", b",").split(b",")
    names, times, values = halves[:-1:2], _plain_times(stamps, scale), _plain_values(halves[1::2])
    if b"" in names or times is None or values is None:
        return None
    keys = list(map(b" ".join, zip(owners, names, strict=True)))
    return _decoded(body, keys, np.repeat(times, counts), values, np.repeat(np.arange(1, len(heads) + 1), counts))


def _repeats(text: bytes, pattern: bytes) -> bool:
    return text == pattern * (len(text) // len(pattern))


def _plain_times(stamps: Sequence[bytes], scale: tuple[int, int]) -> Times | None:
    if b"".join(stamps).translate(None, _OF_TIMES):
        return None
    factor, divisor = scale
    try:
        numbers = np.array(list(map(int, stamps)), np.int64)
    except (ValueError, OverflowError):
        return None
    if len(numbers) and max(-int(numbers.min()), int(numbers.max())) > _FARTHEST_MS // factor:
        return None
    return numbers * factor if divisor == 1 else numbers // divisor


def _plain_values(texts: Sequence[bytes]) -> Values | None:
    others = b"".join(texts).translate(None, _OF_NUMBERS)
    try:
        values = np.array(list(map(_reader(others), texts)), np.float64)
    except ValueError:
        return None
    # A whole number that is too large is for the reader of lines to find.
    most = np.abs(values).max(initial=0)
    return values if most < (1 << 63 if others else np.inf) else None


def _reader(others: bytes) -> Callable[[bytes], float]:
    """The quickest that reads values which have these characters beside those of numbers."""
    if not others:
        return float
    return _number if others.strip(b"i") else _whole_or_float


def _whole_or_float(text: bytes) -> float:
    return int(text[:-1]) if text.endswith(b"i") else float(text)


# --- line by line ------------------------------------------------------------------------------------------------------------


class _BadLineError(ValueError):
    """The reason is its text."""


_HEAD = re.compile(rb"((?:[^\\ ]|\\.|\\\Z)++) ++", re.DOTALL)
_FIELD = re.compile(rb'((?:[^\\=, ]|\\.)++)=("(?:[^"\\]|\\.)*+"|[^", ][^, ]*+)', re.DOTALL)
_TO_THE_END = re.compile(
    rb'(?:\\[^\n]|[^ \n])*+ (?:[^\n\\=]|\\[^\n]|\\(?=\n|\Z)|=(?!")|="(?:[^"\\]|\\.)*+")*+(?=\n|\Z)',
    re.DOTALL,
)
"""A line whose strings may hold line ends. Possessive, so that each byte is looked at once."""
_STAMP = re.compile(rb"[+-]?\d{1,19}")
_FLOAT = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_SIGNED, _UNSIGNED = re.compile(rb"[+-]?\d{1,19}i"), re.compile(rb"\+?\d{1,20}u")
_WORDS = {
    **dict.fromkeys((b"t", b"T", b"true", b"True", b"TRUE"), 1.0),
    **dict.fromkeys((b"f", b"F", b"false", b"False", b"FALSE"), 0.0),
}


@dataclass(frozen=True, slots=True)
class _Terms:
    """What holds for every line of a body."""

    scale: tuple[int, int]
    now_ms: int
    limits: Limits


@dataclass(slots=True)
class _Rows:
    """What was read so far."""

    keys: list[bytes] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    refused: int = 0
    strings: int = 0
    key_bytes: int = 0


def _line_by_line(body: bytes, terms: _Terms) -> Decoded:
    rows = _Rows()
    # After one bad line that reaches over several, strings end with their line: else one forgotten quote takes its
    # neighbours along, and trying again at each of them would look at every byte many times.
    over_lines = b'"' in body
    number, at = 1, 0
    while at < len(body):
        end = _found(body.find(b"\n", at), body)
        line = body[at:end].strip(b" \t\r")
        if line and not line.startswith(b"#"):
            last = _string_end(body, at, end) if over_lines and b'"' in line else end
            try:
                over_lines = over_lines and last >= 0
                _take(rows, number, line if last <= end else body[at:last].strip(b" \t\r"), terms)
                end = max(end, last)
            except _BadLineError as bad:
                over_lines = over_lines and last == end
                rows.refused += 1
                if len(rows.bad) < _BAD_LINES_NAMED:
                    rows.bad.append(BadLine(number, str(bad)))
        number += body.count(b"\n", at, end) + 1
        at = end + 1
    times, values = np.array(rows.times, np.int64), np.array(rows.values, np.float64)
    decoded = _decoded(body, rows.keys, times, values, np.array(rows.lines, np.int64))
    return replace(decoded, bad=rows.bad, refused=rows.refused, strings=rows.strings)


def _found(position: int, body: bytes) -> int:
    return len(body) if position < 0 else position


def _string_end(body: bytes, at: int, end: int) -> int:
    """The end of the line that begins at `at`, line ends in its strings passed over; -1 when a string never ends."""
    match = _TO_THE_END.match(body, at)
    if match:
        return match.end()
    return end if b" " not in body[at:end] else -1


def _take(rows: _Rows, number: int, line: bytes, terms: _Terms) -> None:
    """Read one line whole, then take it: what is bad in it leaves nothing behind."""
    match = _HEAD.match(line)
    if not match:
        raise _BadLineError("no field; write `measurement,tag=value field=value time`")
    head = match[1]
    keys: list[bytes] = []
    values: list[float] = []
    strings, at = 0, match.end() - 1
    while True:
        match = _FIELD.match(line, at + 1)
        if not match:
            raise _BadLineError(f"no field at {_shown(line[at + 1 :])!r}; write `name=value`")
        name, text = match.groups()
        if text.startswith(b'"'):
            strings += 1
        else:
            values.append(_number(text))
            rows.key_bytes += len(head)
            _check_keys(rows.key_bytes, terms.limits)
            keys.append(head + b" " + name)
        at = match.end()
        if line[at : at + 1] != b",":
            break
    at_ms = _time(line[at:], terms)
    _check_samples(len(rows.keys) + len(keys), terms.limits)
    rows.strings += strings
    rows.keys += keys
    rows.values += values
    rows.times += [at_ms] * len(keys)
    rows.lines += [number] * len(keys)


def _time(rest: bytes, terms: _Terms) -> int:
    if rest[:1] not in {b"", b" "}:
        raise _BadLineError(f"{_shown(rest)!r} follows a string; write a comma or a blank")
    text = rest.strip(b" \t")
    if not text:
        return terms.now_ms
    if not _STAMP.fullmatch(text):
        raise _BadLineError(f"{_shown(text)!r} is no time; write a whole number")
    factor, divisor = terms.scale
    at_ms = int(text) * factor // divisor
    if abs(at_ms) > _FARTHEST_MS:
        raise _BadLineError(f"{_shown(text)!r} is too far away for a time; look at the precision")
    return at_ms


def _number(text: bytes) -> float:
    """The value of a field that is no string. Raises ValueError."""
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in {float("inf"), float("-inf")}:
            raise _BadLineError(f"{_shown(text)!r} is too large for a number")
        return value
    if _SIGNED.fullmatch(text) and -(1 << 63) <= int(text[:-1]) < 1 << 63:
        return float(int(text[:-1]))
    if _UNSIGNED.fullmatch(text) and int(text[:-1]) < 1 << 64:
        return float(int(text[:-1]))
    word = _WORDS.get(text)
    if word is None:
        raise _BadLineError(f"{_shown(text)!r} is no value; write a number, true, false or text in quotes")
    return word


# --- both --------------------------------------------------------------------------------------------------------------------


def _decoded(body: bytes, keys: Sequence[bytes], times: Times, values: Values, lines: NDArray[np.int64]) -> Decoded:
    return Decoded(Columns(PROTOCOL, body, keys, np.ones(len(keys), np.int64), times, values, labels_of), lines)


def _check_samples(samples: int, limits: Limits) -> None:
    if samples > limits.samples:
        raise TooLarge(f"the body has more than the {limits.samples} samples that are allowed; send fewer")


def _check_keys(key_bytes: int, limits: Limits) -> None:
    if key_bytes > limits.key_bytes:
        raise TooLarge(f"the names of all series take more than the {limits.key_bytes} bytes that are allowed; send fewer fields")


# --- names -------------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(rb"\\.|.", re.DOTALL)
_ESCAPE = re.compile(r'\\([,= "\\])')
_NOT_OF_NAMES = re.compile(r"[^a-zA-Z0-9_]")


def _split(text: bytes, by: bytes) -> list[bytes]:
    """Cut at each separator that is not escaped; the escapes stay."""
    if b"\\" not in text:
        return text.split(by)
    pieces = [bytearray()]
    for token in _TOKEN.findall(text):
        if token == by:
            pieces.append(bytearray())
        else:
            pieces[-1] += token
    return list(map(bytes, pieces))


def _pair(tag: bytes, key: bytes) -> tuple[str, str]:
    parts = _split(tag, b"=")
    if len(parts) != 2 or not parts[0]:
        raise BadInput(f"{_shown(tag)!r} is no tag; write `name=value`", where=_shown(key))
    name, value = (_read(part, key) for part in parts)
    return _as_name(name), value


def _read(part: bytes, key: bytes) -> str:
    try:
        return _ESCAPE.sub(r"\1", part.decode())
    except UnicodeDecodeError as error:
        raise BadInput("a name or tag that is not UTF-8", where=_shown(key)) from error


def _as_name(text: str) -> str:
    name = _NOT_OF_NAMES.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


def _shown(text: bytes) -> str:
    shown = text[:200].decode(errors="replace")
    return shown if len(text) <= 80 else shown[:79] + "…"
