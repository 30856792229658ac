"""A rule as one text by itself, as people write it on the page: text → rule, with every mistake; and values → text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from gwanje.config import dump
from gwanje.errors import Mistake
from gwanje.judge.rules.spec import Rule
from gwanje.written import opened

_FILE: Final = "rule"
_INTERVAL: Final = "interval"


@dataclass(frozen=True, slots=True)
class Text:
    """What a text says. `rule` is None where it has mistakes; `values` is what could be read of it all the same."""

    rule: Rule | None
    values: Mapping[str, Any]
    mistakes: Sequence[Mistake]


def read(text: str) -> Text:
    """Read a rule's YAML. Never raises."""
    reader, document = opened(text, _FILE)
    rule = None if reader.mistakes else reader.read(Rule, document)
    return Text(rule, document.values, reader.mistakes)


def text_of(values: Mapping[str, Any]) -> str:
    """The YAML of a rule's values: the known keys in the order of the reference, then what is not known."""
    order = [known.alias or name for name, known in Rule.model_fields.items()]
    return dump({name: values[name] for name in (*(one for one in order if one in values), *(values.keys() - set(order)))})


def values_of(rule: Rule) -> dict[str, Any]:
    """What was written of a rule; what follows by itself is left out."""
    values: dict[str, Any] = rule.model_dump(mode="json", by_alias=True, exclude_unset=True)
    without = {name: value for name, value in values.items() if name != _INTERVAL}
    return without if _same(without, rule) else values


def _same(values: Mapping[str, Any], rule: Rule) -> bool:
    try:
        return Rule.model_validate(values) == rule
    except ValidationError:
        return False
