"""A store for rounds under test that may refuse to answer."""

from gwanje.errors import QueryLimit
from gwanje.keep.samples.base import Answer
from gwanje.testing.scenarios import MemorySamples


class RefusingSamples(MemorySamples):
    """Samples in memory; no question is answered while `down`."""

    down = False

    async def instant(self, query: str, at_ms: int) -> Answer:
        if self.down:
            raise QueryLimit("the store is busy")
        return await MemorySamples.instant(self, query, at_ms)
