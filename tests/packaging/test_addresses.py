"""What is committed names no registry: every machine brings its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THIS = Path(__file__).resolve()
REGISTRY = re.compile(
    rb"registry\.npmjs\.org|registry\.yarnpkg|files\.pythonhosted\.org|pypi\.org/simple|--(?:extra-)?index-url|"
    rb"\"resolved\": \"http|repo1?\.maven|proxy\.golang\.org|(?:deb|snapshot)\.debian\.org"
)
FROM = re.compile(r"https?://(?:[^@/\s]+@)?([\w.-]+)")


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    return [file for file in files if file.is_file() and file != THIS]


def machine_hosts() -> set[str]:
    """The hosts that this machine's own settings name for packages."""
    places = [Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".npmrc", Path("/etc/npmrc")]
    places += [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.sources")]
    return {
        host for place in places if place.is_file() for host in FROM.findall(place.read_text(encoding="utf-8", errors="replace"))
    }


def test_no_committed_file_names_a_registry() -> None:
    found = {
        str(file.relative_to(ROOT)): match[0].decode() for file in committed() if (match := REGISTRY.search(file.read_bytes()))
    }

    assert found == {}


def test_no_committed_file_names_a_host_of_this_machine() -> None:
    hosts = [host.encode() for host in machine_hosts()]
    found = {str(file.relative_to(ROOT)) for file in committed() for host in hosts if host in file.read_bytes()}

    assert found == set()


def test_no_committed_file_names_the_folder_it_lies_in() -> None:
    found = [str(file.relative_to(ROOT)) for file in committed() if str(ROOT).encode() in file.read_bytes()]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'"resolved": "https://mirror.example/x.tgz"', id="an address in package-lock.json"),
        pytest.param(b"--index-url https://mirror.example/simple", id="an index in a lock"),
    ],
)
def test_an_address_would_be_noticed(text: bytes) -> None:
    assert REGISTRY.search(text)
