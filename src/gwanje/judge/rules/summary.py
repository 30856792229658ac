"""The sentence that people read, and values as people write them. Templates run in jinja2's sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

LANGUAGES: Final = ("ko", "en")
_LONGEST: Final = 1000
_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def check(summary: object) -> None:
    """Raise ValueError when a rule's `summary` is neither a text nor a text for each language, or cannot be rendered."""
    texts = {"": summary} if isinstance(summary, str) else summary
    if not isinstance(texts, Mapping) or not texts or not set(texts) <= {"", *LANGUAGES}:
        raise ValueError("`summary` must be a text, or a text for each language: {ko: …, en: …}")
    for text in texts.values():
        try:
            _template(str(text)).render(value="", threshold="", number=0.0, labels=_AnyLabel())
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(
                f"`summary` is not a template that can be filled: {error}; it knows value, threshold, number, labels"
            ) from error


def render(
    summary: object, fallback: str, *, value: float | None, threshold: str, unit: str, labels: Mapping[str, str]
) -> dict[str, str]:
    """Fill a rule's summary for each language. A template that fails on these labels gives the fallback."""
    said = readable(value, unit)
    plain = f"{fallback}: {said} ({threshold})"
    texts = (
        dict.fromkeys(LANGUAGES, summary) if isinstance(summary, str) else dict(summary) if isinstance(summary, Mapping) else {}
    )
    spare = next(iter(texts.values()), None)
    known = {"value": said, "threshold": threshold, "number": value, "labels": dict(labels)}
    return {language: _filled(texts.get(language, spare), known) or plain for language in LANGUAGES}


def readable(value: float | None, unit: str) -> str:
    """A value as people write it: `20.0 %`, `1.5 GiB`, `0.25 s`, `17`."""
    if value is None:
        return "?"
    match unit:
        case "ratio":
            return f"{value * 100:.1f} %"
        case "bytes":
            return _bytes(value)
        case "seconds":
            return f"{value:.3g} s"
        case _:
            return f"{value:.6g}"


def _bytes(value: float) -> str:
    unit = _BYTES[0]
    for unit in _BYTES:
        if abs(value) < 1024 or unit == _BYTES[-1]:
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def _filled(text: Any, known: Mapping[str, Any]) -> str:
    """The filled template; empty where there is none or it cannot be filled."""
    if not isinstance(text, str):
        return ""
    try:
        return _template(text).render(known).strip()[:_LONGEST]
    except (TemplateError, TypeError, ValueError, ArithmeticError):
        return ""


@lru_cache(maxsize=4096)
def _template(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


class _AnyLabel(dict[str, str]):
    """Stands for the labels while a template is checked: every label is there."""

    def __missing__(self, key: str) -> str:
        return ""
