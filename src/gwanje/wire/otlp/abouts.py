"""What an OTLP request says of its metrics, under the names that they get here."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from gwanje.wire.columns import About
from gwanje.wire.otlp import names

_TYPES: Final = {"gauge": "gauge", "sum": "gauge", "histogram": "histogram", "exponential": "histogram", "summary": "summary"}
_COUNTER: Final = "counter"
_MOST: Final = 20_000
"""Metrics of one request; more are passed over."""


def of_metrics(metrics: Any, spelling: names.Spelling) -> dict[str, About]:
    """Type, description and unit of metrics by their families; a sum that only rises is a counter."""
    some = metrics[:_MOST]
    counters = some.field("sum").field("monotonic").fill_null(False).to_pylist()
    valid = {sort: some.field(sort).is_valid().to_pylist() for sort in _TYPES}
    sorts = [next((sort for sort in _TYPES if valid[sort][i]), "") for i in range(len(some))]
    sorts = [_COUNTER if counter else sort for sort, counter in zip(sorts, counters, strict=True)]
    texts = (some.field(name).to_pylist() for name in ("name", "unit", "description"))
    said = (_said(*row, spelling) for row in zip(*texts, sorts, strict=True))
    return dict(one for one in said if one is not None)


@lru_cache(maxsize=4096)
def _said(name: bytes, unit: bytes, description: bytes, sort: str, spelling: names.Spelling) -> tuple[str, About] | None:
    """None for a metric whose name or unit cannot be read."""
    try:
        texts = name.decode(), unit.decode()
    except UnicodeDecodeError:
        return None
    family = names.metric_name(*texts, spelling, counter=sort == _COUNTER, gauge=sort == "gauge")
    type_ = _COUNTER if sort == _COUNTER else _TYPES.get(sort, "unknown")
    return (family, About(type_, description.decode(errors="replace"), names.unit_name(texts[1]))) if family else None
