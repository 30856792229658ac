"""The labels of several series, and what was worked out of them: a dashboard asks for the same series again and again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar, cast, overload

from gwanje.wire.columns import Labels

Made = TypeVar("Made")

_REMEMBERED = 16


class Names(Sequence[Labels]):
    """Labels in order, never changed. A store that gives the same `Names` again spares all who group or rename them the work."""

    __slots__ = ("_made", "rows")

    def __init__(self, rows: Sequence[Labels]) -> None:
        self.rows = rows
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[Sequence[Labels]], Made]) -> Made:
        """What `make` makes of the labels; made once for each key, as long as these labels live. For several threads."""
        found = self._made.get(key)
        if found is None:
            found = make(self.rows)
            if len(self._made) < _REMEMBERED:
                self._made[key] = found
        return cast("Made", found)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Labels]:
        return iter(self.rows)

    @overload
    def __getitem__(self, place: int) -> Labels: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Labels]: ...
    def __getitem__(self, place: int | slice) -> Labels | Sequence[Labels]:
        return self.rows[place]

    def __eq__(self, other: object) -> bool:
        return list(self.rows) == list(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return id(self)


def names_of(labels: Sequence[Labels]) -> Names:
    return labels if isinstance(labels, Names) else Names(labels)
