"""StatsD's and DogStatsD's lines → name, value, and what stands behind the value.

A line is `name:value|type`, then `|@rate` and `|#tag:value,…` in any order. What is before and behind the value is the same in
every line of a series, so that whoever keeps series looks the pair up and has it read once, by `meaning_of`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gwanje.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gwanje.wire.columns import Labels


class Kind(StrEnum):
    """What a line says about its metric, in the words of statsd_exporter's `match_metric_type`."""

    COUNTER = "counter"
    GAUGE = "gauge"
    OBSERVER = "observer"
    SET = "set"


class BadLine(BadInput):
    """A line that cannot be taken; `reason` is one of a few words, to be counted by."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a line says beside its value."""

    name: str
    kind: Kind
    factor: float = 1.0
    """By which a value is multiplied: a timer's milliseconds become seconds."""
    rate: float = 1.0
    """The share of the observations that were sent."""
    tags: Labels = ()
    """As they were sent, sorted; the last of two with one name holds."""


IGNORED: Final = {b"_e{": "event", b"_sc|": "service_check"}
"""How lines of DogStatsD begin that hold no number."""

LONGEST: Final = 8 << 10
"""Bytes that a line may have."""
_LONGEST_NAME: Final = 1024

_TYPES: Final = {
    b"c": (Kind.COUNTER, 1.0),
    b"m": (Kind.COUNTER, 1.0),
    b"g": (Kind.GAUGE, 1.0),
    b"ms": (Kind.OBSERVER, 0.001),
    b"h": (Kind.OBSERVER, 1.0),
    b"d": (Kind.OBSERVER, 1.0),
    b"s": (Kind.SET, 1.0),
}
_EXTRAS: Final = (b"#", b"c:", b"e:", b"T")
_TAGS_IN_NAME: Final = re.compile(r"[,#]")


def ignored(line: bytes) -> str:
    """What a line is that is no metric; empty for every other line."""
    return next((what for start, what in IGNORED.items() if line.startswith(start)), "")


def values_of(name: bytes, rest: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each value behind a name, and what stands behind it: `1:2:3|c` of DogStatsD, `1|c:2|g` of StatsD, or the one of most lines.

    Raises BadLine where there is no value or no type.
    """
    if not name:
        raise BadLine("no_name", "no name; write `name:value|type`")
    if not rest:
        raise BadLine("no_value", "no value; write `name:value|type`")
    parts = [rest] if _is_dog(rest) else rest.split(b":")
    for part in _each_with_a_type(parts):
        values, _, suffix = part.partition(b"|")
        for value in values.split(b":"):
            if not value:
                raise BadLine("no_value", "an empty value; write `name:value|type`")
            yield value, suffix


def meaning_of(name: bytes, suffix: bytes) -> Meaning:
    """Read a name and what stands behind its value. Raises BadLine."""
    if len(name) > _LONGEST_NAME:
        raise BadLine("too_long", f"a name of {len(name)} bytes, {_LONGEST_NAME} are allowed")
    kind_word, *others = suffix.split(b"|")
    known = _TYPES.get(kind_word)
    if known is None:
        raise BadLine("unknown_type", f"{_shown(kind_word)!r} is no type; known types: c, g, ms, h, d, s")
    kind, factor = known
    rate = 1.0
    label, pairs = _name_with_tags(_text(name))
    for other in others:
        if other.startswith(b"@"):
            rate = _rate(other[1:])
        elif other.startswith(b"#"):
            pairs |= dict(map(_tag, filter(None, _text(other[1:]).split(","))))
        elif not other.startswith(_EXTRAS):
            raise BadLine("unknown_part", f"{_shown(other)!r} is neither a rate (`@0.1`) nor tags (`#name:value`)")
    return Meaning(label, kind, factor, rate, tuple(sorted(pairs.items())))


def is_passing(suffix: bytes) -> bool:
    """Whether what stands behind a value names a time, so that it will hardly come again."""
    return b"|T" in suffix


def _is_dog(rest: bytes) -> bool:
    """Whether colons behind the type belong to tags and not to further values."""
    return b"|" in rest and any(part.startswith(_EXTRAS) for part in rest.split(b"|")[2:])


def _each_with_a_type(parts: list[bytes]) -> Iterator[bytes]:
    """Parts between colons; those without a type are of the next one that has it."""
    waiting: list[bytes] = []
    for part in parts:
        waiting.append(part)
        if b"|" in part:
            yield b":".join(waiting)
            waiting = []
    if waiting:
        raise BadLine("no_type", f"no type behind {_shown(waiting[-1])!r}; write `name:value|type`")


def _name_with_tags(text: str) -> tuple[str, dict[str, str]]:
    """`name,tag=value` of InfluxDB and `name#tag=value` of Librato are a name and tags too."""
    name, *tags = _TAGS_IN_NAME.split(text)
    if not name:
        raise BadLine("no_name", "tags without a name; write `name,tag=value:1|c`")
    return name, dict(_tag(tag, "=") for tag in tags)


def _tag(text: str, by: str = ":") -> tuple[str, str]:
    name, _, value = text.partition(by)
    if not name:
        raise BadLine("bad_tag", f"{text[:80]!r} is a tag without a name")
    return name, value


def _rate(text: bytes) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1:
        raise BadLine("bad_rate", f"{_shown(text)!r} is no sample rate; write a number above 0 and at most 1")
    return rate


def _text(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise BadLine("not_utf8", f"{_shown(text)!r} is not UTF-8") from error


def _shown(text: bytes) -> str:
    return text[:80].decode(errors="replace")
