"""uv obeys the machine's pip settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import uv

SCRIPT = Path(uv.__file__)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param("", {}, id="a machine without pip settings leaves uv alone"),
        pytest.param(
            "global.index-url='https://index.example/simple'\nglobal.cert='/etc/ca.pem'",
            {"UV_DEFAULT_INDEX": "https://index.example/simple", "SSL_CERT_FILE": "/etc/ca.pem"},
            id="the global file",
        ),
        pytest.param(
            ":env:.index-url='https://env.example'\nglobal.index-url='https://file.example'\ninstall.index-url='https://install.example'",
            {"UV_DEFAULT_INDEX": "https://env.example"},
            id="the environment wins over the command's section and over the global one",
        ),
        pytest.param(
            "global.find-links='https://one.example\\n/etc'",
            {"UV_FIND_LINKS": "https://one.example,/etc"},
            id="several places of wheels",
        ),
        pytest.param(":env:.find-links='/no/such/folder'", {}, id="a folder that is not there is passed over, as pip does"),
        pytest.param("global.timeout='60'", {}, id="what uv has no word for is left out"),
    ],
)
def test_pip_settings_get_uv_names(listed: str, expected: dict[str, str]) -> None:
    assert uv.from_pip(listed) == expected


def test_what_is_set_for_uv_wins() -> None:
    listed = "global.index-url='https://pip.example'"

    assert uv.environment({}, listed)["UV_DEFAULT_INDEX"] == "https://pip.example"
    assert uv.environment({"UV_DEFAULT_INDEX": "https://uv.example"}, listed)["UV_DEFAULT_INDEX"] == "https://uv.example"


def test_uv_really_looks_where_pip_would(tmp_path: Path) -> None:
    empty = tmp_path / "wheels"
    empty.mkdir()
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nno-index = true\nfind-links = {empty}\n", encoding="utf-8")
    variables["PIP_CONFIG_FILE"] = str(settings)

    done = subprocess.run(
        [sys.executable, SCRIPT, "pip", "compile", "-", "--no-header"],
        input="rich",
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "rich" in done.stderr
    assert done.stdout == ""
