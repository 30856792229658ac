"""OpenTelemetry's metrics over HTTP (OTLP), protobuf and JSON."""
