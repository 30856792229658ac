"""The real program on a real store elsewhere: one word of configuration, and what it is given survives that store's absence."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines.metrics import prometheus, victoria_metrics

from .program import Program, command, wait_until


def _on(program: Program, url: str) -> None:
    """A folder whose samples lie at `url`."""
    made = command("init", program.folder)
    assert made.returncode == 0, made.stderr
    main = program.folder / "gwanje.yaml"
    kept = [line for line in main.read_text(encoding="utf-8").splitlines() if not line.startswith("samples:")]
    main.write_text("\n".join([*kept, f"samples: {{type: prometheus, url: {url!r}}}", ""]), encoding="utf-8")


@pytest.mark.e2e
@pytest.mark.engine("prometheus")
def test_prometheus_keeps_the_samples_and_what_it_missed_is_sent_when_it_is_back(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    program = start(GWANJE_AGENT__INTERVAL="1s")
    with prometheus(tmp_path / "prometheus") as url:
        port = url.rpartition(":")[2]
        _on(program, url)
        program.start()
        program.first_user()
        wait_until(lambda: program.value("host_memory_used_ratio"), 60, "a recorded ratio in Prometheus")
        overview = program.get("/api/v1/overview")
        assert overview["hosts"][0]["memory_used_ratio"] > 0
    gone = time.time()
    wait_until(lambda: "is it running" in program.log and time.time() > gone + 6, 60, "a word that nobody answers")
    back = time.time()
    with prometheus(tmp_path / "prometheus", port=int(port)):
        wait_until(lambda: (program.value("max(timestamp(node_load1))") or 0) > back, 60, "new samples")
        seconds = round(time.time() - gone)
        seen = program.get("/api/v1/query", query=f"node_load1[{seconds}s]")["data"]["result"][0]["values"]
        assert len([at for at, _ in seen if gone < at < back]) >= 3, "a look each second, also while nobody kept them"


@pytest.mark.e2e
@pytest.mark.engine("victoria-metrics")
def test_victoria_metrics_keeps_the_samples(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    with victoria_metrics(tmp_path / "victoria") as url:
        _on(program, url)
        program.start()
        program.first_user()
        wait_until(lambda: program.value("host_memory_used_ratio"), 60, "a recorded ratio in VictoriaMetrics")
        wait_until(lambda: program.get("/api/v1/overview")["hosts"], 60, "the machine on the overview")
