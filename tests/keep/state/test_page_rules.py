"""Rules of the page in every engine: what was written comes back, no change is lost, and each stands in the trail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gwanje.errors import GwanjeError, Outdated
from gwanje.keep.said import PageRule
from gwanje.keep.state import page_rules
from gwanje.keep.state.base import State
from gwanje.keep.state.revised import Word
from gwanje.keep.state.tables import audit

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TEXT = "name: 디스크 'full' 🔥\nexpr: disk_used\ncritical: '>= 0.9'\n"


def _put(state: State, text: str = TEXT, *, revision: int | None = None, who: str = "kim", seconds: int = 0) -> PageRule:
    with state.write() as connection:
        word = Word(who, NOW + timedelta(seconds=seconds))
        return page_rules.put(connection, "disk full", text, enabled=True, revision=revision, word=word)


def _drop(state: State, revision: int) -> None:
    with state.write() as connection:
        page_rules.drop(connection, "disk full", revision, Word("lee", NOW))


def _every(state: State) -> list[PageRule]:
    with state.read() as connection:
        return page_rules.every(connection)


def _trail(state: State) -> list[tuple[str, str]]:
    with state.read() as connection:
        return [(row.who, row.what) for row in connection.execute(select(audit).order_by(audit.c.id))]


def test_what_was_written_comes_back_and_each_change_stands_in_the_trail_with_what_was_before(state: State) -> None:
    first = _put(state)
    assert _every(state) == [first]
    second = _put(state, "name: other", revision=first.revision, who="lee", seconds=5)
    assert _every(state) == [second]
    _drop(state, second.revision)
    assert _every(state) == []
    assert _trail(state) == [("kim", "rule made"), ("lee", "rule changed"), ("lee", "rule removed")]
    with state.read() as connection:
        before = connection.execute(select(audit.c.before).where(audit.c.what == "rule changed")).scalar_one()
    assert (before["text"], before["changed_by"]) == (TEXT, "kim")


def test_of_two_who_change_what_they_read_the_second_is_told_who_was_first(state: State) -> None:
    read = _put(state)
    kept = _put(state, "name: kims", revision=read.revision)
    with pytest.raises(Outdated, match="kim changed the rule"):
        _put(state, "name: lees", revision=read.revision, who="lee")
    with pytest.raises(Outdated, match="kim changed the rule"):
        _drop(state, read.revision)
    assert _every(state) == [kept]


def test_a_new_rule_takes_nobodys_name(state: State) -> None:
    kept = _put(state)
    with pytest.raises(Outdated, match="was made by kim"):
        _put(state, "name: lees", who="lee")
    assert _every(state) == [kept]


def test_of_many_who_change_one_at_once_one_does(state: State) -> None:
    read = _put(state)

    def change(who: str) -> str:
        try:
            return _put(state, f"name: {who}", revision=read.revision, who=who).changed_by
        except GwanjeError:
            return ""

    with ThreadPoolExecutor(4) as threads:
        changed = [who for who in threads.map(change, "abcd") if who]
    assert [one.changed_by for one in _every(state)] == changed


def test_a_rule_that_was_removed_and_made_again_is_not_the_one_that_was_read(state: State) -> None:
    read = _put(state)
    _drop(state, read.revision)
    with pytest.raises(Outdated, match="was removed meanwhile"):
        _put(state, revision=read.revision)
    _put(state, seconds=1)
    with pytest.raises(Outdated, match="changed the rule"):
        _drop(state, read.revision)


def test_a_rule_of_a_file_is_switched_off_once_and_on_again(state: State) -> None:
    with state.write() as connection:
        changed = [page_rules.switch(connection, "of a file", Word("kim", NOW), on=on) for on in (True, False, False)]
        stamp = page_rules.stamp(connection)
    assert (changed, stamp) == ([False, True, False], ((), frozenset({"of a file"})))
    with state.write() as connection:
        assert page_rules.switch(connection, "of a file", Word("kim", NOW), on=True)
        assert page_rules.off(connection) == frozenset()
    assert _trail(state) == [("kim", "rule switched off"), ("kim", "rule switched on")]


def test_each_change_has_another_stamp(state: State) -> None:
    stamps = []
    revision = None
    for _ in range(3):
        revision = _put(state, revision=revision).revision
        with state.read() as connection:
            stamps.append(page_rules.stamp(connection))
    assert len(set(stamps)) == 3
