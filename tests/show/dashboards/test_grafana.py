"""Dashboards in Grafana's form. Grafana itself is not here: the schema below is written from what its documentation says."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gwanje import cli
from gwanje.app import packs
from gwanje.show.dashboards import expressions, files
from gwanje.show.dashboards.files import Named
from gwanje.show.dashboards.grafana import provisioning, translate
from gwanje.show.dashboards.spec import Dashboard

DATASOURCE = {
    "type": "object",
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${DS_GWANJE}"}},
    "required": ["type", "uid"],
}
REDUCED = {
    "type": "object",
    "properties": {
        "reduceOptions": {
            "type": "object",
            "properties": {"calcs": {"const": ["lastNotNull"]}, "values": {"const": False}},
            "required": ["calcs", "values"],
        }
    },
    "required": ["reduceOptions"],
}
STEP = {
    "type": "object",
    "properties": {"color": {"type": "string"}, "value": {"type": ["number", "null"]}},
    "required": ["color", "value"],
    "additionalProperties": False,
}
MAPPING = {
    "type": "object",
    "properties": {
        "type": {"const": "value"},
        "options": {
            "type": "object",
            "additionalProperties": {"type": "object", "required": ["text", "color", "index"]},
        },
    },
    "required": ["type", "options"],
}
CURVE = {
    "type": "object",
    "properties": {
        "drawStyle": {"enum": ["line", "bars", "points"]},
        "stacking": {"properties": {"mode": {"enum": ["none", "normal", "percent"]}}, "required": ["mode", "group"]},
        "thresholdsStyle": {"properties": {"mode": {"enum": ["off", "line", "area", "line+area", "dashed"]}}},
        "showPoints": {"enum": ["auto", "never", "always"]},
        "fillOpacity": {"type": "number", "minimum": 0, "maximum": 100},
    },
    "required": ["drawStyle", "stacking", "fillOpacity"],
}
TARGET = {
    "type": "object",
    "properties": {
        "refId": {"type": "string", "pattern": "^[A-Z]+$"},
        "datasource": DATASOURCE,
        "editorMode": {"enum": ["code", "builder"]},
        "expr": {"type": "string", "minLength": 1},
        "format": {"enum": ["time_series", "table", "heatmap"]},
        "instant": {"type": "boolean"},
        "range": {"type": "boolean"},
        "legendFormat": {"type": "string", "minLength": 1},
    },
    "required": ["refId", "datasource", "expr", "format", "instant", "range"],
    "additionalProperties": False,
}


def of_type(name: str, options: dict[str, Any], custom: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a panel of one type must have beside what every panel has."""
    defaults = {"properties": {"custom": custom}, "required": ["custom"]} if custom else {}
    return {
        "if": {"properties": {"type": {"const": name}}},
        "then": {"properties": {"options": options, "fieldConfig": {"properties": {"defaults": defaults}}}},
    }


PANEL = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["timeseries", "stat", "gauge", "piechart", "bargauge", "table", "heatmap"]},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "datasource": DATASOURCE,
        "gridPos": {
            "type": "object",
            "properties": {
                "x": {"type": "integer", "minimum": 0, "maximum": 23},
                "y": {"type": "integer", "minimum": 0},
                "w": {"type": "integer", "minimum": 1, "maximum": 24},
                "h": {"type": "integer", "minimum": 1},
            },
            "required": ["x", "y", "w", "h"],
        },
        "fieldConfig": {
            "type": "object",
            "properties": {
                "defaults": {
                    "type": "object",
                    "properties": {
                        "unit": {"type": "string"},
                        "decimals": {"type": "integer"},
                        "min": {"type": "number"},
                        "max": {"type": "number"},
                        "color": {"properties": {"mode": {"enum": ["thresholds", "palette-classic"]}}, "required": ["mode"]},
                        "mappings": {"type": "array", "items": MAPPING},
                        "thresholds": {
                            "type": "object",
                            "properties": {
                                "mode": {"enum": ["absolute", "percentage"]},
                                "steps": {"type": "array", "minItems": 1, "items": STEP},
                            },
                            "required": ["mode", "steps"],
                        },
                        "custom": {"type": "object"},
                    },
                    "required": ["unit", "color", "mappings", "thresholds"],
                    "additionalProperties": False,
                },
                "overrides": {"type": "array"},
            },
            "required": ["defaults", "overrides"],
        },
        "options": {"type": "object"},
        "targets": {"type": "array", "minItems": 1, "items": TARGET},
        "transformations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"enum": ["merge", "filterFieldsByName", "sortBy", "limit", "organize"]}},
                "required": ["id", "options"],
            },
        },
    },
    "required": ["id", "type", "title", "datasource", "gridPos", "fieldConfig", "options", "targets"],
    "additionalProperties": False,
    "allOf": [
        of_type("timeseries", {"required": ["legend", "tooltip"]}, CURVE),
        of_type("stat", {**REDUCED, "properties": {**REDUCED["properties"], "textMode": {"enum": ["auto", "value_and_name"]}}}),  # type: ignore[dict-item]
        of_type("gauge", REDUCED),
        of_type("piechart", {**REDUCED, "properties": {**REDUCED["properties"], "pieType": {"const": "donut"}}}),  # type: ignore[dict-item]
        of_type("bargauge", {**REDUCED, "properties": {**REDUCED["properties"], "orientation": {"const": "horizontal"}}}),  # type: ignore[dict-item]
        of_type("table", {"required": ["showHeader"]}),
        of_type("heatmap", {"properties": {"calculate": {"const": False}}, "required": ["calculate", "color", "yAxis"]}),
    ],
}
VARIABLE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "type": {"enum": ["datasource", "query", "custom"]},
        "multi": {"type": "boolean"},
        "includeAll": {"type": "boolean"},
        "hide": {"enum": [0, 1, 2]},
        "refresh": {"enum": [0, 1, 2]},
        "sort": {"type": "integer", "minimum": 0, "maximum": 8},
        "current": {"type": "object"},
        "options": {"type": "array"},
    },
    "required": ["name", "type", "query", "multi", "includeAll", "current"],
}
SCHEMA = {
    "type": "object",
    "properties": {
        "__inputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name", "label", "type", "pluginId", "pluginName"]},
            "minItems": 1,
        },
        "id": {"type": "null"},
        "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
        "title": {"type": "string", "minLength": 1},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "version": {"type": "integer"},
        "refresh": {"type": "string", "pattern": "^([0-9]+[smhd])+$"},
        "time": {
            "type": "object",
            "properties": {"from": {"type": "string", "pattern": "^now-"}, "to": {"const": "now"}},
            "required": ["from", "to"],
        },
        "templating": {"type": "object", "properties": {"list": {"type": "array", "items": VARIABLE}}, "required": ["list"]},
        "panels": {"type": "array", "items": PANEL, "minItems": 1},
    },
    "required": ["__inputs", "id", "uid", "title", "schemaVersion", "time", "templating", "panels"],
}


def dashboard(*panels: dict[str, Any], **more: Any) -> Named:
    whole = [{"title": "a", "kind": "line", "queries": [{"expr": "x"}], **panel} for panel in panels]
    return Named("shop", Dashboard.model_validate({"title": {"ko": "상점", "en": "Shop"}, "panels": whole, **more}))


def panel(**keys: Any) -> dict[str, Any]:
    """The only panel of an exported dashboard."""
    found: dict[str, Any] = translate.dashboard(dashboard(keys))["panels"][0]
    return found


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    packs.lay("web-collector", tmp_path / "folder")
    arguments = ["export", "grafana", str(tmp_path / "folder"), "--out", str(tmp_path / "out")]
    cli.app(arguments, standalone_mode=False)
    return tmp_path / "out"


def test_every_exported_dashboard_is_as_grafana_documents_it(exported: Path) -> None:
    found = sorted(exported.glob("dashboards/*.json"))
    assert [one.stem for one in found] == ["collection", "containers", "gwanje", "hosts", "targets"]
    for file in found:
        jsonschema.validate(json.loads(file.read_text(encoding="utf-8")), SCHEMA)


def test_the_same_folder_gives_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    cli.app(["export", "grafana", str(tmp_path / "folder"), "--out", str(tmp_path / "again")], standalone_mode=False)
    names = [file.relative_to(exported) for file in exported.rglob("*") if file.is_file()]
    assert len(names) == 7
    assert all((exported / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


def test_the_provisioned_data_source_is_the_one_that_dashboards_choose(exported: Path) -> None:
    source = yaml.safe_load((exported / "provisioning/datasources/gwanje.yaml").read_text(encoding="utf-8"))["datasources"][0]
    assert (source["type"], source["url"], source["access"]) == ("prometheus", "http://127.0.0.1:8080", "proxy")
    assert source["jsonData"]["timeInterval"] == "5s"
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert source["secureJsonData"]["httpHeaderValue1"] == "Bearer $GWANJE_KEY"
    hosts = json.loads((exported / "dashboards/hosts.json").read_text(encoding="utf-8"))
    variable = hosts["templating"]["list"][0]
    assert (variable["name"], variable["type"], variable["current"]["value"]) == ("DS_GWANJE", "datasource", source["uid"])
    provider = yaml.safe_load((exported / "provisioning/dashboards/gwanje.yaml").read_text(encoding="utf-8"))["providers"][0]
    assert (provider["type"], provider["options"]) == ("file", {"path": "/var/lib/grafana/dashboards/gwanje"})


def test_panels_and_uids_are_told_apart() -> None:
    uids = [translate.dashboard(one)["uid"] for one in files.ready()]
    assert len(set(uids)) == len(uids)
    for one in files.ready():
        ids = [panel["id"] for panel in translate.dashboard(one)["panels"]]
        assert ids == list(range(1, len(ids) + 1))


@pytest.mark.parametrize("one", files.ready(), ids=lambda one: one.name)
def test_no_panel_lies_on_another_and_all_queries_are_still_queries(one: Named) -> None:
    taken: set[tuple[int, int]] = set()
    for drawn in translate.dashboard(one)["panels"]:
        grid = drawn["gridPos"]
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert not taken & cells
        assert max(x for x, _ in cells) < 24
        taken |= cells
        for target in drawn["targets"]:
            expressions.check(target["expr"])


def test_a_panel_that_does_not_fit_begins_a_line_below_the_highest() -> None:
    panels = [{"width": 6, "height": 2}, {"width": 4, "height": 4}, {"width": 3, "height": 1}]
    places = [drawn["gridPos"] for drawn in translate.dashboard(dashboard(*panels))["panels"]]
    assert [(place["x"], place["y"], place["w"], place["h"]) for place in places] == [
        (0, 0, 12, 4),
        (12, 0, 8, 8),
        (0, 8, 6, 2),
    ]


@pytest.mark.parametrize(
    ("kind", "type_", "instant"),
    [
        ("line", "timeseries", False),
        ("area", "timeseries", False),
        ("stat", "stat", True),
        ("gauge", "gauge", True),
        ("donut", "piechart", True),
        ("bar", "bargauge", True),
        ("table", "table", True),
        ("heatmap", "heatmap", False),
        ("status", "stat", True),
    ],
)
def test_every_kind_of_panel_has_one_of_grafanas(kind: str, type_: str, instant: bool) -> None:  # noqa: FBT001 - a table's column
    drawn = panel(kind=kind)
    assert (drawn["type"], drawn["targets"][0]["instant"], drawn["targets"][0]["range"]) == (type_, instant, not instant)
    jsonschema.validate(translate.dashboard(dashboard({"kind": kind})), SCHEMA)


def test_thresholds_colour_what_is_above_them_or_below() -> None:
    bounds = [{"at": 0.9, "severity": "critical"}, {"at": 0.8, "severity": "warning"}]
    steps = panel(thresholds=bounds)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps[1:]] == [(0.8, "orange"), (0.9, "red")]
    low = [{"at": 0.9, "severity": "warning"}, {"at": 0.5, "severity": "critical"}]
    steps = panel(thresholds=low, above=False)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps[:2]] == [(None, "red"), (0.5, "orange")]
    assert steps[2]["value"] == 0.9


def test_a_table_shows_its_columns_and_a_column_for_each_query() -> None:
    drawn = panel(
        kind="table",
        columns=[{"label": "host", "title": {"ko": "기계", "en": "Host"}}],
        queries=[{"expr": "x", "legend": "used"}, {"expr": "z"}],
        limit=5,
    )
    steps = {step["id"]: step["options"] for step in drawn["transformations"]}
    assert steps["filterFieldsByName"]["include"]["names"] == ["host", "Value #A", "Value #B"]
    assert steps["organize"]["renameByName"] == {"host": "Host", "Value #A": "used", "Value #B": "Value #B"}
    assert steps["limit"] == {"limitField": 5}
    assert [target["format"] for target in drawn["targets"]] == ["table", "table"]
    alone = panel(kind="table", queries=[{"expr": "x"}])["transformations"][1]["options"]
    assert alone["include"]["names"] == ["Value"]


def test_a_status_shows_its_mappings_as_colours() -> None:
    drawn = panel(kind="status", mappings=[{"value": 0, "text": {"ko": "죽음", "en": "down"}, "severity": "critical"}])
    options = drawn["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert options == {"0": {"text": "down", "color": "red", "index": 0}}
    assert drawn["options"]["colorMode"] == "background"


@pytest.mark.parametrize(
    ("keys", "expr"),
    [
        ({"kind": "bar", "limit": 3}, "topk(3, x)"),
        ({"kind": "donut", "sort": "value"}, "bottomk(20, x)"),
        ({"kind": "bar", "sort": "label"}, "x"),
        ({"kind": "line"}, "x"),
    ],
)
def test_bars_and_shares_are_ordered_by_the_query(keys: dict[str, Any], expr: str) -> None:
    assert panel(**keys)["targets"][0]["expr"] == expr


def test_variables_are_asked_for_or_listed() -> None:
    found = translate.dashboard(
        dashboard(
            {},
            variables=[
                {"name": "host", "metric": "up", "label": "host", "matchers": 'job="a"', "multiple": True, "all": True},
                {"name": "q", "options": ["a", "a,b"], "default": "a,b"},
            ],
        )
    )["templating"]["list"][1:]
    assert found[0]["definition"] == 'label_values(up{job="a"}, host)'
    assert (found[0]["allValue"], found[0]["current"]["value"]) == (".*", ["$__all"])
    assert (found[1]["query"], found[1]["current"]["value"]) == ("a,a\\,b", "a,b")
    assert [(option["value"], option["selected"]) for option in found[1]["options"]] == [("a", False), ("a,b", True)]


def test_texts_are_in_the_language_that_was_asked_for() -> None:
    assert [translate.dashboard(dashboard({}), language)["title"] for language in ("ko", "en")] == ["상점", "Shop"]


def test_every_unit_has_a_name_in_grafana() -> None:
    units = Dashboard.model_json_schema()["$defs"]["Panel"]["properties"]["unit"]["enum"]
    assert all(panel(unit=unit)["fieldConfig"]["defaults"]["unit"] for unit in units)


def test_the_key_is_never_in_a_file() -> None:
    text = json.dumps(provisioning.data_sources("http://host", timedelta(seconds=5)))
    assert re.findall('Bearer [^"]*', text) == ["Bearer $GWANJE_KEY"]
