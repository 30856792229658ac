"""The usual templates of Prometheus's annotations: `{{ $labels.host }}`, `{{ $value | humanizePercentage }}`.

What is beyond them (`range`, `query`, conditions) is kept as text, so that people see what was meant. Nothing is executed.
The functions say what Prometheus's say: docs/configuration/template_reference of Prometheus.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

_ACTION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_SET_UP: Final = re.compile(r"\$\w+\s*:?=")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|[^\s|]+')
_FORMAT: Final = re.compile(r"%(?:%|([+\-# 0]*\d*(?:\.\d+)?)([sdfgeqv]))")
_VALUE: Final = re.compile(r"\$value\b|\.Value\b")
_LARGE: Final = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_BINARY: Final = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_LONGEST: Final = 1000

Value = str | float


def render(text: str, labels: Mapping[str, str], value: float | None) -> str:
    """The text with what can be filled filled."""
    known = math.nan if value is None else value
    return _ACTION.sub(lambda match: _filled(match, labels, known), text).strip()[:_LONGEST]


def mistake_in_label(text: str) -> str:
    """What is wrong with a template in a label; empty where it is filled from other labels alone, and so never changes."""
    for action in _ACTION.findall(text):
        if _VALUE.search(re.sub(r'"(?:[^"\\]|\\.)*"', "", action)):
            return (
                f"{{{{ {action} }}}} puts the value into a label; each value would be another alert, so put it into an annotation"
            )
        try:
            _said(_evaluated(action, {}, math.nan))
        except (ValueError, OverflowError, LookupError, TypeError, re.error):
            return f"{{{{ {action} }}}} is not understood in a label; use {{{{ $labels.NAME }}}} and functions of texts"
    left = _ACTION.sub("", text)
    return "a template in it is not closed" if "{{" in left or "}}" in left else ""


def _filled(match: re.Match[str], labels: Mapping[str, str], value: float) -> str:
    try:
        return _said(_evaluated(match[1], labels, value))
    except (ValueError, OverflowError, LookupError, TypeError, re.error):
        return match[0]


def _evaluated(action: str, labels: Mapping[str, str], value: float) -> Value:
    if _SET_UP.match(action):
        raise ValueError("a variable of its own")
    piped: tuple[Value, ...] = ()
    for stage in _stages(action):
        word, *rest = stage
        given = [_term(one, labels, value) for one in rest]
        if word in _FUNCTIONS:
            piped = (_FUNCTIONS[word](*given, *piped),)
        elif rest or piped:
            raise ValueError(f"{word!r} is no function known here")
        else:
            piped = (_term(word, labels, value),)
    return piped[0]


def _stages(action: str) -> list[list[str]]:
    """The parts between the pipes, each in words."""
    words = _TOKEN.findall(re.sub(r'\|(?=(?:[^"]*"[^"]*")*[^"]*$)', " | ", action).replace(" | ", " \x00 "))
    stages: list[list[str]] = [[]]
    for word in words:
        if word == "\x00":
            stages.append([])
        else:
            stages[-1].append(word)
    return stages


def _term(word: str, labels: Mapping[str, str], value: float) -> Value:
    if word in {"$value", ".Value"}:
        return value
    for prefix in ("$labels.", ".Labels."):
        if word.startswith(prefix):
            return labels.get(word.removeprefix(prefix), "")
    if word[0] in '"`':
        return word[1:-1].replace('\\"', '"')
    return float(word)


def _said(value: Value) -> str:
    """Numbers as Go prints them: the shortest digits, an exponent from 21 digits on."""
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e21 else repr(value)


def _four(value: float) -> str:
    return f"{value:.4g}"


def _humanized(given: Value) -> str:
    value = float(given)
    if value == 0 or not math.isfinite(value):
        return _four(value)
    place = 0
    units, factor = (_LARGE, 1000.0) if abs(value) >= 1 else (_SMALL, 1 / 1000.0)
    while place < len(units) - 1 and (abs(value) >= 1000 if factor > 1 else abs(value) < 1):
        value, place = value / factor, place + 1
    return f"{_four(value)}{units[place]}"


def _humanized_1024(given: Value) -> str:
    value, place = float(given), 0
    while math.isfinite(value) and abs(value) >= 1024 and place < len(_BINARY) - 1:
        value, place = value / 1024, place + 1
    return f"{_four(value)}{_BINARY[place]}"


def _duration(given: Value) -> str:
    value = float(given)
    if not math.isfinite(value):
        return _four(value)
    if abs(value) < 1:
        return f"{_humanized(value)}s" if value else "0s"
    sign, seconds = "-" if value < 0 else "", abs(value)
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {whole % 60}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {whole % 60}s"
    if minutes:
        return f"{sign}{minutes}m {whole % 60}s"
    return f"{sign}{_four(seconds)}s"


def _timestamp(given: Value) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(given))
    return at.strftime("%Y-%m-%d %H:%M:%S") + (f".{at.microsecond:06d}".rstrip("0") if at.microsecond else "") + " +0000 UTC"


def _printf(form: Value, *given: Value) -> str:
    left = list(given)

    def one(match: re.Match[str]) -> str:
        if match[2] is None:
            return "%"
        flags, kind, value = match[1], match[2], left.pop(0)
        if kind == "q":
            return f'"{_said(value)}"'
        if kind in "sv":
            return f"%{flags}s" % _said(value)
        return f"%{flags}{kind}" % (int(value) if kind == "d" else float(value))

    return _FORMAT.sub(one, str(form))


_FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "humanize": _humanized,
    "humanize1024": _humanized_1024,
    "humanizePercentage": lambda value: f"{_four(float(value) * 100)}%",
    "humanizeDuration": _duration,
    "humanizeTimestamp": _timestamp,
    "printf": _printf,
    "title": lambda text: str(text).title(),
    "toUpper": lambda text: str(text).upper(),
    "toLower": lambda text: str(text).lower(),
    "reReplaceAll": lambda pattern, by, text: re.sub(str(pattern), re.sub(r"\$\{?(\d+)\}?", r"\\\1", str(by)), str(text)),
}
