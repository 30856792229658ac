"""A Prometheus remote write 1.0 body → columns. No object a sample: protobuf goes straight into Arrow arrays.

A label is declared as `bytes`, so that all labels of a series lie in one contiguous slice: its key. Known keys are never parsed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import cramjam
import numpy as np

from gwanje.errors import BadInput, TooLarge
from gwanje.model import METRIC
from gwanje.wire.columns import Columns
from gwanje.wire.protobuf import FIELD, Reader
from gwanje.wire.remote_write.abouts import of_messages
from gwanje.wire.remote_write.encode import label_message
from gwanje.wire.remote_write.repeated import Parts, Repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from gwanje.wire.columns import About, Labels

PROTOCOL = "remote_write"

_MOST_SNAPPY_CAN = 22  # three bytes say "copy 64 bytes": nothing unpacks to more than 22 times itself
_LAYOUTS, _LAYOUT_BYTES, _WORTH_KNOWING = 16, 16 << 20, 100
_NAME, _VALUE = 0x0A, 0x12


@dataclass(frozen=True, slots=True)
class Limits:
    """What one body may hold. They protect everybody else from one sender."""

    body_bytes: int = 32 << 20
    """Unpacked."""
    samples: int = 500_000
    """Also the most series of one body."""


def decode(body: bytes, limits: Limits | None = None) -> Columns:
    """Read a whole body. Raises TooLarge over a limit and BadInput for anything that is not remote write 1.0.

    Labels are not looked at here: `labels_of` does it for keys that nobody knows yet, so that one bad series does not
    lose its neighbours. Exemplars and native histograms are passed over (`histograms.py` counts those).
    """
    limits = limits or Limits()
    message = unpacked(body, limits)
    repeated = _repeats.read(message)  # such a body says nothing of its metrics
    found, said = (repeated, {}) if repeated else _parsed(message, limits)
    if max(len(found.times), len(found.counts)) > limits.samples:
        raise TooLarge(
            f"{len(found.times)} samples of {len(found.counts)} series are too many for one request, "
            f"{limits.samples} are allowed; send fewer"
        )
    return Columns(PROTOCOL, body, found.keys, found.counts, found.times, found.values, labels_of, said)


def _parsed(message: bytes, limits: Limits) -> tuple[Parts, dict[str, About]]:
    """What a body of whatever layout holds; a layout that comes again is remembered."""
    series, metadata = _read(message)
    said = of_messages(metadata) if len(metadata) else {}
    samples, labels = series.field("samples"), series.field("labels")
    counts = np.diff(samples.offsets.to_numpy()).astype(np.int64)
    rows = samples.values
    if max(len(rows), len(counts)) > limits.samples:  # before the keys are cut
        return Parts([], counts, rows.field("timestamp").to_numpy(), rows.field("value").to_numpy()), said
    data, cuts, of_series = _label_bytes(labels)
    known = _layouts.known(data, cuts, of_series)
    keys = known or _layouts.keys(data, cuts, of_series)
    found = Parts(keys, counts, rows.field("timestamp").to_numpy(), rows.field("value").to_numpy())
    if known:
        _repeats.learn(message, np.diff(cuts).astype(np.int64), of_series.astype(np.int64), found)
    return found, said


def labels_of(key: bytes) -> Labels:
    """Read and check the labels of a key: sorted by name, those without a value left out. Raises BadInput."""
    return checked(_pairs(key))


def checked(pairs: Iterable[tuple[str, str]]) -> Labels:
    """The same labels sorted by name, those without a value left out. Raises BadInput for what is no series.

    Names of metrics and of labels are any text.
    """
    labels = tuple(sorted((name, value) for name, value in pairs if value))
    names = [name for name, _ in labels]
    if len(set(names)) < len(names):
        twice = next(name for name, following in pairwise(names) if name == following)
        raise BadInput(f"the label {twice!r} stands twice; send each label once", where=_shown(labels))
    if not all(names):
        raise BadInput("a value of a label without a name; name the label", where=_shown(labels))
    if METRIC not in names:
        raise BadInput(f"a series without {METRIC}; name its metric", where=_shown(labels))
    return labels


def unpacked(body: bytes, limits: Limits) -> bytes:
    """What a body in snappy's block format holds. Raises TooLarge before it takes more room than allowed, and BadInput."""
    try:
        size = cramjam.snappy.decompress_raw_len(body)
    except cramjam.DecompressionError as error:
        raise BadInput(f"not snappy's block format: {error}; send `Content-Encoding: snappy`") from error
    if size > limits.body_bytes:
        raise TooLarge(f"the body unpacks to {size} bytes, {limits.body_bytes} are allowed; send smaller requests")
    if size > _MOST_SNAPPY_CAN * len(body):
        raise BadInput(f"not snappy's block format: {len(body)} bytes cannot hold the {size} that the header names")
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise BadInput(f"not snappy's block format: {error}; send the body again") from error


def _read(message: bytes) -> tuple[Any, Any]:
    """The series, and what is said of metrics."""
    try:
        batch = _READER.read(message)
        return batch.column(0).values, batch.column(1).values
    except ValueError as error:
        raise BadInput(f"not a remote write 1.0 message: {error}") from error


def _label_bytes(labels: Any) -> tuple[bytes, NDArray[np.int32], NDArray[np.int32]]:
    """The bytes of all labels; label `i` is `data[cuts[i]:cuts[i + 1]]`, series `j` has those from `of_series[j]` on."""
    of_series = labels.offsets.to_numpy()
    messages = labels.values
    if not len(messages):
        return b"", np.zeros(1, np.int32), of_series
    _, cut_buffer, data_buffer = messages.buffers()
    cuts = np.frombuffer(cut_buffer, dtype=np.int32)[messages.offset : messages.offset + len(messages) + 1]
    return data_buffer.to_pybytes() if data_buffer else b"", cuts, of_series


def _cut(data: bytes, cuts: NDArray[np.int32], of_series: NDArray[np.int32]) -> list[bytes]:
    ends = cuts[of_series].tolist()
    keys = [data[start:end] for start, end in pairwise(ends)]
    for series in _with_odd_labels(data, cuts, of_series):
        first, last = of_series[series], of_series[series + 1]
        keys[series] = b"".join(_canonical(data[cuts[i] : cuts[i + 1]]) for i in range(first, last))
    return keys


class _Layout(NamedTuple):
    """All labels of a body, exactly as they stood, and the keys they are."""

    data: bytes
    cuts: NDArray[np.int32]
    of_series: NDArray[np.int32]
    keys: list[bytes]

    def fits(self, data: bytes, cuts: NDArray[np.int32], of_series: NDArray[np.int32]) -> bool:
        same = len(data) == len(self.data) and len(cuts) == len(self.cuts) and len(of_series) == len(self.of_series)
        return same and bool((of_series == self.of_series).all() and (cuts == self.cuts).all() and data == self.data)


class _Layouts:
    """The layouts that came last: a sender writes the same series again and again. May be asked from several threads."""

    def __init__(self) -> None:
        self._known: tuple[_Layout, ...] = ()

    def known(self, data: bytes, cuts: NDArray[np.int32], of_series: NDArray[np.int32]) -> list[bytes] | None:
        """The keys of labels that came lately: always the same list."""
        return next((layout.keys for layout in self._known if layout.fits(data, cuts, of_series)), None)

    def keys(self, data: bytes, cuts: NDArray[np.int32], of_series: NDArray[np.int32]) -> list[bytes]:
        """Cut the keys of labels that are not known, and know them from now on."""
        layout = _Layout(data, cuts.copy(), of_series.copy(), _cut(data, cuts, of_series))
        if len(layout.keys) < _WORTH_KNOWING:
            return layout.keys
        known = (layout, *self._known[: _LAYOUTS - 1])
        # Two that remember at once may lose one another's: it is cut once more.
        while known and sum(len(one.data) for one in known) > _LAYOUT_BYTES:
            known = known[:-1]
        self._known = known
        return layout.keys


_layouts = _Layouts()
_repeats = Repeats()


def _with_odd_labels(data: bytes, cuts: NDArray[np.int32], of_series: NDArray[np.int32]) -> list[int]:
    """Series of which a label does not begin with its name.

    Joined as they are, a nameless label would melt into the one before it.
    """
    first_bytes = np.frombuffer(data + b"\0", dtype=np.uint8)[cuts[:-1]]
    odd = np.flatnonzero((first_bytes != _NAME) | (cuts[1:] == cuts[:-1]))
    return np.unique(np.searchsorted(of_series, odd, side="right") - 1).tolist() if len(odd) else []


def _canonical(message: bytes) -> bytes:
    """The same label with its name first; an unreadable one as something that `labels_of` refuses."""
    try:
        fields = dict(_fields(message))
    except BadInput:
        return b"\xff"
    return label_message(fields.get(_NAME, ""), fields.get(_VALUE, ""))


def _pairs(key: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of each label message; a name begins a new one."""
    name: str | None = None
    value = ""
    for tag, text in _fields(key):
        if tag == _NAME:
            if name is not None:
                yield name, value
            name, value = text, ""
        elif name is None:
            raise BadInput("a label without a name")
        else:
            value = text
    if name is not None:
        yield name, value


def _fields(data: bytes) -> Iterator[tuple[int, str]]:
    """Tag and text of each field; only names and values are known."""
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        if tag not in (_NAME, _VALUE):
            raise BadInput(f"a label with an unknown field (tag {tag})", where=f"byte {at} of the series' labels")
        size, start = _varint(data, at + 1)
        if start + size > end:
            raise BadInput("a label that ends too early", where=f"byte {at} of the series' labels")
        try:
            yield tag, data[start : start + size].decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadInput("a label that is not UTF-8", where=f"byte {start} of the series' labels") from error
        at = start + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for position in range(at, min(at + 5, len(data))):
        number |= (data[position] & 0x7F) << shift
        if data[position] < 0x80:
            return number, position + 1
        shift += 7
    raise BadInput("a label with a broken length", where=f"byte {at} of the series' labels")


def _shown(labels: Labels) -> str:
    """A series in the form people know, cut where a label is very long."""
    text = "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
    return text if len(text) <= 200 else text[:199] + "…"


_READER = Reader(
    "gwanje.remote_write",
    {
        "Sample": (("value", 1, FIELD.TYPE_DOUBLE, ""), ("timestamp", 2, FIELD.TYPE_INT64, "")),
        "TimeSeries": (("labels", 1, FIELD.TYPE_BYTES, "many"), ("samples", 2, "Sample", "many")),
        "Metadata": (
            ("type", 1, FIELD.TYPE_INT32, ""),
            ("family", 2, FIELD.TYPE_BYTES, ""),
            ("help", 4, FIELD.TYPE_BYTES, ""),
            ("unit", 5, FIELD.TYPE_BYTES, ""),
        ),
        "WriteRequest": (("timeseries", 1, "TimeSeries", "many"), ("metadata", 3, "Metadata", "many")),
    },
)
"""Remote write 1.0 with a label as `bytes`; fields that are not named here are passed over."""
