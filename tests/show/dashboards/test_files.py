"""Dashboards as they stand in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwanje.app import folder as folders
from gwanje.config import Reader
from gwanje.errors import ConfigErrors
from gwanje.show.dashboards import files

WHOLE = """\
title: {ko: 상점, en: Shop}
span: 6h
variables:
  - {name: host, metric: node_load1, label: host, matchers: 'job="node"', multiple: true, all: true}
panels:
  - title: Load
    kind: table
    columns: [{label: host}]
    queries: [{expr: 'node_load1{host=~"${host}"}'}]
  - title: {en: Busy}
    kind: area
    queries: [{expr: "avg(node_load1)", instant: true}, {expr: "max(node_load1)"}]
"""


def read(folder: Path, text: str, name: str = "shop.yaml") -> tuple[list[files.Named], list[str]]:
    (folder / "dashboards").mkdir()
    (folder / "dashboards" / name).write_text(text, encoding="utf-8")
    reader = Reader(folder, {"host": "from the environment"})
    found = list(files.read(reader))
    return found, [str(mistake) for mistake in reader.mistakes]


def test_a_dashboard_is_given_with_every_default_filled_in(tmp_path: Path) -> None:
    found, mistakes = read(tmp_path, WHOLE)
    assert mistakes == []
    given = files.as_json(found[0])
    assert (given["name"], given["from"], given["span_seconds"], given["refresh_seconds"]) == ("shop", "folder", 21600, 10)
    assert given["title"] == {"ko": "상점", "en": "Shop"}
    assert given["variables"] == [
        {
            "name": "host",
            "title": {"ko": "host", "en": "host"},
            "metric": "node_load1",
            "label": "host",
            "matchers": 'job="node"',
            "options": [],
            "multiple": True,
            "all": True,
            "default": "",
        }
    ]
    table, area = given["panels"]
    assert table == {
        "title": {"ko": "Load", "en": "Load"},
        "description": {"ko": "", "en": ""},
        "kind": "table",
        "width": 6,
        "height": 3,
        "unit": "none",
        "decimals": None,
        "min": None,
        "max": None,
        "stacked": False,
        "queries": [{"expr": 'node_load1{host=~"${host}"}', "legend": "", "instant": True}],
        "thresholds": [],
        "above": True,
        "mappings": [],
        "columns": [{"label": "host", "title": {"ko": "host", "en": "host"}}],
        "sort": "-value",
        "limit": 20,
    }
    assert area["title"] == {"ko": "Busy", "en": "Busy"}
    assert [query["instant"] for query in area["queries"]] == [True, False]


PANEL = "title: x\npanels:\n  - title: a\n"
LINE = f"{PANEL}    kind: line\n    queries: [{{expr: x}}]\n"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("title: x\npanels: []\n", "dashboards/shop.yaml:2: panels: a dashboard has at least one panel"),
        (f"{PANEL}    kind: pie\n    queries: [{{expr: x}}]\n", "dashboards/shop.yaml:4: panels[0].kind: input should be 'line'"),
        (
            f"{PANEL}    kind: line\n    queries:\n      - expr: sum(x\n",
            "dashboards/shop.yaml:6: panels[0].queries[0].expr: not val",
        ),
        (
            f'{PANEL}    kind: line\n    queries:\n      - expr: x{{a="$hots"}}\n',
            "dashboards/shop.yaml:6: panels[0].queries[0].expr: no variable is named 'hots'; those of this dashboard: none",
        ),
        (
            f"{PANEL}    kind: line\n    colour: red\n    queries: [{{expr: x}}]\n",
            "dashboards/shop.yaml:5: panels[0].colour: unknown",
        ),
        (f"{PANEL}    kind: line\n    queries: []\n", "dashboards/shop.yaml:5: panels[0].queries: a panel asks at least one"),
        (
            f"{PANEL}    kind: heatmap\n    queries: [{{expr: x}}, {{expr: z}}]\n",
            "dashboards/shop.yaml:3: panels[0]: a heatmap has one query",
        ),
        (
            f"{PANEL}    kind: line\n    columns: [{{label: a}}]\n    queries: [{{expr: x}}]\n",
            "panels[0]: columns are for tables",
        ),
        (
            f"{PANEL}    kind: line\n    mappings: [{{value: 1, text: a}}]\n    queries: [{{expr: x}}]\n",
            "panels[0]: mappings are for status and stat",
        ),
        (f"span: 0s\n{LINE}", "dashboards/shop.yaml:1: span: must be at least 1s"),
        (
            f"variables:\n  - {{name: a}}\n{LINE}",
            "dashboards/shop.yaml:2: variables[0]: values come from `metric` and `label`, or from `options`",
        ),
        (
            f"variables:\n  - {{name: __a, options: [b]}}\n{LINE}",
            "dashboards/shop.yaml:2: variables[0].name: '__a' begins with __",
        ),
        (
            f"variables:\n  - {{name: a, metric: x, label: b, matchers: 'c='}}\n{LINE}",
            "dashboards/shop.yaml:2: variables[0]: not valid PromQL",
        ),
        (
            f"variables:\n  - {{name: a, options: [b], default: c}}\n{LINE}",
            "variables[0]: the default 'c' is not among the options",
        ),
        (
            f"variables:\n  - {{name: a, options: [b]}}\n  - {{name: a, options: [c]}}\n{LINE}",
            "dashboards/shop.yaml:3: variables[1].name: a variable named 'a' stands here already",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(tmp_path: Path, text: str, mistake: str) -> None:
    _, mistakes = read(tmp_path, text)
    assert len(mistakes) == 1
    assert mistake in mistakes[0]


def test_a_file_is_named_so_that_its_address_can_be_written(tmp_path: Path) -> None:
    _, mistakes = read(tmp_path, WHOLE, "My Shop.yaml")
    assert mistakes == ["dashboards/My Shop.yaml: a dashboard's file name has at most 32 of a-z, 0-9, - and _"]


def test_a_folders_own_dashboard_takes_the_place_of_a_ready_one(tmp_path: Path) -> None:
    found, _ = read(tmp_path, WHOLE, "hosts.yaml")
    together = {one.name: one.origin for one in files.together(found)}
    assert together == {"containers": "ready", "gwanje": "ready", "hosts": "folder", "targets": "ready"}


def test_mistakes_of_dashboards_are_told_together_with_those_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "gwanje.yaml").write_text("listen: nowhere\n", encoding="utf-8")
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "shop.yaml").write_text("title: x\npanels: []\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        folders.read(tmp_path)
    assert [(one.file, one.line) for one in caught.value.mistakes] == [("dashboards/shop.yaml", 2), ("gwanje.yaml", 1)]


def test_the_example_of_the_documentation_is_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "dashboards.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    found, mistakes = read(tmp_path, example)
    assert mistakes == []
    assert [panel.kind for panel in found[0].dashboard.panels] == ["gauge", "status", "line"]
