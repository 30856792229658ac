"""kill -9 while samples come in: what was answered is there after the restart, once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Self

import httpx
import pytest

from gwanje.model import Sample
from gwanje.wire.remote_write.encode import encode

from .program import Program, wait_until

pytestmark = pytest.mark.e2e

KILLS = 10
SERIES = 1000
SAMPLES_PER_SECOND = 20_000
FEWEST = 5
"""So many batches at least are answered before each kill."""


class Writer:
    """Sends 20,000 samples a second, one value a series and batch, and remembers which batches were answered 2xx."""

    def __init__(self, program: Program, key: str, first: int) -> None:
        self.answered: list[tuple[int, int]] = []
        self.last = first
        self._program = program
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
        }
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _write(self) -> None:
        pause = SERIES / SAMPLES_PER_SECOND
        with httpx.Client(base_url=self._program.url, headers=self._headers, timeout=30) as client:
            due = time.monotonic()
            while not self._ended.is_set():
                self.last += 1
                at_ms = time.time_ns() // 1_000_000
                try:
                    answer = client.post("/api/v1/write", content=_body(self.last, at_ms))
                except httpx.TransportError:
                    return  # it was killed
                if answer.status_code == HTTPStatus.NO_CONTENT:
                    self.answered.append((self.last, at_ms))
                due += pause
                self._ended.wait(max(0.0, due - time.monotonic()))


def _body(number: int, at_ms: int) -> bytes:
    return encode([Sample("killed", {"series": f"s{index:04}"}, float(number), at_ms) for index in range(SERIES)]).body


def test_ten_kills_under_traffic_lose_nothing_and_double_nothing(start: Callable[..., Program]) -> None:
    chance = random.Random(7)  # noqa: S311 - moments to kill at, the same in every run
    program = start()
    key = program.key("ingest")
    answered: list[tuple[int, int]] = []
    last = 0
    began = time.time()
    for _ in range(KILLS):
        program.start()
        with Writer(program, key, last) as writer:
            time.sleep(chance.uniform(0.7, 1.6))
            wait_until(lambda writer=writer: len(writer.answered) > FEWEST, 60, "batches that are answered")
            program.kill()
        answered += writer.answered
        last = writer.last
    program.start()
    program.first_user()
    seconds = int(time.time() - began) + 60
    for series in ("s0000", "s0500", "s0999"):
        found = program.get("/api/v1/query", query=f'killed{{series="{series}"}}[{seconds}s]')["data"]["result"]
        kept = [(int(float(value)), round(at * 1000)) for at, value in found[0]["values"]]
        assert set(answered) <= set(kept), f"{series}: an answered sample is missing"
        assert len(kept) == len(set(kept)), f"{series}: a sample stands twice"
        assert len({number for number, _ in kept}) == len(kept), f"{series}: a batch stands twice"
    counts = program.get("/api/v1/query", query=f'count_values("n", count_over_time(killed[{seconds}s]))')["data"]["result"]
    assert [(row["value"][1], int(row["metric"]["n"]) >= len(answered)) for row in counts] == [(str(SERIES), True)]
