"""The last step of every batch: transport or HTTP door → decode → store → tell that something changed.

Whatever comes in by whichever way passes here, so this is where it is counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from gwanje.carry.abouts import Abouts
from gwanje.carry.updates.base import Update, Updates
from gwanje.errors import BadInput
from gwanje.keep.events.base import Events
from gwanje.keep.samples.base import Appendable, Appended, Columns
from gwanje.model import Batch, BatchOf
from gwanje.wire.json import decode as json_lines
from gwanje.wire.remote_write import decode as remote_write


class Ingest:
    """Decodes batches and hands them to the stores.

    `accept` returns when the batch is durable. It raises BadInput for a body that cannot be read and StoreFull when nothing
    can be written; then nothing of the batch was kept. May be called from several threads' loops at once.
    """

    def __init__(self, samples: Appendable, events: Events, updates: Updates, now_ms: Callable[[], int]) -> None:
        self._samples = samples
        self._events = events
        self._updates = updates
        self._now_ms = now_ms
        self._counts: Counter[str] = Counter()
        self.abouts = Abouts()
        """What senders say of their metrics."""
        self.newest_ms = 0
        """When the newest batch of samples was accepted."""

    async def accept(self, batch: Batch) -> Appended:
        try:
            if batch.of is BatchOf.EVENTS:
                return await self._accept_events(batch.body)
            return await self.accept_columns(await asyncio.to_thread(remote_write.decode, batch.body))
        except BadInput:
            self._counts["gwanje_bodies_refused_total"] += 1
            raise

    async def accept_columns(self, columns: Columns) -> Appended:
        """Store what any protocol's decoder gave; of one without samples only what it says of metrics is remembered."""
        if columns.abouts:
            self.abouts.note(columns.abouts)
        if not len(columns.keys):
            return Appended(0)
        appended = await self._samples.append(columns, self._now_ms())
        self._count(appended)
        self.newest_ms = self._now_ms()
        self._updates.publish(Update("samples"))
        return appended

    async def _accept_events(self, body: bytes) -> Appended:
        events = json_lines.events(body)
        await self._events.append(events)
        self._counts["gwanje_events_received_total"] += len(events)
        self._updates.publish(Update("events"))
        return Appended(accepted=len(events))

    def _count(self, appended: Appended) -> None:
        self._counts["gwanje_bodies_received_total"] += 1
        self._counts["gwanje_samples_received_total"] += appended.accepted
        self._counts["gwanje_samples_duplicate_total"] += appended.duplicates
        self._counts["gwanje_samples_conflicting_total"] += appended.conflicts
        for reason, count in appended.refused.items():
            self._counts[f'gwanje_samples_refused_total{{reason="{reason}"}}'] += count

    def own_samples(self) -> Mapping[str, float]:
        """What passed here since the process started."""
        zero = dict.fromkeys(("gwanje_samples_received_total", "gwanje_events_received_total", "gwanje_bodies_refused_total"), 0)
        return {**zero, **self._counts}
