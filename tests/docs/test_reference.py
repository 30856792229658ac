"""The reference is what the code says, all of it, and the schema agrees with what the configuration accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from gwanje import kinds
from scripts import reference

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PACKS = ROOT / "src" / "gwanje" / "packs"


def models() -> Iterator[tuple[str, type[BaseModel]]]:
    for title, model, _ in reference.FILES:
        yield from ((f"{title}: {inner.__name__}", inner) for inner in reference.sections(model))
    for kind in reference.all_kinds():
        yield from ((f"{kind.family}.{kind.name}: {inner.__name__}", inner) for inner in reference.sections(kind.settings))


@pytest.mark.parametrize("page", reference.PAGES)
def test_what_is_committed_is_what_the_code_says(page: str) -> None:
    assert (REFERENCE / page).read_text(encoding="utf-8") == reference.PAGES[page](), "run `make reference`"


@pytest.mark.parametrize(("where", "model"), [pytest.param(where, model, id=where) for where, model in models()])
def test_every_setting_is_described_in_a_sentence(where: str, model: type[BaseModel]) -> None:
    silent = [name for name, field in model.model_fields.items() if not (field.description or "").strip()]
    open_ended = [
        name for name, field in model.model_fields.items() if not (field.description or ".").rstrip().endswith((".", "`", ")"))
    ]

    assert silent == [], f"{where}: give each a docstring under it"
    assert open_ended == [], f"{where}: end the description with a full stop"


@pytest.mark.parametrize("family", kinds.FAMILIES)
def test_every_kind_has_a_heading_and_says_what_it_is(family: str) -> None:
    page = (REFERENCE / "kinds.md").read_text(encoding="utf-8")

    assert family in reference.PLACES
    for kind in (kind for kind in reference.all_kinds() if kind.family == family):
        assert f"\n### {family}: {kind.name}\n" in page
        assert kind.about.strip(), f"{family} kind {kind.name}: give its Settings a docstring"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / "schema.json").read_text(encoding="utf-8"))
    return found


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", sorted(PACKS.rglob("*.yaml")), ids=lambda file: str(file.relative_to(PACKS)))
def test_the_packs_keep_the_schema(file: Path, schema: dict[str, Any]) -> None:
    part = {"rules": "Rules", "pipelines": "Pipeline", "dashboards": "Dashboard"}.get(file.parent.name)
    target = {"$defs": schema["$defs"], "$ref": f"#/$defs/{part}"} if part else schema

    assert [
        error.message for error in Draft202012Validator(target).iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("listens: 127.0.0.1:8080", id="an unknown key"),
        pytest.param("samples: {type: local, retention: soon}", id="a duration that is none"),
        pytest.param("samples: {type: locale}", id="an unknown kind"),
        pytest.param("receivers: [{type: slack, url: x}]", id="a receiver without a name"),
        pytest.param("receivers: [{name: a, type: webhook}]", id="a setting that is missing"),
        pytest.param("agent: {probes: {hosts: {}}}", id="an unknown probe"),
        pytest.param("rules: [{name: a, expr: up, for: long, critical: '> 1'}]", id="a wrong rule"),
        pytest.param("limits: {bodies_in_flight: 0}", id="a number out of bounds"),
    ],
)
def test_the_schema_notices(text: str, schema: dict[str, Any]) -> None:
    assert not Draft202012Validator(schema).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="nothing"),
        pytest.param("samples: {type: local, retention: 1h30m}", id="a duration"),
        pytest.param("limits: {bodies_in_flight: '${BODIES:-8}'}", id="a number from the environment"),
        pytest.param(
            "routes: {receiver: a, routes: [{match: 'severity=\"critical\"', continue: true}]}", id="routes inside routes"
        ),
        pytest.param("receivers: [{name: a, type: slack, url: '${SLACK_WEBHOOK_URL:-}'}]", id="a receiver"),
    ],
)
def test_the_schema_lets_pass(text: str, schema: dict[str, Any]) -> None:
    assert [error.message for error in Draft202012Validator(schema).iter_errors(yaml.safe_load(text))] == []
