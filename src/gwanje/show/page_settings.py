"""Receivers, windows, rotas, escalations and routes as people write them on the page: read, checked, kept and removed.

Those of the folder's files are shown, and changed in the file. A receiver's secrets are taken and never given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from gwanje.because import Because, plain, worded
from gwanje.carry.updates.base import Update
from gwanje.config import Chosen, Settings, dump
from gwanje.errors import BadInput, GwanjeError, Mistake, NotFound
from gwanje.keep.said import PageSetting
from gwanje.keep.state import page_settings, receivers
from gwanje.keep.state.revised import Word
from gwanje.show.keeping import changed, word
from gwanje.show.mistakes import shown_mistake
from gwanje.show.rooms import Rooms
from gwanje.show.saying import TOPIC, By
from gwanje.tell import written
from gwanje.tell.of_files import OfFile
from gwanje.tell.renaming import renamed
from gwanje.tell.together import Place, namers, names_of, overrules, problems
from gwanje.tell.written import RECEIVER, Kept, Text


@dataclass(frozen=True, slots=True)
class Asked:
    """A setting as somebody wants it kept. `revision` is the one that was read; None makes a new one."""

    kind: str
    text: str
    revision: int | None
    name: str | None = None
    """The name that was read, of a setting that is changed; another one in the text renames it."""


def listed(rooms: Rooms) -> dict[str, Any]:
    """Every setting, of files and of the page, without texts; those that are set aside with why."""
    rooms.policybook.read(rooms.state)
    with rooms.state.read() as connection:
        kept = page_settings.every(connection)
    of_files = sorted(rooms.policybook.as_written.items(), key=lambda one: (written.KINDS.index(one[0][0]), one[0][1]))
    return {"settings": [*(_of_file(rooms, *one) for one in of_files), *(_of_page(rooms, one) for one in kept)]}


def one(rooms: Rooms, kind: str, name: str, *, of_file: bool = False) -> dict[str, Any]:
    """One setting of the page, with its text and who names it; with `of_file` that of a file, as it is written there.

    Raises NotFound.
    """
    if of_file:
        known = rooms.policybook.as_written.get((kind, name))
        if known is None:
            raise NotFound(f"no {kind} of a file is named {name!r}")
        said = {"text": dump(known.values), "values": known.values, "mistakes": [], "secrets": []}
        return {**_of_file(rooms, (kind, name), known), **said}
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
    """Keep a setting; it counts from the next round on. Under another name than was read, what names it says the new one.

    Raises BadInput for a text with mistakes and a name that is taken, Outdated when somebody changed it since, GwanjeError
    when its secrets cannot be sealed.
    """
    found, mistakes = _read(rooms, asked.kind, asked.text, asked.name)
    if mistakes:
        raise BadInput("; ".join(f"{one['key']}: {one['message']}" for one in mistakes[:3]), where="text")
    text = written.hidden(found) if found.secrets else asked.text
    sealed = {place: _sealed(rooms, secret) for place, secret in found.secrets.items()}
    with rooms.state.write() as connection:
        kept = _put(connection, asked, PageSetting(asked.kind, found.name, text, sealed, 0, "", rooms.now()), word(rooms, by))
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
        page_settings.drop(connection, (kept.kind, kept.name), revision, word(rooms, by))
    _taken_over(rooms)


def _put(connection: Connection, asked: Asked, wanted: PageSetting, word: Word) -> PageSetting:
    place = wanted.kind, wanted.name
    if asked.revision is None or asked.name in {None, wanted.name}:
        return page_settings.put(connection, place, wanted.text, sealed=wanted.sealed, revision=asked.revision, word=word)
    before = str(asked.name)
    kept = page_settings.rename(connection, before, replace(wanted, revision=asked.revision), word)
    if asked.kind == RECEIVER:
        receivers.rename(connection, before, wanted.name)
    for one, text in renamed(page_settings.every(connection), (asked.kind, before), wanted.name):
        page_settings.put(connection, (one.kind, one.name), text, sealed=one.sealed, revision=one.revision, word=word)
    return kept


def _read(rooms: Rooms, kind: str, text: str, name: str | None) -> tuple[Text, list[dict[str, Any]]]:
    """A text beside what is kept of it, and everything that is wrong with it."""
    try:
        found = written.read(kind, text, _secrets_of(rooms, kind, name))
    except GwanjeError as error:
        found = written.read(kind, text)
        return found, [shown_mistake(Mistake("", 0, "", worded(error.said, str(error))))]
    mistakes = [shown_mistake(one) for one in found.mistakes]
    if found.setting is not None:
        page = {**_others(rooms, kind, name, found.name), (kind, found.name): found.setting}
        wrong = problems(rooms.policybook.files, page, (kind, found.name))
        if name != found.name and found.name in names_of(rooms.policybook.files)[kind]:
            sentence = f"gwanje.yaml has a {kind} of this name; choose another"
            wrong.insert(0, ("name", Because(sentence, "setting_name_taken")))
        mistakes += [shown_mistake(Mistake("", 0, key, message)) for key, message in wrong]
    return found, mistakes


def _others(rooms: Rooms, kind: str, name: str | None, new: str) -> Mapping[Place, Settings | Chosen]:
    """The settings of the page beside one that is being written, as they would be with its new name."""
    page = rooms.policybook.page
    if name in {None, new}:
        return page
    with rooms.state.read() as connection:
        texts = list(renamed(page_settings.every(connection), (kind, str(name)), new))
    read = {(one.kind, one.name): written.read(one.kind, text).setting for one, text in texts}
    known = {place: setting for place, setting in read.items() if setting is not None}
    return {place: setting for place, setting in {**page, **known}.items() if place != (kind, name)}


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


def _of_file(rooms: Rooms, place: Place, known: OfFile) -> dict[str, Any]:
    kind, name = place
    missing = Because("has no address yet; nobody is told by it", "receiver_without_address")
    note = missing if kind == RECEIVER and name in rooms.policybook.files.policy.absent else ""
    return {
        "kind": kind,
        "name": name,
        "type": str(known.values.get("type", "")) if kind == RECEIVER else "",
        "file": known.file,
        "line": known.line,
        **changed(None),
        "named_by": _namers(rooms, place),
        **_noted(aside="", note=note),
    }


def _of_page(rooms: Rooms, kept: PageSetting) -> dict[str, Any]:
    place = kept.kind, kept.name
    chosen = rooms.policybook.page.get(place)
    aside = rooms.policybook.aside.get(place, "")
    return {
        "kind": kept.kind,
        "name": kept.name,
        "type": chosen.name if isinstance(chosen, Chosen) else "",
        "file": None,
        "line": 0,
        **changed(kept),
        "named_by": _namers(rooms, place),
        **_noted(aside=aside, note="" if aside else overrules(rooms.policybook.page, place)),
    }


def _noted(*, aside: str, note: str) -> dict[str, Any]:
    """Why it does not count, or what is worth knowing of how it counts; the same by code and values, for other languages."""
    return {"aside": str(aside), "note": str(note), "reason": plain(aside or note)}


def _taken_over(rooms: Rooms) -> None:
    rooms.policybook.read(rooms.state)
    rooms.updates.publish(Update(TOPIC))
