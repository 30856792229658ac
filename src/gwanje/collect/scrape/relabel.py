"""Relabelling: steps that keep, drop and rewrite sets of labels, as Prometheus does. Pure, and over many sets at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from pydantic import Field, model_validator

from gwanje import config
from gwanje.errors import BadQuery
from gwanje.keep.promql.regex import full_match, replace_full_match

_ANY: Final = "(.*)"
_WHOLE: Final = "$1"

LabelSet = dict[str, str]


class Step(config.Settings):
    """One step of relabelling, in Prometheus's words: what the source labels hold is matched, and the action done."""

    source_labels: tuple[str, ...] = ()
    """Labels whose values are joined and matched."""

    separator: str = ";"
    """What stands between the joined values."""

    regex: str = _ANY
    """RE2 expression; it must match from end to end."""

    modulus: int = Field(default=0, ge=0, lt=1 << 64)
    """For `hashmod`: the hash of the joined values modulo this."""

    target_label: str = ""
    """The label that `replace`, `hashmod`, `lowercase` and `uppercase` write, and the `…equal` ones compare with."""

    replacement: str = _WHOLE
    """What `replace` writes and how `labelmap` names; `$1` is the expression's first group, `$${name}` a named one."""

    action: Literal[
        "replace",
        "keep",
        "drop",
        "keepequal",
        "dropequal",
        "hashmod",
        "labelmap",
        "labeldrop",
        "labelkeep",
        "lowercase",
        "uppercase",
    ] = "replace"
    """What is done."""

    @model_validator(mode="before")
    @classmethod
    def _plainly_spelled(cls, values: object) -> object:
        """Prometheus takes actions in any case."""
        if isinstance(values, Mapping) and isinstance(values.get("action"), str):
            return {**values, "action": values["action"].lower()}
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> Step:
        try:
            full_match(self.regex, [])
            if self.action in {"replace", "labelmap"}:
                replace_full_match(self.regex, self.replacement, [""])
                replace_full_match(self.regex, self.target_label, [""])
        except BadQuery as error:
            raise ValueError(str(error)) from error
        if problem := _problem(self):
            raise ValueError(f"{self.action} {problem}")
        return self


def relabelled(sets: Iterable[Mapping[str, str]], steps: Sequence[Step]) -> list[LabelSet | None]:
    """Each set after all steps, in order; None for one that was dropped. A label without a value is no label."""
    found: list[LabelSet | None] = [{name: value for name, value in labels.items() if value} for labels in sets]
    for step in steps:
        left = [labels for labels in found if labels is not None]
        kept = iter(_ACTIONS[step.action](step, left, [_joined(step, labels) for labels in left]))
        found = [labels if labels is not None and next(kept) else None for labels in found]
    return found


def _joined(step: Step, labels: LabelSet) -> str:
    return step.separator.join([labels.get(name, "") for name in step.source_labels])


def _keep(step: Step, _sets: list[LabelSet], texts: list[str]) -> list[bool]:
    return [bool(matched) for matched in full_match(step.regex, texts)]


def _drop(step: Step, _sets: list[LabelSet], texts: list[str]) -> list[bool]:
    return [not matched for matched in full_match(step.regex, texts)]


def _keep_equal(step: Step, sets: list[LabelSet], texts: list[str]) -> list[bool]:
    return [labels.get(step.target_label, "") == text for labels, text in zip(sets, texts, strict=True)]


def _drop_equal(step: Step, sets: list[LabelSet], texts: list[str]) -> list[bool]:
    return [not equal for equal in _keep_equal(step, sets, texts)]


def _replace(step: Step, sets: list[LabelSet], texts: list[str]) -> list[bool]:
    values = _expanded(step, step.replacement, texts)
    plain = "$" not in step.target_label
    targets = [step.target_label] * len(texts) if plain else _expanded(step, step.target_label, texts)
    for labels, target, value in zip(sets, targets, values, strict=True):
        if value is not None and target:
            _set(labels, target, value)
    return [True] * len(sets)


def _expanded(step: Step, template: str, texts: list[str]) -> Sequence[str | None]:
    if step.regex == _ANY and template == _WHOLE:
        return texts
    return replace_full_match(step.regex, template, texts) if texts else []


def _to_lower(step: Step, sets: list[LabelSet], texts: list[str]) -> list[bool]:
    return _write(step, sets, [text.lower() for text in texts])


def _to_upper(step: Step, sets: list[LabelSet], texts: list[str]) -> list[bool]:
    return _write(step, sets, [text.upper() for text in texts])


def _hash_mod(step: Step, sets: list[LabelSet], texts: list[str]) -> list[bool]:
    hashes = (hashlib.md5(text.encode(), usedforsecurity=False).digest() for text in texts)
    # The last eight bytes, as Prometheus takes them: targets are shared out between both alike.
    return _write(step, sets, [str(int.from_bytes(digest[8:], "big") % step.modulus) for digest in hashes])


def _write(step: Step, sets: list[LabelSet], values: list[str]) -> list[bool]:
    for labels, value in zip(sets, values, strict=True):
        _set(labels, step.target_label, value)
    return [True] * len(sets)


def _set(labels: LabelSet, name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _map_labels(step: Step, sets: list[LabelSet], _texts: list[str]) -> list[bool]:
    names = _names(sets)
    renamed = dict(zip(names, replace_full_match(step.regex, step.replacement, names), strict=True)) if names else {}
    for labels in sets:
        for name, value in list(labels.items()):
            new = renamed[name]
            if new:
                labels[new] = value
    return [True] * len(sets)


def _drop_labels(step: Step, sets: list[LabelSet], _texts: list[str]) -> list[bool]:
    return _without(sets, dropped=_matching(step, sets, matched=True))


def _keep_labels(step: Step, sets: list[LabelSet], _texts: list[str]) -> list[bool]:
    return _without(sets, dropped=_matching(step, sets, matched=False))


def _matching(step: Step, sets: list[LabelSet], *, matched: bool) -> set[str]:
    names = _names(sets)
    return {name for name, match in zip(names, full_match(step.regex, names), strict=True) if bool(match) is matched}


def _without(sets: list[LabelSet], dropped: set[str]) -> list[bool]:
    for labels in sets:
        for name in dropped & labels.keys():
            del labels[name]
    return [True] * len(sets)


def _names(sets: list[LabelSet]) -> list[str]:
    return sorted({name for labels in sets for name in labels})


_ACTIONS: Final[Mapping[str, Callable[[Step, list[LabelSet], list[str]], list[bool]]]] = {
    "replace": _replace,
    "keep": _keep,
    "drop": _drop,
    "keepequal": _keep_equal,
    "dropequal": _drop_equal,
    "hashmod": _hash_mod,
    "labelmap": _map_labels,
    "labeldrop": _drop_labels,
    "labelkeep": _keep_labels,
    "lowercase": _to_lower,
    "uppercase": _to_upper,
}
"""Each changes the sets in place and says which of them stay."""


# --- steps that make no sense --------------------------------------------------------------------------------------------


def _problem(step: Step) -> str:
    """What keeps the step from being done, as Prometheus says when it reads one; empty when it can be."""
    needs_target = step.action in {"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"}
    if needs_target and not step.target_label:
        return "needs `target_label`"
    if step.action == "hashmod" and not step.modulus:
        return "needs `modulus`, which is not 0"
    if needs_target and step.action != "replace" and "$" in step.target_label:
        return f"needs a label name as `target_label` and no template, not {step.target_label!r}"
    if step.action == "labelmap" and not step.replacement:
        return "needs `replacement`"
    return _set_in_vain(step)


def _set_in_vain(step: Step) -> str:
    """Settings that the action does not look at, and that Prometheus refuses."""
    unused = {
        "keepequal": {"regex", "modulus", "separator", "replacement"},
        "dropequal": {"regex", "modulus", "separator", "replacement"},
        "labeldrop": {"source_labels", "target_label", "modulus", "separator", "replacement"},
        "labelkeep": {"source_labels", "target_label", "modulus", "separator", "replacement"},
    }.get(step.action, set())
    vain = sorted(name for name in unused if getattr(step, name) != type(step).model_fields[name].default)
    return f"does not use {', '.join(f'`{name}`' for name in vain)}; leave it out" if vain else ""
