"""Figures → Prometheus's text format 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter

from gwanje.model import Sample
from gwanje.wire import names

_HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def series_name(metric: str, labels: Mapping[str, str]) -> str:
    """A series as the format writes it: `up{job="node"}`, and `{"my.metric","a.b"="c"}` where names need quotes."""
    inside = ",".join(f"{names.label(name)}={names.quoted(value)}" for name, value in sorted(labels.items()))
    if metric:
        return names.selector(metric, inside)
    return f"{{{inside}}}" if inside else ""


def exposition(figures: Mapping[str, float], about: Mapping[str, str] | None = None) -> str:
    """`figures` by series as `series_name` writes it. A name ending in `_total` is a counter, one with buckets a histogram.

    `about` says by family what it counts: the `HELP` line.
    """
    histograms = {
        name.partition("{")[0].removesuffix("_bucket") for name in figures if name.partition("{")[0].endswith("_bucket")
    }
    by_family = sorted((_family(name, histograms), name) for name in figures)
    lines: list[str] = []
    for family, group in groupby(by_family, key=itemgetter(0)):
        if about and family in about:
            lines.append(f"# HELP {family} {about[family]}")
        lines.append(f"# TYPE {family} {_type(family, histograms)}")
        lines += [f"{name} {number(figures[name])}" for _, name in group]
    return "\n".join(lines) + "\n"


def of_samples(samples: Iterable[Sample]) -> str:
    """Samples as a page that Prometheus could scrape."""
    return exposition({series_name(sample.metric, sample.labels): sample.value for sample in samples})


def number(value: float) -> str:
    """A float as the format and the HTTP API write it: whole numbers without `.0`, `NaN`, `+Inf`, `-Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _family(name: str, histograms: set[str]) -> str:
    metric = name.partition("{")[0]
    for part in _HISTOGRAM_PARTS:
        if metric.endswith(part) and metric.removesuffix(part) in histograms:
            return metric.removesuffix(part)
    return metric


def _type(family: str, histograms: set[str]) -> str:
    return "histogram" if family in histograms else "counter" if family.endswith("_total") else "gauge"
