"""Arrays in pages of their own, which go back to the system as soon as nobody has them.

For what lives longer than the work around it. In the heap such an array leaves a hole between others when it goes, and at full
load holes of a few hundred kilobytes were a hundred megabytes. `malloc` puts even a large array into a hole that is large enough.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALL_BYTES = 64 << 10
_HUGE_BYTES = 4 << 20
"""From here on huge pages are asked for, as numpy does: fewer are to be brought in."""


def empty(count: int, dtype: type[np.generic]) -> NDArray[Any]:
    """As `numpy.empty`."""
    nbytes = count * np.dtype(dtype).itemsize
    if nbytes < _SMALL_BYTES:
        return np.empty(count, dtype)
    pages = mmap.mmap(-1, nbytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if nbytes >= _HUGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, dtype)


def kept(array: NDArray[Any]) -> NDArray[Any]:
    """A copy of an array."""
    copy = empty(len(array), array.dtype.type)
    copy[:] = array
    return copy


def taken(array: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """The array's elements at places that it has."""
    return array.take(places, out=empty(len(places), array.dtype.type), mode="clip")  # "raise" would take them twice
