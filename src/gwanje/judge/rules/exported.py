"""A label `severity` that a series brings along: an alert has a severity of its own, so the series' is kept beside it.

It is called as Prometheus calls a scraped label that a target's own one takes the place of: `exported_severity`, and with one
more `exported_` where that is taken. Two series that differ in nothing else stay two alerts. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

OWN: Final = "severity"
_BESIDE: Final = "exported_"
_EXPORTED: Final = re.compile(f"(?:{_BESIDE})+{OWN}")


def exported(labels: Mapping[str, str], taken: Collection[str] = ()) -> Mapping[str, str]:
    """The labels of a result as its alert carries them; `taken` are names that the rule gives."""
    if OWN not in labels:
        return labels
    name = _BESIDE + (_longest((*labels, *taken)) or OWN)
    return {name if one == OWN else one: text for one, text in labels.items()}


def given(labels: Mapping[str, str], taken: Collection[str] = ()) -> dict[str, str]:
    """Of an alert's labels those of the result, by the names that it gave them.

    A series that has `exported_severity` and no `severity` is taken for one that has `severity`: the alert does not tell.
    """
    own = {name: text for name, text in labels.items() if name not in taken}
    name = _longest(own)
    return {OWN if one == name else one: text for one, text in own.items()}


def _longest(names: Iterable[str]) -> str:
    """The name that was exported most often; empty where none was."""
    return max(filter(_EXPORTED.fullmatch, names), key=len, default="")
