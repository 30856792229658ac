"""Rules as they stand in files: `rules` of the main file and of each file in `rules/`. One with `record` is a recording rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwanje.config import Document, Reader


@dataclass(frozen=True, slots=True)
class Written:
    """Every rule of a folder, in the order of the files."""

    rules: Sequence[Rule]
    recordings: Sequence[Recording]


def read(reader: Reader, main: Document) -> Written:
    """What is not right is noted in the reader."""
    rules: dict[str, Rule] = {}
    recordings: dict[str, Recording] = {}
    for document in (main, *reader.documents("rules")):
        if document is not main:
            _only_rules(reader, document)
        for index, values in _listed(reader, document):
            if isinstance(values, dict) and "record" in values:
                recording = reader.read(Recording, document, ("rules", index), values)
                if recording and _alone(reader, document, index, "record", recording.record in recordings):
                    recordings[recording.record] = recording
            else:
                rule = reader.read(Rule, document, ("rules", index), values)
                if rule and _alone(reader, document, index, "name", rule.name in rules):
                    rules[rule.name] = rule
    return Written(tuple(rules.values()), tuple(recordings.values()))


def _listed(reader: Reader, document: Document) -> Iterator[tuple[int, Any]]:
    listed = document.values.get("rules") or []
    if not isinstance(listed, list):
        reader.mistake(*document.where(("rules",)), "rules", "must be a list: `- {name: …, expr: …, critical: …}`")
        return
    yield from enumerate(listed)


def _alone(reader: Reader, document: Document, index: int, key: str, known: bool) -> bool:  # noqa: FBT001 - private, one caller each
    if known:
        name = document.values["rules"][index][key]
        place = document.where(("rules", index, key))
        reader.mistake(*place, f"rules[{index}].{key}", f"a rule named {name!r} stands elsewhere too; rename one")
    return not known


def _only_rules(reader: Reader, document: Document) -> None:
    for key in document.values.keys() - {"rules"}:
        reader.mistake(*document.where((key,)), str(key), "unknown key; a file of rules holds `rules`")
