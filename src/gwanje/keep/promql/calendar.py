"""Parts of the date of Unix seconds, in UTC. What is no time, or one that no calendar reaches, has none: NaN.

Prometheus makes of those what its processor makes of a number that is too large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LATEST = 2.0**62
"""Seconds beyond which numbers of 64 bits do not reach."""


def year(seconds: Floats) -> Floats:
    return _part(seconds, "Y", None) + 1970


def month(seconds: Floats) -> Floats:
    return _part(seconds, "M", "Y") + 1


def day_of_month(seconds: Floats) -> Floats:
    return _part(seconds, "D", "M") + 1


def day_of_year(seconds: Floats) -> Floats:
    return _part(seconds, "D", "Y") + 1


def day_of_week(seconds: Floats) -> Floats:
    """0 is Sunday; the epoch was a Thursday."""
    return (_part(seconds, "D", None) + 4) % 7


def days_in_month(seconds: Floats) -> Floats:
    months = _instants(seconds).astype("datetime64[M]")
    days = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
    return np.where(_reached(seconds), days.astype(np.float64), np.nan)


def hour(seconds: Floats) -> Floats:
    return _part(seconds, "h", "D")


def minute(seconds: Floats) -> Floats:
    return _part(seconds, "m", "h")


def _part(seconds: Floats, unit: str, within: str | None) -> Floats:
    """Whole units since the larger unit began, or since the epoch."""
    instants = _instants(seconds)
    whole = instants.astype(f"datetime64[{unit}]")
    start = np.zeros(1, whole.dtype) if within is None else instants.astype(f"datetime64[{within}]").astype(whole.dtype)
    return np.where(_reached(seconds), (whole - start).astype(np.float64), np.nan)


def _reached(seconds: Floats) -> NDArray[np.bool_]:
    reached: NDArray[np.bool_] = np.abs(seconds) < LATEST
    return reached


def _instants(seconds: Floats) -> NDArray[np.datetime64]:
    return np.where(_reached(seconds), np.trunc(seconds), 0.0).astype(np.int64).astype("datetime64[s]")
