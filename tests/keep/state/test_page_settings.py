"""Settings of the page in every engine: what was written comes back, no change is lost, and no secret stands in the trail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gwanje.errors import GwanjeError, Outdated
from gwanje.keep.said import PageSetting
from gwanje.keep.state import page_settings
from gwanje.keep.state.base import State
from gwanje.keep.state.revised import Word
from gwanje.keep.state.tables import audit

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PLACE = ("receiver", "당직 'hook' 🔥")
TEXT = "name: 당직 'hook' 🔥\ntype: webhook\nurl: '***'\n"


def _put(
    state: State, text: str = TEXT, *, revision: int | None = None, who: str = "kim", seconds: int = 0, sealed: str = "gAAA"
) -> PageSetting:
    with state.write() as connection:
        word = Word(who, NOW + timedelta(seconds=seconds), "127.0.0.1")
        return page_settings.put(connection, PLACE, text, sealed={"url": sealed}, revision=revision, word=word)


def _every(state: State) -> list[PageSetting]:
    with state.read() as connection:
        return page_settings.every(connection)


def test_what_was_written_comes_back_and_the_trail_says_which_secrets_there_are_and_none_of_them(state: State) -> None:
    first = _put(state)
    assert _every(state) == [first]
    second = _put(state, "name: other", revision=first.revision, who="lee", sealed="gBBB")
    assert _every(state) == [second]
    with state.write() as connection:
        page_settings.drop(connection, PLACE, second.revision, Word("lee", NOW))
    assert _every(state) == []
    with state.read() as connection:
        trail = connection.execute(select(audit).order_by(audit.c.id)).all()
    assert [(row.who, row.what) for row in trail] == [
        ("kim", "receiver made"),
        ("lee", "receiver changed"),
        ("lee", "receiver removed"),
    ]
    assert (trail[1].before["text"], trail[1].before["sealed"], trail[2].after) == (TEXT, ["url"], None)
    assert "gAAA" not in str(trail)


def test_of_two_who_change_what_they_read_the_second_is_told_who_was_first(state: State) -> None:
    read = _put(state)
    kept = _put(state, "name: kims", revision=read.revision)
    with pytest.raises(Outdated, match="kim changed the receiver"):
        _put(state, "name: lees", revision=read.revision, who="lee")
    with pytest.raises(Outdated, match="kim changed the receiver"), state.write() as connection:
        page_settings.drop(connection, PLACE, read.revision, Word("lee", NOW))
    with pytest.raises(Outdated, match="was made by kim"):
        _put(state, "name: lees", who="lee")
    assert _every(state) == [kept]


def test_of_many_who_make_one_at_once_one_does(state: State) -> None:
    def make(who: str) -> str:
        try:
            return _put(state, f"name: {who}", who=who).changed_by
        except GwanjeError:
            return ""

    with ThreadPoolExecutor(4) as threads:
        made = [who for who in threads.map(make, "abcd") if who]
    assert [one.changed_by for one in _every(state)] == made


def test_a_setting_of_another_kind_may_have_the_name(state: State) -> None:
    _put(state)
    with state.write() as connection:
        page_settings.put(connection, ("rota", PLACE[1]), "", sealed={}, revision=None, word=Word("kim", NOW))
        stamp = page_settings.stamp(connection)
    assert [(kind, name) for kind, name, _ in stamp] == [PLACE, ("rota", PLACE[1])]


def test_secrets_are_sealed_anew_without_a_new_revision(state: State) -> None:
    kept = _put(state)
    with state.write() as connection:
        assert page_settings.reseal(connection, lambda secret: secret.replace("AAA", "CCC")) == 1
        found = page_settings.one(connection, *PLACE)
    assert found is not None
    assert (found.sealed, found.revision, found.text) == ({"url": "gCCC"}, kept.revision, TEXT)
