"""Panels: where each stands, what it asks, and how its values are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gwanje.show.dashboards.grafana.kinds import CUSTOM, OPTIONS, TYPES
from gwanje.show.dashboards.grafana.terms import DATASOURCE, UNITS, Language, said
from gwanje.show.dashboards.spec import Dashboard, Panel, Query

_COLUMNS: Final = 2
"""Grafana's grid has 24 columns."""
_ROWS: Final = 2
"""A row of ours is 80 pixels; two of Grafana's are 76."""
_GREY, _VIOLET = "#8e9199", "#8f6fce"
_COLOURS: Final = {"ok": _GREY, "warning": "orange", "critical": "red", "unknown": _VIOLET}


def panels(written: Dashboard, language: Language) -> list[dict[str, Any]]:
    """All panels, from left to right; what does not fit any more begins a line below the highest of the one before."""
    found = []
    x = y = highest = 0
    for number, panel in enumerate(written.panels, 1):
        if x + panel.width > 12:
            x, y, highest = 0, y + highest, 0
        grid = {"h": panel.height * _ROWS, "w": panel.width * _COLUMNS, "x": x * _COLUMNS, "y": y * _ROWS}
        found.append(_panel(number, panel, grid, language))
        x, highest = x + panel.width, max(highest, panel.height)
    return found


def _panel(number: int, panel: Panel, grid: Mapping[str, int], language: Language) -> dict[str, Any]:
    return {
        "id": number,
        "type": TYPES[panel.kind],
        "title": said(panel.title, language),
        "description": said(panel.description, language),
        "datasource": DATASOURCE,
        "gridPos": dict(grid),
        "fieldConfig": {"defaults": _defaults(panel, language), "overrides": []},
        "options": OPTIONS[panel.kind](panel),
        "targets": [_target(panel, query, _letter(index)) for index, query in enumerate(panel.queries)],
        "transformations": _transformations(panel, language),
    }


def _target(panel: Panel, query: Query, letter: str) -> dict[str, Any]:
    instant = panel.instant(query)
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": _ordered(panel, query.expr),
        "format": {"table": "table", "heatmap": "heatmap"}.get(panel.kind, "time_series"),
        "instant": instant,
        "range": not instant,
        "legendFormat": query.legend or "__auto",
    }


def _ordered(panel: Panel, expr: str) -> str:
    """Bars and shares keep the order of the answer in Grafana, and it has no limit for them."""
    if panel.kind not in {"bar", "donut"} or panel.sort == "label":
        return expr
    return f"{'topk' if panel.sort == '-value' else 'bottomk'}({panel.limit}, {expr})"


def _letter(index: int) -> str:
    """`A` to `Z`, then `AA`."""
    return (chr(ord("A") + index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def _defaults(panel: Panel, language: Language) -> dict[str, Any]:
    coloured = bool(panel.thresholds or panel.mappings) and panel.kind not in {"line", "area", "donut", "heatmap"}
    found: dict[str, Any] = {
        "unit": UNITS[panel.unit],
        "color": {"mode": "thresholds" if coloured else "palette-classic"},
        "mappings": _mappings(panel, language),
        "thresholds": {"mode": "absolute", "steps": _steps(panel)},
        "custom": CUSTOM[panel.kind](panel) if panel.kind in CUSTOM else {},
    }
    for name in ("decimals", "min", "max"):
        if getattr(panel, name) is not None:
            found[name] = getattr(panel, name)
    return found


def _steps(panel: Panel) -> list[dict[str, Any]]:
    """From the lowest value on: a step's colour holds from its value upwards."""
    ordered = sorted(panel.thresholds, key=lambda one: one.at)
    if panel.above:
        return [{"color": _GREY, "value": None}, *({"color": _COLOURS[one.severity], "value": one.at} for one in ordered)]
    colours = [*(_COLOURS[one.severity] for one in ordered), _GREY]
    return [{"color": colour, "value": at} for colour, at in zip(colours, (None, *(one.at for one in ordered)), strict=True)]


def _mappings(panel: Panel, language: Language) -> list[dict[str, Any]]:
    if not panel.mappings:
        return []
    options = {
        f"{one.value:g}": {"text": said(one.text, language), "color": _COLOURS[one.severity], "index": index}
        for index, one in enumerate(panel.mappings)
    }
    return [{"type": "value", "options": options}]


def _transformations(panel: Panel, language: Language) -> list[dict[str, Any]]:
    """A table has the labels that are asked for, then one column a query, named by its legend."""
    if panel.kind != "table":
        return []
    many = len(panel.queries) > 1
    values = [f"Value #{_letter(index)}" if many else "Value" for index in range(len(panel.queries))]
    legends = [query.legend or value for query, value in zip(panel.queries, values, strict=True)]
    kept = [*(column.label for column in panel.columns), *values]
    titles = {column.label: said(column.title, language) or column.label for column in panel.columns}
    sorted_by = kept[0] if panel.sort == "label" else values[0]
    return [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": kept}}},
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": sorted_by, "desc": panel.sort == "-value"}]}},
        {"id": "limit", "options": {"limitField": panel.limit}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate(kept)},
                "renameByName": {**titles, **dict(zip(values, legends, strict=True))},
            },
        },
    ]
