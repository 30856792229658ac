"""Remote write 2.0 as others send it: by Google's protobuf, from the published shape."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from gwanje.wire.remote_write.encode import compressed

_FIELD = descriptor_pb2.FieldDescriptorProto
_SHAPES: dict[str, list[tuple[str, int, int, str]]] = {
    "Sample": [
        ("value", 1, _FIELD.TYPE_DOUBLE, ""),
        ("timestamp", 2, _FIELD.TYPE_INT64, ""),
        ("start_timestamp", 3, _FIELD.TYPE_INT64, ""),
    ],
    "Histogram": [
        ("count_int", 1, _FIELD.TYPE_UINT64, ""),
        ("sum", 3, _FIELD.TYPE_DOUBLE, ""),
        ("schema", 4, _FIELD.TYPE_SINT32, ""),
        ("timestamp", 15, _FIELD.TYPE_INT64, ""),
    ],
    "Exemplar": [("labels_refs", 1, _FIELD.TYPE_UINT32, "*"), ("value", 2, _FIELD.TYPE_DOUBLE, "")],
    "Metadata": [
        ("type", 1, _FIELD.TYPE_INT32, ""),
        ("help_ref", 3, _FIELD.TYPE_UINT32, ""),
        ("unit_ref", 4, _FIELD.TYPE_UINT32, ""),
    ],
    "TimeSeries": [
        ("labels_refs", 1, _FIELD.TYPE_UINT32, "*"),
        ("samples", 2, _FIELD.TYPE_MESSAGE, "*Sample"),
        ("histograms", 3, _FIELD.TYPE_MESSAGE, "*Histogram"),
        ("exemplars", 4, _FIELD.TYPE_MESSAGE, "*Exemplar"),
        ("metadata", 5, _FIELD.TYPE_MESSAGE, "Metadata"),
    ],
    "Request": [("symbols", 4, _FIELD.TYPE_STRING, "*"), ("timeseries", 5, _FIELD.TYPE_MESSAGE, "*TimeSeries")],
}


class Sent:
    """One request that grows by its series."""

    def __init__(self) -> None:
        self.message = _request()()
        self._texts: dict[str, int] = {}
        self._of("")

    def series(self, pairs: dict[str, str], *samples: tuple[int, float]) -> Any:
        """Add a series, its labels in the order in which they are given; returns its message."""
        series = self.message.timeseries.add()
        series.labels_refs.extend(self._of(text) for pair in pairs.items() for text in pair)
        for at_ms, value in samples:
            series.samples.add(timestamp=at_ms, value=value)
        return series

    def says(self, series: Any, type_: int, help_: str = "", unit: str = "") -> None:
        """What a series says of its metric."""
        series.metadata.type = type_
        series.metadata.help_ref, series.metadata.unit_ref = self._of(help_), self._of(unit)

    def body(self) -> bytes:
        return compressed(self.message.SerializeToString())

    def _of(self, text: str) -> int:
        if text not in self._texts:
            self._texts[text] = len(self._texts)
            self.message.symbols.append(text)
        return self._texts[text]


@cache
def _request() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="theirs_2.proto", package="theirs_2", syntax="proto3")
    for name, fields in _SHAPES.items():
        message = file.message_type.add(name=name)
        for called, number, type_, of in fields:
            added = message.field.add(name=called, number=number, type=type_)
            added.label = _FIELD.LABEL_REPEATED if of.startswith("*") else _FIELD.LABEL_OPTIONAL
            if type_ == _FIELD.TYPE_MESSAGE:
                added.type_name = f".theirs_2.{of.strip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("theirs_2.Request"))
