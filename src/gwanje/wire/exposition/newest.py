"""The newest samples of many series → a page of Prometheus's text format, from which another program takes them over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from gwanje.model import METRIC
from gwanje.wire import names
from gwanje.wire.columns import Labels
from gwanje.wire.exposition.encode import number, series_name

UNQUOTED: Final = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
QUOTED: Final = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
_NOT_OF_METRICS: Final = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_OF_LABELS: Final = re.compile(r"[^a-zA-Z0-9_]")


class Newest(NamedTuple):
    """The newest sample of a series; without a time where nobody said it."""

    labels: Labels
    value: float
    at_ms: int | None


def page(found: Iterable[Newest], *, quoted: bool) -> str:
    """One line a series, in order of names. What a metric is is not said: it would have to be true of all sources.

    Names that need quotes are written so where whoever reads the page knows that (`QUOTED`), else with `_` for what is not
    plain. A series without `instance` gets an empty one, as in Prometheus, so that who reads with `honor_labels` gives it none.
    """
    lines, before = list[str](), ""
    for metric, line in sorted(_rows(found, quoted=quoted)):
        if metric != before:
            lines.append(f"# TYPE {names.metric(metric)} untyped")
            before = metric
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _rows(found: Iterable[Newest], *, quoted: bool) -> Iterator[tuple[str, str]]:
    """The metric and the line of each series, by the names that they have on the page."""
    for labels, value, at_ms in found:
        own = {"instance": "", **dict(labels)}
        metric = own.pop(METRIC, "")
        if not metric:
            continue
        if not quoted:
            metric, own = _plain(metric, _NOT_OF_METRICS), {_plain(name, _NOT_OF_LABELS): text for name, text in own.items()}
        at = "" if at_ms is None else f" {at_ms}"
        yield metric, f"{series_name(metric, own)} {number(value)}{at}"


def _plain(name: str, others: re.Pattern[str]) -> str:
    plain = others.sub("_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain
