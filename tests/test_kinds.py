"""Kinds are found by the names of their files, and imported only when asked for."""

from __future__ import annotations

import subprocess
import sys

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
        ("notifiers", {"slack", "webhook"}),
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
    with pytest.raises(UnknownKind, match=r"no notifiers kind named 'slak'; known kinds: slack, webhook"):
        kinds.find("notifiers", "slak")


def test_a_missing_driver_is_answered_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.delitem(sys.modules, "gwanje.keep.events.duckdb", raising=False)
    with pytest.raises(MissingDriver, match=r"pip install 'gwanje\[server\]'"):
        kinds.find("events", "duckdb")


def test_listing_imports_no_driver() -> None:
    program = "import sys; from gwanje import kinds; [kinds.names(f) for f in kinds.FAMILIES]; print('duckdb' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
