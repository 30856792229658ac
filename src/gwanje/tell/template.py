"""A receiver's own words: templates in jinja2's sandbox, checked when the configuration is read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError
from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import field_validator

from gwanje.because import Because
from gwanje.config import Settings

LONGEST: Final = 20_000
_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


class Template(Settings):
    """How a receiver's messages are worded. A template knows `title` and `text` as they would be, `reason`, `resolved`,
    `receiver`, `group`, and `alerts`; each of these has `rule`, `severity`, `state`, `summary`, `labels`, `value`, `threshold`,
    `cause`, `since`, `ended`, `duration`, `annotations`, `link`, `acknowledge_link` and `silence_link`.
    """

    title: str = ""
    """The first line: `{{ alerts[0].rule }} on {{ group.host }}`. Empty: as it would be."""
    body: str = ""
    """What stands below it, in the place of all the rest. Empty: as it would be."""

    @field_validator("title", "body")
    @classmethod
    def _parses(cls, text: str) -> str:
        try:
            _compiled(text)
        except TemplateError as error:
            raise ValueError(Because(f"is not a template: {error}", "not_a_template", error=str(error))) from error
        return text


def filled(text: str, known: Mapping[str, Any]) -> str:
    """The filled template, at most `LONGEST` characters; empty where it is empty or cannot be filled."""
    try:
        return _compiled(text).render(known).strip()[:LONGEST] if text else ""
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError):
        return ""


@lru_cache(maxsize=256)
def _compiled(text: str) -> Compiled:
    return _ENVIRONMENT.from_string(text)
