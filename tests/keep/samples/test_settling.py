"""When what came is sorted into the head, and by whom."""

from __future__ import annotations

import numpy as np
import pytest

from gwanje.keep.samples.local import Settings, memory
from gwanje.keep.samples.local.memory import Memory
from gwanje.keep.samples.local.runs import Rows
from gwanje.testing.samples import NOW_MS


def taking(count: int, rows: int = 10) -> Memory:
    """So many batches of the same series, one sample each."""
    filled = Memory(Settings())
    filled.newest.grow(rows)
    for number in range(count):
        times = np.full(rows, NOW_MS + number, np.int64)
        filled.take(Rows(np.arange(rows), times, times.astype(np.float64)), NOW_MS, all_new=True)
    return filled


def test_whoever_appends_only_tells_that_much_is_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_STAGED_ROWS", 40)
    assert not taking(3).crowded.is_set()
    told = taking(4)
    assert told.crowded.is_set()
    assert (len(told.view.staged), len(told.view.runs)) == (4, 0)


def test_whoever_appends_settles_what_nobody_else_did_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_STAGED_ROWS", 40)
    settled = taking(8)
    assert not settled.view.staged
    assert sum(len(run.times) for run in settled.view.runs) == 80


def test_many_small_batches_are_settled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_STAGED_PARTS", 3)
    assert taking(3, rows=1).crowded.is_set()
    assert not taking(6, rows=1).view.staged
