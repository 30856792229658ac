"""Many rows at one go, and episodes known without being read: the same as one by one, and as read again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select, update

from gwanje.because import Because
from gwanje.keep.state import alerts, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.bulk import insert_all
from gwanje.keep.state.tables import episodes, transitions
from gwanje.keep.state.written import Wrote
from gwanje.model import Severity

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
VALUES = st.none() | st.floats()
NUMBERS = st.floats(-1e9, 1e9)
PLAIN: dict[str, Any] = {
    "operator": ">=",
    "threshold": 0.8,
    "query": "",
    "unit": "",
    "for_ms": 0,
    "fingerprint": "f",
    "rule": "r",
    "labels": {},
    "annotations": {},
    "summary": {},
    "state": "firing",
    "severity": "warning",
    "began_at": datetime(2026, 3, 1, tzinfo=UTC),
}
SHARED = {"ko": "원인", "en": "cause"}


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """New episodes as a round begins them."""
    begun = draw(TIMES)
    return [
        {
            "id": f"{number:032d}",
            "fingerprint": f"f{number}",
            "rule": "cpu high",
            "labels": draw(TEXTS) | {"host": draw(TEXT)},
            "annotations": draw(TEXTS),
            "summary": draw(TEXTS),
            "state": draw(st.sampled_from(["pending", "firing"])),
            "severity": draw(st.sampled_from(Severity)),
            "began_at": begun,
            "fired_at": draw(st.none() | TIMES),
            "value": draw(VALUES),
            "peak": draw(VALUES),
            "operator": ">=",
            "threshold": draw(NUMBERS),
            "query": draw(TEXT),
            "unit": "ratio",
            "for_ms": draw(st.integers(0, 10**9)),
            "cause": SHARED,
            "threshold_from": draw(TEXT),
        }
        for number in range(draw(st.integers(1, 4)))
    ]


CHANGES = st.fixed_dictionaries(
    {"peak": VALUES, "value": VALUES, "severity": st.sampled_from(Severity), "summary": TEXTS},
    optional={
        "state": st.just(alerts.ENDED),
        "ended_at": TIMES,
        "ended_because": st.just("resolved"),
        "cause": st.just(SHARED),
        "threshold": NUMBERS,
    },
)
every_kind = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _cleared(connection: Connection) -> None:
    connection.execute(delete(episodes))


@every_kind
@given(rows())
def test_together_they_are_what_they_are_one_by_one(state: State, some: list[dict[str, Any]]) -> None:
    with state.write() as connection:
        _cleared(connection)
        for row in some:
            connection.execute(insert(episodes).values(row))
        expected = connection.execute(select(episodes).order_by(episodes.c.id)).all()
        _cleared(connection)
        insert_all(connection, episodes, some)
        assert connection.execute(select(episodes).order_by(episodes.c.id)).all() == expected
        _cleared(connection)


@every_kind
@given(rows(), st.lists(CHANGES, min_size=4, max_size=4))
def test_changed_together_they_are_what_they_are_one_by_one(
    state: State, some: list[dict[str, Any]], changes: list[dict[str, Any]]
) -> None:
    changed = {row["id"]: change for row, change in zip(some, changes, strict=False)}
    every = select(episodes).order_by(episodes.c.id)
    with state.write() as connection:
        _cleared(connection)
        insert_all(connection, episodes, some)
        for id_, change in changed.items():
            connection.execute(update(episodes).where(episodes.c.id == id_).values(change))
        expected = connection.execute(every).all()
        _cleared(connection)
        insert_all(connection, episodes, some)
        alerts.change_episodes(connection, changed)
        assert connection.execute(every).all() == expected
        _cleared(connection)


def test_lines_of_a_story_that_say_the_same_have_its_code_beside_them(state: State) -> None:
    why = Because("kim silenced it", "silenced", who="kim")
    line = {"at": datetime(2026, 3, 1, tzinfo=UTC), "before": "firing", "after": "firing", "severity": None, "value": None}
    lines = [{**line, "episode": str(place), "because": one} for place, one in enumerate((why, why, "by hand", why))]
    with state.write() as connection:
        insert_all(connection, episodes, [{**PLAIN, "id": one["episode"]} for one in lines])
        alerts.add_transitions(connection, lines)
        kept = connection.execute(select(transitions.c.because, transitions.c.reason).order_by(transitions.c.episode)).all()
    said = ("kim silenced it", {"code": "silenced", "values": {"who": "kim"}})
    assert [tuple(one) for one in kept] == [said, said, ("by hand", None), said]


def test_more_than_go_together_are_all_there(state: State) -> None:
    with state.write() as connection:
        insert_all(connection, episodes, [{**PLAIN, "id": f"{number:032d}"} for number in range(2_345)])
        assert connection.execute(select(func.count()).select_from(episodes)).scalar_one() == 2_345


def test_nothing_writes_nothing(state: State) -> None:
    with state.write() as connection:
        insert_all(connection, episodes, [])
        assert connection.execute(select(func.count()).select_from(episodes)).scalar_one() == 0


@every_kind
@given(rows(), CHANGES)
def test_what_was_written_need_not_be_read(state: State, some: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    first = some[0]["id"]
    begun = {row["id"]: row for row in some}
    with state.write() as connection:
        _cleared(connection)
        alerts.begin_episodes(connection, some)
        before = {one.id: one for one in stories.fired_or_named(connection, begun, fired=False)}
        assert {id_: Wrote(begun).read(id_, None) for id_ in begun} == before
        alerts.change_episodes(connection, {first: changes})
        (after,) = stories.fired_or_named(connection, [first], fired=False)
        assert Wrote(changed={first: changes}).read(first, before[first]) == after
        assert Wrote(begun, {first: changes}).read(first, None) == after
        _cleared(connection)


@pytest.mark.parametrize("known", [True, False])
def test_what_was_not_written_or_not_known_is_left_to_the_database(known: bool) -> None:  # noqa: FBT001 - a case of the table
    wrote = Wrote(changed={"other" if known else "e1": {"value": 1.0}})
    assert wrote.read("e1", None) is None
