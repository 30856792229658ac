"""Labels made of other labels: `label_replace` and `label_join`."""

from __future__ import annotations

from gwanje.errors import BadQuery
from gwanje.keep.promql.calls import Asked
from gwanje.keep.promql.regex import replace_full_match
from gwanje.keep.promql.table import Table, label, relabelled, with_label


def label_replace(asked: Asked) -> Table:
    """Set a label by a template where a pattern matches another label whole. Raises BadQuery."""
    table: Table = asked.arguments[0]
    target, template, source, pattern = (str(argument) for argument in asked.arguments[1:5])
    _refuse_label(target, "label_replace")
    texts = replace_full_match(pattern, template, [label(labels, source) for labels in table.labels])
    labels = [own if text is None else with_label(own, target, text) for own, text in zip(table.labels, texts, strict=True)]
    return relabelled(table, labels)


def label_join(asked: Asked) -> Table:
    """Set a label to others' values, joined. Raises BadQuery."""
    table: Table = asked.arguments[0]
    target, separator, *sources = (str(argument) for argument in asked.arguments[1:])
    _refuse_label(target, "label_join")
    texts = [separator.join(label(own, source) for source in sources) for own in table.labels]
    return relabelled(table, [with_label(own, target, text) for own, text in zip(table.labels, texts, strict=True)])


def _refuse_label(name: str, function: str) -> None:
    if not name:
        raise BadQuery(f'invalid destination label name in {function}(): ""')
