"""An InfluxDB line protocol body → columns. What is before the first blank and a field's key are together the series' key.

A body of plain lines, each with a time and without an escape, is split as a whole (`plain.py`); any other is read line by line
(`lines.py`). A bad line is refused as a whole and loses no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gwanje.errors import BadInput, TooLarge
from gwanje.wire import gzip
from gwanje.wire.influx import plain
from gwanje.wire.influx.body import FARTHEST_MS, Decoded, Limits, Terms, check_keys, check_samples, in_columns
from gwanje.wire.influx.layouts import Layouts
from gwanje.wire.influx.lines import line_by_line, value_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.wire.columns import Times

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
    newlines = np.frombuffer(body, np.uint8) == _NEWLINE
    if np.count_nonzero(newlines) > limits.samples:
        raise TooLarge(f"the body has more than the {limits.samples} lines that are allowed; send fewer")
    terms = Terms(scale, now_ms, limits)
    return _of_plain_lines(body, newlines, terms, layouts or Layouts()) or line_by_line(body, terms)


def unpacked(body: bytes, limits: Limits | None = None) -> bytes:
    """What a gzip body holds. Raises TooLarge before it takes more room than allowed, and BadInput for what is no gzip."""
    return gzip.unpacked(body, (limits or Limits()).body_bytes)


def _of_plain_lines(body: bytes, newlines: NDArray[np.bool_], terms: Terms, layouts: Layouts) -> Decoded | None:
    """The body, if every line is plain; else None."""
    found = plain.read(body, newlines, layouts, value_of)
    if found is None:
        return None
    layout = found.layout
    check_samples(len(layout.keys), terms.limits)
    check_keys(layout.key_bytes, terms.limits)
    lines = np.arange(1, len(found.fields) + 1)
    times = np.full(len(lines), terms.now_ms, np.int64) if found.stamps is None else _in_ms(found.stamps, terms.scale)
    if times is None:
        return None
    if len(layout.keys) > len(lines):
        times, lines = np.repeat(times, found.fields), np.repeat(lines, found.fields)
    return in_columns(body, layout.keys, times, found.values, lines)


def _in_ms(stamps: Times, scale: tuple[int, int]) -> Times | None:
    """None for one that is too far away."""
    factor, divisor = scale
    if len(stamps) and max(-int(stamps.min()), int(stamps.max())) > FARTHEST_MS // factor:
        return None
    return stamps * factor if divisor == 1 else stamps // divisor
