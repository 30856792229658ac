"""A backup of the running program, brought back, holds everything that was answered before it was asked for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Self

import httpx
import pytest

from gwanje.model import Sample
from gwanje.wire.remote_write.encode import encode

from .program import Program, command

pytestmark = pytest.mark.e2e


class Writer:
    """Sends numbered samples one after the other; `answered` is the last number that was taken."""

    def __init__(self, program: Program) -> None:
        self.answered = 0
        self._program = program
        self._headers = {"Authorization": f"Bearer {program.key('ingest')}", "Content-Encoding": "snappy"}
        self._ended, self._many = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._many.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _write(self) -> None:
        at_ms = 0
        with httpx.Client(base_url=self._program.url, headers=self._headers, timeout=30) as client:
            while not self._ended.is_set():
                number = self.answered + 1
                at_ms = max(at_ms + 1, time.time_ns() // 1_000_000)  # two may be answered within a millisecond
                batch = [Sample("numbered", {"part": str(part)}, float(number), at_ms) for part in range(20)]
                answer = client.post("/api/v1/write", content=encode(batch).body)
                assert answer.status_code == HTTPStatus.NO_CONTENT, answer.text
                self.answered = number
                if number >= 100:
                    self._many.set()


def numbers_in(folder: Path) -> list[int]:
    """What the restored folder answers, asked without any process running."""
    found = command("query", 'numbered{part="7"}[1h]', folder)
    assert found.returncode == 0, found.stderr
    return [int(float(line.split()[1])) for line in found.stdout.splitlines()]


def test_a_backup_under_writes_holds_what_was_answered_and_is_brought_back(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    program.start()
    copy, again = tmp_path / "copy", tmp_path / "again"
    with Writer(program) as writer:
        before = writer.answered
        made = command("backup", copy, program.folder)
        assert made.returncode == 0, made.stderr
        assert made.stdout == f"{copy} holds configuration, state, samples, events\n"
        refused = command("backup", copy, program.folder)
        assert (refused.returncode, "there already" in refused.stderr) == (2, True)
        in_use = command("restore", copy, program.folder)
        assert (in_use.returncode, "in use" in in_use.stderr) == (2, True)
    restored = command("restore", copy, again)
    assert restored.returncode == 0, restored.stderr
    kept = numbers_in(again)
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) >= before
    at_rest = command("backup", tmp_path / "at-rest", again)
    assert at_rest.returncode == 0, at_rest.stderr
    about = json.loads((tmp_path / "at-rest" / "backup.json").read_text())
    assert about["contents"] == ["configuration", "state", "samples", "events"]


def test_only_the_machine_itself_can_ask_for_a_backup(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    program.start()
    program.first_user()
    assert program.post(f"/api/v1/backup?to={tmp_path / 'copy'}").status_code == HTTPStatus.FORBIDDEN
    assert not (tmp_path / "copy").exists()
