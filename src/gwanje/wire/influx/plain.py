"""A body of plain lines, read as a whole: no loop over lines, and nothing of a layout that came before is read again.

Plain is `head fields time` with one blank between, or all lines without a time; no escape, no text, no mistake. Every other body
is for the reader of lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from operator import mul
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gwanje.wire.influx.layouts import Layout, Pieces, Spans, signs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gwanje.wire.columns import Times, Values
    from gwanje.wire.influx.layouts import Layouts

    Positions = NDArray[np.intp]

_NEWLINE, _BLANK, _EQUALS, _COMMA, _HASH = b"\n =,#"
_NOT_PLAIN: Final = (b"\\", b'"', b"\t", b"\r")
_OF_NUMBERS: Final = b"0123456789.eE+-"
_BETWEEN_FIELDS: Final = b"=,"
_NO_FIELD_SEPARATORS: Final = bytes(byte for byte in range(256) if byte not in _BETWEEN_FIELDS)


@dataclass(frozen=True, slots=True)
class Plain:
    """What such a body says. A time is as it was written; without any, they are None."""

    layout: Layout
    fields: Positions
    """How many each line has."""
    stamps: Times | None
    values: Values


def read(body: bytes, newlines: NDArray[np.bool_], layouts: Layouts, number: Callable[[bytes], float]) -> Plain | None:
    """Read a body, given which of its bytes are newlines; None where it is not plain.

    `number` reads values that no more than digits make up, or raises ValueError.
    """
    repeated = _repeated(body, newlines, layouts, number)
    if repeated is not None:
        return repeated
    text = body.replace(b"\r\n", b"\n") if b"\r" in body else body
    if any(sign in text for sign in _NOT_PLAIN):
        return None
    text = text if text.endswith(b"\n") else text + b"\n"
    spans = _spans(np.frombuffer(text, np.uint8))
    if spans is None:
        return None
    skeleton = spans.rest(text).to_pybytes()
    layout = layouts.find(skeleton) or _layout(skeleton, spans)
    found = _filled(layout, text, spans, number) if layout else None
    if found is not None:
        layouts.remember(found.layout)
    return found


def _repeated(body: bytes, newlines: NDArray[np.bool_], layouts: Layouts, number: Callable[[bytes], float]) -> Plain | None:
    """Read a body of a known layout without looking for more than the ends of its lines; None for any other."""
    if not body.endswith(b"\n"):
        return None
    ends = np.flatnonzero(newlines)
    for layout in layouts:
        spans = layout.places(body, ends)
        if spans is not None and spans.rest(body).equals(pa.py_buffer(layout.skeleton)):
            return _filled(layout, body, spans, number)
    return None


def _filled(layout: Layout, text: bytes, spans: Spans, number: Callable[[bytes], float]) -> Plain | None:
    """A layout with its values and times; None where one of them is none."""
    values = _values(spans.values.of(text), number)
    stamps = _stamps(spans.stamps.of(text)) if spans.stamps else None
    if values is None or (stamps is None and spans.stamps):
        return None
    return Plain(layout, spans.fields, stamps, values)


# --- where things stand ------------------------------------------------------------------------------------------------------


def _spans(signs: NDArray[np.uint8]) -> Spans | None:
    """None where a line has not the blanks, names and values that a plain one has."""
    ends, blanks = np.flatnonzero(signs == _NEWLINE), np.flatnonzero(signs == _BLANK)
    stamped = len(blanks) == 2 * len(ends)
    if not stamped and len(blanks) != len(ends):
        return None
    first, last = (blanks[::2], blanks[1::2]) if stamped else (blanks, ends)
    in_order = _rise(first, last, ends) if stamped else _rise(first, ends)
    if not in_order or signs[0] == _HASH or (signs[ends[:-1] + 1] == _HASH).any():
        return None
    found = _fields(signs, first, last)
    if found is None:
        return None
    fields, values = found
    if not _rise(*values) or (stamped and (last + 1 == ends).any()):
        return None
    return Spans(fields, values, Pieces(last + 1, ends) if stamped else None)


def _fields(signs: NDArray[np.uint8], first: Positions, last: Positions) -> tuple[Positions, Pieces] | None:
    """How many fields stand between the blanks of each line, and where every value stands."""
    equals = np.flatnonzero(signs == _EQUALS)
    low, high = np.searchsorted(equals, first), np.searchsorted(equals, last)
    fields = high - low
    if not (fields > 0).all():
        return None
    begins = _between(equals, low, high) + 1
    if len(begins) == len(first):
        return fields, Pieces(begins, last)
    commas = np.flatnonzero(signs == _COMMA)
    low, high = np.searchsorted(commas, first), np.searchsorted(commas, last)
    if not np.array_equal(high - low, fields - 1):
        return None
    # Two runs that rise: a stable sort merges them.
    closes = np.sort(np.concatenate((_between(commas, low, high), last)), kind="stable")
    return fields, Pieces(begins, closes)


def _rise(*columns: Positions) -> bool:
    """Whether rows of positions follow one another, each from left to right."""
    steps = all(bool((one < other).all()) for one, other in pairwise(columns))
    return steps and bool((columns[-1][:-1] < columns[0][1:]).all())


def _between(positions: Positions, low: Positions, high: Positions) -> Positions:
    """The positions from each `low` up to its `high`."""
    counts = high - low
    starts = np.repeat(low - np.cumsum(counts) + counts, counts)
    found: Positions = positions[starts + np.arange(len(starts))]
    return found


# --- what stands there -------------------------------------------------------------------------------------------------------


def _values(texts: Any, number: Callable[[bytes], float]) -> Values | None:
    others = signs_of(texts).to_pybytes().translate(None, _OF_NUMBERS)
    try:
        if not others:
            values = _floats(texts)
        elif not others.strip(b"i"):
            values = _floats_and_whole(texts, len(others))
        else:
            values = np.array(list(map(number, texts.cast(pa.binary()).to_pylist())), np.float64)
    except ValueError:
        return None
    # A number that is too large is for the reader of lines to find.
    most = np.abs(values).max(initial=0)
    return values if most < (1 << 63 if others else np.inf) else None


def _floats(texts: Any) -> Values:
    try:
        found: Values = texts.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:  # such as a plus, which Arrow does not know
        found = np.array(list(map(float, texts.to_pylist())), np.float64)
    return found


def _floats_and_whole(texts: Any, marks: int) -> Values:
    """Raise ValueError where an `i` stands elsewhere than behind a whole number."""
    whole = pc.ends_with(texts, "i")
    if pc.sum(whole).as_py() != marks:
        raise ValueError("an i within a number")
    values = np.empty(len(texts), np.float64)
    are_whole = whole.to_numpy(zero_copy_only=False)
    values[are_whole] = pc.utf8_rtrim(texts.filter(whole), "i").cast(pa.int64()).to_numpy()
    values[~are_whole] = _floats(texts.filter(pc.invert(whole)))
    return values


def _stamps(texts: Any) -> Times | None:
    signs = signs_of(texts).to_pybytes()
    if b"x" in signs or b"X" in signs:  # Arrow would read `0x1f`, too
        return None
    try:
        found: Times = texts.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return found


def _layout(skeleton: bytes, spans: Spans) -> Layout | None:
    """The keys of a body without values; None for a head or a name that is none."""
    fields = spans.fields
    tokens = skeleton.replace(b"\n", b" ").split(b" ")[:-1]
    heads, of_lines = tokens[::2], tokens[1::2]
    pairs = b",".join(of_lines) + b","
    separators = pairs.translate(None, _NO_FIELD_SEPARATORS)
    if b"" in heads or separators != _BETWEEN_FIELDS * (len(separators) // 2):
        return None
    names = pairs.replace(b"=", b"").split(b",")[:-1]
    if b"" in names:
        return None
    counts = fields.tolist()
    owners = heads if len(names) == len(heads) else chain.from_iterable(map(repeat, heads, counts))
    keys = list(map(b" ".join, zip(owners, names, strict=True)))
    before = None
    if len(names) == len(heads):
        before = np.fromiter(map(len, keys), np.int64, len(keys)) + 1  # its key, and what equals
    return Layout(skeleton, keys, sum(map(mul, map(len, heads), counts)), before)
