r"""An InfluxDB line protocol body → columns. What is before the first blank and a field's key are together the series' key.

A body of plain lines, each with a time and without an escape, is split as a whole; any other is read line by line. A bad line
is refused as a whole and loses no other. `\` stands before `,`, `=`, a blank, `"` and `\`; before anything else it is itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gwanje.errors import BadInput, TooLarge
from gwanje.model import METRIC
from gwanje.wire import gzip
from gwanje.wire.columns import Columns
from gwanje.wire.influx import plain
from gwanje.wire.influx.layouts import Layouts

if TYPE_CHECKING:
    from collections.abc import Sequence

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

_NEWLINE = ord("\n")
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


def decode(
    body: bytes,
    precision: str = "",
    now_ms: int = 0,
    limits: Limits | None = None,
    layouts: Layouts | None = None,
) -> Decoded:
    """Read a whole body; lines without a time are of `now_ms`. Raises TooLarge over a limit, BadInput for an unknown precision.

    What stands before the blank is not looked at here: `labels_of` does it for keys that nobody knows yet. Bodies of a layout
    that `layouts` know share one sequence of keys.
    """
    limits = limits or Limits()
    scale = _PRECISIONS.get(precision)
    if scale is None:
        known = ", ".join(word for word in _PRECISIONS if word.isascii() and word)
        raise BadInput(f"{precision[:40]!r} is no precision; use one of {known}", where="precision")
    if len(body) > limits.body_bytes:
        raise TooLarge(f"the body has more than the {limits.body_bytes} bytes that are allowed; send smaller requests")
    if np.count_nonzero(np.frombuffer(body, np.uint8) == _NEWLINE) > limits.samples:
        raise TooLarge(f"the body has more than the {limits.samples} lines that are allowed; send fewer")
    terms = _Terms(scale, now_ms, limits)
    return _of_plain_lines(body, terms, layouts or Layouts()) or _line_by_line(body, terms)


def unpacked(body: bytes, limits: Limits | None = None) -> bytes:
    """What a gzip body holds. Raises TooLarge before it takes more room than allowed, and BadInput for what is no gzip."""
    return gzip.unpacked(body, (limits or Limits()).body_bytes)


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


def _of_plain_lines(body: bytes, terms: _Terms, layouts: Layouts) -> Decoded | None:
    """The body, if every line is plain; else None."""
    found = plain.read(body, layouts, _number)
    if found is None:
        return None
    layout = found.layout
    _check_samples(len(layout.keys), terms.limits)
    _check_keys(layout.key_bytes, terms.limits)
    lines = np.arange(1, len(found.fields) + 1)
    times = np.full(len(lines), terms.now_ms, np.int64) if found.stamps is None else _in_ms(found.stamps, terms.scale)
    if times is None:
        return None
    if len(layout.keys) > len(lines):
        times, lines = np.repeat(times, found.fields), np.repeat(lines, found.fields)
    return _decoded(body, layout.keys, times, found.values, lines)


def _in_ms(stamps: Times, scale: tuple[int, int]) -> Times | None:
    """None for one that is too far away."""
    factor, divisor = scale
    if len(stamps) and max(-int(stamps.min()), int(stamps.max())) > _FARTHEST_MS // factor:
        return None
    return stamps * factor if divisor == 1 else stamps // divisor


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
_LONGEST_REMEMBERED = 128


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
        text = part.decode()
    except UnicodeDecodeError as error:
        raise BadInput("a name or tag that is not UTF-8", where=_shown(key)) from error
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def _as_name(text: str) -> str:
    return _made_name(text) if len(text) > _LONGEST_REMEMBERED else _remembered_name(text)


@lru_cache(maxsize=4096)  # a sender names the same few tags again and again
def _remembered_name(text: str) -> str:
    return _made_name(text)


def _made_name(text: str) -> str:
    name = _NOT_OF_NAMES.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


def _shown(text: bytes) -> str:
    shown = text[:200].decode(errors="replace")
    return shown if len(text) <= 80 else shown[:79] + "…"
