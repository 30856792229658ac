"""The answers of a query. Frozen; shared by every store that answers PromQL, whoever evaluates it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gwanje.wire.columns import Labels, Times, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What there is to say of an answer beside it, in Prometheus's words."""

    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix(Noted):
    """Several series over time. Series `i` owns `times[offsets[i]:offsets[i+1]]`, in order of time; no stale markers."""

    labels: Sequence[Labels]
    offsets: NDArray[np.int64]
    times: Times
    values: Values


@dataclass(frozen=True, slots=True)
class Vector(Noted):
    """One value for each of several series, at one instant."""

    labels: Sequence[Labels]
    values: Values
    at_ms: int


@dataclass(frozen=True, slots=True)
class Scalar(Noted):
    value: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Text(Noted):
    value: str
    at_ms: int


Answer = Vector | Matrix | Scalar | Text
