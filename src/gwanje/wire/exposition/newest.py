"""The newest samples of many series → a page of Prometheus's text format, from which another program takes them over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from gwanje.model import METRIC
from gwanje.wire import names
from gwanje.wire.columns import Labels
from gwanje.wire.exposition.encode import number, series_name

UNQUOTED: Final = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
QUOTED: Final = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
_NOT_PLAIN: Final = re.compile(r"[^a-zA-Z0-9_:]")


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
    lines, metric = list[str](), ""
    for labels, value, at_ms in sorted((one for one in found if dict(one.labels).get(METRIC)), key=_by_name):
        own = {"instance": "", **dict(labels)} if quoted else {"instance": "", **{_plain(name): text for name, text in labels}}
        name = own.pop(METRIC) if quoted else _plain(own.pop(METRIC))
        if name != metric:
            lines.append(f"# TYPE {_metric(name)} untyped")
            metric = name
        at = "" if at_ms is None else f" {at_ms}"
        lines.append(f"{series_name(name, own)} {number(value)}{at}")
    return "".join(f"{line}\n" for line in lines)


def _by_name(one: Newest) -> tuple[str, Labels]:
    return dict(one.labels)[METRIC], one.labels


def _metric(name: str) -> str:
    return name if names.PLAIN_METRIC.fullmatch(name) else names.quoted(name)


def _plain(name: str) -> str:
    plain = _NOT_PLAIN.sub("_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain
