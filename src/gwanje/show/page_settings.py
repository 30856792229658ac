"""Receivers, windows, rotas, escalations and routes as people write them on the page: read, checked, kept and removed.

Those of the folder's files are shown, and changed in the file. A receiver's secrets are taken and never given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gwanje.because import Because
from gwanje.carry.updates.base import Update
from gwanje.config import Chosen, Settings
from gwanje.errors import BadInput, GwanjeError, Mistake, NotFound
from gwanje.keep.said import PageSetting
from gwanje.keep.state import page_settings
from gwanje.keep.state.page_rules import Word
from gwanje.model import to_ms
from gwanje.show.mistakes import shown_mistake
from gwanje.show.rooms import Rooms
from gwanje.show.saying import TOPIC, By
from gwanje.tell import written
from gwanje.tell.together import Place, namers, names_of, problems
from gwanje.tell.written import RECEIVER, Kept, Text


@dataclass(frozen=True, slots=True)
class Asked:
    """A setting as somebody wants it kept. `revision` is the one that was read; None makes a new one."""

    kind: str
    text: str
    revision: int | None
    name: str | None = None
    """The name that was read: a setting keeps it."""


def listed(rooms: Rooms) -> dict[str, Any]:
    """Every setting, of files and of the page, without texts; those that are set aside with why."""
    rooms.policybook.read(rooms.state)
    with rooms.state.read() as connection:
        kept = page_settings.every(connection)
    own = names_of(rooms.policybook.files)
    of_files = [_of_file(rooms, kind, name) for kind in written.KINDS for name in sorted(own[kind])]
    return {"settings": [*of_files, *(_of_page(rooms, one) for one in kept)]}


def one(rooms: Rooms, kind: str, name: str) -> dict[str, Any]:
    """One setting of the page, with its text and who names it. Raises NotFound."""
    kept = _kept(rooms, kind, name)
    rooms.policybook.read(rooms.state)
    return {**_of_page(rooms, kept), **check(rooms, kind, kept.text, kept.name)}


def check(rooms: Rooms, kind: str, text: str, name: str | None = None) -> dict[str, Any]:
    """What a text says: its values for a form, and each mistake with its key. `name` is that which was read."""
    found, mistakes = _read(rooms, kind, text, name)
    return {
        "text": text,
        "values": found.values,
        "mistakes": mistakes,
        "secrets": sorted(found.secrets),
    }


def check_values(rooms: Rooms, kind: str, values: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """The text of a form's values, and what it says."""
    return check(rooms, kind, written.text_of(kind, values), name)


def save(rooms: Rooms, asked: Asked, by: By) -> dict[str, Any]:
    """Keep a setting; it counts from the next round on.

    Raises BadInput for a text with mistakes and a name that is taken, Outdated when somebody changed it since, GwanjeError
    when its secrets cannot be sealed.
    """
    found, mistakes = _read(rooms, asked.kind, asked.text, asked.name)
    if mistakes:
        raise BadInput("; ".join(f"{one['key']}: {one['message']}" for one in mistakes[:3]), where="text")
    if asked.name not in {None, found.name}:
        sentence = f"{asked.name!r} keeps its name, by which others name it; make a new one for another"
        raise BadInput(Because(sentence, "setting_keeps_name", name=asked.name), where="name")
    text = written.hidden(found) if found.secrets else asked.text
    sealed = {place: _sealed(rooms, secret) for place, secret in found.secrets.items()}
    with rooms.state.write() as connection:
        kept = page_settings.put(
            connection, (asked.kind, found.name), text, sealed=sealed, revision=asked.revision, word=_word(rooms, by)
        )
    _taken_over(rooms)
    return {**_of_page(rooms, kept), "text": text}


def drop(rooms: Rooms, kind: str, name: str, revision: int, by: By) -> None:
    """Remove a setting of the page. Raises NotFound, Outdated, and BadInput while something else names it."""
    kept = _kept(rooms, kind, name)
    rooms.policybook.read(rooms.state)
    if others := _namers(rooms, (kind, name)):
        said = ", ".join(f"{one['kind']} {one['name']!r}" for one in others)
        sentence = f"{kind} {name!r} is named by {said}; change that first"
        raise BadInput(
            Because(sentence, "setting_is_named", name=name, by=", ".join(one["name"] for one in others)), where="name"
        )
    with rooms.state.write() as connection:
        page_settings.drop(connection, (kept.kind, kept.name), revision, _word(rooms, by))
    _taken_over(rooms)


def _read(rooms: Rooms, kind: str, text: str, name: str | None) -> tuple[Text, list[dict[str, Any]]]:
    """A text beside what is kept of it, and everything that is wrong with it."""
    try:
        found = written.read(kind, text, _secrets_of(rooms, kind, name))
    except GwanjeError as error:
        found = written.read(kind, text)
        return found, [shown_mistake(Mistake("", 0, "", str(error)))]
    mistakes = [shown_mistake(one) for one in found.mistakes]
    if found.setting is not None:
        page = {**rooms.policybook.page, (kind, found.name): found.setting}
        wrong = problems(rooms.policybook.files, page, (kind, found.name))
        if name is None and found.name in names_of(rooms.policybook.files)[kind]:
            sentence = f"gwanje.yaml has a {kind} of this name; choose another"
            wrong.insert(0, ("name", Because(sentence, "setting_name_taken")))
        mistakes += [shown_mistake(Mistake("", 0, key, message)) for key, message in wrong]
    return found, mistakes


def _secrets_of(rooms: Rooms, kind: str, name: str | None) -> Kept | None:
    """What is kept of a receiver that is changed, its secrets opened; None of a new one."""
    if kind != RECEIVER or name is None:
        return None
    with rooms.state.read() as connection:
        kept = page_settings.one(connection, kind, name)
    return rooms.policybook.kept(kept) if kept else None


def _sealed(rooms: Rooms, secret: str) -> str:
    if rooms.sealing is None:
        raise GwanjeError("this process keeps no secrets")
    return rooms.sealing.seal(secret)


def _kept(rooms: Rooms, kind: str, name: str) -> PageSetting:
    with rooms.state.read() as connection:
        kept = page_settings.one(connection, kind, name)
    if kept is None:
        where = "; it stands in gwanje.yaml" if name in names_of(rooms.policybook.files).get(kind, ()) else ""
        raise NotFound(f"no {kind} of the page is named {name!r}{where}")
    return kept


def _namers(rooms: Rooms, place: Place) -> list[dict[str, str]]:
    return [{"kind": kind, "name": name} for kind, name in namers(rooms.policybook.page, place)]


def _of_file(rooms: Rooms, kind: str, name: str) -> dict[str, Any]:
    type_ = _type(rooms.policybook.files.receivers.get(name)) if kind == RECEIVER else ""
    return {"kind": kind, "name": name, "type": type_, "of_file": True, **_UNCHANGED}


_UNCHANGED: Final[Mapping[str, Any]] = {"revision": None, "changed_by": None, "changed_at": None, "aside": "", "named_by": []}


def _of_page(rooms: Rooms, kept: PageSetting) -> dict[str, Any]:
    place = kept.kind, kept.name
    return {
        "kind": kept.kind,
        "name": kept.name,
        "type": _type(rooms.policybook.page.get(place)),
        "of_file": False,
        "revision": kept.revision,
        "changed_by": kept.changed_by,
        "changed_at": to_ms(kept.changed_at),
        "aside": rooms.policybook.aside.get(place, ""),
        "named_by": _namers(rooms, place),
    }


def _type(setting: Settings | Chosen | None) -> str:
    return setting.name if isinstance(setting, Chosen) else ""


def _taken_over(rooms: Rooms) -> None:
    rooms.policybook.read(rooms.state)
    rooms.updates.publish(Update(TOPIC))


def _word(rooms: Rooms, by: By) -> Word:
    return Word(by.name[:120], rooms.now(), by.address)
