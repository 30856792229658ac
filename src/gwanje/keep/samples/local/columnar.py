"""What came in another protocol than remote write, as the log keeps it: the series of every row, its times, its values.

    samples: u32, bytes of the series: u32, the series, times: i64 each, values: f64 each

All little-endian. The series are remote write's label messages in snappy's block format: the length of each as u32, then all of
them. They are made once for a sender that writes the same series again and again, and read once; every record is whole all the
same, so that none depends on another one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import cramjam
import numpy as np

from gwanje.errors import BadInput
from gwanje.wire.columns import Columns
from gwanje.wire.remote_write.decode import PROTOCOL as REMOTE_WRITE
from gwanje.wire.remote_write.decode import labels_of
from gwanje.wire.remote_write.encode import compressed, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.samples.local.index import Index
    from gwanje.keep.samples.local.runs import Ids, Rows

PROTOCOL: Final = "columns"
"""What the log calls such a body."""

_HEAD = struct.Struct("<II")
_REMEMBERED: Final = 16
_REMEMBERED_SERIES: Final = 100_000
"""Of all batches together; one takes about 50 bytes a series when it is written, and 200 when it is read."""


@dataclass(frozen=True, slots=True)
class _Written:
    revision: int
    series: Ids
    spelled: bytes


class ColumnsWriter:
    """Makes bodies for the log; remembers how the series of the batches that came last are spelled. For one thread."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: list[_Written] = []

    def body(self, rows: Rows) -> bytes:
        spelled = self._spelled(rows.series)
        times, values = rows.times.astype("<i8", copy=False), rows.values.astype("<f8", copy=False)
        return b"".join((_HEAD.pack(len(times), len(spelled)), spelled, times.tobytes(), values.tobytes()))

    def _spelled(self, series: Ids) -> bytes:
        # A number means another series once numbers were taken back.
        self._known = [one for one in self._known if one.revision == self._index.revision]
        for place, one in enumerate(self._known):
            if np.array_equal(one.series, series):
                self._known.insert(0, self._known.pop(place))
                return one.spelled
        each, places = np.unique(series, return_inverse=True)
        keys = [key_of(labels) for labels in self._index.labels(each)]
        spelled = _spelled([keys[place] for place in places.tolist()])
        self._known.insert(0, _Written(self._index.revision, series.copy(), spelled))
        while self._known and (
            len(self._known) > _REMEMBERED or sum(len(one.series) for one in self._known) > _REMEMBERED_SERIES
        ):
            self._known.pop()
        return spelled


class ColumnsReader:
    """Reads such bodies; of those with the same series the keys are one object, as `Columns` says."""

    def __init__(self) -> None:
        self._known: dict[bytes, Sequence[bytes]] = {}

    def columns(self, body: bytes) -> Columns:
        """Raise BadInput for what is no such body."""
        try:
            count, spelled_bytes = _HEAD.unpack_from(body)
        except struct.error as error:
            raise BadInput("the columns are cut off") from error
        times_at = _HEAD.size + spelled_bytes
        if len(body) != times_at + 16 * count:
            raise BadInput(f"{len(body)} bytes are not {count} samples and {spelled_bytes} bytes of series")
        keys = self._keys(body[_HEAD.size : times_at])
        if len(keys) != count:
            raise BadInput(f"{count} samples of {len(keys)} series: there must be one of each")
        times = np.frombuffer(body, "<i8", count, times_at).astype(np.int64)
        values = np.frombuffer(body, "<f8", count, times_at + 8 * count).astype(np.float64)
        return Columns(REMOTE_WRITE, body, keys, np.ones(count, np.int64), times, values, labels_of)

    def _keys(self, spelled: bytes) -> Sequence[bytes]:
        keys = self._known.get(spelled)
        if keys is None:
            keys = _keys(spelled)
            self._known[spelled] = keys
            while self._known and (len(self._known) > _REMEMBERED or sum(map(len, self._known.values())) > _REMEMBERED_SERIES):
                del self._known[next(iter(self._known))]
        return keys


def _spelled(keys: Sequence[bytes]) -> bytes:
    lengths = np.fromiter(map(len, keys), "<u4", len(keys))
    return compressed(struct.pack("<I", len(keys)) + lengths.tobytes() + b"".join(keys))


def _keys(spelled: bytes) -> Sequence[bytes]:
    try:
        text = bytes(cramjam.snappy.decompress_raw(spelled))
        (count,) = struct.unpack_from("<I", text)
        ends = np.cumsum(np.frombuffer(text, "<u4", count, 4), dtype=np.int64)
    except (cramjam.DecompressionError, struct.error, ValueError) as error:
        raise BadInput(f"the series of columns cannot be read: {error}") from error
    begin = 4 + 4 * count
    cuts = [begin, *(ends + begin).tolist()]
    if cuts[-1] != len(text):
        raise BadInput("the series of columns are cut off")
    return [text[start:end] for start, end in pairwise(cuts)]
