"""What went away on purpose, as judging sees it: its data may stop, and nothing is made of that. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gwanje.because import Because
from gwanje.judge.lifecycle import Ended

_EXPECTED: Final = Because("departed as expected", "departed")


@dataclass(frozen=True, slots=True)
class Leaving:
    """Label sets of which each of these labels matches as a whole, and how their open alerts end."""

    labels: tuple[tuple[str, re.Pattern[str]], ...]
    ended: Ended = Ended.DEPARTED
    because: str = _EXPECTED

    @staticmethod
    def of(because: str = _EXPECTED, **labels: str) -> Leaving:
        """What has exactly these labels: `Leaving.of(host="web-1")`."""
        return Leaving(tuple((name, re.compile(re.escape(value))) for name, value in labels.items()), because=because)

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether this label set is meant."""
        return all(pattern.fullmatch(labels.get(name, "")) for name, pattern in self.labels)


Departed = Sequence[Leaving]
"""Everything that went away on purpose by now."""


def leaving(labels: Mapping[str, str], departed: Departed) -> Leaving | None:
    """The first departure that means this label set."""
    return next((one for one in departed if one.takes(labels)), None)
