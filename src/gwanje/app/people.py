"""`gwanje key` and `gwanje user`: letting programs and people in, whether gwanje runs or not."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gwanje import kinds
from gwanje.app import folder as folders
from gwanje.app import lock, packs
from gwanje.app.clock import now
from gwanje.config import MAIN_FILE
from gwanje.errors import GwanjeError
from gwanje.keep.state import people
from gwanje.keep.state.base import State

Given = TypeVar("Given")


def create_key(path: Path, name: str, scopes: list[str], host: str) -> int:
    """Make a key and print it, alone on the last line."""
    known = {scope.value: scope for scope in people.Scope}
    wanted = [scope.strip() for scope in scopes if scope.strip()]
    for scope in wanted:
        if scope not in known:
            raise GwanjeError(f"no scope named {scope!r}; known: {', '.join(known)}")
    chosen = [known[scope] for scope in wanted]

    def make(state: State) -> str:
        with state.write() as connection:
            key = people.add_key(connection, name, chosen, now(), host=host or None)
            people.note(connection, now(), "command", "key made", name, after={"scopes": sorted(wanted), "host": host})
            return key

    key = with_state(path, make)
    print(f"key {name!r} may {', '.join(sorted(wanted))}; it is shown this once:")
    print(key)
    return 0


def create_user(path: Path, name: str, role: str) -> int:
    """Make a user; the password comes from the terminal, or from stdin where that is none."""
    known = {one.value: one for one in people.Role}
    if role not in known:
        raise GwanjeError(f"no role named {role!r}; known: {', '.join(known)}")
    password = _password()

    def make(state: State) -> None:
        with state.write() as connection:
            people.add_user(connection, name, password, known[role], now())
            people.note(connection, now(), "command", "user made", name, after={"role": role})

    with_state(path, make)
    print(f"{name} can sign in as {role}")
    return 0


def with_state(path: Path, work: Callable[[State], Given]) -> Given:
    """Work on the folder's state; the database itself lets several processes in, so a running gwanje is no hindrance."""
    if not (path / MAIN_FILE).exists():
        with lock.hold(path, "gwanje"):
            packs.lay("web-collector", path)
    folder = folders.read(path)
    state: State = folder.state.create(kinds.World(path))
    try:
        state.migrate()
        return work(state)
    finally:
        state.close()


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("password: ")
    if getpass.getpass("the same again: ") != first:
        raise GwanjeError("the two are not the same; nothing was made")
    return first
