"""What the threads of a store share: which series there are, the newest of each, and where samples lie."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from gwanje.keep.samples.local.admission import NEVER
from gwanje.keep.samples.local.cache import Cache
from gwanje.keep.samples.local.head import Newest, Staged, View
from gwanje.keep.samples.local.index import Index
from gwanje.keep.samples.local.placements import Placements
from gwanje.keep.samples.local.runs import Rows, Run, joined, merged, run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.samples.local import Settings

_STAGED_PARTS = 256
_STAGED_ROWS = 250_000
_RUN_ROWS = 1_000_000
"""What is merged lies in memory twice until it is done."""


class Memory:
    """The index, the newest samples and the `View`, which is frozen and replaced whole."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.index = Index()
        self.newest = Newest()
        self.cache = Cache(settings.cache_bytes)
        self.placements = Placements()
        self.lock = threading.Lock()
        self.settling = threading.Lock()
        self.crowded = threading.Event()
        """So much is staged that another thread than the one that appends settles it; at twice as much that one does."""
        self.view = View()  # replaced under `lock`; replaced runs and a head that leaves also under `settling`
        self.totals: Counter[str] = Counter()
        self.generation = 2
        """Counts the heads; a series is active while it was seen in this one or the one before."""
        self.active = 0
        self.head_since_ms = self.now_ms = NEVER

    def take(self, rows: Rows, now_ms: int, *, all_new: bool = False) -> None:
        """Make accepted samples part of the head: from here on queries see them.

        `all_new` says that they rise within each series and are newer than what it has.
        """
        if not len(rows.times):
            return
        self.now_ms = max(self.now_ms, now_ms)
        if not self.view.runs and not self.view.staged:
            self.head_since_ms = now_ms
        self.newest.take(rows, all_new=all_new)
        asleep = rows.series[self.newest.seen[rows.series] < self.generation - 1]
        self.active += len(np.unique(asleep))
        self.newest.seen[rows.series] = self.generation
        part = Staged(rows, int(rows.times.min()), int(rows.times.max()))
        with self.lock:
            self.view = view = replace(self.view, staged=(*self.view.staged, part))
        if len(view.staged) >= _STAGED_PARTS or view.staged_rows >= _STAGED_ROWS:
            self.crowded.set()
        if len(view.staged) >= 2 * _STAGED_PARTS or view.staged_rows >= 2 * _STAGED_ROWS:
            self.settled()

    def around(self, after_ms: int, until_ms: int) -> View:
        """The view for who looks at `after_ms < time <= until_ms`: settled where some of that may still be staged."""
        view = self.view
        return self.settled() if view.staged_in(after_ms, until_ms) else replace(view, staged=())

    def settled(self) -> View:
        """The view with nothing staged: what came is sorted into the last run, small runs are merged."""
        with self.settling:
            view = self.view
            if not view.staged:
                return view
            runs = [*view.runs, run_of(joined([part.rows for part in view.staged]))]
            if (small := _small(runs)) > 1:
                runs[-small:] = [merged(runs[-small:])]
            with self.lock:
                staged = self.view.staged[len(view.staged) :]  # what came while we sorted
                self.view = replace(self.view, runs=tuple(runs), staged=staged)
                return replace(self.view, staged=())


def _small(runs: Sequence[Run]) -> int:
    """How many of the last runs become one: those of like size, so that there are few and no sample is moved often."""
    rows = 0
    for count, run in enumerate(reversed(runs)):
        if count and (len(run.times) >= 2 * rows or len(run.times) + rows > _RUN_ROWS):
            return count
        rows += len(run.times)
    return len(runs)


def in_ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
