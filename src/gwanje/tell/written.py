"""Receivers, windows, rotas, escalations and routes, each as one text by itself, as people write them on the page. Pure.

A receiver's secrets do not stand in what is kept of its text: `***` stands there, and whoever changes the text leaves it so
to keep the secret. That holds only while where the secrets are sent does not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from gwanje import kinds
from gwanje.because import Because
from gwanje.config import Chosen, Document, Place, Reader, Secret, Settings, dotted, dump
from gwanje.errors import BadInput, GwanjeError, Mistake
from gwanje.tell.duty import Rota
from gwanje.tell.escalation import Escalation
from gwanje.tell.spec import NamedRoute, Receiver
from gwanje.tell.texts import Speech
from gwanje.tell.windows import Window
from gwanje.written import opened

RECEIVER: Final = "receiver"
ROUTE: Final = "route"
MODELS: Final[Mapping[str, type[Settings]]] = {
    "window": Window,
    "rota": Rota,
    "escalation": Escalation,
    ROUTE: NamedRoute,
}
"""What a text of each kind says; that of a receiver says a kind of notifier and its settings."""
KINDS: Final = (RECEIVER, *MODELS)
HIDDEN: Final = "***"
"""What stands in a text where a secret belongs."""
_FAMILY: Final = "notifiers"
_ALL_RECEIVERS: Final = ("name", *Speech.model_fields)


@dataclass(frozen=True, slots=True)
class Text:
    """What a text says. `setting` is None where it has mistakes: else a section's values, or of a receiver what was chosen."""

    name: str
    setting: Settings | Chosen | None
    values: Mapping[str, Any] = field(repr=False)
    """What could be read of it, as it was written, also its secrets."""
    mistakes: Sequence[Mistake]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The secrets that it holds, by the place where each stands: `url`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a receiver that is changed."""

    values: Mapping[str, Any]
    """What its text says, without secrets."""
    secrets: Mapping[str, str] = field(repr=False)


def read(kind: str, text: str, kept: Kept | None = None) -> Text:
    """Read a text; a secret that is `***` in it is the kept one of its place. Never raises."""
    reader, document = opened(text, kind)
    values = document.values
    name = str(values.get("name") or "")
    if reader.mistakes:
        return Text(name, None, values, reader.mistakes)
    if kind == RECEIVER:
        return _receiver(reader, document, kept)
    setting = reader.read(MODELS[kind], document)
    return Text(name, setting, values, reader.mistakes)


def text_of(kind: str, values: Mapping[str, Any]) -> str:
    """The YAML of a form's values: the known keys in the order of the reference, then what is not known."""
    order = ["name", "type"]
    if kind != RECEIVER:
        order = [known.alias or name for name, known in MODELS[kind].model_fields.items()]
    rest = (name for name in values if name not in order)
    return dump({name: values[name] for name in (*(one for one in order if one in values), *rest)})


def hidden(text: Text) -> str:
    """The text as it is kept: written anew from its values, with `***` for every secret."""
    return dump(with_others(text.values, dict.fromkeys(text.secrets, HIDDEN)))


def _receiver(reader: Reader, document: Document, kept: Kept | None) -> Text:
    values = document.values
    held = {place for place, value in _leaves(values) if value == HIDDEN}
    filled = with_others(values, {place: secret for place, secret in kept.secrets.items() if place in held} if kept else {})
    chosen = reader.chosen(_FAMILY, document, (), filled, skip=("name",))
    receiver = reader.read(Receiver, document, (), {"name": values["name"]} if "name" in values else {})
    name = receiver.name if receiver else str(values.get("name") or "")
    if chosen is None or receiver is None:
        return Text(name, None, values, reader.mistakes)
    secrets = {dotted(place): secret for place, secret in secrets_in(chosen.settings) if secret}
    for key, what in _wrong(chosen, values, kept, secrets):
        reader.mistake(document.file, document.lines.get((key,), 0), key, what)
    return Text(name, None if reader.mistakes else chosen, values, reader.mistakes, secrets)


def _wrong(chosen: Chosen, values: Mapping[str, Any], kept: Kept | None, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What a receiver of the page may not say, although one of a file may."""
    settings = chosen.settings
    if getattr(settings, "own_connections", True):
        yield "type", _by_itself(chosen.name)
    for name in getattr(settings, "absent", ()):
        yield name, Because("is needed", "setting_needed")
    stand = dict(_leaves(values))
    for place, secret in secrets.items():
        if place not in stand:
            yield place, Because("is a secret and must stand by itself; write a list, one entry a line", "secret_stands_alone")
        elif secret == HIDDEN:
            yield place, Because("is not known here; write it again", "secret_not_known")
    held = [place for place in (kept.secrets if kept else {}) if stand.get(place) == HIDDEN]
    if held and kept and (changed := _moved(settings, kept.values, values)):
        said = f"{', '.join(changed)} changed, and with it where {', '.join(held)} may be sent"
        sentence = f"{said}; write {'it' if len(held) == 1 else 'them'} again"
        yield held[0], Because(sentence, "secret_moved", changed=", ".join(changed), held=", ".join(held))


def _moved(settings: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys whose change may send kept secrets somewhere else."""
    harmless = {*_ALL_RECEIVERS, *getattr(settings, "elsewhere", ())}
    return sorted(key for key in before.keys() | after.keys() if key not in harmless and before.get(key) != after.get(key))


def secrets_in(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every secret in settings that were read, with the place where it was written."""
    match value:
        case Secret():
            yield place, value.get_secret_value()
        case BaseModel():
            for name, known in type(value).model_fields.items():
                yield from secrets_in(getattr(value, name), (*place, known.alias or name))
        case Mapping():
            for key, inner in value.items():
                yield from secrets_in(inner, (*place, key))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from secrets_in(inner, (*place, index))


def _leaves(value: Any, place: Place = ()) -> Iterator[tuple[str, Any]]:
    """Every single value, by its place."""
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _leaves(inner, (*place, key))
        case list():
            for index, inner in enumerate(value):
                yield from _leaves(inner, (*place, index))
        case _:
            yield dotted(place), value


def with_others(value: Any, others: Mapping[str, str], place: Place = ()) -> Any:
    """The same values with others at some places: `url`, `headers.X-Key`."""
    match value:
        case Mapping():
            return {key: with_others(inner, others, (*place, key)) for key, inner in value.items()}
        case list():
            return [with_others(inner, others, (*place, index)) for index, inner in enumerate(value)]
        case _:
            return others.get(dotted(place), value)


def settings_of(type_: str) -> type[Settings]:
    """The settings of a kind of notifier that can be set up on the page. Raises BadInput where there is none."""
    try:
        settings: type[Settings] = kinds.find(_FAMILY, type_).Settings
    except GwanjeError as error:
        raise BadInput(str(error), where="type") from error
    if getattr(settings, "own_connections", True):
        raise BadInput(_by_itself(type_))
    return settings


def _by_itself(type_: str) -> Because:
    sentence = f"{type_} connects by itself, so its addresses cannot be checked; set it up in gwanje.yaml"
    return Because(sentence, "connects_by_itself", name=type_)
