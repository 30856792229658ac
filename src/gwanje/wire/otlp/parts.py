"""Which number of a point a sample is: the one byte behind the digest in its key."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VALUE, SUM, COUNT, BUCKET, QUANTILE, TARGET = b"v", b"s", b"c", b"b", b"q", b"t"
"""A bucket's bound and a quantile follow as eight bytes, a little-endian double. TARGET is of a resource, not of a point."""
ENDINGS = {VALUE: "", SUM: "_sum", COUNT: "_count", BUCKET: "_bucket", QUANTILE: ""}
"""What the metric's name gets behind it."""
BOUNDED = {BUCKET: "le", QUANTILE: "quantile"}
"""The label that says the bound."""
INFINITY = BUCKET + struct.pack("<d", float("inf"))
"""The last bucket."""


def with_bounds(part: bytes, bounds: NDArray[np.float64]) -> list[bytes]:
    """BUCKET or QUANTILE with each of its bounds."""
    data = bounds.astype("<f8").tobytes()
    return [part + data[at : at + 8] for at in range(0, len(data), 8)]
