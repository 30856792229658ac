"""Matchers mean what they mean to Alertmanager, by its own tool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gwanje.tell.matchers import parse_matchers

TEXTS = (
    r'host="web.1"',
    r'host=~"web[.-]1"',
    r'host=~"web\.1"',
    r'host=~"web\\.1"',
    r'host=~"web\\\.1"',
    r'host=~"web\\\\.1"',
    r'host="web\.1"',
    r'host="web\\.1"',
    r'host=~"\w+\d"',
    r'host=~"web\n1"',
    r'host="web\n1"',
    r'host="web\t1"',
    r'host=~"web\t1"',
    r'host="\"web\""',
    r'host=~"\"web\""',
    r'host=~"\\\"web\\\""',
    r'host!="C:\\"',
    r'host!~"C:\\\\"',
)
VALUES = (
    "web.1",
    "web-1",
    "webx1",
    "web\\.1",
    "web\\x1",
    "web\n1",
    "web\t1",
    "web\\t1",
    "webn1",
    '"web"',
    '\\"web\\"',
    "C:\\",
    "w1",
)


@pytest.mark.engine("amtool")
@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_matched_by_what_alertmanager_matches_it_by(tmp_path: Path, value: str) -> None:
    names = [f"r{number}" for number in range(len(TEXTS))]
    routes = [{"receiver": name, "continue": True, "matchers": [text]} for name, text in zip(names, TEXTS, strict=True)]
    known = [{"name": name} for name in ("none", *names)]
    file = tmp_path / "alertmanager.yml"
    file.write_text(json.dumps({"route": {"receiver": "none", "routes": routes}, "receivers": known}), encoding="utf-8")
    label = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    command = ["amtool", "config", "routes", "test", f"--config.file={file}", f'host="{label}"']
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    theirs = set(done.stdout.strip().split(",")) - {"none"}
    ours = {name for name, text in zip(names, TEXTS, strict=True) if parse_matchers(text)[0].matches({"host": value})}
    assert ours == theirs
