"""What the comments of a page say of its metrics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gwanje.wire.columns import About
from gwanje.wire.exposition.keys import NAMED, name_of, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES: Final = frozenset(
    {"counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram"}
)
_SAYS: Final = re.compile(rb"#[ \t]*(TYPE|HELP|UNIT)[ \t]+(?:" + NAMED + rb")(?:[ \t]+(.*))?", re.DOTALL)


def of_comments(comments: Iterable[bytes]) -> dict[str, About]:
    """What `# TYPE`, `# HELP` and `# UNIT` say; other comments say nothing."""
    said: dict[str, dict[str, str]] = {}
    for found in map(_SAYS.fullmatch, comments):
        if found is None:
            continue
        word, plain, quoted, text = found.groups()
        try:
            of = said.setdefault(name_of(plain, quoted), {})
        except UnicodeDecodeError:
            continue
        words = (text or b"").decode(errors="replace")
        if word == b"TYPE":
            of["type"] = _type(words.strip())
        else:
            of[word.decode().lower()] = unescaped(words)
    return {family: About(**texts) for family, texts in said.items() if family}


def _type(text: str) -> str:
    return "unknown" if text == "untyped" or text not in _TYPES else text
