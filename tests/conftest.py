"""What every test shares: the rule for what a machine may lack. At home it is skipped with the reason, in CI it fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "") not in {"", "0", "false"}
# A hundred starts of the program would each compile it and its libraries anew; `make clean` takes away what this leaves.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# How long an example takes says how busy the machine is.
settings.register_profile(
    "untimed", settings.get_profile("ci" if IN_CI else "default"), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


def _as_root(*programs: str) -> Callable[[], str]:
    def missing() -> str:
        return _programs(*programs)() or ("needs root" if os.geteuid() else "")

    return missing


def _programs(*programs: str) -> Callable[[], str]:
    def missing() -> str:
        absent = [program for program in programs if not shutil.which(program)]
        return f"{', '.join(absent)} not installed; `make engines` brings it" if absent else ""

    return missing


def _shared() -> str:
    return "" if shared_folder().is_dir() else f"{shared_folder().name}/ does not lie beside the project"


def _base_image() -> str:
    return "" if base_image().is_file() else "no container base image; `make engines` makes it"


def _prometheus_3() -> str:
    return "" if prometheus_3().is_file() else "Prometheus 3 is not built; `make engines` builds it"


def _postgresql() -> str:
    from tests.engines.databases import postgresql_program

    return "" if postgresql_program("postgres") else "PostgreSQL not installed; `make engines` brings it"


def shared_folder() -> Path:
    """The material beside the project: recorded expectations and scripts that start engines."""
    return ROOT.parent / "shared"


def base_image() -> Path:
    return ROOT / ".cache" / "debian-python.tar"


def prometheus_3() -> Path:
    return ROOT / ".cache" / "engines" / "prometheus-3"


# Every other name is that of a program.
ENGINES: dict[str, Callable[[], str]] = {
    "docker": _as_root("dockerd"),
    "containers": _as_root("dockerd", "docker", "busybox"),
    "base image": _base_image,
    "mariadb": _programs("mariadbd", "mariadb-install-db"),
    "postgresql": _postgresql,
    "prometheus 3": _prometheus_3,
    "shared": _shared,
    "namespaces": _as_root("ip"),
    "root": _as_root(),
}


def missing(engine: str) -> str:
    """Why this engine cannot be used here; empty when it can."""
    return ENGINES.get(engine, _programs(engine))()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("engine"):
        for engine in mark.args:
            require(engine)


def require(engine: str) -> None:
    """Skip the running test where an engine is missing, fail it in CI."""
    reason = missing(engine)
    if not reason:
        return
    if IN_CI:
        pytest.fail(f"engine {engine!r}: {reason}", pytrace=False)
    pytest.skip(f"engine {engine!r}: {reason}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `../shared`; the test is skipped without it, and fails in CI."""
    require("shared")
    return shared_folder()


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return ROOT
