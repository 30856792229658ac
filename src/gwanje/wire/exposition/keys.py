"""A key: what stands before a value, a metric's name and its labels in braces."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gwanje.errors import BadInput
from gwanje.model import METRIC

if TYPE_CHECKING:
    from gwanje.wire.columns import Labels

_LONGEST_SHOWN: Final = 120

# Possessive throughout: a line is read once, however it is built.
_NAME: Final = rb"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_LABEL_NAME: Final = rb"[a-zA-Z_][a-zA-Z0-9_]*+"
_TEXT: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_PAIR: Final = rb"[ \t]*+" + _LABEL_NAME + rb'[ \t]*+=[ \t]*+"' + _TEXT + rb'"[ \t]*+'
_BRACES: Final = rb"\{(?:" + _PAIR + rb"(?:," + _PAIR + rb")*+,?)?[ \t]*+\}"
KEY: Final = re.compile(_NAME + rb"(?:[ \t]*+" + _BRACES + rb")?", re.DOTALL)
"""A whole key."""
_LABEL: Final = re.compile(rb"(" + _LABEL_NAME + rb')[ \t]*+=[ \t]*+"(' + _TEXT + rb')"', re.DOTALL)
FIRST_NAME: Final = re.compile(_NAME)
"""The name of a metric."""
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def labels_of(key: bytes) -> Labels:
    """The labels of a key, sorted by name, those without a value left out. Raises BadInput."""
    return tuple(sorted((name, value) for name, value in pairs_of(key) if value))


def pairs_of(key: bytes) -> list[tuple[str, str]]:
    """The labels of a key as they were written, the metric's name first, also those without a value. Raises BadInput."""
    name = FIRST_NAME.match(key)
    if not name or not KEY.fullmatch(key):
        raise BadInput("no series", where=shown(key))
    try:
        pairs = [(METRIC, name[0].decode())]
        pairs += [(label[1].decode(), unescaped(label[2].decode())) for label in _LABEL.finditer(key, name.end() + 1)]
    except UnicodeDecodeError as error:
        raise BadInput("a label that is not UTF-8", where=shown(key)) from error
    names = sorted(name for name, _ in pairs)
    for one, following in pairwise(names):
        if one == following:
            raise BadInput(f"the label {one!r} stands twice", where=shown(key))
    return pairs


def is_right(key: bytes) -> bool:
    """Whether `pairs_of` can read a key."""
    try:
        pairs_of(key)
    except BadInput:
        return False
    return True


def unescaped(text: str) -> str:
    """The text of a label's value or of a comment, without its escapes."""
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


def _plain(match: re.Match[str]) -> str:
    return {"n": "\n", "\\": "\\", '"': '"'}.get(match[1], match[0])


def shown(text: bytes) -> str:
    """A text as an error shows it, cut where it is long."""
    whole = text.decode(errors="replace")
    return whole if len(whole) <= _LONGEST_SHOWN else whole[: _LONGEST_SHOWN - 1] + "…"
