"""What the comments of a page say of its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gwanje.wire.columns import About
from gwanje.wire.exposition.keys import FIRST_NAME, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES: Final = frozenset(
    {"counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram"}
)


def of_comments(comments: Iterable[bytes]) -> dict[str, About]:
    """What `# TYPE`, `# HELP` and `# UNIT` say; other comments say nothing."""
    said: dict[str, dict[str, str]] = {}
    for comment in comments:
        words = comment[1:].split(None, 2)
        if len(words) < 2 or words[0] not in {b"TYPE", b"HELP", b"UNIT"} or not FIRST_NAME.fullmatch(words[1]):
            continue
        text = words[2].decode(errors="replace") if len(words) > 2 else ""
        of = said.setdefault(words[1].decode(), {})
        if words[0] == b"TYPE":
            of["type"] = _type(text.strip())
        else:
            of[words[0].decode().lower()] = unescaped(text)
    return {family: About(**texts) for family, texts in said.items()}


def _type(text: str) -> str:
    return "unknown" if text == "untyped" or text not in _TYPES else text
