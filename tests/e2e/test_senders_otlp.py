"""The OpenTelemetry SDK writes into the real program, cumulative and delta, plain and by gzip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from .program import Program

pytestmark = pytest.mark.e2e

RESOURCE = Resource.create(
    {"service.name": "shop", "service.namespace": "eu", "service.instance.id": "one", "host.name": "web-1"}
)
DELTA = dict.fromkeys((Counter, UpDownCounter, Histogram), AggregationTemporality.DELTA)


@contextmanager
def meter(program: Program, key: str, temporality: dict[type, AggregationTemporality]) -> Iterator[tuple[Meter, MeterProvider]]:
    """A meter whose numbers go out when its provider is told to."""
    exporter = OTLPMetricExporter(
        endpoint=f"{program.url}/v1/metrics",
        headers={"Authorization": f"Bearer {key}"},
        compression=Compression.Gzip if temporality else Compression.NoCompression,
        preferred_temporality=temporality,
    )
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=600_000)], RESOURCE)
    try:
        yield provider.get_meter("till", "1.2"), provider
    finally:
        provider.shutdown()


@pytest.mark.parametrize("temporality", [pytest.param({}, id="cumulative"), pytest.param(DELTA, id="delta by gzip")])
def test_what_the_sdk_counts_is_what_is_asked_for(
    start: Callable[..., Program], temporality: dict[type, AggregationTemporality]
) -> None:
    program = start()
    key = program.key("ingest")
    program.start()
    program.first_user()

    def temperature(_options: CallbackOptions) -> list[Observation]:
        return [Observation(20.5, {"room": "hall"})]

    with meter(program, key, temporality) as (till, provider):
        sales, queue = till.create_counter("sales", unit="By"), till.create_up_down_counter("queue.length")
        waits = till.create_histogram("wait", unit="s", explicit_bucket_boundaries_advisory=[0.5, 2.5])
        till.create_observable_gauge("temperature", [temperature], unit="Cel")
        for _ in range(3):
            sales.add(2, {"payment.kind": "cash"})
            queue.add(5)
            queue.add(-2)
            waits.record(0.25)
            waits.record(3)
            assert provider.force_flush()
        expected = {
            'sales_bytes_total{payment_kind="cash"}': 6,
            "queue_length": 9,
            'wait_seconds_bucket{le="0.5"}': 3,
            'wait_seconds_bucket{le="2.5"}': 3,
            'wait_seconds_bucket{le="+Inf"}': 6,
            "wait_seconds_sum": 9.75,
            "wait_seconds_count": 6,
            'temperature_celsius{room="hall"}': 20.5,
            'target_info{telemetry_sdk_language="python",host_name="web-1"}': 1,
        }
        # What was answered is visible at once.
        assert {query: program.value(query) for query in expected} == expected
    (row,) = program.get("/api/v1/query", query="queue_length")["data"]["result"]
    assert row["metric"] == {
        "__name__": "queue_length",
        "host": "web-1",
        "instance": "one",
        "job": "eu/shop",
        "otel_scope_name": "till",
        "otel_scope_version": "1.2",
    }
