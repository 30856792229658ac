"""What one evaluation of one rule finds for one label set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gwanje.judge.rules.threshold import Threshold
from gwanje.model import Severity


@dataclass(frozen=True, slots=True)
class Good:
    """Looked at, and no breach. `cleared` is False between the thresholds, where a firing alert stays as it is."""

    labels: Mapping[str, str]
    value: float | None
    cleared: bool
    why: str
    """A `Reason`, as in all verdicts."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Looked at, and the worst condition that holds is this one. There is no value where missing data are the breach."""

    labels: Mapping[str, str]
    value: float | None
    severity: Severity
    threshold: Threshold
    why: str


@dataclass(frozen=True, slots=True)
class Insufficient:
    """Too little was counted to say anything."""

    labels: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class Error:
    """The value is no number, so no comparison holds and nothing can be said."""

    labels: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The query still gives a value, but what it is made of stopped: as good as no answer."""

    labels: Mapping[str, str]
    why: str


Verdict = Good | Breach | Insufficient | Error | Stale
