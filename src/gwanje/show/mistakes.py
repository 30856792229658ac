"""What is wrong with a text that people write on the page, as its editors read it."""

from __future__ import annotations

from typing import Any

from gwanje.because import plain
from gwanje.errors import Mistake


def shown_mistake(mistake: Mistake) -> dict[str, Any]:
    """A mistake; `reason` says the message by code and values where it has them, so that the page can word it."""
    said = mistake.message
    return {"key": mistake.key, "line": mistake.line, "message": str(said), "reason": plain(said)}
