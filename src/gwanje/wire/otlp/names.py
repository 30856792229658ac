"""Names of OpenTelemetry → names of Prometheus, by the rules that both projects share: kept or escaped, with or without units."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_WORDS = re.compile(r"[a-zA-Z0-9:]+")
_NOT_OF_LABELS = re.compile(r"[^a-zA-Z0-9]+")

Strategy = Literal[
    "UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes", "NoUTF8EscapingWithSuffixes", "NoTranslation"
]


@dataclass(frozen=True, slots=True)
class Spelling:
    """How names are taken over."""

    escaped: bool = True
    """Whether letters, digits and `_` are all that is left of a name; else it stays as it is."""
    suffixes: bool = True
    """Whether a metric's name ends in its unit, and a counter's in `_total`."""


SPELLED: Final = Spelling()
"""How names are taken over unless told otherwise."""
SPELLINGS: Final[Mapping[Strategy, Spelling]] = {
    "UnderscoreEscapingWithSuffixes": SPELLED,
    "UnderscoreEscapingWithoutSuffixes": Spelling(suffixes=False),
    "NoUTF8EscapingWithSuffixes": Spelling(escaped=False),
    "NoTranslation": Spelling(escaped=False, suffixes=False),
}
"""What the words mean that Prometheus has for `translation_strategy`."""


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, spelling: Spelling, *, counter: bool, gauge: bool) -> str:
    """The metric's name; empty where nothing of the name is left."""
    endings = [ending for holds, ending in ((counter, "total"), (gauge and unit == "1", "ratio")) if holds]
    if not spelling.escaped:
        return _with_suffixes(name, _unit_words(unit), endings) if name and spelling.suffixes else name
    words = _WORDS.findall(name)
    if not words:
        return ""
    if spelling.suffixes:
        words += [word for word in _unit_words(unit) if word not in words]
        for ending in endings:
            words = [word for word in words if word != ending] + [ending]
    text = "_".join(words)
    return f"_{text}" if text[0].isdigit() else text


def _with_suffixes(name: str, unit: Iterable[str], endings: Iterable[str]) -> str:
    """A name as it is, with the words of its unit that it does not end in, and last with what says its sort."""
    for word in unit:
        name = name if name.endswith(word) else f"{name}_{word}"
    for ending in endings:
        name = re.sub(rf"(?<=.)[^a-zA-Z0-9]{ending}\Z", "", name, flags=re.DOTALL) + f"_{ending}"
    return name


def unit_name(unit: str) -> str:
    """A unit as names spell it."""
    return "_".join(_unit_words(unit))


def _unit_words(unit: str) -> list[str]:
    """`By/s` → bytes, per_second. What stands in braces is a remark and no unit."""
    main, _, per = unit.partition("/")
    words = [_cleaned(_UNITS.get(main.strip(), main.strip())), _cleaned(_PER.get(per.strip(), per.strip()))]
    return [f"{before}{word}" for before, word in zip(("", "per_"), words, strict=True) if word]


def _cleaned(unit: str) -> str:
    return "" if "{" in unit or "}" in unit else "_".join(_WORDS.findall(unit))


@lru_cache(maxsize=4096)
def label_name(name: str, spelling: Spelling) -> str:
    """The name of a label; where it is escaped, all other characters between two words become one underscore."""
    if not spelling.escaped:
        return name
    text = _NOT_OF_LABELS.sub("_", name)
    return f"key_{text}" if text[:1].isdigit() else text


def labels(attributes: Iterable[tuple[str, str]], spelling: Spelling) -> dict[str, str]:
    """Attributes as labels; values of names that become one are joined with `;`, in the order of their first names."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in sorted(attributes):
        if value:
            found[label_name(name, spelling)].append(value)
    return {name: ";".join(values) for name, values in found.items()}
