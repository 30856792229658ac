"""Files and environment → typed values, with every mistake at once and its file and line. The only reader of the environment.

A folder holds `gwanje.yaml`, beside it `rules/*.yaml`, `pipelines/*.yaml`, `dashboards/*.yaml` and `.env`. In any value
`${NAME}` and `${NAME:-default}` are taken from the environment, then from `.env`; `$$` is a dollar sign. A key of
`gwanje.yaml` can also be set from outside as `GWANJE_<KEY>`, with `__` between levels: `GWANJE_SAMPLES__RETENTION=7d`.

A `Reader` gathers mistakes while each floor reads its own sections with its own models; `finish()` raises them together.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SecretStr, ValidationError

from gwanje import kinds
from gwanje.because import Because
from gwanje.errors import ConfigErrors, GwanjeError, Mistake
from gwanje.misread import misread

MAIN_FILE: Final = "gwanje.yaml"
_ENVIRONMENT: Final = "environment"

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


# --- the types that settings are made of ---------------------------------------------------------------------------------


class Secret(SecretStr):
    """A value that nobody may read by accident: it prints as `***`. `get_secret_value()` gives it to whoever sends it."""

    def _display(self) -> str:
        return "***" if self.get_secret_value() else ""


_UNITS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `1h30m`, `15d`: Prometheus's durations. Raises ValueError with what is allowed."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        if text == "0":
            return timedelta()
        raise ValueError(Because(f"{text!r} is not a duration; write 30s, 5m, 1h30m, 15d", "not_a_duration", text=text))
    return timedelta(milliseconds=sum(int(number) * _UNITS[unit] for number, unit in parts))


def format_duration(duration: timedelta) -> str:
    """Write a duration in the form that `parse_duration` reads: `1h30m`; zero is `0s`."""
    rest = round(duration / timedelta(milliseconds=1))
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(format_duration, return_type=str)]
"""A stretch of time, written `30s`, `5m`, `1h30m`, `15d`."""


class Settings(BaseModel):
    """A section of the configuration. Unknown keys are mistakes; each field's description is its entry in the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A kind that the configuration names, with its settings already read."""

    family: str
    name: str
    settings: Any

    def create(self, world: kinds.World) -> Any:
        """Make the thing that keeps the family's promise."""
        return kinds.find(self.family, self.name).create(self.settings, world)


# --- the environment -----------------------------------------------------------------------------------------------------


def environment(folder: Path) -> dict[str, str]:
    """The process's environment over the folder's `.env`: what stands in the environment wins."""
    file = folder / ".env"
    written = dotenv_values(file, interpolate=False) if file.is_file() else {}
    return {**{name: value or "" for name, value in written.items()}, **os.environ}


_REFERENCE: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})")


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Fill `${NAME}` and `${NAME:-default}`; an empty value counts as none where there is a default. KeyError: no value."""

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["default"] is not None:
            return values.get(match["name"]) or match["default"]
        return values[match["name"]]

    return _REFERENCE.sub(value, text)


# --- YAML with line numbers ----------------------------------------------------------------------------------------------


class _Yaml12(yaml.SafeLoader):
    """YAML 1.2's booleans and numbers: `no`, `on` and `12:30` are text."""


_Yaml12.yaml_implicit_resolvers = {}
_Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Yaml12.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Yaml12.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
_Yaml12.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


class _Writer(yaml.SafeDumper):
    """Quotes what `_Yaml12` would not read as a text, and nothing else."""

    yaml_implicit_resolvers = _Yaml12.yaml_implicit_resolvers


def dump(values: Mapping[str, Any]) -> str:
    """Plain values as YAML that a `Reader` reads as the same values, in their order."""
    return yaml.dump(dict(values), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)


@dataclass(slots=True)
class Document:
    """One file as plain values, and where each of them stands."""

    file: str
    values: Any
    lines: dict[Place, int] = field(default_factory=dict)
    files: dict[Place, str] = field(default_factory=dict)
    nodes: yaml.Node | None = field(default=None, repr=False)
    """The file as YAML reads it."""

    def as_written(self, key: str) -> Any:
        """What stands below a key of the file, with no `${NAME}` filled in; None where the file does not have it."""
        listed = self.nodes.value if isinstance(self.nodes, yaml.MappingNode) else ()
        reader = Reader(Path(), None)
        return next((reader.plain(Document(self.file, {}), node, ()) for name, node in listed if name.value == key), None)

    def where(self, place: Place) -> tuple[str, int]:
        """File and line of the value at `place`, or of the nearest value around it that has one."""
        for length in range(len(place), -1, -1):
            known = place[:length]
            if known in self.files:
                return self.files[known], 0
            if known in self.lines:
                return self.file, self.lines[known]
        return self.file, 0


@dataclass(slots=True)
class Reader:
    """Reads a folder's files section by section and gathers every mistake on the way."""

    folder: Path
    variables: Mapping[str, str] | None
    """What `${NAME}` means; None where it stands for itself: who writes on the page may not read the environment."""
    mistakes: list[Mistake] = field(default_factory=list)

    def document(self, name: str) -> Document:
        """One YAML file of the folder; an absent or empty one is an empty document."""
        path = self.folder / name
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            self.mistake(name, 0, "", f"cannot be read: {error}")
            text = ""
        document = self.written(name, text)
        if name == MAIN_FILE:
            self._overlay(document)
        return document

    def written(self, name: str, text: str) -> Document:
        """One YAML text that mistakes call `name`; an empty one is an empty document."""
        document = Document(name, {})
        try:
            node = yaml.compose(text, Loader=_Yaml12)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            self.mistake(name, line, "", Because(f"not valid YAML: {error.problem}", "not_yaml", error=str(error.problem)))
        else:
            if node is not None:
                document.nodes = node
                document.values = self.plain(document, node, ())
        if not isinstance(document.values, dict):
            self.mistake(
                name, 1, "", Because("must hold keys and values (`key: value`), not a list or a text", "not_keys_and_values")
            )
            document.values = {}
        return document

    def documents(self, folder: str) -> list[Document]:
        """Every `*.yaml` file of a sub-folder, in the order of their names."""
        return [self.document(f"{folder}/{path.name}") for path in sorted((self.folder / folder).glob("*.yaml"))]

    def read(self, model: type[Model], document: Document, place: Place = (), values: Any = None) -> Model | None:
        """The section at `place` as `model`; None, with the mistakes noted, when it is not right."""
        values = _at(document.values, place) if values is None else values
        try:
            return model.model_validate(values)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                if one["type"] != "default_factory_not_called":  # follows from another mistake, which is told
                    self._note(document, place, model, one)
            return None

    def chosen(
        self, family: str, document: Document, place: Place, values: Any = None, *, skip: Iterable[str] = ()
    ) -> Chosen | None:
        """The kind that the section's `type` names, its settings read by the kind itself.

        `skip` names keys of the section that belong to the family and not to the kind (a receiver's `name`).
        """
        values = _at(document.values, place) if values is None else values
        if not isinstance(values, dict) or not isinstance(values.get("type"), str):
            self.mistake(*document.where(place), dotted(place), _needs_type(family))
            return None
        name = values["type"]
        try:
            kind = kinds.find(family, name)
        except GwanjeError as error:
            self.mistake(*document.where((*place, "type")), dotted((*place, "type")), str(error))
            return None
        rest = {key: value for key, value in values.items() if key not in {"type", *skip}}
        settings = self.read(kind.Settings, document, place, rest)
        return None if settings is None else Chosen(family, name, settings)

    def mistake(self, file: str, line: int, key: str, message: str) -> None:
        self.mistakes.append(Mistake(file, line, key, message))

    def finish(self) -> None:
        """Raise ConfigErrors with everything that was found, if anything was."""
        if self.mistakes:
            raise ConfigErrors(self.mistakes)

    def plain(self, document: Document, node: yaml.Node, place: Place) -> Any:
        """A node as plain values, the lines of which the document takes down."""
        document.lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(document, node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(document, item, (*place, index)) for index, item in enumerate(node.value)]
        value = yaml.SafeLoader("").construct_object(node)
        if not isinstance(value, str) or "$" not in value or self.variables is None:
            return value
        try:
            return substitute(value, self.variables)
        except KeyError as error:
            name = error.args[0]
            self.mistake(
                document.file,
                node.start_mark.line + 1,
                dotted(place),
                f"${{{name}}} has no value; set {name} in the environment or in .env, or write ${{{name}:-default}}",
            )
            return value

    def _mapping(self, document: Document, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in values:
                self.mistake(
                    document.file,
                    line,
                    dotted((*place, key)),
                    Because("stands here a second time; keep one of them", "stands_twice"),
                )
            values[key] = self.plain(document, value_node, (*place, key))
            document.lines[(*place, key)] = line
        return values

    def _overlay(self, document: Document) -> None:
        """Lay `GWANJE_<KEY>` and `GWANJE_<KEY>__<KEY>` over the main file."""
        for name, value in sorted((self.variables or {}).items()):
            if not name.startswith("GWANJE_") or not value:
                continue
            place = tuple(name.removeprefix("GWANJE_").lower().split("__"))
            into = document.values
            for key in place[:-1]:
                into = into.setdefault(key, {})
                if not isinstance(into, dict):
                    break
            if isinstance(into, dict):
                into[place[-1]] = value
                document.files[place] = f"{_ENVIRONMENT} {name}"

    def _note(self, document: Document, place: Place, model: type[BaseModel], error: Any) -> None:
        inner: Place = tuple(error["loc"])
        full = (*place, *inner)
        file, line = document.where(full)
        self.mistake(file, line, dotted(full), _sentence(model, inner, error))


def _at(values: Any, place: Place) -> Any:
    for key in place:
        values = values[key] if isinstance(key, int) else values.get(key, {})
    return values


def _needs_type(family: str) -> Because:
    known = ", ".join(kinds.names(family))
    return Because(f"needs `type`; known: {known}", "needs_type", known=known)


def dotted(place: Place) -> str:
    """A place as people write it: `receivers[0].url`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _sentence(model: type[BaseModel], inner: Place, error: Any) -> str:
    """What is wrong and what is allowed, in our words where pydantic's leave out what to do."""
    match error["type"]:
        case "extra_forbidden":
            allowed = _keys(model, inner[:-1])
            close = difflib.get_close_matches(str(inner[-1]), allowed, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            sentence = f"unknown key; {hint}allowed: {', '.join(allowed)}" if allowed else "unknown key"
            return Because(sentence, "unknown_key", meant=", ".join(close))
        case "missing":
            return Because("is missing; " + (_description(model, inner) or "it must be set"), "missing")
        case "value_error":
            checked = error["ctx"]["error"]
            sentence = checked.args[0] if checked.args else ""
            return sentence if isinstance(sentence, Because) else str(error["msg"]).removeprefix("Value error, ")
        case _:
            return misread(error)


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys allowed at `place` inside `model`, where the way there is plain models."""
    current: Any = model
    for part in place:
        if isinstance(part, int):
            continue
        known = current.model_fields.get(part) if isinstance(current, type) and issubclass(current, BaseModel) else None
        current = _inner_model(known.annotation) if known else None
    return sorted(_names(current)) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _names(model: type[BaseModel]) -> list[str]:
    return [known.alias or name for name, known in model.model_fields.items()]


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner_model(argument)
        if found:
            return found
    return None


def _description(model: type[BaseModel], inner: Place) -> str:
    current: Any = model
    for part in inner[:-1]:
        known = None if isinstance(part, int) or current is None else current.model_fields.get(part)
        current = current if isinstance(part, int) else _inner_model(known.annotation) if known else None
    if current is None or not inner:
        return ""
    last = next((known for name, known in current.model_fields.items() if (known.alias or name) == inner[-1]), None)
    return (last.description or "") if last else ""
