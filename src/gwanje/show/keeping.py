"""What rules and settings of the page share when they are kept and shown."""

from __future__ import annotations

from typing import Any

from gwanje.keep.said import PageRule, PageSetting
from gwanje.keep.state.revised import Word
from gwanje.model import to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.saying import By


def word(rooms: Rooms, by: By) -> Word:
    """Somebody's word, now."""
    return Word(by.name[:120], rooms.now(), by.address)


def changed(kept: PageRule | PageSetting | None) -> dict[str, Any]:
    """Who changed it last, when (milliseconds), and what the next change must name; nothing of what stands in a file."""
    if kept is None:
        return {"revision": None, "changed_by": None, "changed_at": None}
    return {"revision": kept.revision, "changed_by": kept.changed_by, "changed_at": to_ms(kept.changed_at)}
