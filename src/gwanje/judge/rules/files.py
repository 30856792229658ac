"""Rules as they stand in files: `rules` of the main file and of each file in `rules/`."""

from __future__ import annotations

from gwanje.config import Document, Reader
from gwanje.judge.rules.spec import Rule


def read(reader: Reader, main: Document) -> list[Rule]:
    """Every rule of the folder, in the order of the files. What is not right is noted in the reader."""
    found: dict[str, Rule] = {}
    for document in (main, *reader.documents("rules")):
        if document is not main:
            _only_rules(reader, document)
        for index, rule in _listed(reader, document):
            if rule.name in found:
                file, line = document.where(("rules", index, "name"))
                reader.mistake(file, line, f"rules[{index}].name", f"a rule named {rule.name!r} stands elsewhere too; rename one")
            found.setdefault(rule.name, rule)
    return list(found.values())


def _listed(reader: Reader, document: Document) -> list[tuple[int, Rule]]:
    listed = document.values.get("rules") or []
    if not isinstance(listed, list):
        reader.mistake(*document.where(("rules",)), "rules", "must be a list: `- {name: …, expr: …, critical: …}`")
        return []
    rules = [(index, reader.read(Rule, document, ("rules", index), values)) for index, values in enumerate(listed)]
    return [(index, rule) for index, rule in rules if rule is not None]


def _only_rules(reader: Reader, document: Document) -> None:
    for key in document.values.keys() - {"rules"}:
        reader.mistake(*document.where((key,)), str(key), "unknown key; a file of rules holds `rules`")
