"""What a body of plain lines looks like without its values and times, and where those stand.

A sender writes the same series again and again. A layout that is known needs no more than the ends of a new body's lines: what
stands before a value is as long as it was, so that its place is known, and that it is the same is one comparison of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Positions = NDArray[np.intp]

_EQUALS: Final = ord("=")
_LAYOUTS: Final = 16
_LAYOUT_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Spans:
    """The values and times of a body, in the order in which they stand."""

    cuts: NDArray[np.int32]
    """Where each begins and ends, after a 0 and before the end of the body."""
    fields: Positions
    of_values: Positions
    of_stamps: Positions

    def texts(self, text: bytes, which: Positions) -> Any:
        """Some of them, as an array of Arrow."""
        return self._all(text).take(pa.array(which * 2 + 1))

    def rest(self, text: bytes) -> bytes:
        """The body without them."""
        return bytes_of(self._all(text).take(pa.array(np.arange(0, len(self.cuts) - 1, 2))))

    def _all(self, text: bytes) -> Any:
        return pa.StringArray.from_buffers(len(self.cuts) - 1, pa.py_buffer(self.cuts), pa.py_buffer(text))


def bytes_of(texts: Any) -> bytes:
    """All of an array's texts, one behind the other."""
    _, cuts, signs = texts.buffers()
    end = np.frombuffer(cuts, np.int32)[len(texts)]
    return bytes(memoryview(signs)[:end]) if signs else b""


@dataclass(frozen=True, slots=True)
class Layout:
    """A body without its values and times, and the keys that it means."""

    skeleton: bytes
    keys: Sequence[bytes]
    key_bytes: int
    """Of all heads, each as often as it has fields."""
    before: NDArray[np.int64] | None = None
    """How many bytes stand before the value of each line; None where a line has several values."""
    stamped: bool = False

    def places(self, text: bytes, ends: Positions) -> Spans | None:
        """Where values and times stand in a body of this layout whose times are all as long as the first.

        None where it plainly is another body. Where it is not None it may still be one: its `rest` tells.
        """
        before = self.before
        if before is None or len(before) != len(ends) or not self._glance(text, ends):
            return None
        starts = np.append(0, ends[:-1] + 1)
        begins, closes = starts + before, ends
        if self.stamped:
            closes = ends - (int(ends[0]) - text.rfind(b" ", 0, int(ends[0])))
        signs = np.frombuffer(text, np.uint8)
        if not (begins < closes).all() or (signs[begins - 1] != _EQUALS).any():
            return None
        width = 4 if self.stamped else 2
        cuts = np.empty(width * len(ends) + 2, np.int32)
        cuts[0], cuts[-1] = 0, len(text)
        cuts[1:-1:width], cuts[2:-1:width] = begins, closes
        of_values, of_stamps = np.arange(len(ends)), np.empty(0, np.intp)
        if self.stamped:
            cuts[3:-1:width], cuts[4:-1:width] = closes + 1, ends
            of_values, of_stamps = 2 * of_values, 2 * of_values + 1
        return Spans(cuts, np.ones(len(ends), np.intp), of_values, of_stamps)

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
