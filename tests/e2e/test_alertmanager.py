"""Prometheus sends its alerts here, and amtool works against gwanje, as if it were Alertmanager."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .program import Program, free_port, wait_until

pytestmark = pytest.mark.e2e

CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: nobody
    static_configs: [{{targets: ["127.0.0.1:{nobody}"]}}]
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - authorization: {{credentials: "{key}"}}
      static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
RULES = """
groups:
  - name: targets
    rules:
      - alert: TargetDown
        expr: up{job="nobody"} == 0
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} does not answer"}
"""


@contextmanager
def prometheus(folder: Path, program: Program, key: str) -> Iterator[Path]:
    """Prometheus with a rule that fires, sending to the program; the file of its rules."""
    folder.mkdir()
    written = CONFIGURATION.format(nobody=free_port(), key=key, port=program.port)
    (folder / "prometheus.yml").write_text(written, encoding="utf-8")
    rules = folder / "rules.yml"
    rules.write_text(RULES, encoding="utf-8")
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        "--rules.alert.resend-delay=1s",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield rules
    finally:
        process.terminate()
        process.wait(60)


def amtool(folder: Path, program: Program, key: str, *arguments: str) -> str:
    """What amtool prints; its mistakes fail the test."""
    (folder / "http.yml").write_text(f'authorization: {{credentials: "{key}"}}\n', encoding="utf-8")
    command = ["amtool", f"--alertmanager.url={program.url}", f"--http.config.file={folder}/http.yml", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.engine("prometheus", "amtool")
def test_prometheus_alerts_and_amtool_silences(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    key = program.key("ingest", "read", "operate")
    program.start()
    program.first_user()

    def alerts(*more: str) -> list[dict[str, Any]]:
        return list(json.loads(amtool(tmp_path, program, key, "alert", "query", "-o", "json", *more)))

    with prometheus(tmp_path / "prometheus", program, key):
        wait_until(lambda: bool(alerts("TargetDown")), 60, "Prometheus's alert")
        (alert,) = alerts("TargetDown")
        assert alert["annotations"]["summary"].endswith("does not answer")
        assert alert["labels"]["severity"] == "critical"
        (episode,) = program.get("/api/v1/episodes", state="open", rule="TargetDown")["episodes"]
        assert (episode["source"], episode["severity"]) == ("alertmanager", "critical")

        made = amtool(
            tmp_path, program, key, "silence", "add", "alertname=TargetDown", "-c", "moving", "-a", "kim", "-d", "1h"
        ).strip()
        assert json.loads(amtool(tmp_path, program, key, "silence", "query", "-o", "json"))[0]["id"] == made
        wait_until(lambda: alerts("-s", "TargetDown") != [], 60, "the silence to hold")
        assert alerts("-s", "TargetDown")[0]["status"]["silencedBy"] == [made]
        assert alerts("TargetDown") == []
        amtool(tmp_path, program, key, "silence", "expire", made)
        wait_until(lambda: bool(alerts("TargetDown")), 60, "the silence to end")
        assert "moving" in amtool(tmp_path, program, key, "silence", "query", "--expired", "-o", "extended")

    assert "cluster" in amtool(tmp_path, program, key, "cluster", "show").lower()
