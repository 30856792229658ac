"""The text format of Prometheus: what `/metrics` pages hold."""
