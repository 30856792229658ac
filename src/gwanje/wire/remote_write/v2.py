"""A Prometheus remote write 2.0 body → columns. Labels come as references into one table of texts.

A key is the texts of a series' labels, each ended by a byte that UTF-8 does not have: the table is another in every body, the
key is not. Arrow gathers the texts of all series at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gwanje.errors import BadInput, TooLarge
from gwanje.wire.columns import Columns
from gwanje.wire.protobuf import FIELD, Reader
from gwanje.wire.remote_write import abouts
from gwanje.wire.remote_write.decode import Limits, checked, unpacked

if TYPE_CHECKING:
    from gwanje.wire.columns import Labels

PROTOCOL = "remote_write_2"

_END = b"\xff"
_UNREADABLE = b"\xfe"
"""Stands for a text that is no UTF-8 or that the table lacks, so that `labels_of` refuses that series and no other."""
_MOST_TEXTS, _MOST_REFERENCES = 2_000_000, 8_000_000
_MOST_KEY_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What of a body can be stored, and how much of it is of the kinds that are not kept."""

    columns: Columns
    histograms: int = 0
    """Native histograms."""
    exemplars: int = 0


def decode(body: bytes, limits: Limits | None = None) -> Request:
    """Read a whole body. Raises TooLarge over a limit and BadInput for anything that is not remote write 2.0.

    Labels are not looked at here, as in version 1. Start times are passed over.
    """
    limits = limits or Limits()
    texts, series = _read(unpacked(body, limits))
    samples, histograms, exemplars = (series.field(name) for name in ("samples", "histograms", "exemplars"))
    counts = np.diff(samples.offsets.to_numpy()).astype(np.int64)
    rows = samples.values
    if max(len(rows), len(counts)) > limits.samples:
        raise TooLarge(
            f"{len(rows)} samples of {len(counts)} series are too many for one request, {limits.samples} are allowed; send fewer"
        )
    columns = Columns(
        protocol=PROTOCOL,
        body=body,
        keys=_keys(texts, series.field("labels_refs")),
        counts=counts,
        times=rows.field("timestamp").to_numpy(),
        values=rows.field("value").to_numpy(),
        labels_of=labels_of,
        abouts=abouts.of_series(texts, series),
    )
    return Request(columns, len(histograms.values), len(exemplars.values))


def labels_of(key: bytes) -> Labels:
    """Read and check the labels of a key: sorted by name, those without a value left out. Raises BadInput."""
    try:
        texts = [text.decode() for text in key.split(_END)[:-1]]
    except UnicodeDecodeError as error:
        raise BadInput("a label that is not UTF-8, or a reference to a text that the request lacks") from error
    if len(texts) % 2:
        raise BadInput("a label without a value; references come in pairs of name and value")
    if "" in texts[::2]:
        raise BadInput("a label without a name")
    return checked(zip(texts[::2], texts[1::2], strict=True))


def _read(message: bytes) -> tuple[Any, Any]:
    """The table of texts, and the series."""
    try:
        batch = _READER.read(message)
    except ValueError as error:
        raise BadInput(f"not a remote write 2.0 message: {error}") from error
    return batch.column(0).values, batch.column(1).values


def _keys(texts: Any, references: Any) -> list[bytes]:
    """The texts of every series' labels, whole."""
    for what, found, most in (("texts", texts, _MOST_TEXTS), ("references", references.values, _MOST_REFERENCES)):
        if len(found) > most:
            raise TooLarge(f"{len(found)} {what} are too many, {most} are allowed; send fewer series")
    table = _ended(texts)
    chosen = np.minimum(references.values.to_numpy(), len(table) - 1)
    sizes = np.diff(np.frombuffer(table.buffers()[1], np.int64))[chosen]
    if (size := int(sizes.sum())) > _MOST_KEY_BYTES:
        raise TooLarge(f"the labels of all series take {size} bytes, {_MOST_KEY_BYTES} are allowed; send fewer series")
    cuts = np.concatenate(([0], np.cumsum(sizes)))[references.offsets.to_numpy()].tolist()
    gathered = table.take(pa.array(chosen)).buffers()[2]
    data = gathered.to_pybytes() if gathered else b""
    return [data[start:end] for start, end in pairwise(cuts)]


def _ended(texts: Any) -> Any:
    """Every text with its end, and after the last one what stands for texts that are missing."""
    table = pc.binary_join_element_wise(
        texts.cast(pa.large_binary()), *(pa.scalar(one, pa.large_binary()) for one in (b"", _END))
    )
    data = table.buffers()[2]
    if data and data.to_pybytes().count(_END) > len(table):
        table = pa.array([_UNREADABLE + _END if _END in text[:-1] else text for text in table.to_pylist()], pa.large_binary())
    return pa.concat_arrays([table, pa.array([_UNREADABLE + _END], pa.large_binary())])


_READER = Reader(
    "gwanje.remote_write_2",
    {
        "Sample": (("value", 1, FIELD.TYPE_DOUBLE, ""), ("timestamp", 2, FIELD.TYPE_INT64, "")),
        "Metadata": (("type", 1, FIELD.TYPE_INT32, ""), ("help", 3, FIELD.TYPE_UINT32, ""), ("unit", 4, FIELD.TYPE_UINT32, "")),
        "TimeSeries": (
            ("labels_refs", 1, FIELD.TYPE_UINT32, "many"),
            ("samples", 2, "Sample", "many"),
            ("histograms", 3, FIELD.TYPE_BYTES, "many"),
            ("exemplars", 4, FIELD.TYPE_BYTES, "many"),
            ("metadata", 5, "Metadata", ""),
        ),
        "Request": (("symbols", 4, FIELD.TYPE_BYTES, "many"), ("timeseries", 5, "TimeSeries", "many")),
    },
)
"""`io.prometheus.write.v2.Request` with texts as `bytes`; of histograms and exemplars only their number is wanted."""
