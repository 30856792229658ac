"""X3: alerts that come and go. Times are minutes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from gwanje.tell.flapping import Flap, Limits, Word, since_told, step

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LIMITS = Limits.model_validate({"changes": 4, "within": "10m", "stable_for": "15m", "summary_every": "30m"})


def _lived(changes: dict[int, int], until: int, *, unheard: Collection[int] = ()) -> list[tuple[int, Word]]:
    """What is said of an alert that changed so often at these minutes; in some of them nothing can be said."""
    flap: Flap | None = None
    said = []
    for minute in range(until):
        count = changes.get(minute, 0)
        if flap is None and not count:
            continue
        now, heard = BEGAN + timedelta(minutes=minute), minute not in unheard
        flap, word = step(flap or Flap("cpu high", {}), count, LIMITS, now, heard=heard)
        if word and heard:
            said.append((minute, word))
    assert flap is None, "nothing is remembered of what is long over"
    return said


def test_x3_more_than_so_many_changes_are_told_once() -> None:
    assert _lived({0: 1, 2: 1, 4: 1, 6: 1, 8: 1, 9: 1}, 40) == [(8, Word.BEGAN), (24, Word.OVER)]


def test_x3_as_many_as_are_allowed_are_not_flapping() -> None:
    assert _lived({0: 1, 2: 1, 4: 1, 6: 1}, 40) == []


def test_x3_slow_changes_are_not_flapping() -> None:
    assert _lived(dict.fromkeys(range(0, 60, 3), 1), 90) == []


def test_x3_a_summary_each_period_until_it_is_stable() -> None:
    changes = dict.fromkeys(range(70), 1)
    assert _lived(changes, 120) == [(4, Word.BEGAN), (34, Word.GOES_ON), (64, Word.GOES_ON), (84, Word.OVER)]


def test_x3_what_nobody_can_hear_in_a_storm_is_said_after_it() -> None:
    changes = dict.fromkeys(range(70), 1)
    unheard = {*range(4, 8), 38, *range(84, 90)}
    told = [(8, Word.BEGAN), (39, Word.GOES_ON), (69, Word.GOES_ON), (90, Word.OVER)]
    assert _lived(changes, 120, unheard=unheard) == told


def test_x3_what_is_stable_before_anybody_heard_of_it_is_no_message() -> None:
    assert _lived(dict.fromkeys(range(10), 1), 60, unheard=range(40)) == []


def test_x3_a_summary_counts_the_changes_since_the_last_word() -> None:
    flap, counted = None, list[int]()
    for minute in range(65):
        before = flap or Flap("cpu high", {})
        flap, word = step(before, 2, LIMITS, BEGAN + timedelta(minutes=minute))
        counted += [since_told(before, 2)] if word is Word.GOES_ON else []
    assert counted == [60, 60]
