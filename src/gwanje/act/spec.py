"""Actions as they are written: what is done, to what, for which alerts, how often at most. What is not written is not done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import Field

from gwanje.config import Chosen, Document, Duration, Reader, Settings
from gwanje.model import Severity


class Action(Settings):
    """What all actions share; the other keys belong to their `type`. The list of them is the allow-list."""

    name: str = Field(min_length=1, max_length=100)
    """Its name, unique among all actions."""
    rules: tuple[str, ...] = Field(min_length=1)
    """The rules whose alerts it answers."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Only alerts with these labels."""
    severity: Severity = Severity.CRITICAL
    """Only alerts of this severity; `warning` takes critical ones, too."""
    after: Duration = timedelta()
    """How long an alert must fire before."""
    target: str = "host"
    """The label whose value is what is acted upon: one action at a time for each."""
    cool_down: Duration = timedelta(minutes=10)
    """How long after one action on a target the next one waits."""
    most_an_hour: int = Field(default=6, ge=1, le=1000)
    """How often in an hour, on all targets together."""
    stop_after: int = Field(default=3, ge=1, le=100)
    """After so many tries for one episode without its end, people have to look."""
    dry_run: bool = False
    """Only write down what would be done."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An action with the kind that does it."""

    action: Action
    kind: Chosen


def read(reader: Reader, document: Document) -> Sequence[Declared]:
    """The section `actions` of the main file."""
    listed = document.values.get("actions") or []
    if not isinstance(listed, list):
        reader.mistake(
            *document.where(("actions",)), "actions", "must be a list: `- {name: …, type: webhook, rules: […], url: …}`"
        )
        return []
    found: list[Declared] = []
    shared = {field.alias or name for name, field in Action.model_fields.items()}
    for index, values in enumerate(listed):
        place = ("actions", index)
        chosen = reader.chosen("actions", document, place, values, skip=shared)
        own = {key: value for key, value in values.items() if key in shared} if isinstance(values, dict) else {}
        action = reader.read(Action, document, place, own)
        if action is None or chosen is None:
            continue
        if any(one.action.name == action.name for one in found):
            reader.mistake(*document.where(place), f"actions[{index}].name", f"{action.name!r} stands here a second time")
        found.append(Declared(action, chosen))
    return found
