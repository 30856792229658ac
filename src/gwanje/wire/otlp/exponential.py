"""An exponential histogram → classic buckets, of the same bounds for ever: merged until a bound is at least √2 times the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gwanje.wire.columns import Values

FINEST_SCALE = 1
SCALES = range(-10, 21)
"""Those that OpenTelemetry allows."""


def classic(scale: int, offset: int, counts: Values, at_zero: float) -> tuple[Values, Values]:
    """Rising bounds, and how many values lie at or below each. The last bound has all but what no number can bound.

    Merging is exact: every bound of a coarser scale is one of the finer scale, too.
    """
    if not len(counts):
        return np.empty(0), np.empty(0)
    shift = max(0, scale - FINEST_SCALE)
    places = (np.arange(len(counts), dtype=np.int64) + offset) >> shift
    last = np.flatnonzero(np.append(places[1:] != places[:-1], True))
    up_to = np.cumsum(counts)[last] + at_zero
    edges = np.append(places[0], places[last] + 1)
    with np.errstate(over="ignore", under="ignore"):
        bounds = np.exp2(edges * 2.0 ** -min(scale, FINEST_SCALE))
    sound = np.isfinite(bounds) & (bounds > np.append(0.0, bounds[:-1]))
    return bounds[sound], np.append(at_zero, up_to)[sound]
