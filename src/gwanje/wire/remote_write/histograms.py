"""The native histograms of a remote write 1.0 body: they are not kept, and whoever sends them shall know."""

from __future__ import annotations

from gwanje.errors import BadInput
from gwanje.wire.protobuf import FIELD, Reader
from gwanje.wire.remote_write.decode import Limits, unpacked


def native(body: bytes) -> int:
    """How many a body has. Raises what reading the body itself does."""
    try:
        batch = _READER.read(unpacked(body, Limits()))
    except ValueError as error:
        raise BadInput(f"not a remote write 1.0 message: {error}") from error
    return len(batch.column(0).values.field("histograms").values)


_READER = Reader(
    "gwanje.remote_write.histograms",
    {
        "TimeSeries": (("histograms", 4, FIELD.TYPE_BYTES, "many"),),
        "WriteRequest": (("timeseries", 1, "TimeSeries", "many"),),
    },
)
