"""Names of OpenTelemetry → names of Prometheus, by the rules that both projects share."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, *, counter: bool, gauge: bool) -> str:
    """The metric's name with its unit, and `_total` for a counter; empty where nothing of the name is left."""
    words = _WORDS.findall(name)
    if not words:
        return ""
    words += [word for word in _unit_words(unit) if word not in words]
    for holds, ending in ((counter, "total"), (gauge and unit == "1", "ratio")):
        if holds:
            words = [word for word in words if word != ending] + [ending]
    text = "_".join(words)
    return f"_{text}" if text[0].isdigit() else text


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
def label_name(name: str) -> str:
    """The name of a label; what a label's name may not hold becomes one underscore."""
    text = _NOT_OF_LABELS.sub("_", name)
    return f"key_{text}" if text[:1].isdigit() else text


def labels(attributes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Attributes as labels; values of names that become one are joined with `;`, in the order of their first names."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in sorted(attributes):
        if value:
            found[label_name(name)].append(value)
    return {name: ";".join(values) for name, values in found.items()}
