"""What a sender of OTLP is told, in the encoding in which it asked."""

from __future__ import annotations

import json

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from gwanje.wire.remote_write.encode import varint

JSON, PROTOBUF = "application/json", "application/x-protobuf"

_MESSAGE = b"\x12"


def taken(encoding: str, refused_points: int = 0, why: str = "") -> bytes:
    """An `ExportMetricsServiceResponse`: everything was taken, or all but so many points."""
    response = ExportMetricsServiceResponse()
    if refused_points or why:
        response.partial_success.rejected_data_points = refused_points
        response.partial_success.error_message = why
    if encoding == JSON:
        return json_format.MessageToJson(response, indent=None).encode()
    return bytes(response.SerializeToString())


def refused(encoding: str, what: str) -> bytes:
    """A `google.rpc.Status` with a message; its code may be left out, because HTTP's says it."""
    if encoding == JSON:
        return json.dumps({"message": what}).encode()
    text = what.encode()
    return _MESSAGE + varint(len(text)) + text
