"""A body: what one may hold, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gwanje.errors import TooLarge
from gwanje.wire.columns import Columns
from gwanje.wire.influx.keys import labels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import Times, Values

PROTOCOL = "influx"
FARTHEST_MS = 1 << 62
"""No time may be farther from 1970."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one body may hold. They protect everybody else from one sender."""

    body_bytes: int = 32 << 20
    """Unpacked."""
    samples: int = 500_000
    """Also the most lines of one body."""
    key_bytes: int = 256 << 20
    """Of all keys together: each field repeats what stands before it."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that was refused, counted from 1."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What of a body can be stored, and what cannot."""

    columns: Columns
    lines: NDArray[np.int64]
    """The line that each key stands in."""
    bad: Sequence[BadLine] = ()
    """The first of the refused lines."""
    refused: int = 0
    """How many lines were refused."""
    strings: int = 0
    """How many fields are text and so no samples; they were passed over."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every line of a body."""

    scale: tuple[int, int]
    """Milliseconds are a time of the body times the first, divided by the second."""
    now_ms: int
    """The time of lines that bring none."""
    limits: Limits


def in_columns(body: bytes, keys: Sequence[bytes], times: Times, values: Values, lines: NDArray[np.int64]) -> Decoded:
    """Samples of as many keys, times, values and numbers of lines."""
    return Decoded(Columns(PROTOCOL, body, keys, np.ones(len(keys), np.int64), times, values, labels_of), lines)


def check_samples(samples: int, limits: Limits) -> None:
    """Raises TooLarge for more samples than allowed."""
    if samples > limits.samples:
        raise TooLarge(f"the body has more than the {limits.samples} samples that are allowed; send fewer")


def check_keys(key_bytes: int, limits: Limits) -> None:
    """Raises TooLarge for keys that take more bytes than allowed."""
    if key_bytes > limits.key_bytes:
        raise TooLarge(f"the names of all series take more than the {limits.key_bytes} bytes that are allowed; send fewer fields")
