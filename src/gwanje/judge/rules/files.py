"""Rules as they stand in files: `rules` of the main file and of each file in `rules/`. One with `record` is a recording rule.

A file in `rules/` may also be one of Prometheus's, with `groups`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gwanje.config import dotted
from gwanje.judge.rules import prometheus
from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gwanje.config import Document, Place, Reader


_NAMES: Final[Mapping[str | int, str]] = {"rules": "name", "groups": "alert"}
"""The key that names a rule, in our lists and in Prometheus's groups."""


@dataclass(frozen=True, slots=True)
class Written:
    """Every rule of a folder, in the order of the files."""

    rules: Sequence[Rule]
    recordings: Sequence[Recording]
    places: Mapping[str, tuple[str, int]]
    """File and line of each rule, by its name."""


def read(reader: Reader, main: Document) -> Written:
    """What is not right is noted in the reader."""
    rules: dict[str, Rule] = {}
    recordings: dict[str, Recording] = {}
    places: dict[str, tuple[str, int]] = {}
    for document in (main, *reader.documents("rules")):
        if document is not main:
            _only_rules(reader, document)
        for place, values in (*_listed(reader, document), *(_grouped(reader, document) if document is not main else ())):
            if isinstance(values, dict) and "record" in values:
                recording = reader.read(Recording, document, place, values)
                if recording and _alone(reader, document, (*place, "record"), recording.record, recording.record in recordings):
                    recordings[recording.record] = recording
            else:
                rule = reader.read(Rule, document, place, values)
                if rule and _alone(reader, document, (*place, _NAMES[place[0]]), rule.name, rule.name in rules):
                    rules[rule.name] = rule
                    places[rule.name] = document.where(place)
    return Written(tuple(rules.values()), tuple(recordings.values()), places)


def _listed(reader: Reader, document: Document) -> Iterator[tuple[Place, Any]]:
    listed = document.values.get("rules") or []
    if not isinstance(listed, list):
        reader.mistake(*document.where(("rules",)), "rules", "must be a list: `- {name: …, expr: …, critical: …}`")
        return
    for index, values in enumerate(listed):
        yield ("rules", index), values


def _grouped(reader: Reader, document: Document) -> Iterator[tuple[Place, Any]]:
    if "groups" not in document.values:
        return
    try:
        for one in prometheus.translated(document.values["groups"]):
            for key in one.unknown:
                reader.mistake(*document.where(one.place), key, "unknown key in a rule file of Prometheus")
            yield one.place, one.values
    except ValueError as error:
        reader.mistake(*document.where(("groups",)), "groups", str(error))


def _alone(reader: Reader, document: Document, place: Place, name: str, known: bool) -> bool:  # noqa: FBT001 - private, two callers
    if known:
        reader.mistake(*document.where(place), dotted(place), f"a rule named {name!r} stands elsewhere too; rename one")
    return not known


def _only_rules(reader: Reader, document: Document) -> None:
    for key in document.values.keys() - {"rules", "groups"}:
        reader.mistake(
            *document.where((key,)), str(key), "unknown key; a file of rules holds `rules`, or `groups` as Prometheus writes them"
        )
