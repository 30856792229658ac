"""Dashboards in Grafana's form, and what makes a Grafana use them: pure translation, the same text for the same dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from gwanje.config import format_duration
from gwanje.show.dashboards.files import Named
from gwanje.show.dashboards.spec import Dashboard, Panel, PanelKind, Query, Text, Unit, Variable

Language = Literal["ko", "en"]

SCHEMA: Final = 39
"""The version of Grafana's dashboard schema: that of 10.4 and 11; later ones read it."""
UID: Final = "gwanje"
"""The data source's uid."""
SOURCE: Final = "DS_GWANJE"
"""The input that an import asks for, and the variable that stands for the data source."""

_DATASOURCE: Final = {"type": "prometheus", "uid": f"${{{SOURCE}}}"}
_COLUMNS: Final = 2
"""Grafana's grid has 24 columns."""
_ROWS: Final = 2
"""A row of ours is 80 pixels; two of Grafana's are 76."""
_ALL: Final = "$__all"
_GREY, _VIOLET = "#8e9199", "#8f6fce"
_COLOURS: Final = {"ok": _GREY, "warning": "orange", "critical": "red", "unknown": _VIOLET}
_TYPES: Final[Mapping[PanelKind, str]] = {
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
_UNITS: Final[Mapping[Unit, str]] = {
    "none": "none",
    "ratio": "percentunit",
    "percent": "percent",
    "bytes": "bytes",
    "bytes_per_second": "binBps",
    "seconds": "s",
    "milliseconds": "ms",
    "count": "short",
    "per_second": "cps",
    "cores": "suffix: cores",
    "celsius": "celsius",
}


def dashboard(named: Named, language: Language = "en") -> dict[str, Any]:
    """The dashboard as Grafana's JSON. It asks for its data source on import, and finds it itself when provisioned."""
    written = named.dashboard
    return {
        "__inputs": [
            {
                "name": SOURCE,
                "label": "gwanje",
                "description": "",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [{"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"}],
        "annotations": {"list": []},
        "description": _said(written.description, language),
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [],
        "liveNow": False,
        "panels": _panels(written, language),
        "refresh": format_duration(written.refresh),
        "schemaVersion": SCHEMA,
        "tags": ["gwanje", *(tag for tag in written.tags if tag != "gwanje")],
        "templating": {"list": [_source(), *(_variable(variable, language) for variable in written.variables)]},
        "time": {"from": f"now-{format_duration(written.span)}", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": _said(written.title, language),
        "uid": f"gwanje-{named.name}",
        "version": 1,
        "weekStart": "",
    }


def data_sources(url: str, interval: timedelta) -> dict[str, Any]:
    """Grafana's provisioning file of data sources: this gwanje, its key from the variable GWANJE_KEY of Grafana's process."""
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "gwanje",
                "uid": UID,
                "type": "prometheus",
                "access": "proxy",
                "url": url,
                "isDefault": True,
                "editable": False,
                "jsonData": {
                    "httpMethod": "POST",
                    "timeInterval": format_duration(interval),
                    "prometheusType": "Prometheus",
                    "httpHeaderName1": "Authorization",
                },
                "secureJsonData": {"httpHeaderValue1": "Bearer $GWANJE_KEY"},
            }
        ],
    }


def providers(folder: str) -> dict[str, Any]:
    """Grafana's provisioning file of dashboards: those that lie in `folder` as Grafana sees it."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "gwanje",
                "folder": "gwanje",
                "type": "file",
                "disableDeletion": False,
                "allowUiUpdates": True,
                "options": {"path": folder},
            }
        ],
    }


# --- variables -----------------------------------------------------------------------------------------------------------


def _source() -> dict[str, Any]:
    return {
        "name": SOURCE,
        "label": "",
        "type": "datasource",
        "query": "prometheus",
        "current": {"selected": False, "text": "gwanje", "value": UID},
        "hide": 2,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }


def _variable(variable: Variable, language: Language) -> dict[str, Any]:
    common = {
        "name": variable.name,
        "label": _said(variable.title, language) or variable.name,
        "hide": 0,
        "includeAll": variable.all,
        "multi": variable.multiple,
        "allValue": ".*" if variable.all else None,
        "current": _chosen(variable),
        "skipUrlSync": False,
    }
    if variable.options:
        return {
            **common,
            "type": "custom",
            "query": ",".join(_escaped(one) for one in variable.options),
            "options": _options(variable),
        }
    definition = f"label_values({variable.selector}, {variable.label})"
    return {
        **common,
        "type": "query",
        "datasource": _DATASOURCE,
        "definition": definition,
        "query": {"qryType": 1, "query": definition, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 1,
    }


def _escaped(option: str) -> str:
    """A comma parts the options of Grafana, and ` : ` a name from its value."""
    return option.replace("\\", "\\\\").replace(",", "\\,")


def _options(variable: Variable) -> list[dict[str, Any]]:
    first = _first(variable)
    every = [("All", _ALL)] if variable.all else []
    listed = (*every, *((one, one) for one in variable.options))
    return [{"selected": value == first, "text": text, "value": value} for text, value in listed]


def _chosen(variable: Variable) -> dict[str, Any]:
    """What is chosen first; nothing where Grafana is to take the first value that it finds."""
    first = _first(variable)
    if not first:
        return {}
    text = "All" if first == _ALL else first
    return {"selected": True, "text": [text] if variable.multiple else text, "value": [first] if variable.multiple else first}


def _first(variable: Variable) -> str:
    if variable.default:
        return variable.default
    return _ALL if variable.all else next(iter(variable.options), "")


# --- panels --------------------------------------------------------------------------------------------------------------


def _panels(written: Dashboard, language: Language) -> list[dict[str, Any]]:
    """From left to right; what does not fit any more begins a line below the highest of the one before."""
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
        "type": _TYPES[panel.kind],
        "title": _said(panel.title, language),
        "description": _said(panel.description, language),
        "datasource": _DATASOURCE,
        "gridPos": dict(grid),
        "fieldConfig": {"defaults": _defaults(panel, language), "overrides": []},
        "options": _OPTIONS[panel.kind](panel),
        "targets": [_target(panel, query, _letter(index)) for index, query in enumerate(panel.queries)],
        "transformations": _transformations(panel, language),
    }


def _target(panel: Panel, query: Query, letter: str) -> dict[str, Any]:
    instant = panel.instant(query)
    return {
        "refId": letter,
        "datasource": _DATASOURCE,
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
        "unit": _UNITS[panel.unit],
        "color": {"mode": "thresholds" if coloured else "palette-classic"},
        "mappings": _mappings(panel, language),
        "thresholds": {"mode": "absolute", "steps": _steps(panel)},
        "custom": _CUSTOM[panel.kind](panel) if panel.kind in _CUSTOM else {},
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
        f"{one.value:g}": {"text": _said(one.text, language), "color": _COLOURS[one.severity], "index": index}
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
    titles = {column.label: _said(column.title, language) or column.label for column in panel.columns}
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


# --- what each kind is in Grafana ----------------------------------------------------------------------------------------


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


_CUSTOM: Final = {"line": _curve, "area": _curve, "table": _cell}


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
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": _UNITS[panel.unit]},
    }


_OPTIONS: Final = {
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


def _said(text: Text, language: Language) -> str:
    return text.ko if language == "ko" else text.en


def exported(
    dashboards: Sequence[Named], url: str, interval: timedelta, folder: str, language: Language
) -> Mapping[str, dict[str, Any]]:
    """Every file that makes a Grafana show the dashboards, by its path: JSON for dashboards, YAML for provisioning."""
    return {
        **{f"dashboards/{named.name}.json": dashboard(named, language) for named in dashboards},
        "provisioning/datasources/gwanje.yaml": data_sources(url, interval),
        "provisioning/dashboards/gwanje.yaml": providers(folder),
    }
