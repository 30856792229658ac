"""What a body of plain lines looks like without its values and times, and where those stand.

A sender writes the same series again and again. A layout that is known needs no more than the ends of a new body's lines: what
stands before a value is as long as it was, so that its place is known, and that it is the same is one comparison of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Positions = NDArray[np.intp]

_EQUALS, _BLANK = b"= "
_LAYOUTS: Final = 16
_LAYOUT_BYTES: Final = 32 << 20


class Pieces(NamedTuple):
    """Pieces of a text, none of which reaches into the next: where each begins and where it ends."""

    begins: Positions
    ends: Positions

    def of(self, text: bytes) -> Any:
        """What stands there, as an array of Arrow."""
        cuts = np.empty(2 * len(self.begins), np.int32)
        cuts[::2], cuts[1::2] = self.begins, self.ends
        count = len(cuts) - 1
        return pa.StringArray.from_buffers(count, pa.py_buffer(cuts), pa.py_buffer(text)).take(_every_other(count))


@lru_cache(maxsize=8)
def _every_other(count: int) -> Any:
    return pa.array(np.arange(0, count, 2))


@dataclass(frozen=True, slots=True)
class Spans:
    """Where the values and times of a body stand. It has at least one line."""

    fields: Positions
    """How many each line has."""
    values: Pieces
    stamps: Pieces | None
    """Of each line behind its last value and a blank; None where no line has one."""

    def rest(self, text: bytes) -> Any:
        """The body without its values, times and the blanks before times, as a buffer of Arrow."""
        begins, ends = self.values
        if self.stamps and len(ends) == len(self.fields):
            ends = self.stamps.ends
        elif self.stamps:
            ends = ends.copy()
            ends[np.cumsum(self.fields) - 1] = self.stamps.ends
        return signs_of(Pieces(np.append(0, ends), np.append(begins, len(text))).of(text))


def signs_of(texts: Any) -> Any:
    """All of an array's texts, one behind the other, as a buffer of Arrow."""
    _, cuts, signs = texts.buffers()
    return signs.slice(0, int(np.frombuffer(cuts, np.int32)[len(texts)])) if signs else pa.py_buffer(b"")


@dataclass(frozen=True, slots=True)
class Layout:
    """A body without its values and times, and the keys that it means; the same with times and without."""

    skeleton: bytes
    keys: Sequence[bytes]
    key_bytes: int
    """Of all heads, each as often as it has fields."""
    before: NDArray[np.int64] | None = None
    """How many bytes stand before the value of each line; None where a line has several values."""

    def places(self, text: bytes, ends: Positions) -> Spans | None:
        """Where values and times stand in a body of this layout whose times are all as long as the first.

        None where it plainly is another body. Where it is not None it may still be one: its `rest` tells.
        """
        before = self.before
        if before is None or len(before) != len(ends) or not self._glance(text, ends):
            return None
        begins = before.copy()
        begins[1:] += ends[:-1] + 1
        signs = np.frombuffer(text, np.uint8)
        blank = text.find(b" ", int(begins[0]), int(ends[0]))
        closes = ends if blank < 0 else ends - (int(ends[0]) - blank)
        if not (begins < closes).all() or signs[begins[-1] - 1] != _EQUALS:
            return None
        if blank >= 0 and (signs[closes] != _BLANK).any():
            return None
        stamps = Pieces(closes + 1, ends) if blank >= 0 else None
        return Spans(np.ones(len(ends), np.intp), Pieces(begins, closes), stamps)

    def _glance(self, text: bytes, ends: Positions) -> bool:
        """Most bodies of another layout differ in their first line."""
        head = self.skeleton[: int(self.before[0])] if self.before is not None else b""
        return text.startswith(head) and int(ends[0]) > len(head)


class Layouts:
    """The layouts that came last. A sender writes the same series again and again; then their keys are known without a look.

    May be asked from several threads at once.
    """

    def __init__(self) -> None:
        self._known: tuple[Layout, ...] = ()

    def find(self, skeleton: bytes) -> Layout | None:
        return next((one for one in self._known if one.skeleton == skeleton), None)

    def __iter__(self) -> Iterator[Layout]:
        return iter(self._known)

    def remember(self, layout: Layout) -> None:
        """Know a layout that is not known yet."""
        if any(one is layout for one in self._known):
            return
        known = (layout, *self._known[: _LAYOUTS - 1])
        # Two that remember at once may lose one another's: it is read once more.
        while known and sum(len(one.skeleton) for one in known) > _LAYOUT_BYTES:
            known = known[:-1]
        self._known = known
