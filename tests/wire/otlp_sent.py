"""Requests of OpenTelemetry as its senders write them, and the series that they become."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from gwanje.wire.otlp.decode import Decoded, decode
from gwanje.wire.otlp.names import SPELLED, Spelling
from gwanje.wire.otlp.running import Running

AT_MS = 1_700_000_000_000
AT_NS = AT_MS * 1_000_000
DELTA, CUMULATIVE = (
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
)
NEITHER = AggregationTemporality.AGGREGATION_TEMPORALITY_UNSPECIFIED


def attributes(**pairs: str) -> list[KeyValue]:
    return [KeyValue(key=key.replace("__", "."), value=AnyValue(string_value=value)) for key, value in pairs.items()]


class Sent:
    """One request of one resource and one scope."""

    def __init__(self, **resource: str) -> None:
        self.message = ExportMetricsServiceRequest()
        self.of = self.message.resource_metrics.add()
        self.of.resource.attributes.extend(attributes(**(resource or {"service__name": "shop"})))
        self.scope = self.of.scope_metrics.add()

    def gauge(self, name: str, *values: float, unit: str = "", **labels: str) -> Any:
        metric = self.scope.metrics.add(name=name, unit=unit)
        return [self._number(metric.gauge, value, labels) for value in values]

    def sum(
        self,
        name: str,
        *values: float,
        unit: str = "",
        monotonic: bool = True,
        temporality: AggregationTemporality.ValueType = CUMULATIVE,
        **labels: str,
    ) -> Any:
        metric = self.scope.metrics.add(name=name, unit=unit)
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = monotonic, temporality
        return [self._number(metric.sum, value, labels) for value in values]

    def histogram(
        self,
        bounds: list[float],
        counts: list[int],
        total: float | None = None,
        temporality: AggregationTemporality.ValueType = CUMULATIVE,
    ) -> Any:
        metric = self.scope.metrics.add(name="latency", unit="s")
        metric.histogram.aggregation_temporality = temporality
        point = metric.histogram.data_points.add(
            time_unix_nano=AT_NS, count=sum(counts), explicit_bounds=bounds, bucket_counts=counts, sum=total
        )
        point.attributes.extend(attributes(path="/"))
        return point

    def decoded(
        self, running: Running | None = None, promoted: dict[str, str] | None = None, spelling: Spelling = SPELLED
    ) -> Decoded:
        return decode(self.message.SerializeToString(), running or Running(), promoted or {}, spelling=spelling)

    @staticmethod
    def _number(of: Any, value: float, labels: dict[str, str]) -> Any:
        point = of.data_points.add(time_unix_nano=AT_NS)
        point.attributes.extend(attributes(**labels))
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
        return point


def series(decoded: Decoded) -> dict[str, float]:
    """Values by series in the form people know."""
    columns = decoded.columns
    shown = []
    for key in columns.keys:
        labels = dict(columns.labels_of(key))
        metric = labels.pop("__name__")
        shown.append(metric + "{" + ",".join(f"{name}={value}" for name, value in labels.items()) + "}")
    assert set(columns.times.tolist()) <= {AT_MS}
    return dict(zip(shown, columns.values.tolist(), strict=True))


def exponential(
    sent: Sent, counts: list[int], *, scale: int = 0, offset: int = 0, zeros: int = 0, temporality: Any = CUMULATIVE
) -> Any:
    histogram = sent.scope.metrics.add(name="latency", unit="s").exponential_histogram
    histogram.aggregation_temporality = temporality
    point = histogram.data_points.add(time_unix_nano=AT_NS, count=sum(counts) + zeros, scale=scale, zero_count=zeros)
    point.positive.offset = offset
    point.positive.bucket_counts.extend(counts)
    return point
