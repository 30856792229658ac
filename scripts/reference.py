"""Writes docs/reference/ from the code: every setting from its own description, every command from its own help.

`make reference` runs it; `tests/docs` fails while what is committed differs from what it would write.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from gwanje import kinds
from gwanje.app.folder import Main
from gwanje.cli import app
from gwanje.collect.pipelines.spec import Pipeline
from gwanje.collect.scrape.spec import Job
from gwanje.config import format_duration
from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule
from gwanje.show.dashboards.spec import Dashboard
from gwanje.show.metrics import OWN
from gwanje.tell.spec import Receiver, Route

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"

# Where the configuration asks for a kind of the family.
PLACES = {
    "probes": "`agent.probes` of `gwanje.yaml`: the kind's name and its settings, `host: {}`",
    "discovery": "`discover` of each of `targets` of `gwanje.yaml`",
    "sources": "`source` of `pipelines/*.yaml`",
    "transports": "`transport` of `gwanje.yaml`",
    "updates": "`updates` of `gwanje.yaml`",
    "samples": "`samples` of `gwanje.yaml`",
    "events": "`events` of `gwanje.yaml`",
    "state": "`state` of `gwanje.yaml`",
    "actions": "each of `actions` of `gwanje.yaml`",
    "notifiers": "each of `receivers` of `gwanje.yaml`",
}

FILES: Sequence[tuple[str, type[BaseModel], str]] = (
    ("gwanje.yaml", Main, "Every key may be left out."),
    ("A receiver", Receiver, "Each of `receivers`: a name, a `type`, and the settings of that [kind](kinds.md#notifiers)."),
    ("A route", Route, "`routes` is the first route; it holds the others."),
    ("A scrape job", Job, "Each of `targets`. A `scrape_configs` entry of Prometheus is read as well."),
    ("A rule", Rule, "Each of `rules` in `gwanje.yaml` and in `rules/*.yaml`."),
    ("A recording rule", Recording, "One of `rules` that has `record`: what it finds becomes a metric."),
    ("A pipeline", Pipeline, "One file of `pipelines/` is one pipeline."),
    ("A dashboard", Dashboard, "One file of `dashboards/` is one dashboard; [how they are written](../dashboards.md)."),
)

CONFIGURATION = (
    """One folder: `gwanje.yaml`, beside it `rules/*.yaml`, `pipelines/*.yaml`, `dashboards/*.yaml`
and `.env`. `gwanje check FOLDER` reports every
mistake at once, with file and line.""",
    """In any value `${NAME}` and `${NAME:-default}` come from the environment, then from `.env`; `$$` is a dollar sign. A key
of `gwanje.yaml` can also be set from outside as `GWANJE_<KEY>`, with `__` between levels: `GWANJE_SAMPLES__RETENTION=7d`.
A *duration* is written `30s`, `5m`, `1h30m`, `15d`; a *threshold* is an operator and a number, `>= 0.85`; *matchers* are
`severity="critical", host=~"web-.*"`; a *secret* is never shown or logged.""",
    """[`schema.json`](schema.json) is the same as a JSON Schema, for editors: begin `gwanje.yaml` with
`# yaml-language-server: $schema=PATH/schema.json`.""",
)
KINDS = (
    """What a `type` can be, family by family. A kind whose driver is missing says which command installs it; kinds of others
are found by the entry point group `gwanje.<family>`.""",
)
NAMES = {
    timedelta: "duration",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Path: "path",
    type(None): "nothing",
    Any: "anything",
}
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
DURATION = r"^(0|([0-9]+(ms|[smhdwy]))+)$"
VARIABLE = {"type": "string", "pattern": r"\$\{"}


# --- settings as text ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """One word that `type` may be, and what stands behind it."""

    family: str
    name: str
    settings: type[BaseModel]
    about: str


def all_kinds() -> list[Kind]:
    """Every kind that comes with gwanje, found as the configuration finds it."""
    found = []
    for family in kinds.FAMILIES:
        for name in kinds.names(family):
            module = kinds.find(family, name)
            about = module.Settings.__dict__.get("__doc__") or inspect.getdoc(module) or ""
            found.append(Kind(family, name, module.Settings, about))
    return found


def sections(model: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> Iterator[type[BaseModel]]:
    """A model and every model inside it, each once, in reading order."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            yield from sections(inner, seen)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def table(model: type[BaseModel]) -> str:
    """A model's fields as rows: key, type, default, what it means."""
    rows = ["| key | type | default | |", "|---|---|---|---|"]
    rows += [
        f"| `{field.alias or name}` | {_type(field)} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join(rows)


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{word} {getattr(bound, name):g}" for bound in field.metadata for name, word in BOUNDS.items() if hasattr(bound, name)
    ]
    return ", ".join([_name(field.annotation), *bounds]).replace("|", "\\|")


def _name(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _name(get_args(annotation)[0])
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" if value != "" else "empty" for value in get_args(annotation))
    if origin in {Union, types.UnionType}:
        return " or ".join(_name(one) for one in get_args(annotation) if one is not type(None))
    return _name_of_many(origin, get_args(annotation)) if origin is not None else _name_of_one(annotation)


def _name_of_many(origin: type, arguments: Sequence[Any]) -> str:
    if issubclass(origin, Mapping):
        return "keys and values" if arguments[1] is Any else f"{_name(arguments[1])} by name"
    return f"{_name(arguments[0])}s" if is_dataclass(arguments[0]) else f"list of {_name(arguments[0])}"


def _name_of_one(annotation: Any) -> str:
    name = str(getattr(annotation, "__name__", annotation)).lower()
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return "secret"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        title = next((title for title, model, _ in FILES if model is annotation), name)
        return f"[{name}](#{title.lower().replace(' ', '-')})"
    return NAMES.get(annotation, name)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default_factory is None:
        return _shown(field.default)
    constant = field.default_factory in {dict, list, tuple} or field.default_factory.__name__ == "<lambda>"
    return _shown(field.get_default(call_default_factory=True, validated_data={})) if constant else "found here"


def _shown(value: Any) -> str:
    match value:
        case None | "":
            return "none"
        case BaseModel():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            return f"`{format_duration(value)}`"
        case dict() | list() | tuple():
            return f"`{_yaml(value)}`" if value else "none"
        case _:
            return f"`{value}`".replace("|", "\\|")


def _yaml(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_yaml(key)}: {_yaml(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_yaml(inner) for inner in value) + "]"
        case timedelta():
            return format_duration(value)
        case _:
            return str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# --- the pages -------------------------------------------------------------------------------------------------------


def configuration() -> str:
    parts = ["# Configuration", *CONFIGURATION]
    for title, model, about in FILES:
        parts += [f"## {title}", about, table(model)]
        for inner in list(sections(model))[1:]:
            parts += [f"### {inner.__name__.lower()}", inspect.cleandoc(inner.__doc__ or ""), table(inner)]
    return _page(parts)


def kinds_page() -> str:
    parts = ["# Kinds", *KINDS]
    family = ""
    for kind in all_kinds():
        if kind.family != family:
            family = kind.family
            parts += [f"## {family}", f"Used in {PLACES[family]}."]
        parts += [
            f"### {family}: {kind.name}",
            inspect.cleandoc(kind.about),
            table(kind.settings) if kind.settings.model_fields else "No settings.",
        ]
        for inner in list(sections(kind.settings))[1:]:
            parts += [f"#### {inner.__name__.lower()}", table(inner)]
    return _page(parts)


def commands() -> str:
    about = "Exit codes: 0 it went well, 1 it was tried and failed, 2 a mistake in what was asked for."
    return _page(["# Commands", about, *(f"```\n{text}\n```" for text in _helps(app, None, "gwanje"))])


def metrics() -> str:
    about = "The program's own metrics on `/metrics`, kept in the store as well (job `gwanje`, the agent's as job `agent`)."
    rows = "\n".join(["| metric | |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in sorted(OWN.items()))])
    return _page(["# Metrics", about, rows])


def _helps(command: click.Command, around: click.Context | None, name: str) -> Iterator[str]:
    """What `--help` says to a command and to each below it."""
    of_command = {**command.context_settings, "max_content_width": 100, "terminal_width": 100}
    context = click.Context(command, info_name=name, parent=around, **of_command)
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for inner in sorted(command.commands):
            yield from _helps(command.commands[inner], context, inner)


def _page(parts: Sequence[str]) -> str:
    return (
        re.sub(
            r"\n{3,}", "\n\n", "\n\n".join([parts[0], "<!-- Written by `make reference` from the code. -->", *parts[1:]])
        ).rstrip()
        + "\n"
    )


# --- the schema ------------------------------------------------------------------------------------------------------


def schema() -> str:
    """JSON Schema of gwanje.yaml; its parts `Rules` and `Pipeline` are those of the other files."""
    found = all_kinds()
    models = [model for _, model, _ in FILES] + [kind.settings for kind in found]
    references, written = models_json_schema([(model, "validation") for model in models])
    known = written["$defs"]
    names = {model: references[model, "validation"]["$ref"].removeprefix("#/$defs/") for model in models}
    definitions = {name: _loose(definition) for name, definition in known.items() if not name.endswith("Settings")}
    for kind in found:
        definitions[f"{kind.family}.{kind.name}"] = _loose(known[names[kind.settings]])
    for family in kinds.FAMILIES:
        definitions[family] = _choice(family, [kind.name for kind in found if kind.family == family], definitions)
    _wire(definitions)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gwanje.yaml",
        **definitions.pop("Main"),
        "$defs": definitions,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def _choice(family: str, names: Sequence[str], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """`type` and, by it, the settings of one kind; a receiver also has its name."""
    shared = definitions["Receiver"]["properties"] if family == "notifiers" else {}
    choices = []
    for name in names:
        kind = definitions[f"{family}.{name}"]
        properties = {"type": {"const": name}, **shared, **kind.get("properties", {})}
        choices.append({**kind, "properties": properties, "required": ["type", *shared, *kind.get("required", [])]})
    return {"oneOf": choices}


def _wire(definitions: dict[str, Any]) -> None:
    """Put the families where gwanje.yaml and the pipelines ask for them."""
    main, pipeline = definitions["Main"]["properties"], definitions["Pipeline"]["properties"]
    for key, family in {
        "samples": "samples",
        "events": "events",
        "state": "state",
        "transport": "transports",
        "updates": "updates",
    }.items():
        main[key] = {"description": main[key]["description"], "$ref": f"#/$defs/{family}"}
    pipeline["source"] = {"description": pipeline["source"]["description"], "$ref": "#/$defs/sources"}
    main["receivers"]["items"] = {"$ref": "#/$defs/notifiers"}
    definitions["Job"]["properties"]["discover"]["items"] = {"$ref": "#/$defs/discovery"}
    theirs = {"type": "object", "required": ["job_name"]}  # Prometheus's own spelling
    main["targets"]["items"] = {"anyOf": [{"$ref": "#/$defs/Job"}, theirs]}
    main["rules"]["items"] = {"oneOf": [{"$ref": "#/$defs/Rule"}, {"$ref": "#/$defs/Recording"}]}
    main["routes"] = {"description": main["routes"]["description"], "$ref": "#/$defs/Route"}
    probes = {name: {"$ref": f"#/$defs/probes.{name}"} for name in kinds.names("probes")}
    definitions["Agent"]["properties"]["probes"].update(properties=probes, additionalProperties=False)
    definitions["Rules"] = {"type": "object", "properties": {"rules": main["rules"]}, "additionalProperties": False}


def _loose(part: Any) -> Any:
    """Durations in our form, no titles that repeat the key, and `${NAME}` wherever a value may stand."""
    if isinstance(part, list):
        return [_loose(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: _loose(value) if key != "properties" else {name: _loose(inner) for name, inner in value.items()}
        for key, value in part.items()
        if key not in {"title", "writeOnly"}
    }
    if kept.get("format") == "duration":
        del kept["format"]
        kept["pattern"] = DURATION
        if isinstance(kept.get("default"), str):
            kept["default"] = format_duration(TypeAdapter(timedelta).validate_python(kept["default"]))
    if kept.get("type") in {"integer", "number", "boolean"} or (
        kept.get("type") == "string" and kept.keys() & {"pattern", "enum"}
    ):
        about = {key: kept.pop(key) for key in ("description", "default") if key in kept}
        return {**about, "anyOf": [kept, VARIABLE]}
    return kept


PAGES = {
    "configuration.md": configuration,
    "kinds.md": kinds_page,
    "commands.md": commands,
    "metrics.md": metrics,
    "schema.json": schema,
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        (FOLDER / name).write_text(write(), encoding="utf-8")
        sys.stdout.write(f"wrote {(FOLDER / name).relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
