"""The wheel: complete without Node, small without the server, and it runs."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.wheels import ROOT, Environment

AGENT_BYTES = 100 * 2**20  # what an observed host is asked for, without Python itself
SERVER_LIBRARIES = {"duckdb", "pyarrow", "numpy", "sqlalchemy", "fastapi", "uvicorn", "alembic"}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def content(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


@pytest.fixture(scope="module")
def agent(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A host with the base install and nothing else."""
    return Environment.of(tmp_path_factory.mktemp("agent") / "venv", lock="agent.txt", wheel=wheel)


def test_the_wheel_brings_the_page_ready_made(content: dict[str, int]) -> None:
    page = [name for name in content if name.startswith("gwanje/show/page/")]

    assert "gwanje/show/page/index.html" in page
    assert any(name.endswith(".js") for name in page)
    assert any(name.endswith(".css") for name in page)
    assert [name for name in page if ".made-from" in name] == []


def test_the_wheel_holds_every_file_of_the_package(content: dict[str, int]) -> None:
    source = ROOT / "src"
    made = source / "gwanje" / "show" / "page"
    files = [
        path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts and made not in path.parents
    ]

    assert {str(path.relative_to(source)) for path in files} - content.keys() == set()
    assert "gwanje/py.typed" in content
    assert any(name.startswith("gwanje/packs/web-collector/") and name.endswith(".yaml") for name in content)
    assert any(name.startswith("gwanje/keep/state/migrations/versions/") for name in content)


def test_the_wheel_holds_nothing_else(content: dict[str, int]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in content} == {"gwanje"}
    assert [name for name in content if "node_modules" in name or "__pycache__" in name] == []
    assert any(name.endswith("licenses/LICENSE") for name in content)


def test_the_source_archive_can_build_the_page_again(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}

    assert {
        "web/package.json",
        "web/package-lock.json",
        "scripts/page.py",
        "hatch_build.py",
        "pyproject.toml",
        "LICENSE",
    } <= names
    assert [name for name in names if "node_modules" in name or name.startswith("src/gwanje/show/page/")] == []


def test_the_base_install_is_small_and_knows_no_server_library(
    agent: Environment, record_property: Callable[[str, object], None]
) -> None:
    size = agent.size()
    record_property("agent_install_bytes", size)
    print(f"agent install: {size / 2**20:.1f} MiB")

    packages = {path.name.lower() for path in (agent.folder / "lib").glob("python*/site-packages/*")}
    assert packages & SERVER_LIBRARIES == set()
    assert size < AGENT_BYTES


def test_the_installed_command_tells_its_version(agent: Environment, tmp_path: Path) -> None:
    done = agent.gwanje("version", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "0.1.0" in done.stdout


def test_the_agent_measures_with_the_base_install(agent: Environment, tmp_path: Path) -> None:
    done = agent.gwanje("agent", "--dry-run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "node_memory_MemTotal_bytes" in done.stdout


def test_the_server_says_what_to_install(agent: Environment, tmp_path: Path) -> None:
    done = agent.gwanje("up", str(tmp_path / "folder"), cwd=tmp_path)

    assert done.returncode == 2
    assert "gwanje[server]" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
