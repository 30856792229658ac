"""What every decoder of samples gives: one body as columns, no object a sample; and what the body says of its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
"""Milliseconds since the epoch."""
Values = NDArray[np.float64]
Labels = tuple[tuple[str, str], ...]
"""A series' labels, the metric's name among them as `__name__`, sorted by name: a series' identity."""


@dataclass(frozen=True, slots=True)
class About:
    """What a sender or a page says of a metric family, for the metadata API."""

    type: str = "unknown"
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """One decoded body: `keys[i]` owns the next `counts[i]` of `times` and `values`.

    A key is the series as the protocol spelled it (for remote write: the label messages' raw bytes), so that a known series
    is one dictionary look-up; `labels_of` reads the labels of a key, checks them, and raises BadInput.
    `keys` is never changed afterwards; a decoder that knows the same series in the same order again gives the same object again,
    and a store may then know their numbers without a look at each.
    `body` is what came in, compressed as it came; a store may log it instead of the columns.
    """

    protocol: str
    body: bytes
    keys: Sequence[bytes]
    counts: NDArray[np.int64]
    times: Times
    values: Values
    labels_of: Callable[[bytes], Labels]
    abouts: Mapping[str, About] = field(default_factory=dict)
    """What the body says of its metric families, by their names."""
