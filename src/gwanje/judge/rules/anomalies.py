"""How unusual the last of several points is. Pure, over arrays: one row a series, the newest point last.

The tested point is never part of what it is compared with. Where nothing deviates, no distance can be told.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gwanje.judge.rules.looks import Anomaly

Points = NDArray[np.float64]

_CONSISTENT: Final = 0.6745
"""Makes the median deviation comparable with the standard deviation of a normal distribution (Iglewicz and Hoaglin, 1993)."""


def scores(anomaly: Anomaly, points: Points) -> tuple[Points, Points, Points]:
    """The score of the last point of each row, and what was usual: its middle and deviation.

    `points` has `anomaly.points + 1` columns. A score is NaN where a point is missing (NaN) or the deviation is 0.
    """
    before, tested = points[:, :-1], points[:, -1]
    if anomaly.method == "robust":
        middle = np.median(before, axis=1)
        deviation = np.median(np.abs(before - middle[:, None]), axis=1) / _CONSISTENT
    else:
        middle, deviation = before.mean(axis=1), before.std(axis=1)
    # What is constant up to rounding deviates by nothing: 0.1 a hundred times has a mean a little off 0.1.
    deviates = deviation > 1e-12 * np.maximum(np.abs(middle), 1e-300)
    found = np.full(len(points), np.nan)
    np.divide(tested - middle, deviation, out=found, where=deviates)
    match anomaly.side:
        case "both":
            found = np.abs(found)
        case "below":
            found = -found
    return found, middle, deviation
