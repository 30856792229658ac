"""What a story says of what mutes, and how it is read again. Times are minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gwanje.because import plain
from gwanje.tell.muted import Muted, Muter, changes, mutings, words

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


SILENCE = Muter("silenced", "s-1", "kim", "moving", _at(60))
SWITCH = Muter("inhibited", "e9", why="switch down · sw-1")
NIGHT = Muter("mute window", "night", until=_at(600), receiver="ops")
EVERY = (SILENCE, SWITCH, NIGHT, Muter("maintenance", "patch"), Muter("flapping"))


@dataclass(frozen=True)
class Line:
    at: datetime
    reason: Mapping[str, Any] | None


def _story(*moments: tuple[float, tuple[Muter, ...]]) -> list[Line]:
    """What is said when these mute from these minutes on."""
    said, before = [Line(BEGAN, None), Line(BEGAN, {"code": "value", "values": {"value": 0.9}})], tuple[Muter, ...]()
    for minute, after in moments:
        said += [Line(_at(minute), plain(one)) for one in changes(before, after)]
        before = after
    return said


def test_a_story_tells_from_when_until_when_each_held() -> None:
    story = _story((1, (SILENCE,)), (5, (SILENCE, SWITCH)), (20, (SWITCH,)), (30, ()))
    assert mutings(story, None) == [Muted(SILENCE, _at(1), _at(20)), Muted(SWITCH, _at(5), _at(30))]


def test_what_still_mutes_has_no_end_and_ends_with_the_alert() -> None:
    story = _story((1, (NIGHT,)), (2, ()), (3, (NIGHT,)))
    assert mutings(story, None) == [Muted(NIGHT, _at(1), _at(2)), Muted(NIGHT, _at(3), None)]
    assert mutings(story, _at(9))[-1].ends == _at(9)


@pytest.mark.parametrize("muter", EVERY, ids=lambda one: one.what)
def test_whatever_mutes_is_read_as_it_was_said(muter: Muter) -> None:
    assert mutings(_story((1, (muter,)), (2, ())), None) == [Muted(muter, _at(1), _at(2))]


def test_a_silence_that_is_prolonged_is_the_same_one() -> None:
    longer = Muter("silenced", "s-1", "kim", "moving, slowly", _at(90))
    assert changes((SILENCE,), (longer,)) == []
    assert changes((SILENCE,), (Muter("silenced", "s-2", "kim", "moving", _at(60)),)) == [
        "the silence by kim is over",
        "silenced by kim until 2026-03-01 10:00 UTC: moving",
    ]


def test_two_silences_are_one_word() -> None:
    assert words((SILENCE, Muter("silenced", "s-2"), SWITCH)) == ("silenced", "inhibited")
