"""`gwanje agent` as a process of its own: it sends to the real program, and nothing is lost while that is away."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .program import Program, command, wait_until

pytestmark = pytest.mark.e2e


@contextmanager
def _agent(folder: Path, program: Program, key: str) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir()
    (folder / "gwanje.yaml").write_text(
        "agent: {host: far-1, interval: 1s, probes: {host: {}}}\n"
        f"transport: {{type: http, url: '{program.url}', key: '{key}'}}\n",
        encoding="utf-8",
    )
    with (folder / "out").open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "gwanje.cli", "agent", str(folder)], stdout=out, stderr=out, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def _host_key(program: Program, host: str) -> str:
    made = command("key", "create", "--name", "far", "--scope", "ingest", "--host", host, program.folder, env=program.env)
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()[-1]


def test_what_an_agent_saw_while_the_server_was_away_arrives_with_its_time(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    key = _host_key(program, "far-1")
    program.start()
    program.first_user()
    with _agent(tmp_path / "far", program, key) as process:
        wait_until(lambda: program.value('node_load1{host="far-1"}') is not None, 60, "the agent's first look")
        assert [host["host"] for host in program.get("/api/v1/overview")["hosts"]].count("far-1") == 1
        program.kill()
        spool = tmp_path / "far" / "spool"
        wait_until(lambda: len(list(spool.glob("*.batch"))) >= 5, 60, "batches that wait on the disk")
        process.kill()
        process.wait(10)
        program.start()
        assert program.value('node_load1{host="far-1"}') is not None
    with _agent_again(tmp_path / "far"):
        wait_until(lambda: not list(spool.glob("*.batch")), 60, "an empty spool")
        wait_until(
            lambda: len(program.get("/api/v1/query", query='node_load1{host="far-1"}[10m]')["data"]["result"][0]["values"]) >= 7,
            60,
            "the looks of the time in which the server was away",
        )


@contextmanager
def _agent_again(folder: Path) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "gwanje.cli", "agent", str(folder)], stdout=subprocess.DEVNULL)
    try:
        yield
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "nowhere to send to", id="no address"),
        pytest.param(["--to", "example.org"], "is not an address", id="no address that can be used"),
    ],
)
def test_an_agent_that_cannot_send_says_so_in_one_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = command("agent", tmp_path / "far", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
