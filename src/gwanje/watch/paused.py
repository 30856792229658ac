"""Paused pipelines, as rules meet them: what is found of them is of before the pause, and nothing is made of it.

A rule's result is about a pipeline when it carries the pipeline's name as its label `pipeline`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gwanje.judge.leaving import Departed, Leaving
from gwanje.judge.lifecycle import Instance
from gwanje.judge.rules.found import Found
from gwanje.watch.unjudged import unjudged

_OF: Final = "pipeline"


@dataclass(frozen=True, slots=True)
class Paused:
    """The pipelines that are paused, or not run yet since, and why."""

    pipelines: Mapping[str, str] = field(default_factory=dict)

    @property
    def departed(self) -> Departed:
        """As expected departures: what is open about them ends, and is not told as resolved."""
        return [Leaving.of(pipeline=name) for name in self.pipelines]

    def unjudged(self, found: Found, standing: Iterable[Instance]) -> Found:
        """The same, where nothing is said of these pipelines, whether it was found or stands open."""
        if not self.pipelines:
            return found
        return unjudged(found, standing, lambda labels: self.pipelines.get(labels.get(_OF, "")))
