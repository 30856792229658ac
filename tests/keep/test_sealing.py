"""Secrets at rest: sealed by a file of its owner alone, opened after a rotation, and never without the file."""

import stat
from pathlib import Path

import pytest

from gwanje.errors import GwanjeError
from gwanje.keep.sealing import FILE, Sealing


def test_what_is_sealed_is_opened_and_its_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    sealed = Sealing(tmp_path).seal("https://hooks.example/T000")
    assert "hooks" not in sealed
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    again = Sealing(tmp_path)
    again.seal("another")
    assert again.open({"url": sealed}) == {"url": "https://hooks.example/T000"}


def test_nothing_sealed_needs_no_key_and_makes_none(tmp_path: Path) -> None:
    assert Sealing(tmp_path).open({}) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_rotation_opens_what_was_sealed_before_and_the_older_key_opens_nothing_after_it(tmp_path: Path) -> None:
    sealing = Sealing(tmp_path)
    before = sealing.seal("token")
    older = (tmp_path / FILE).read_text(encoding="ascii")
    sealing.add_key()
    after = sealing.rotate(before)
    assert sealing.open({"a": before, "b": after}) == {"a": "token", "b": "token"}
    assert sealing.drop_older() == 1
    assert sealing.open({"b": after}) == {"b": "token"}
    (tmp_path / FILE).write_text(older, encoding="ascii")
    with pytest.raises(GwanjeError, match="does not hold"):
        sealing.open({"b": after})
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(("text", "says"), [(None, "cannot be read"), ("not a key\n", "holds no keys"), ("", "holds no keys")])
def test_a_file_that_is_gone_or_holds_something_else_is_named(tmp_path: Path, text: str | None, says: str) -> None:
    sealed = Sealing(tmp_path).seal("token")
    (tmp_path / FILE).unlink()
    if text is not None:
        (tmp_path / FILE).write_text(text, encoding="ascii")
    with pytest.raises(GwanjeError, match=says):
        Sealing(tmp_path).open({"url": sealed})
