"""What waits on the disk: order, restart, a limit, a full disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gwanje.carry.spool import Spool
from gwanje.errors import GwanjeError, Rejected, RetryLater, StoreFull
from gwanje.model import Batch, BatchOf

MANY = 1 << 20


def _batch(text: str, of: BatchOf = BatchOf.SAMPLES) -> Batch:
    return Batch(of, text.encode(), len(text))


def _all(spool: Spool) -> list[Batch]:
    """Take everything that waits."""
    found = []
    while waiting := spool.oldest():
        number, batch = waiting
        found.append(batch)
        spool.done(number)
    return found


class Far:
    """Another side that answers as it is told, and remembers what it took."""

    def __init__(self, *answers: GwanjeError | None) -> None:
        self._answers = list(answers)
        self.took: list[bytes] = []
        self.asked = 0

    async def send(self, batch: Batch) -> None:
        self.asked += 1
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        self.took.append(batch.body)


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - the spool tells nobody
            await asyncio.sleep(0.01)


def test_batches_come_out_as_they_went_in_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MANY)
    batches = [_batch("a"), _batch("event", BatchOf.EVENTS), _batch("b")]
    for batch in batches:
        spool.put(batch)
    assert spool.own_samples()["gwanje_spool_batches"] == 3
    assert spool.own_samples()["gwanje_spool_bytes"] == 7
    assert _all(spool) == batches
    assert list(tmp_path.iterdir()) == []


def test_what_waits_is_there_after_a_restart_and_a_torn_file_is_not(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MANY)
    for text in "abc":
        spool.put(_batch(text))
    first = spool.oldest()
    assert first is not None
    spool.done(first[0])
    (tmp_path / "0000000000000009-samples-4.writing").write_bytes(b"torn")
    again = Spool(tmp_path, MANY)
    again.put(_batch("d"))
    assert [batch.body for batch in _all(again)] == [b"b", b"c", b"d"]
    assert list(tmp_path.iterdir()) == []


def test_beyond_the_limit_the_oldest_go_first_and_are_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10)
    for text in ("aaaa", "bbbb", "cccc", "dddd"):
        spool.put(_batch(text))
    assert [batch.body for batch in _all(spool)] == [b"cccc", b"dddd"]
    assert spool.own_samples()['gwanje_spool_dropped_batches_total{reason="full"}'] == 2


def test_one_batch_larger_than_the_limit_still_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10)
    spool.put(_batch("a" * 50))
    assert [len(batch.body) for batch in _all(spool)] == [50]


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreFull, match="cannot be used"):
        Spool(file / "spool", MANY)
    spool = Spool(tmp_path / "spool", MANY)
    (tmp_path / "spool").rmdir()
    with pytest.raises(StoreFull, match="nothing can be written"):
        spool.put(_batch("a"))
    assert spool.oldest() is None


@pytest.mark.parametrize(
    ("answers", "took", "refused"),
    [
        pytest.param([], [b"a", b"b"], 0, id="both are taken"),
        pytest.param([RetryLater("away")], [b"a", b"b"], 0, id="one that cannot be sent now is sent first, later"),
        pytest.param([Rejected("bad")], [b"b"], 1, id="one that is refused does not hold up the next"),
    ],
)
async def test_what_waits_is_forwarded(tmp_path: Path, answers: Sequence[GwanjeError], took: list[bytes], refused: int) -> None:
    spool, far = Spool(tmp_path, MANY), Far(*answers)
    for text in "ab":
        spool.put(_batch(text))
    task = asyncio.create_task(spool.forward(far.send))
    await _until(lambda: spool.waiting == 0)
    spool.put(_batch("c"))
    await _until(lambda: spool.waiting == 0)
    task.cancel()
    assert far.took == [*took, b"c"]
    assert spool.own_samples()['gwanje_spool_dropped_batches_total{reason="refused"}'] == refused
