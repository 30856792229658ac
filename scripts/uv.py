"""Runs the environment's uv with the machine's pip settings, which uv does not read by itself.

What is already set for uv wins. Nothing is written: the addresses stay in pip's configuration and in this process.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

BIN = Path(sys.executable).parent
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}
STRONGEST_LAST = ("global.", "download.", "install.", ":env:.")


def from_pip(listed: str) -> dict[str, str]:
    """What `pip config list` printed, under the names of uv's variables."""
    variables: dict[str, str] = {}
    for section in STRONGEST_LAST:
        for line in listed.splitlines():
            key, _, value = line.partition("=")
            name = UV_NAMES.get(key.removeprefix(section))
            if name and key.startswith(section):
                variables[name] = " ".join(str(ast.literal_eval(value)).split())
    places = [place for place in variables.pop("UV_FIND_LINKS", "").split() if "://" in place or Path(place).exists()]
    # pip passes over a folder that is not there; uv would refuse to work.
    return {**variables, **({"UV_FIND_LINKS": ",".join(places)} if places else {})}


def without_index(listed: str) -> list[str]:
    """The option for a machine whose pip may only use its own folders; uv has no variable for it."""
    return ["--no-index"] if re.search(r"\.no-index='(?:1|true|yes|on)'", listed, flags=re.IGNORECASE) else []


def environment(own: Mapping[str, str], listed: str) -> dict[str, str]:
    """The process's environment, and pip's settings where uv has none of its own."""
    return {"UV_PYTHON_DOWNLOADS": "never", **from_pip(listed), **own, "VIRTUAL_ENV": str(BIN.parent)}


def main() -> None:
    listed = subprocess.run([BIN / "pip", "config", "list"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own pip
    uv = str(BIN / "uv")
    arguments = [uv, *sys.argv[1:], *without_index(listed)]
    os.execve(uv, arguments, environment(os.environ, listed))  # noqa: S606 - takes this process's place: its exit code is uv's


if __name__ == "__main__":
    main()
