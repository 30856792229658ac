"""`gwanje secrets rotate`: what was sealed opens by the new key alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from gwanje import kinds
from gwanje.app import folder as folders
from gwanje.app import sealed
from gwanje.app.clock import now
from gwanje.errors import GwanjeError
from gwanje.keep.sealing import FILE, Sealing
from gwanje.keep.state import page_settings
from gwanje.keep.state.base import State
from gwanje.keep.state.revised import Word
from gwanje.keep.state.tables import audit


@pytest.fixture
def state(tmp_path: Path) -> State:
    (tmp_path / "gwanje.yaml").write_text("{}", encoding="utf-8")
    state: State = folders.read(tmp_path).state.create(kinds.World(tmp_path))
    state.migrate()
    with state.write() as connection:
        kept = {"url": Sealing(tmp_path).seal("https://hooks.example/T000")}
        page_settings.put(connection, ("receiver", "ops"), "", sealed=kept, revision=None, word=Word("kim", now()))
    return state


def _kept(state: State) -> dict[str, str]:
    with state.read() as connection:
        setting = page_settings.one(connection, "receiver", "ops")
    assert setting is not None
    return dict(setting.sealed)


def test_every_secret_is_sealed_anew_and_the_older_key_is_gone(
    tmp_path: Path, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    before, older = _kept(state), (tmp_path / FILE).read_text(encoding="ascii").strip()
    assert sealed.rotate(tmp_path) == 0
    assert capsys.readouterr().out.endswith(": 1; other processes on the same state need a copy of it\n")
    assert _kept(state) != before
    assert Sealing(tmp_path).open(_kept(state)) == {"url": "https://hooks.example/T000"}
    assert older not in (tmp_path / FILE).read_text(encoding="ascii")
    with state.read() as connection:
        assert "secrets sealed anew" in connection.execute(select(audit.c.what)).scalars().all()
    state.close()


def test_a_rotation_that_cannot_open_a_secret_changes_none(tmp_path: Path, state: State) -> None:
    before = _kept(state)
    (tmp_path / FILE).unlink()
    with pytest.raises(GwanjeError, match="nothing was changed"):
        sealed.rotate(tmp_path)
    assert _kept(state) == before
    state.close()
