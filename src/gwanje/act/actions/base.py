"""The promise of an action: it does one thing about one alert, within a bounded time."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from gwanje.because import Because
from gwanje.errors import Rejected

ACTION: Final = "action "
"""How the names of those begin who are actions and not people, wherever somebody's word is kept."""
_PLACE: Final = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Task:
    """What to act upon. `key` is the same each time the same deed is tried, `at` the time of the try."""

    key: str
    action: str
    target: str
    rule: str
    labels: Mapping[str, str]
    because: str
    at: datetime


class Doer(Protocol):
    """Does it and returns what came of it, in a sentence: a reason where it is our own, as it is where somebody else said it.

    Raises RetryLater or Rejected when it could not; it is not tried again for the same deed, because nobody knows what was
    done: the next deed is another decision. `would` says what it would do, without doing anything.
    """

    async def do(self, task: Task) -> str: ...

    def would(self, task: Task) -> str: ...


def filled(text: str, task: Task) -> str:
    """The text with `{host}` and its like replaced by the alert's labels, `{target}` and `{rule}`; what is not known is empty."""
    known = {**task.labels, "target": task.target, "rule": task.rule, "action": task.action}
    return _PLACE.sub(lambda found: known.get(found[1], ""), text)


def by_action(task: Task) -> str:
    """Who says it when an action does: `action restart`. No person's name begins so."""
    return f"{ACTION}{task.action}"


def known_pipeline(written: str, task: Task, known: Collection[str]) -> str:
    """The pipeline that the text means for this alert; raises Rejected where there is none of that name."""
    name = filled(written, task)
    if name not in known:
        names = ", ".join(sorted(known))
        sentence = f"no pipeline is named {name!r} (from {written!r}); known: {names or 'none'}"
        raise Rejected(Because(sentence, "no_pipeline_named", name=name, written=written, known=names))
    return name
