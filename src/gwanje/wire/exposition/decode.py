"""A scraped page, Prometheus's text 0.0.4 or OpenMetrics 1.0 → columns. What stands before the value is the series' key.

A page is split as a whole, and what it says as the page before it did is taken from that: in a steady state only the values
are new. Lines that are not plain (tabs, exemplars, several blanks) are read one by one. A bad line loses no other.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gwanje.errors import BadInput, TooLarge
from gwanje.model import METRIC
from gwanje.wire.columns import About, Columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import Labels, Times, Values

PROTOCOL: Final = "exposition"
ACCEPT: Final = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
"""What a scrape asks for: text, never protobuf."""

_BAD_LINES_NAMED: Final = 20
_LONGEST_SHOWN: Final = 120
_FARTHEST_MS: Final = 1 << 62
_TYPES: Final = frozenset(
    {"counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram"}
)

# Possessive throughout: a line is read once, however it is built.
_NAME: Final = rb"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_LABEL_NAME: Final = rb"[a-zA-Z_][a-zA-Z0-9_]*+"
_TEXT: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_PAIR: Final = rb"[ \t]*+" + _LABEL_NAME + rb'[ \t]*+=[ \t]*+"' + _TEXT + rb'"[ \t]*+'
_BRACES: Final = rb"\{(?:" + _PAIR + rb"(?:," + _PAIR + rb")*+,?)?[ \t]*+\}"
_KEY: Final = re.compile(_NAME + rb"(?:[ \t]*+" + _BRACES + rb")?", re.DOTALL)
_LABEL: Final = re.compile(rb"(" + _LABEL_NAME + rb')[ \t]*+=[ \t]*+"(' + _TEXT + rb')"', re.DOTALL)
_FIRST_NAME: Final = re.compile(_NAME)
_REST: Final = re.compile(rb"([ \t]*+)([^ \t]++)(?:[ \t]++([^ \t#][^ \t]*+))?[ \t]*+(#[ \t]*+\{.*+)?", re.DOTALL)
_NUMBER: Final = re.compile(rb"(?i:[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:e[+-]?[0-9]++)?|[+-]?inf(?:inity)?|nan)")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that was refused, counted from 1."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What of a page can be stored, what it says about its metrics, and what cannot be read."""

    columns: Columns
    """`keys` is the same list as that of the page before where both have the same series in the same order."""
    own_times: NDArray[np.bool_] | None
    """Which samples bring their own time; None where none does."""
    about: Mapping[str, About]
    """By family."""
    bad: Sequence[BadLine]
    """The first of the refused lines."""
    refused: int
    """How many lines were refused."""
    plain: Any = None
    """The keys as they stood in the page, where all of its lines were plain ones without a time."""
    comments: Any = None
    """The comment lines as they stood in the page."""


def decode(
    body: bytes, now_ms: int, *, openmetrics: bool = False, previous: Decoded | None = None, most_samples: int = 1_000_000
) -> Decoded:
    """Read a whole page; samples without a time are of `now_ms`. `previous` is the target's page before this one, if any.

    Raises TooLarge for too many lines, and BadInput for an OpenMetrics page that was cut short.
    """
    if body.count(b"\n") > 2 * most_samples:
        raise TooLarge(f"the page has more than {2 * most_samples} lines; serve fewer series")
    if openmetrics:
        body = _whole(body)
    lines = pc.split_pattern(pa.array([body], pa.binary()), pattern=b"\n").values
    commented = pc.starts_with(lines, pattern=b"#")
    comments = lines.filter(commented)
    filled = pc.and_(pc.invert(commented), pc.not_equal(pc.binary_length(lines), 0))
    page = _Page(lines.filter(filled), now_ms, openmetrics=openmetrics, previous=previous)
    page.read()
    if len(page.data) > most_samples:
        raise TooLarge(f"the page has {len(page.data)} samples, {most_samples} are allowed; serve fewer series")
    same = previous is not None and comments.equals(previous.comments)
    return Decoded(
        columns=Columns(
            protocol=PROTOCOL,
            body=body,
            keys=page.keys,
            counts=np.ones(len(page.keys), dtype=np.int64),
            times=page.times,
            values=page.values,
            labels_of=labels_of,
        ),
        own_times=page.own_times,
        about=previous.about if same and previous else _about(comments.to_pylist()),
        bad=page.named_bad(filled),
        refused=len(page.bad),
        plain=page.plain,
        comments=comments,
    )


def labels_of(key: bytes) -> Labels:
    """The labels of a key, sorted by name, those without a value left out. Raises BadInput."""
    return tuple(sorted((name, value) for name, value in pairs_of(key) if value))


def pairs_of(key: bytes) -> list[tuple[str, str]]:
    """The labels of a key as they were written, the metric's name first, also those without a value. Raises BadInput."""
    name = _FIRST_NAME.match(key)
    if not name or not _KEY.fullmatch(key):
        raise BadInput("no series", where=_shown(key))
    try:
        pairs = [(METRIC, name[0].decode())]
        pairs += [(label[1].decode(), _unescaped(label[2].decode())) for label in _LABEL.finditer(key, name.end() + 1)]
    except UnicodeDecodeError as error:
        raise BadInput("a label that is not UTF-8", where=_shown(key)) from error
    names = sorted(name for name, _ in pairs)
    for one, following in pairwise(names):
        if one == following:
            raise BadInput(f"the label {one!r} stands twice", where=_shown(key))
    return pairs


class _Page:
    """One page's lines of data on their way to columns."""

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
        rows = np.arange(len(self.data))
        plain = self._plain_rows()
        keys, values = _halves(self.data if len(plain) == len(rows) else self.data.take(pa.array(plain)))
        floats, right = _floats(values)
        before = self._previous
        whole = len(plain) == len(rows) and right.all()
        if whole and before is not None and before.plain is not None and keys.equals(before.plain):
            self.keys, self.values, self.plain = before.columns.keys, floats, keys
            self.times = np.full(len(floats), self._now_ms, dtype=np.int64)
        else:
            self._anew(plain, keys, values, floats, right)

    def named_bad(self, filled: Any) -> tuple[BadLine, ...]:
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
        floats, right = _floats(texts)
        times, right_times = _floats(_where(values, timed))
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
        fits = _KEY.fullmatch
        return lambda key: key in known or (fits(key) is not None and _is_right(key))

    def _one(self, line: bytes) -> tuple[bytes, float, int | None]:
        """One line, wherever the blanks in it are. Raises BadInput."""
        key = _KEY.match(line)
        rest = _REST.fullmatch(line, key.end()) if key else None
        if not key or not rest or (not rest[1] and not key[0].endswith(b"}")):
            raise BadInput("no series and value", where=_shown(line))
        if rest[4] and not self._openmetrics:
            raise BadInput("an exemplar, which only OpenMetrics has", where=_shown(line))
        pairs_of(key[0])
        return key[0], _float(rest[2], line), None if rest[3] is None else self._time(rest[3], line)

    def _time(self, text: bytes, line: bytes) -> int:
        number = _float(text, line) * (1000 if self._openmetrics else 1)
        if not math.isfinite(number) or abs(number) >= _FARTHEST_MS or (not self._openmetrics and number != int(number)):
            raise BadInput(f"{_shown(text)} is no time", where=_shown(line))
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


# --- arrays of texts -----------------------------------------------------------------------------------------------------


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


def _floats(texts: Any) -> tuple[Values, NDArray[np.bool_]]:
    """The numbers, and which of the texts are numbers as the format writes them."""
    try:
        floats = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        listed = texts.to_pylist()
        right = np.fromiter((_NUMBER.fullmatch(text) is not None for text in listed), dtype=np.bool_, count=len(listed))
        floats = np.fromiter(
            (float(text) if good else math.nan for text, good in zip(listed, right, strict=True)), np.float64, len(listed)
        )
    else:
        right = np.ones(len(floats), dtype=np.bool_)
    odd = np.flatnonzero(~np.isfinite(floats))  # also what is too large for a float, and other spellings
    if len(odd):
        right[odd] = [_is_odd_number(text) for text in texts.take(pa.array(odd)).to_pylist()]
    return floats, right


def _is_odd_number(text: bytes) -> bool:
    return _NUMBER.fullmatch(text) is not None and not text[-1:].isdigit() and text[-1:] != b"."


def _float(text: bytes, line: bytes) -> float:
    found = float(text) if _NUMBER.fullmatch(text) else None
    if found is None or (not math.isfinite(found) and not _is_odd_number(text)):
        raise BadInput(f"{_shown(text)} is no number", where=_shown(line))
    return found


def _is_right(key: bytes) -> bool:
    try:
        pairs_of(key)
    except BadInput:
        return False
    return True


# --- texts ---------------------------------------------------------------------------------------------------------------


def _whole(body: bytes) -> bytes:
    """An OpenMetrics page up to its end, which must be there."""
    end = 0 if body.startswith(b"# EOF") else body.find(b"\n# EOF") + 1
    if (not end and not body.startswith(b"# EOF")) or body[end + 5 : end + 6] not in {b"", b"\n"}:
        raise BadInput("the page does not end with `# EOF`: it was cut short, or is no OpenMetrics", where="its end")
    if body[end + 6 :]:
        raise BadInput("the page goes on after `# EOF`", where=f"byte {end + 6}")
    return body[:end]


def _about(comments: Iterable[bytes]) -> dict[str, About]:
    """What `# TYPE`, `# HELP` and `# UNIT` say; other comments say nothing."""
    said: dict[str, dict[str, str]] = {}
    for comment in comments:
        words = comment[1:].split(None, 2)
        if len(words) < 2 or words[0] not in {b"TYPE", b"HELP", b"UNIT"} or not _FIRST_NAME.fullmatch(words[1]):
            continue
        text = words[2].decode(errors="replace") if len(words) > 2 else ""
        of = said.setdefault(words[1].decode(), {})
        if words[0] == b"TYPE":
            of["type"] = _type(text.strip())
        else:
            of[words[0].decode().lower()] = _unescaped(text)
    return {family: About(**texts) for family, texts in said.items()}


def _type(text: str) -> str:
    return "unknown" if text == "untyped" or text not in _TYPES else text


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


def _plain(match: re.Match[str]) -> str:
    return {"n": "\n", "\\": "\\", '"': '"'}.get(match[1], match[0])


def _shown(text: bytes) -> str:
    shown = text.decode(errors="replace")
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + "…"
