"""Rules as people write them on the page: read, checked, kept, switched and removed.

The rules of the folder's files are shown and can be switched off; their text is changed in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from gwanje.because import Because, plain
from gwanje.carry.updates.base import Update
from gwanje.errors import BadInput, Mistake, NotFound
from gwanje.judge.rules import written
from gwanje.judge.rules.questions import curve
from gwanje.judge.rules.spec import Rule
from gwanje.judge.trouble import RULE_ERROR
from gwanje.keep.said import PageRule
from gwanje.keep.state import page_rules
from gwanje.keep.state.revised import Word
from gwanje.show.keeping import changed, word
from gwanje.show.mistakes import shown_mistake
from gwanje.show.rooms import Rooms
from gwanje.show.saying import TOPIC, By
from gwanje.show.thresholds import shown_rule


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule as somebody wants it kept. `revision` is the one that was read; None makes a new rule."""

    text: str
    enabled: bool
    revision: int | None
    rule: str | None = None
    """The name that was read, of a rule that is changed; another one in the text renames it."""


def listed(rooms: Rooms) -> dict[str, Any]:
    """Every rule that is written somewhere: of the page and of files, those that are set aside with why."""
    rooms.rulebook.read(rooms.state)
    with rooms.state.read() as connection:
        pages, off = page_rules.every(connection), page_rules.off(connection)
    return {
        "rules": [
            *(_of_file(rooms, rule, off) for rule in rooms.rulebook.files.values()),
            *(_of_page(rooms, one) for one in pages),
        ]
    }


def one(rooms: Rooms, name: str, *, of_page: bool = False) -> dict[str, Any]:
    """One rule with its text; of a file's and a page's of the same name, the file's, which counts, unless the page's is
    asked for. Raises NotFound.
    """
    with rooms.state.read() as connection:
        kept, off = page_rules.one(connection, name), page_rules.off(connection)
    if name in rooms.rulebook.files and not of_page:
        rule = rooms.rulebook.files[name]
        return {**_of_file(rooms, rule, off), **check_values(written.values_of(rule))}
    if kept is None:
        raise NotFound(Because(f"no rule is named {name!r}", "no_rule", name=name))
    return {**_of_page(rooms, kept), **check_text(kept.text)}


def check_text(text: str) -> dict[str, Any]:
    """What a text says: its values for a form, each mistake with its key, and what the rule looks at."""
    found = written.read(text)
    return {"text": text, "values": found.values, **_checked(found.rule, found.mistakes)}


def check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The text of a form's values, and what it says."""
    return check_text(written.text_of(values))


def save(rooms: Rooms, asked: Asked, by: By) -> dict[str, Any]:
    """Keep a rule; it counts from the next round on. Under another name than was read, what is open of it ends with `rule
    removed` and begins anew, for alerts are known by their rule's name; thresholds that were set apart go along.

    Raises BadInput for a text with mistakes and a name that is taken, Outdated when somebody changed the rule since.
    """
    rule = right(asked.text)
    _check_name(rooms, rule.name, asked)
    with rooms.state.write() as connection:
        kept = _put(connection, rule.name, asked, word(rooms, by))
    _taken_over(rooms)
    return _of_page(rooms, kept)


def switch(rooms: Rooms, name: str, revision: int | None, by: By, *, on: bool) -> dict[str, Any]:
    """Switch a rule on or off. What is open of one that is switched off ends with `rule removed`.

    Raises NotFound, BadInput for a rule that its file switches off, Outdated when somebody changed the rule since.
    """
    said = word(rooms, by)
    if name in rooms.rulebook.files:
        rule = rooms.rulebook.files[name]
        if not rule.enabled:
            place = rooms.rulebook.said(name)
            off = Because(f"{place} says `enabled: false`; change it there", "off_in_file", place=place)
            raise BadInput(off, where="enabled")
        with rooms.state.write() as connection:
            page_rules.switch(connection, name, said, on=on)
        _taken_over(rooms)
        return _of_file(rooms, rule, frozenset() if on else frozenset({name}))
    with rooms.state.write() as connection:
        before = page_rules.one(connection, name)
        if before is None:
            raise NotFound(Because(f"no rule is named {name!r}", "no_rule", name=name))
        read = before.revision if revision is None else revision
        kept = page_rules.put(connection, name, before.text, enabled=on, revision=read, word=said)
    _taken_over(rooms)
    return _of_page(rooms, kept)


def drop(rooms: Rooms, name: str, revision: int, by: By) -> None:
    """Remove a rule of the page; what is open of it ends with `rule removed`. Raises NotFound, Outdated."""
    with rooms.state.write() as connection:
        if page_rules.one(connection, name) is None:
            if name in rooms.rulebook.files:
                place = rooms.rulebook.said(name)
                sentence = f"this rule stands in {place}; remove it there, or switch it off here"
                raise BadInput(Because(sentence, "rule_of_file", place=place))
            raise NotFound(Because(f"no rule of the page is named {name!r}", "no_rule", name=name))
        page_rules.drop(connection, name, revision, word(rooms, by))
    _taken_over(rooms)


def _checked(rule: Rule | None, mistakes: Sequence[Mistake]) -> dict[str, Any]:
    return {
        "mistakes": [shown_mistake(one) for one in mistakes],
        "looks_at": curve(rule, {}) if rule else "",
        "rule": shown_rule(rule) if rule else None,
    }


def right(text: str) -> Rule:
    """The rule that a text says. Raises BadInput with its first mistake."""
    found = written.read(text)
    if found.rule is None:
        first = found.mistakes[0]
        more = f" (and {len(found.mistakes) - 1} more)" if len(found.mistakes) > 1 else ""
        at = f"line {first.line}" if first.line else "the text"
        raise BadInput(f"{first.key}: {first.message}{more}" if first.key else f"{first.message}{more}", where=at)
    return found.rule


def _put(connection: Connection, name: str, asked: Asked, word: Word) -> PageRule:
    if asked.rule is not None and asked.rule != name and asked.revision is not None:
        after = PageRule(name, asked.text, asked.enabled, asked.revision, word.who, word.at)
        return page_rules.rename(connection, asked.rule, after, word)
    return page_rules.put(connection, name, asked.text, enabled=asked.enabled, revision=asked.revision, word=word)


def _check_name(rooms: Rooms, name: str, asked: Asked) -> None:
    renamed = asked.rule not in {None, name}
    if name == RULE_ERROR.name:
        raise BadInput(Because(f"the name {name!r} is gwanje's own; choose another", "name_is_ours", name=name), where="name")
    if name in rooms.rulebook.files and (asked.revision is None or renamed):
        place = rooms.rulebook.said(name)
        sentence = f"{place} has a rule named {name!r}; choose another name"
        raise BadInput(Because(sentence, "rule_name_taken", place=place, name=name), where="name")


def _of_file(rooms: Rooms, rule: Rule, off: frozenset[str]) -> dict[str, Any]:
    file, line = rooms.rulebook.places.get(rule.name, ("", 0))
    return {
        "name": rule.name,
        "file": file,
        "line": line,
        "enabled": rule.enabled and rule.name not in off,
        "off_in_file": not rule.enabled,
        **_aside(""),
        **changed(None),
    }


def _of_page(rooms: Rooms, kept: PageRule) -> dict[str, Any]:
    return {
        "name": kept.name,
        "file": None,
        "line": 0,
        "enabled": kept.enabled,
        "off_in_file": False,
        **_aside(rooms.rulebook.aside.get(kept.name, "")),
        **changed(kept),
    }


def _aside(why: str) -> dict[str, Any]:
    """Why it does not count, and the same by code and values."""
    return {"aside": str(why), "reason": plain(why)}


def _taken_over(rooms: Rooms) -> None:
    rooms.rulebook.read(rooms.state)
    rooms.updates.publish(Update(TOPIC))
