"""`gwanje secrets`: the key that seals secrets written on the page, whether gwanje runs or not."""

from __future__ import annotations

from pathlib import Path

from gwanje.app.clock import now
from gwanje.app.people import with_state
from gwanje.keep.sealing import FILE, Sealing
from gwanje.keep.state import page_settings, people
from gwanje.keep.state.base import State


def rotate(path: Path) -> int:
    """Seal every secret by a new key. The older keys go only after that: whenever it is ended, everything still opens."""
    sealing = Sealing(path)

    def reseal(state: State) -> int:
        sealing.add_key()
        with state.write() as connection:
            count = page_settings.reseal(connection, sealing.rotate)
            people.note(connection, now(), "command", "secrets sealed anew", FILE, after={"count": count})
        sealing.drop_older()
        return count

    count = with_state(path, reseal)
    print(f"secrets sealed by the new key in {path / FILE}: {count}; other processes on the same state need a copy of it")
    return 0
