"""An OTLP request's bytes → Arrow arrays. Attributes stay bytes: all of a point lie in one slice, its identity.

Resources, scopes and attributes are read by OpenTelemetry's own messages, once for each that is new.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from gwanje.errors import BadInput
from gwanje.wire.protobuf import FIELD, Reader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    from gwanje.wire.protobuf import Shapes

Attributes = tuple[tuple[str, str], ...]
"""Names and values as text, in the order in which they came."""

_KEY, _VALUE = 0x0A, 0x12


def resources(message: bytes) -> Any:
    """Every `ResourceMetrics` of a request as an Arrow array. Raises BadInput."""
    try:
        return _READER.read(message).column(0).values
    except ValueError as error:
        raise BadInput(f"not an ExportMetricsServiceRequest: {error}") from error


def of_resource(message: bytes) -> Attributes:
    """The attributes of a `Resource`. Raises BadInput."""
    try:
        return _texts(Resource.FromString(message).attributes)
    except DecodeError as error:
        raise BadInput(f"a resource that cannot be read: {error}") from error


def of_scope(message: bytes) -> tuple[str, str, Attributes]:
    """Name, version and attributes of an `InstrumentationScope`. Raises BadInput."""
    try:
        scope = InstrumentationScope.FromString(message)
    except DecodeError as error:
        raise BadInput(f"a scope that cannot be read: {error}") from error
    return scope.name, scope.version, _texts(scope.attributes)


def of_point(joined: bytes) -> Attributes:
    """The attributes of a point, their messages one after another. Raises BadInput."""
    found: list[tuple[str, str]] = []
    at = 0
    name: str | None = None
    while at < len(joined):
        tag = joined[at]
        content, at = _sized(joined, at + 1)
        if tag == _KEY:
            if name is not None:
                found.append((name, ""))
            name = _utf8(content)
        elif tag == _VALUE and name is not None:
            found.append((name, _value(content)))
            name = None
        else:
            raise BadInput("an attribute without a name, or with more than a name and a value")
    return tuple(found)


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    size = shift = 0
    for position in range(at, min(at + 5, len(data))):
        size |= (data[position] & 0x7F) << shift
        if data[position] < 0x80:
            end = position + 1 + size
            if end <= len(data):
                return data[position + 1 : end], end
            break
        shift += 7
    raise BadInput("an attribute that ends too early")


def _utf8(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise BadInput("an attribute whose name is not UTF-8") from error


def _value(message: bytes) -> str:
    try:
        return _text(AnyValue.FromString(message))
    except DecodeError as error:
        raise BadInput(f"an attribute whose value cannot be read: {error}") from error


def _texts(attributes: Iterable[KeyValue]) -> Attributes:
    return tuple((one.key, _text(one.value)) for one in attributes)


def _text(value: AnyValue) -> str:
    """Text as it is, anything else as JSON writes it."""
    match value.WhichOneof("value"):
        case None:
            return ""
        case "string_value":
            return value.string_value
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case _:
            return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_plain(one) for one in value.array_value.values]
        case "kvlist_value":
            return {one.key: _plain(one.value) for one in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "string_value" | "bool_value" | "int_value" | "double_value" as kind:
            return getattr(value, kind)
    return None


_BYTES, _FIXED, _DOUBLE = FIELD.TYPE_BYTES, FIELD.TYPE_FIXED64, FIELD.TYPE_DOUBLE
_SINT, _LONG = FIELD.TYPE_SINT32, FIELD.TYPE_UINT64
_UINT, _INT, _SIGNED, _BOOL = FIELD.TYPE_UINT32, FIELD.TYPE_INT32, FIELD.TYPE_SFIXED64, FIELD.TYPE_BOOL
_SHAPES: Shapes = {
    "Number": (
        ("attributes", 7, _BYTES, "many"),
        ("time", 3, _FIXED, ""),
        ("as_double", 4, _DOUBLE, "maybe"),
        ("as_int", 6, _SIGNED, "maybe"),
        ("flags", 8, _UINT, ""),
    ),
    "HistogramPoint": (
        ("attributes", 9, _BYTES, "many"),
        ("time", 3, _FIXED, ""),
        ("count", 4, _FIXED, ""),
        ("sum", 5, _DOUBLE, "maybe"),
        ("buckets", 6, _FIXED, "many"),
        ("bounds", 7, _DOUBLE, "many"),
        ("flags", 10, _UINT, ""),
    ),
    "Quantile": (("quantile", 1, _DOUBLE, ""), ("value", 2, _DOUBLE, "")),
    "SummaryPoint": (
        ("attributes", 7, _BYTES, "many"),
        ("time", 3, _FIXED, ""),
        ("count", 4, _FIXED, ""),
        ("sum", 5, _DOUBLE, ""),
        ("quantiles", 6, "Quantile", "many"),
        ("flags", 8, _UINT, ""),
    ),
    "Gauge": (("points", 1, "Number", "many"),),
    "Sum": (("points", 1, "Number", "many"), ("temporality", 2, _INT, ""), ("monotonic", 3, _BOOL, "")),
    "Histogram": (("points", 1, "HistogramPoint", "many"), ("temporality", 2, _INT, "")),
    "Buckets": (("offset", 1, _SINT, ""), ("counts", 2, _LONG, "many")),
    "ExponentialPoint": (
        ("attributes", 1, _BYTES, "many"),
        ("time", 3, _FIXED, ""),
        ("count", 4, _FIXED, ""),
        ("sum", 5, _DOUBLE, "maybe"),
        ("scale", 6, _SINT, ""),
        ("zeros", 7, _FIXED, ""),
        ("positive", 8, "Buckets", ""),
        ("negative", 9, "Buckets", ""),
        ("flags", 10, _UINT, ""),
    ),
    "Exponential": (("points", 1, "ExponentialPoint", "many"), ("temporality", 2, _INT, "")),
    "Summary": (("points", 1, "SummaryPoint", "many"),),
    "Metric": (
        ("name", 1, _BYTES, ""),
        ("description", 2, _BYTES, ""),
        ("unit", 3, _BYTES, ""),
        ("gauge", 5, "Gauge", ""),
        ("sum", 7, "Sum", ""),
        ("histogram", 9, "Histogram", ""),
        ("exponential", 10, "Exponential", ""),
        ("summary", 11, "Summary", ""),
    ),
    "Scope": (("scope", 1, _BYTES, ""), ("metrics", 2, "Metric", "many"), ("schema", 3, _BYTES, "")),
    "Resource": (("resource", 1, _BYTES, ""), ("scopes", 2, "Scope", "many")),
    "Request": (("resources", 1, "Resource", "many"),),
}
_READER = Reader("gwanje.otlp", _SHAPES)
