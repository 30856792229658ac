"""A wheel from a clean copy of what would be committed, and fresh environments to try it in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = [sys.executable, str(ROOT / "scripts" / "uv.py")]


def copy_committed(to: Path) -> Path:
    """Copy every file that git would take, as it lies in the tree now."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def build(tree: Path) -> Path:
    """Build the source archive and the wheel of a tree, and return the folder that holds both."""
    run([sys.executable, "-m", "hatchling", "build"], cwd=tree)
    return tree / "dist"


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment with one lock and one wheel in it, and nothing else."""

    folder: Path

    @classmethod
    def of(cls, folder: Path, *, lock: str, wheel: Path) -> Environment:
        run([*UV, "venv", "--quiet", "--python", sys.executable, str(folder)])
        into = ["--quiet", "--python", str(folder / "bin" / "python")]
        run([*UV, "pip", "install", *into, "--require-hashes", "--requirement", str(ROOT / "requirements" / lock)])
        run([*UV, "pip", "install", *into, "--no-deps", str(wheel)])
        return cls(folder)

    def gwanje(self, *arguments: str, cwd: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the installed command with an environment that knows nothing of this project."""
        return subprocess.run(
            [self.folder / "bin" / "gwanje", *arguments],
            cwd=cwd,
            env=foreign(),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def size(self) -> int:
        """Bytes that the packages take, without the folder's own scripts and links."""
        return sum(file.lstat().st_size for file in (self.folder / "lib").rglob("*") if file.is_file())


def foreign() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "GWANJE_"))}


def run(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=foreign(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
