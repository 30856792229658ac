"""The promise of a transport: batches travel, and none is lost on the way."""

from __future__ import annotations

from typing import Protocol

from gwanje.model import Batch


class Sender(Protocol):
    """Takes batches from the agent, from pipelines and from doors.

    `send` returns when the batch is durable on the other side (for `direct`: when it is in the store's log). It raises
    RetryLater when the caller should keep the batch and try again, Rejected or BadInput when trying again cannot help.
    It may be called from several threads' loops at once; after `close` it is not called again.
    """

    async def send(self, batch: Batch) -> None: ...

    async def close(self) -> None: ...
