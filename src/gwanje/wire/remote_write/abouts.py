"""What remote write says of metrics: messages of their own in 1.0, references to texts beside each series in 2.0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.compute as pc

from gwanje.model import METRIC
from gwanje.wire.columns import About

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES: Final = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
"""`MetricType` of both versions, in its order."""
_PARTS: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_MOST: Final = 20_000
"""Families of one body; more are passed over, because each is looked at by itself."""


def of_messages(metadata: Any) -> dict[str, About]:
    """What the `MetricMetadata` messages of version 1 say."""
    some = metadata[:_MOST]
    columns = (some.field(name).to_pylist() for name in ("family", "type", "help", "unit"))
    return _named(zip(*columns, strict=True))


def of_series(texts: Any, series: Any) -> dict[str, About]:
    """What the series of version 2 say; the first one of a metric speaks for all."""
    said = series.field("metadata")
    types, helps, units = (said.field(name).fill_null(0).to_numpy(zero_copy_only=False) for name in ("type", "help", "unit"))
    says = (types != 0) | (helps != 0) | (units != 0)
    name = pc.index(texts, METRIC.encode()).as_py()
    if name < 0 or not says.any():
        return {}
    references = series.field("labels_refs")
    chosen, starts = references.values.to_numpy(), references.offsets.to_numpy()
    at = np.flatnonzero(chosen == name)
    owner = np.searchsorted(starts, at, side="right") - 1
    named = ((at - starts[owner]) % 2 == 0) & (at + 1 < starts[owner + 1]) & says[owner]
    metrics, first = np.unique(chosen[at[named] + 1], return_index=True)
    owner = owner[named][first][:_MOST]
    rows = zip(metrics[:_MOST].tolist(), types[owner].tolist(), helps[owner].tolist(), units[owner].tolist(), strict=True)
    return _named((_text(texts, metric), type_, _text(texts, help_), _text(texts, unit)) for metric, type_, help_, unit in rows)


def _text(texts: Any, reference: int) -> bytes:
    return texts[reference].as_py() or b"" if reference < len(texts) else b""


def _named(rows: Iterable[tuple[bytes, int, bytes, bytes]]) -> dict[str, About]:
    """Families by name; bytes that are no UTF-8 are shown as what they are not."""
    found = {}
    for name, number, help_, unit in rows:
        type_ = _TYPES[number] if 0 <= number < len(_TYPES) else _TYPES[0]
        if family := _family(name.decode(errors="replace"), type_):
            found[family] = About(type_, help_.decode(errors="replace"), unit.decode(errors="replace"))
    return found


def _family(name: str, type_: str) -> str:
    """A histogram's name without the part that one of its series is."""
    ending = next((part for part in _PARTS.get(type_, ()) if name.endswith(part)), "")
    return name.removesuffix(ending)
