"""What statements of every room need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

_MOST_VALUES: Final = 500


def parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Engines limit how many values one statement may carry."""
    for start in range(0, len(ids), _MOST_VALUES):
        yield ids[start : start + _MOST_VALUES]
