"""A body read line by line: every spelling, and a reason for each line that is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np

from gwanje.wire.influx.body import FARTHEST_MS, BadLine, Decoded, Terms, check_keys, check_samples, in_columns
from gwanje.wire.influx.keys import shown
from gwanje.wire.possessive import every

_BAD_LINES_NAMED = 100
_HEAD = re.compile(rb"(" + every(rb"[^\\ ]|\\.|\\\Z", b"+") + rb") ++", re.DOTALL)
_QUOTED = rb'"' + every(rb'[^"\\]|\\.') + rb'"'
_FIELD = re.compile(rb"(" + every(rb"[^\\=, ]|\\.", b"+") + rb")=(" + _QUOTED + rb'|[^", ][^, ]*+)', re.DOTALL)
_TO_THE_END = re.compile(
    every(rb"\\[^\n]|[^ \n]") + rb" " + every(rb'[^\n\\=]|\\[^\n]|\\(?=\n|\Z)|=(?!")|=' + _QUOTED) + rb"(?=\n|\Z)",
    re.DOTALL,
)
"""A line whose strings may hold line ends."""
_STAMP = re.compile(rb"[+-]?\d{1,19}")
_FLOAT = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_SIGNED, _UNSIGNED = re.compile(rb"[+-]?\d{1,19}i"), re.compile(rb"\+?\d{1,20}u")
_WORDS = {
    **dict.fromkeys((b"t", b"T", b"true", b"True", b"TRUE"), 1.0),
    **dict.fromkeys((b"f", b"F", b"false", b"False", b"FALSE"), 0.0),
}


class _BadLineError(ValueError):
    """The reason is its text."""


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


def line_by_line(body: bytes, terms: Terms) -> Decoded:
    """Read a whole body, however it is spelled. Raises TooLarge over a limit."""
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
    decoded = in_columns(body, rows.keys, times, values, np.array(rows.lines, np.int64))
    return replace(decoded, bad=rows.bad, refused=rows.refused, strings=rows.strings)


def value_of(text: bytes) -> float:
    """The value of a field that is no string. Raises ValueError."""
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in {float("inf"), float("-inf")}:
            raise _BadLineError(f"{shown(text)!r} is too large for a number")
        return value
    if _SIGNED.fullmatch(text) and -(1 << 63) <= int(text[:-1]) < 1 << 63:
        return float(int(text[:-1]))
    if _UNSIGNED.fullmatch(text) and int(text[:-1]) < 1 << 64:
        return float(int(text[:-1]))
    word = _WORDS.get(text)
    if word is None:
        raise _BadLineError(f"{shown(text)!r} is no value; write a number, true, false or text in quotes")
    return word


def _found(position: int, body: bytes) -> int:
    return len(body) if position < 0 else position


def _string_end(body: bytes, at: int, end: int) -> int:
    """The end of the line that begins at `at`, line ends in its strings passed over; -1 when a string never ends."""
    match = _TO_THE_END.match(body, at)
    if match:
        return match.end()
    return end if b" " not in body[at:end] else -1


def _take(rows: _Rows, number: int, line: bytes, terms: Terms) -> None:
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
            raise _BadLineError(f"no field at {shown(line[at + 1 :])!r}; write `name=value`")
        name, text = match.groups()
        if text.startswith(b'"'):
            strings += 1
        else:
            values.append(value_of(text))
            rows.key_bytes += len(head)
            check_keys(rows.key_bytes, terms.limits)
            keys.append(head + b" " + name)
        at = match.end()
        if line[at : at + 1] != b",":
            break
    at_ms = _time(line[at:], terms)
    check_samples(len(rows.keys) + len(keys), terms.limits)
    rows.strings += strings
    rows.keys += keys
    rows.values += values
    rows.times += [at_ms] * len(keys)
    rows.lines += [number] * len(keys)


def _time(rest: bytes, terms: Terms) -> int:
    if rest[:1] not in {b"", b" "}:
        raise _BadLineError(f"{shown(rest)!r} follows a string; write a comma or a blank")
    text = rest.strip(b" \t")
    if not text:
        return terms.now_ms
    if not _STAMP.fullmatch(text):
        raise _BadLineError(f"{shown(text)!r} is no time; write a whole number")
    factor, divisor = terms.scale
    at_ms = int(text) * factor // divisor
    if abs(at_ms) > FARTHEST_MS:
        raise _BadLineError(f"{shown(text)!r} is too far away for a time; look at the precision")
    return at_ms
