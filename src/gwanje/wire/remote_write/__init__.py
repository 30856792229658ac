"""Remote write of Prometheus: snappy-compressed protobuf."""
