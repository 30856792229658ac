r"""The labels of a key. `\` stands before `,`, `=`, a blank, `"` and `\`; before anything else it is itself."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from gwanje.errors import BadInput
from gwanje.model import METRIC

if TYPE_CHECKING:
    from gwanje.wire.columns import Labels

_TOKEN = re.compile(rb"\\.|.", re.DOTALL)
_ESCAPE = re.compile(r'\\([,= "\\])')
_NOT_OF_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_LONGEST_REMEMBERED = 128


def labels_of(key: bytes) -> Labels:
    """Read and check the labels of a key: names made Prometheus's, tags without a value left out. Raises BadInput."""
    parts = split(key, b" ")
    if len(parts) != 2:
        raise BadInput("no series: a blank or a field too many", where=shown(key))
    measurement, *tags = split(parts[0], b",")
    if not measurement or not parts[1]:
        raise BadInput("a series without a measurement or field", where=shown(key))
    name, wanted = read(measurement, key), read(parts[1], key)
    pairs = [(METRIC, _as_name(name if wanted == "value" else f"{name}_{wanted}"))]
    pairs += [pair for tag in tags if (pair := _pair(tag, key))[1]]
    pairs.sort()
    if len(dict(pairs)) < len(pairs):
        twice = next(one for (one, _), (following, _) in pairwise(pairs) if one == following)
        raise BadInput(f"two tags become the one label {twice!r}; send each tag once", where=shown(key))
    return tuple(pairs)


def split(text: bytes, by: bytes) -> list[bytes]:
    """Cut at each separator that is not escaped; the escapes stay."""
    if b"\\" not in text:
        return text.split(by)
    pieces = [bytearray()]
    for token in _TOKEN.findall(text):
        if token == by:
            pieces.append(bytearray())
        else:
            pieces[-1] += token
    return list(map(bytes, pieces))


def read(part: bytes, key: bytes) -> str:
    """A part of a key as text, without its escapes. Raises BadInput, which names the key."""
    try:
        text = part.decode()
    except UnicodeDecodeError as error:
        raise BadInput("a name or tag that is not UTF-8", where=shown(key)) from error
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def shown(text: bytes) -> str:
    """The beginning of a text as an error shows it."""
    beginning = text[:200].decode(errors="replace")
    return beginning if len(text) <= 80 else beginning[:79] + "…"


def _pair(tag: bytes, key: bytes) -> tuple[str, str]:
    parts = tag.split(b"=") if b"\\" not in tag else split(tag, b"=")
    if len(parts) != 2 or not parts[0]:
        raise BadInput(f"{shown(tag)!r} is no tag; write `name=value`", where=shown(key))
    name, value = parts
    return _as_name(read(name, key)), read(value, key)


def _as_name(text: str) -> str:
    return _made_name(text) if len(text) > _LONGEST_REMEMBERED else _remembered_name(text)


@lru_cache(maxsize=4096)  # a sender names the same few tags again and again
def _remembered_name(text: str) -> str:
    return _made_name(text)


def _made_name(text: str) -> str:
    name = _NOT_OF_NAMES.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name
