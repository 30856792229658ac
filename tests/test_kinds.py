"""Kinds are found by the names of their files, and imported only when asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gwanje import config, kinds
from gwanje.errors import MissingDriver, UnknownKind


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("samples", {"local"}),
        ("events", {"duckdb"}),
        ("state", {"sqlite"}),
        ("transports", {"direct"}),
        ("updates", {"memory"}),
        ("probes", {"host", "container"}),
        ("sources", {"http"}),
        ("notifiers", {"alertmanager", "apprise", "discord", "dooray", "email", "jandi", "jira", "kakao_alimtalk"}),
        ("notifiers", {"kakaowork", "naver_works", "pagerduty", "slack", "teams", "telegram", "webhook"}),
    ],
)
def test_the_files_of_a_room_are_its_kinds(family: str, expected: set[str]) -> None:
    assert expected <= set(kinds.names(family))
    assert not {"base", "tables", "ingest", "people"} & set(kinds.names(family))


@pytest.mark.parametrize(("family", "name"), [(family, name) for family in kinds.FAMILIES for name in kinds.names(family)])
def test_every_kind_has_its_settings_with_words_for_each(family: str, name: str) -> None:
    settings = kinds.find(family, name).Settings
    assert issubclass(settings, config.Settings)
    assert settings.__doc__
    assert [field for field, info in settings.model_fields.items() if not info.description] == []


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownKind, match=r"no notifiers kind named 'slak'; known kinds: alertmanager, apprise, .*, webhook"):
        kinds.find("notifiers", "slak")


def test_a_missing_driver_is_answered_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    monkeypatch.delitem(sys.modules, "gwanje.tell.notifiers.email", raising=False)
    with pytest.raises(MissingDriver, match=r"pip install 'gwanje\[server\]'"):
        kinds.find("notifiers", "email")


def test_listing_imports_no_driver() -> None:
    program = "import sys; from gwanje import kinds; [kinds.names(f) for f in kinds.FAMILIES]; print('aiosmtplib' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_other_peoples_kinds_come_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gwanje_pigeon.py").write_text(
        "from gwanje import config\n\nclass Settings(config.Settings):\n    'A pigeon.'\n\n"
        "def create(settings, world):\n    return 'pigeon'\n"
    )
    about = tmp_path / "gwanje_pigeon-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gwanje-pigeon\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[gwanje.notifiers]\npigeon = gwanje_pigeon\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "pigeon" in kinds.names("notifiers")
    kind = kinds.find("notifiers", "pigeon")
    assert kind.create(kind.Settings(), kinds.World(tmp_path)) == "pigeon"
