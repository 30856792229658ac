"""Results of which nothing is made for a reason that people gave: as if nothing had been found, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from gwanje.judge.lifecycle import Instance
from gwanje.judge.rules.found import Found


def unjudged(found: Found, standing: Iterable[Instance], why: Callable[[Mapping[str, str]], str | None]) -> Found:
    """The same, where nothing is said of label sets that have a reason, whether they were found or stand open."""
    every = [*zip(found.identities, found.known.labels, strict=True), *((one.fingerprint, one.labels) for one in standing)]
    stopped = {identity: reason for identity, labels in every if (reason := why(labels))}
    if not stopped:
        return found
    quiet = found.without(stopped)
    # What said nothing before is told apart from this, so that the evaluation is no repetition of the last one.
    return replace(quiet, silent={**quiet.silent, **stopped})
