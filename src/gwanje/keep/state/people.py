"""Who may do what: users, sessions, API keys, the one-time link for the first user, and the audit trail.

Passwords are kept as argon2id hashes; tokens and keys, which are random and long, as SHA-256. None can be read back.
Functions take a Connection and never commit.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, func, select, update

from gwanje.because import Because
from gwanje.errors import BadInput
from gwanje.keep.state.tables import audit, invitations, keys, sessions, users

SESSION_LENGTH = timedelta(days=14)
INVITATION_LENGTH = timedelta(hours=24)
LEAST_PASSWORD = 10
KEY_PREFIX = "gwk_"

_hasher = PasswordHasher()  # argon2id with the library's parameters, which follow RFC 9106's second choice
_NOBODY = _hasher.hash(secrets.token_urlsafe())  # verified against when the name is unknown, so that both answers take as long


class Scope(StrEnum):
    INGEST = "ingest"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """What a signed-in person of this role may do. Writing samples is for keys alone."""
        everything = (Scope.READ, Scope.OPERATE, Scope.ADMIN)
        return frozenset(everything[: list(Role).index(self) + 1])


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asked: a person by session, a program by key, or a tool on this machine."""

    name: str
    scopes: frozenset[Scope]
    role: Role | None = None
    host: str | None = None
    """For an agent's key: the only host whose series it may write."""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- users ---------------------------------------------------------------------------------------------------------------


def any_user(connection: Connection) -> bool:
    return bool(connection.execute(select(func.count()).select_from(users)).scalar_one())


def add_user(connection: Connection, name: str, password: str, role: Role, now: datetime) -> None:
    """Make a user. Raises BadInput for a name or password that will not do, and for a name that is taken."""
    if not re.fullmatch(r"[\w.@+-]{1,100}", name):
        raise BadInput(Because("a user's name is 1 to 100 letters, digits or . _ @ + -", "user_name"), where="name")
    if len(password) < LEAST_PASSWORD:
        short = Because(f"a password has at least {LEAST_PASSWORD} characters", "password_too_short", count=LEAST_PASSWORD)
        raise BadInput(short, where="password")
    if len(password) > 1000:
        raise BadInput(Because("a password has at most 1000 characters", "password_too_long", count=1000), where="password")
    if connection.execute(select(users.c.id).where(users.c.name == name)).first():
        raise BadInput(Because(f"there is a user named {name!r} already", "user_taken", name=name), where="name")
    connection.execute(users.insert().values(name=name, password_hash=_hasher.hash(password), role=role.value, created_at=now))


def check_password(connection: Connection, name: str, password: str) -> Who | None:
    """The person of this name, when the password is theirs. Takes as long for a name that nobody has."""
    row = connection.execute(select(users).where(users.c.name == name, users.c.disabled_at.is_(None))).mappings().first()
    try:
        _hasher.verify(row["password_hash"] if row else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return None
    return _person(row) if row else None


def open_session(connection: Connection, name: str, address: str, now: datetime) -> str:
    """A new session's token for a person whose password was checked. Ended sessions are swept."""
    token = secrets.token_urlsafe(32)
    user = connection.execute(select(users.c.id).where(users.c.name == name)).scalar_one()
    connection.execute(sessions.delete().where(sessions.c.expires_at < now))
    connection.execute(
        sessions.insert().values(
            token_hash=_hash(token), user_id=user, created_at=now, expires_at=now + SESSION_LENGTH, address=address[:64]
        )
    )
    return token


def by_session(connection: Connection, token: str, now: datetime) -> Who | None:
    row = (
        connection.execute(
            select(users)
            .join(sessions, sessions.c.user_id == users.c.id)
            .where(sessions.c.token_hash == _hash(token), sessions.c.expires_at > now, users.c.disabled_at.is_(None))
        )
        .mappings()
        .first()
    )
    return _person(row) if row else None


def sign_out(connection: Connection, token: str) -> None:
    connection.execute(sessions.delete().where(sessions.c.token_hash == _hash(token)))


def _person(row: Any) -> Who:
    role = Role(row["role"])
    return Who(row["name"], role.scopes, role)


# --- the one-time link ---------------------------------------------------------------------------------------------------


def invite(connection: Connection, role: Role, now: datetime) -> str:
    """A token that makes one user of this role, once, within a day. Older unused ones end."""
    connection.execute(invitations.delete().where(invitations.c.used_at.is_(None)))
    token = secrets.token_urlsafe(24)
    connection.execute(
        invitations.insert().values(token_hash=_hash(token), role=role.value, created_at=now, expires_at=now + INVITATION_LENGTH)
    )
    return token


def accept_invitation(connection: Connection, token: str, now: datetime) -> Role | None:
    """Use a token up; None when it is unknown, used or expired. Of two who come at once, one gets the role."""
    row = connection.execute(select(invitations.c.role).where(invitations.c.token_hash == _hash(token))).first()
    used = connection.execute(
        update(invitations)
        .where(invitations.c.token_hash == _hash(token), invitations.c.used_at.is_(None), invitations.c.expires_at > now)
        .values(used_at=now)
    )
    return Role(row[0]) if row and used.rowcount == 1 else None


# --- keys ----------------------------------------------------------------------------------------------------------------


def add_key(connection: Connection, name: str, scopes: Sequence[Scope], now: datetime, *, host: str | None = None) -> str:
    """A new bearer key, shown this once. `host` binds an ingest key to one host's series."""
    if not name or len(name) > 100:
        raise BadInput("a key's name is 1 to 100 characters", where="name")
    if not scopes:
        raise BadInput(f"a key needs at least one scope of {', '.join(Scope)}", where="scope")
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    values = {"name": name, "key_hash": _hash(key), "scopes": sorted(set(scopes)), "host": host, "created_at": now}
    connection.execute(keys.insert().values(**values))
    return key


def by_key(connection: Connection, key: str) -> Who | None:
    row = connection.execute(select(keys).where(keys.c.key_hash == _hash(key), keys.c.revoked_at.is_(None))).mappings().first()
    return Who(f"key {row['name']}", frozenset(map(Scope, row["scopes"])), host=row["host"]) if row else None


# --- the audit trail -----------------------------------------------------------------------------------------------------


def note(
    connection: Connection,
    now: datetime,
    who: str,
    what: str,
    target: str,
    *,
    before: object = None,
    after: object = None,
    address: str = "",
) -> None:
    """Write down a change: who did what to what, what it was and what it is now."""
    line = {"at": now, "who": who[:120], "what": what[:60], "target": target[:255], "before": before, "after": after}
    connection.execute(audit.insert().values(**line, address=address[:64]))


def forget(connection: Connection, before: datetime) -> int:
    """Delete what the audit trail says of the time before; returns how many lines."""
    return connection.execute(audit.delete().where(audit.c.at < before)).rowcount
