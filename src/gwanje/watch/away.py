"""Departures and pauses, as rules meet them: nothing is made of what is away on purpose, and what stood open of it ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gwanje.because import Because
from gwanje.judge.leaving import Departed, Leaving, leaving
from gwanje.judge.lifecycle import Ended, Instance
from gwanje.judge.rules.found import Found
from gwanje.judge.rules.thresholds import HostGroups
from gwanje.keep.said import Departure
from gwanje.watch.unjudged import unjudged

PIPELINE: Final = "pipeline"
"""The label by which a rule's result is about a pipeline."""
LAST_WORDS: Final = timedelta(minutes=10)
"""How long what was removed may still answer with what it said before. What answers later has come back, and is judged."""


@dataclass(frozen=True, slots=True)
class Away:
    """What is away now. Where its data stop, that is expected; of `silent` nothing is judged, whatever is found."""

    departed: Departed = ()
    silent: Departed = ()

    def unjudged(self, found: Found, standing: Iterable[Instance]) -> Found:
        """The same, where nothing is said of what is silent."""
        if not self.silent:
            return found
        return unjudged(found, standing, self._why)

    def _why(self, labels: Mapping[str, str]) -> str | None:
        left = leaving(labels, self.silent)
        return left.because if left else None

    def beside(self, other: Away) -> Away:
        """What either of them holds."""
        return Away((*self.departed, *other.departed), (*self.silent, *other.silent))


def away(said: Iterable[Departure], groups: HostGroups, at: datetime) -> Away:
    """What is away at a time by what people said."""
    holding = [(one, _leaving(one, groups)) for one in said if one.holds(at)]
    return Away(
        departed=tuple(left for _, left in holding),
        silent=tuple(left for one, left in holding if not one.removed or at < one.starts_at + LAST_WORDS),
    )


def paused(pipelines: Mapping[str, str]) -> Away:
    """What is away of pipelines that are paused, or not run yet since, with why: what is found of them is of before."""
    left = tuple(Leaving.of(because, **{PIPELINE: name}) for name, because in pipelines.items())
    return Away(departed=left, silent=left)


def _leaving(said: Departure, groups: HostGroups) -> Leaving:
    verb, code = ("removed", "removed_by") if said.removed else ("departed as expected, said", "departed_by")
    return Leaving(
        tuple((name, re.compile(pattern)) for name, pattern in _labels(said, groups).items()),
        Ended.HOST_REMOVED if said.removed else Ended.DEPARTED,
        Because(f"{verb} by {said.who}: {said.why}"[:200], code, who=said.who, why=said.why[:200]),
    )


def _labels(said: Departure, groups: HostGroups) -> Mapping[str, str]:
    match said.scope:
        case "group":
            hosts = groups.get(said.name, ())
            return {"host": "|".join(f"(?:{one})" for one in hosts) or "(?!)"}
        case "container":
            host, slash, name = said.name.rpartition("/")
            return {"container": re.escape(name), **({"host": re.escape(host)} if slash else {})}
    return {"host": re.escape(said.name)}
