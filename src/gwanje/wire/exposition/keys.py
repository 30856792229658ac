"""A key: what stands before a value, a metric's name and its labels in braces.

A name that is not plain stands in quotes, that of the metric among the labels: `{"my.metric","a.b"="c"}`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gwanje.errors import BadInput
from gwanje.model import METRIC
from gwanje.wire.possessive import every

if TYPE_CHECKING:
    from gwanje.wire.columns import Labels

_LONGEST_SHOWN: Final = 120

# Possessive throughout: a line is read once, however it is built.
_NAME: Final = rb"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_LABEL_NAME: Final = rb"[a-zA-Z_][a-zA-Z0-9_]*+"
_TEXT: Final = rb'[^"\\]*+' + every(rb'\\.[^"\\]*+')
_QUOTED: Final = rb'"' + _TEXT + rb'"'
_VALUE: Final = rb"[ \t]*+=[ \t]*+" + _QUOTED
_INSIDE: Final = rb"[ \t]*+(?:" + _LABEL_NAME + _VALUE + rb"|" + _QUOTED + every(_VALUE, b"?") + rb")[ \t]*+"
_BRACES: Final = rb"\{(?:" + _INSIDE + every(rb"," + _INSIDE) + rb",?)?[ \t]*+\}"
KEY: Final = re.compile(_NAME + rb"(?:[ \t]*+" + _BRACES + rb")?|" + _BRACES, re.DOTALL)
"""A whole key."""
_ITEM: Final = re.compile(
    rb"(?:(" + _LABEL_NAME + rb')|"(' + _TEXT + rb')")' + every(rb'[ \t]*+=[ \t]*+"(' + _TEXT + rb')"', b"?"), re.DOTALL
)
_FIRST_NAME: Final = re.compile(_NAME)
NAMED: Final = rb"(" + _NAME + rb')|"(' + _TEXT + rb')"'
"""The name of a metric in a comment, plain or in quotes: one group for each, which `name_of` takes."""
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def labels_of(key: bytes) -> Labels:
    """The labels of a key, sorted by name, those without a value left out. Raises BadInput."""
    return tuple(sorted((name, value) for name, value in pairs_of(key) if value))


def pairs_of(key: bytes) -> list[tuple[str, str]]:
    """The labels of a key as they were written, the metric's name among them, also those without a value. Raises BadInput."""
    if not KEY.fullmatch(key):
        raise BadInput("no series", where=shown(key))
    first = _FIRST_NAME.match(key)
    try:
        pairs = [(METRIC, first[0].decode())] if first else []
        for found in _ITEM.finditer(key, first.end() if first else 0):
            name, value = name_of(found[1], found[2]), found[3]
            pairs.append((METRIC, name) if value is None else (name, unescaped(value.decode())))
    except UnicodeDecodeError as error:
        raise BadInput("a label that is not UTF-8", where=shown(key)) from error
    names = sorted(name for name, _ in pairs)
    if not all(names):
        raise BadInput("a label without a name", where=shown(key))
    if METRIC not in names or (METRIC, "") in pairs:
        raise BadInput("a series without a name", where=shown(key))
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


def name_of(plain: bytes | None, quoted: bytes | None) -> str:
    """A name that is plain, or else stands in quotes. Raises UnicodeDecodeError."""
    return unescaped(quoted.decode()) if quoted is not None else (plain or b"").decode()


def unescaped(text: str) -> str:
    """The text of a name, of a label's value or of a comment, without its escapes."""
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


def _plain(match: re.Match[str]) -> str:
    return {"n": "\n", "\\": "\\", '"': '"'}.get(match[1], match[0])


def shown(text: bytes) -> str:
    """A text as an error shows it, cut where it is long."""
    whole = text.decode(errors="replace")
    return whole if len(whole) <= _LONGEST_SHOWN else whole[: _LONGEST_SHOWN - 1] + "…"
