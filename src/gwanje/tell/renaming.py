"""Another name for a setting of the page, in the texts that name it; all else in them stays as it was typed. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

from gwanje.config import Place as Inside
from gwanje.config import Settings, dump
from gwanje.keep.said import PageSetting
from gwanje.tell import written
from gwanje.tell.naming import named
from gwanje.tell.together import Place

_SIMPLE: Final = re.compile(r"[\w-]+")


def renamed(settings: Iterable[PageSetting], place: Place, name: str) -> Iterator[tuple[PageSetting, str]]:
    """Each setting that names what stands at a place, and its text with the new name in it."""
    for one in settings:
        if one.kind == written.RECEIVER:
            continue  # names nothing, and cannot be read without its secrets
        setting = written.read(one.kind, one.text).setting
        found = [inside for inside, *what in named(setting) if tuple(what) == place] if isinstance(setting, Settings) else []
        if found:
            yield one, replaced(one.text, found, name)


def replaced(text: str, places: Iterable[Inside], name: str) -> str:
    """A YAML text with a name at some places of it. Each of them holds a single value."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    nodes = sorted((_at(root, place) for place in places), key=lambda node: -node.start_mark.index)
    for node in nodes:  # from the end on: what was replaced moves nothing that stands before it
        old = text[node.start_mark.index : node.end_mark.index]
        blank = old[len(old.rstrip()) :]
        text = text[: node.start_mark.index] + _scalar(name) + blank + text[node.end_mark.index :]
    return text


def _at(node: Any, place: Inside) -> yaml.Node:
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        else:
            node = next(value for key, value in node.value if key.value == part)
    found: yaml.Node = node
    return found


def _scalar(name: str) -> str:
    """The name as it can stand anywhere in YAML, in quotes where it must."""
    plain = dump({"name": name}).removeprefix("name: ").rstrip("\n")
    return plain if _SIMPLE.fullmatch(plain) else json.dumps(name, ensure_ascii=False)
