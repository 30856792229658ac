"""What senders say of metrics: type, help and unit by family, for the metadata API.

Held in memory: senders say it again with every body, or every minute. The families of which nobody spoke longest go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gwanje.wire.columns import About

_FAMILIES: Final = 20_000
_WORDS: Final = 4
"""So many different things may be said of one family; the oldest goes."""
_LONGEST_NAME: Final = 256
_LONGEST_HELP: Final = 1024


class Abouts:
    """May be told and asked from several threads."""

    def __init__(self, families: int = _FAMILIES) -> None:
        self._most = families
        self._lock = threading.Lock()
        self._said: OrderedDict[str, tuple[About, ...]] = OrderedDict()

    def note(self, said: Mapping[str, About]) -> None:
        """Remember what a body says; a family that is known already says it anew."""
        with self._lock:
            for family, about in said.items():
                if len(family) <= _LONGEST_NAME:
                    self._note(family, _cut(about))
            while len(self._said) > self._most:
                self._said.popitem(last=False)

    def _note(self, family: str, about: About) -> None:
        known = self._said.get(family, ())
        self._said[family] = known if about in known else (*known, about)[-_WORDS:]
        self._said.move_to_end(family)

    def known(self) -> dict[str, tuple[About, ...]]:
        """Everything that is remembered, by family."""
        with self._lock:
            return dict(self._said)


def _cut(about: About) -> About:
    if len(about.help) <= _LONGEST_HELP and len(about.unit) <= _LONGEST_NAME:
        return about
    return replace(about, help=about.help[:_LONGEST_HELP], unit=about.unit[:_LONGEST_NAME])
