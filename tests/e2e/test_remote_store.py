"""The real program on a real store elsewhere: one word of configuration, and what it is given survives that store's absence."""

from __future__ import annotations

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
    program = start()
    with prometheus(tmp_path / "prometheus") as url:
        port = url.rpartition(":")[2]
        _on(program, url)
        program.start()
        program.first_user()
        wait_until(lambda: program.value("host_memory_used_ratio"), 30, "a recorded ratio in Prometheus")
        overview = program.get("/api/v1/overview")
        assert overview["hosts"][0]["memory_used_ratio"] > 0
        before = program.value("vector(time())")
        assert before is not None
    wait_until(lambda: "is it running" in program.log, 40, "a word that nobody answers")
    with prometheus(tmp_path / "prometheus", port=int(port)):
        wait_until(lambda: (program.value("max(timestamp(node_load1))") or 0) > before + 20, 60, "new samples")
        # One look every five seconds: the looks of the time in which Prometheus was away are there as well.
        seen = program.get("/api/v1/query", query="node_load1[20s]")["data"]["result"][0]["values"]
        assert len(seen) >= 3


@pytest.mark.e2e
@pytest.mark.engine("victoria-metrics")
def test_victoria_metrics_keeps_the_samples(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    with victoria_metrics(tmp_path / "victoria") as url:
        _on(program, url)
        program.start()
        program.first_user()
        wait_until(lambda: program.value("host_memory_used_ratio"), 30, "a recorded ratio in VictoriaMetrics")
        wait_until(lambda: program.get("/api/v1/overview")["hosts"], 30, "the machine on the overview")
