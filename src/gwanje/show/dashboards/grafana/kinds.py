"""What each kind of panel is in Grafana: its type there, and the options of that type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gwanje.show.dashboards.grafana.terms import UNITS
from gwanje.show.dashboards.spec import Panel, PanelKind

TYPES: Final[Mapping[PanelKind, str]] = {
    "line": "timeseries",
    "area": "timeseries",
    "stat": "stat",
    "gauge": "gauge",
    "donut": "piechart",
    "bar": "bargauge",
    "table": "table",
    "heatmap": "heatmap",
    "status": "stat",
}
"""The panel type of each kind."""


def _curve(panel: Panel) -> dict[str, Any]:
    return {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 25 if panel.kind == "area" else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "line" if panel.thresholds else "off"},
    }


def _cell(panel: Panel) -> dict[str, Any]:
    return {"align": "auto", "cellOptions": {"type": "color-text" if panel.thresholds else "auto"}, "inspect": False}


def _last() -> dict[str, Any]:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


def _curves(_panel: Panel) -> dict[str, Any]:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _stat(panel: Panel) -> dict[str, Any]:
    status = panel.kind == "status"
    return {
        "reduceOptions": _last(),
        "colorMode": "background" if status else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value_and_name" if status else "auto",
    }


def _gauge(panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": _last(),
        "orientation": "auto",
        "showThresholdLabels": False,
        "showThresholdMarkers": bool(panel.thresholds),
    }


def _donut(_panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": _last(),
        "pieType": "donut",
        "displayLabels": ["percent"],
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "values": ["value", "percent"]},
        "tooltip": {"mode": "single", "sort": "none"},
    }


def _bars(_panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": _last(),
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
    }


def _table(_panel: Panel) -> dict[str, Any]:
    return {
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
    }


def _heatmap(panel: Panel) -> dict[str, Any]:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Greys", "reverse": False, "exponent": 0.5, "fill": "dark-orange", "steps": 64},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": UNITS[panel.unit]},
    }


CUSTOM: Final[Mapping[PanelKind, Callable[[Panel], dict[str, Any]]]] = {"line": _curve, "area": _curve, "table": _cell}
"""How a kind draws its fields, where Grafana has more to say of it."""
OPTIONS: Final[Mapping[PanelKind, Callable[[Panel], dict[str, Any]]]] = {
    "line": _curves,
    "area": _curves,
    "stat": _stat,
    "gauge": _gauge,
    "donut": _donut,
    "bar": _bars,
    "table": _table,
    "heatmap": _heatmap,
    "status": _stat,
}
"""The options of each kind's type."""
