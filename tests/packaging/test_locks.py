"""The locks hold what pyproject.toml asks for, with hashes, and agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BASE = PROJECT["project"]["dependencies"]
SERVER = PROJECT["project"]["optional-dependencies"]["server"]
DEV = PROJECT["dependency-groups"]["dev"]
LOCKS = {
    "agent.txt": BASE,
    "server.txt": [*BASE, *SERVER],
    "dev.txt": [*BASE, *SERVER, *DEV],
    "build.txt": PROJECT["build-system"]["requires"],
    "uv.txt": ["uv"],
}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_everything_that_was_asked_for(lock: str) -> None:
    asked = {_normal(re.split(r"[<>=!~\[; ]", requirement)[0]) for requirement in LOCKS[lock]}

    assert asked - _versions(lock).keys() == set(), "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_locked_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", _text(lock).strip())

    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", sorted(set(LOCKS) - {"dev.txt"}))
def test_what_is_shipped_is_what_was_tested(lock: str) -> None:
    tested = _versions("dev.txt")

    assert {name: version for name, version in _versions(lock).items() if tested.get(name) != version} == {}


def test_the_build_group_locks_what_the_build_system_asks_for() -> None:
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]


def _versions(lock: str) -> dict[str, str]:
    return {_normal(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", _text(lock), flags=re.MULTILINE)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _text(lock: str) -> str:
    return (ROOT / "requirements" / lock).read_text(encoding="utf-8")
