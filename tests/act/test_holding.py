"""Which hold counts, and whose place a new one takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.act.scaling.holding import in_effect, planned, replaced
from gwanje.keep.said import Hold

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


DAY = Hold("web", 5, "", _at(0), _at(8), "kim", "a busy day", _at(0), id=1)
EVENT = Hold("web", 20, "", _at(2), _at(4), "lee", "the event", _at(-24), id=2)


@pytest.mark.parametrize(
    ("hours", "size"),
    [
        pytest.param(-0.1, None, id="before its beginning"),
        pytest.param(0, 5, id="from its beginning on"),
        pytest.param(2, 20, id="the event goes before what holds around it"),
        pytest.param(4, 5, id="what holds around it comes back"),
        pytest.param(8, None, id="until its end"),
    ],
)
def test_of_several_holds_the_one_counts_that_began_last(hours: float, size: int | None) -> None:
    found = in_effect([DAY, EVENT], _at(hours))
    assert (found.size if found else None) == size


def test_one_that_somebody_ended_counts_no_longer() -> None:
    assert in_effect([replace(DAY, ended_at=_at(1), ended_by="kim")], _at(2)) is None


def test_what_is_planned_comes_in_its_order() -> None:
    later = replace(EVENT, starts_at=_at(5), id=3)
    gone = replace(EVENT, ended_at=_at(-1), id=4)
    assert planned([later, EVENT, DAY, gone], _at(1)) == [EVENT, later]


def test_a_hold_from_now_on_takes_the_place_of_all_that_hold_now_and_of_no_other() -> None:
    other = replace(EVENT, starts_at=_at(6), ends_at=_at(7), id=3)
    new = Hold("web", 3, "", _at(3), _at(5), "kim", "less", _at(3))
    assert replaced([DAY, EVENT, other], new) == [DAY, EVENT]


def test_a_planned_hold_takes_the_place_of_the_one_planned_for_the_same_time() -> None:
    assert replaced([DAY, EVENT], replace(EVENT, size=30, said_at=_at(1), id=0)) == [EVENT]
