"""`gwanje depart` on a folder that no process holds."""

from pathlib import Path

import pytest

from gwanje.app import steering
from gwanje.errors import GwanjeError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gwanje.yaml").write_text("agent: {host: web-1}\n")
    return tmp_path


def test_it_is_said_and_taken_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steering.depart(folder, "web-1", scope="host", until="2h", removed=False, because="reboot")
    steering.depart(folder, "web-2", scope="host", until="", removed=True, because="scale-in")
    steering.back(folder, "web-1", scope="host")
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["web-1", "web-2", "web-1"]
    with pytest.raises(GwanjeError, match="nobody said that the host 'web-1' is away"):
        steering.back(folder, "web-1", scope="host")


@pytest.mark.parametrize("given", [("", False), ("2h", True)])
def test_it_has_an_end_or_is_for_good(folder: Path, given: tuple[str, bool]) -> None:
    with pytest.raises(GwanjeError, match="say either until when"):
        steering.depart(folder, "web-1", scope="host", until=given[0], removed=given[1], because="reboot")
