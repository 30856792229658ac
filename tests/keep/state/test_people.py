"""Who may do what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gwanje.errors import BadInput
from gwanje.keep.state import people
from gwanje.keep.state.base import State
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import keys, sessions, users

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def make_user(state: State, name: str = "kim", role: Role = Role.VIEWER) -> None:
    with state.write() as connection:
        people.add_user(connection, name, "correct horse", role, NOW)


def test_a_password_is_kept_as_argon2id_and_never_as_itself(state: State) -> None:
    make_user(state)
    with state.read() as connection:
        kept = connection.execute(users.select()).mappings().one()["password_hash"]
    assert kept.startswith("$argon2id$")
    assert "correct horse" not in kept


@pytest.mark.parametrize(
    ("name", "password", "let_in"),
    [
        pytest.param("kim", "correct horse", True, id="name and password belong together"),
        pytest.param("kim", "wrong horse", False, id="another password"),
        pytest.param("lee", "correct horse", False, id="nobody of that name"),
        pytest.param("kim", "", False, id="no password"),
    ],
)
def test_only_the_right_password_lets_in(state: State, name: str, password: str, *, let_in: bool) -> None:
    make_user(state)
    with state.read() as connection:
        assert (people.check_password(connection, name, password) is not None) is let_in


def test_a_session_lasts_two_weeks_and_can_be_ended(state: State) -> None:
    make_user(state, role=Role.OPERATOR)
    with state.write() as connection:
        token = people.open_session(connection, "kim", "127.0.0.1", NOW)
        who = people.by_session(connection, token, NOW + timedelta(days=13))
        assert who == people.Who("kim", frozenset({Scope.READ, Scope.OPERATE}), Role.OPERATOR)
        assert people.by_session(connection, token, NOW + timedelta(days=14)) is None
        people.sign_out(connection, token)
        assert people.by_session(connection, token, NOW) is None


def test_tokens_and_keys_are_kept_as_hashes(state: State) -> None:
    make_user(state)
    with state.write() as connection:
        token = people.open_session(connection, "kim", "", NOW)
        key = people.add_key(connection, "agent", [Scope.INGEST], NOW)
        kept = str(connection.execute(sessions.select()).all()) + str(connection.execute(keys.select()).all())
    assert token not in kept
    assert key not in kept


def test_a_key_has_its_scopes_and_its_host(state: State) -> None:
    with state.write() as connection:
        key = people.add_key(connection, "agent of web-1", [Scope.INGEST, Scope.READ], NOW, host="web-1")
        assert people.by_key(connection, key) == people.Who(
            "key agent of web-1", frozenset({Scope.INGEST, Scope.READ}), host="web-1"
        )
        assert people.by_key(connection, key + "x") is None


def test_an_invitation_works_once(state: State) -> None:
    with state.write() as connection:
        token = people.invite(connection, Role.ADMIN, NOW)
        assert people.accept_invitation(connection, "another", NOW) is None
        assert people.accept_invitation(connection, token, NOW) is Role.ADMIN
        assert people.accept_invitation(connection, token, NOW) is None


def test_an_invitation_ends_after_a_day_and_when_a_newer_one_is_made(state: State) -> None:
    with state.write() as connection:
        old = people.invite(connection, Role.ADMIN, NOW)
        new = people.invite(connection, Role.ADMIN, NOW)
        assert people.accept_invitation(connection, old, NOW) is None
        assert people.accept_invitation(connection, new, NOW + timedelta(hours=24)) is None


@pytest.mark.parametrize(
    ("name", "password", "where"),
    [
        ("kim", "correct horse", "name"),
        ("a b", "correct horse", "name"),
        ("", "correct horse", "name"),
        ("lee", "short", "password"),
    ],
)
def test_a_user_that_will_not_do_is_refused_with_the_place(state: State, name: str, password: str, where: str) -> None:
    make_user(state)
    with state.write() as connection, pytest.raises(BadInput) as caught:
        people.add_user(connection, name, password, Role.VIEWER, NOW)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (Role.VIEWER, {Scope.READ}),
        (Role.OPERATOR, {Scope.READ, Scope.OPERATE}),
        (Role.ADMIN, {Scope.READ, Scope.OPERATE, Scope.ADMIN}),
    ],
)
def test_a_role_may_do_what_the_one_below_may_and_more(role: Role, scopes: set[Scope]) -> None:
    assert role.scopes == scopes
