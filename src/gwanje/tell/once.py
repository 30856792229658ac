"""Who already has a message that goes to several: when it is tried again, they are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Once:
    """Remembers the message that is being told, while this process lives. A restart may tell some twice."""

    _key: str = ""
    _done: set[str] = field(default_factory=set)

    def left(self, key: str, everybody: Iterable[str]) -> Sequence[str]:
        """Those who do not have the message of this key yet."""
        if key != self._key:
            self._key, self._done = key, set()
        return [one for one in everybody if one not in self._done]

    def has(self, one: str) -> None:
        """Take note that this one has the message which `left` was asked about last."""
        self._done.add(one)
