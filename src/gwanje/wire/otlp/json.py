"""An OTLP request in JSON → the same request in protobuf.

Gauges and sums, which are nearly everything that is sent, are read as plain values and written down at once. Histograms,
resources and whatever else is rare goes through OpenTelemetry's own messages; and so does the whole request where it says
anything in a way that is not expected here, which also finds the words for what is wrong with it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogram, Histogram, Summary
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from gwanje.errors import BadInput, TooLarge
from gwanje.wire.remote_write.encode import sized, varint

_NOTHING: Final = msgspec.Raw()
_TEMPORALITIES: Final = {f"AGGREGATION_TEMPORALITY_{name}": i for i, name in enumerate(("UNSPECIFIED", "DELTA", "CUMULATIVE"))}
_NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_LARGEST_KNOWN: Final = 256
_WRONG = (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError)

Whole = int | str
"""JSON has no 64 bits: whole numbers come as texts, too."""


def from_json(body: bytes, most_bytes: int) -> bytes:
    """The protobuf form of a request in JSON. Raises TooLarge, because it takes many times its size, and BadInput."""
    if len(body) > most_bytes:
        raise TooLarge(f"the body has {len(body)} bytes of JSON, {most_bytes} are allowed; send smaller requests, or protobuf")
    try:
        return _request(_DECODER.decode(body))
    except (*_WRONG, msgspec.MsgspecError, struct.error, LookupError):
        return _by_library(body)


def _by_library(body: bytes) -> bytes:
    try:
        return _message(body, ExportMetricsServiceRequest())
    except _WRONG as error:
        raise BadInput(f"not an ExportMetricsServiceRequest in JSON: {error}") from error


def _message(text: bytes, message: Any) -> bytes:
    return bytes(json_format.Parse(text.decode(), message, ignore_unknown_fields=True).SerializeToString())


# --- what is expected; anything else is an error, upon which the library reads the whole ---------------------------------------


class _Expected(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    """A message of which every field is known here."""


class _Pair(_Expected):
    key: str = ""
    value: msgspec.Raw = _NOTHING


class _Number(_Expected):
    attributes: Sequence[_Pair] = ()
    start_time_unix_nano: Whole = 0
    time_unix_nano: Whole = 0
    as_double: float | str | None = None
    as_int: Whole | None = None
    exemplars: msgspec.Raw = _NOTHING
    flags: int = 0


class _Gauge(_Expected):
    data_points: Sequence[_Number] = ()


class _Sum(_Expected):
    data_points: Sequence[_Number] = ()
    aggregation_temporality: int | str = 0
    is_monotonic: bool = False


class _Metric(_Expected):
    name: str = ""
    description: str = ""
    unit: str = ""
    metadata: msgspec.Raw = _NOTHING
    gauge: _Gauge | None = None
    sum: _Sum | None = None
    histogram: msgspec.Raw = _NOTHING
    exponential_histogram: msgspec.Raw = _NOTHING
    summary: msgspec.Raw = _NOTHING


class _Scope(_Expected):
    scope: msgspec.Raw = _NOTHING
    metrics: Sequence[_Metric] = ()
    schema_url: str = ""


class _Resource(_Expected):
    resource: msgspec.Raw = _NOTHING
    scope_metrics: Sequence[_Scope] = ()
    schema_url: str = ""


class _Request(_Expected):
    resource_metrics: Sequence[_Resource] = ()


_DECODER: Final = msgspec.json.Decoder(_Request)


# --- and how it is written down; the numbers are those of OpenTelemetry's messages ---------------------------------------------


def _field(number: int) -> bytes:
    """The tag of a field that has a size."""
    return varint(number << 3 | 2)


def _text(number: int, text: str) -> bytes:
    return sized(_field(number), text.encode()) if text else b""


def _other(number: int, raw: msgspec.Raw, message: Any) -> bytes:
    """A field that the library reads; nothing where it is not there."""
    return sized(_field(number), _message(bytes(raw), message)) if len(raw) else b""


def _request(request: _Request) -> bytes:
    return b"".join(sized(_field(1), _resource(one)) for one in request.resource_metrics)


def _resource(one: _Resource) -> bytes:
    scopes = (sized(_field(2), _scope(scope)) for scope in one.scope_metrics)
    return b"".join((_other(1, one.resource, Resource()), *scopes, _text(3, one.schema_url)))


def _scope(one: _Scope) -> bytes:
    metrics = (sized(_field(2), _metric(metric)) for metric in one.metrics)
    return b"".join((_other(1, one.scope, InstrumentationScope()), *metrics, _text(3, one.schema_url)))


def _metric(one: _Metric) -> bytes:
    data = [
        sized(_field(5), _points(one.gauge.data_points)) if one.gauge else b"",
        sized(_field(7), _sum(one.sum)) if one.sum else b"",
        _other(9, one.histogram, Histogram()),
        _other(10, one.exponential_histogram, ExponentialHistogram()),
        _other(11, one.summary, Summary()),
    ]
    if sum(map(bool, data)) > 1:
        raise ValueError("a metric of more than one sort")
    return b"".join((_text(1, one.name), _text(2, one.description), _text(3, one.unit), *data))


def _sum(one: _Sum) -> bytes:
    temporality = one.aggregation_temporality
    number = _TEMPORALITIES.get(temporality, -1) if isinstance(temporality, str) else temporality
    if not 0 <= number < len(_TEMPORALITIES):
        raise ValueError("an unknown temporality")
    return _points(one.data_points) + b"\x10" + varint(number) + (b"\x18\x01" if one.is_monotonic else b"")


def _points(points: Sequence[_Number]) -> bytes:
    return b"".join(sized(b"\x0a", _number(point)) for point in points)


def _number(point: _Number) -> bytes:
    parts = [_attribute(pair) for pair in point.attributes]
    parts.append(struct.pack("<BQ", 0x19, _whole(point.time_unix_nano)))
    if point.as_double is not None:
        value = point.as_double
        parts.append(struct.pack("<Bd", 0x21, _NUMBERS[value] if isinstance(value, str) else value))
    if point.as_int is not None:
        if point.as_double is not None:
            raise ValueError("a point with two values")
        parts.append(struct.pack("<Bq", 0x31, _whole(point.as_int)))
    if point.flags:
        parts.append(b"\x40" + varint(_unsigned(point.flags)))
    return b"".join(parts)


def _whole(number: Whole) -> int:
    if isinstance(number, int):
        return number
    if not (number.isascii() and number.removeprefix("-").isdigit()):
        raise ValueError("no whole number")
    return int(number)


def _unsigned(number: int) -> int:
    return struct.unpack("<I", struct.pack("<I", number))[0]  # type: ignore[no-any-return] # it is one number


def _attribute(pair: _Pair) -> bytes:
    raw = bytes(pair.value)
    return (_known if len(raw) + len(pair.key) <= _LARGEST_KNOWN else _written)(pair.key, raw)


def _written(key: str, value: bytes) -> bytes:
    """An attribute of a point. Most come again and again."""
    content = sized(b"\x12", _message(value, AnyValue())) if value else b""
    return sized(b"\x3a", _text(1, key) + content)


_known = lru_cache(maxsize=16_384)(_written)
