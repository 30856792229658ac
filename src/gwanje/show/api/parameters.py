"""The parameters of a request, as the query paths read them: from the address, and for POST from a form too."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request


class Given:
    """Names and texts; a name may stand there several times. Made for each query, and so with little on the way."""

    __slots__ = ("_last", "_pairs")

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._last = dict(pairs)

    @classmethod
    async def of(cls, request: Request) -> Given:
        """The address speaks last."""
        pairs = _pairs(request.scope["query_string"])
        return cls(pairs if request.method != "POST" else [*_pairs(await request.body()), *pairs])

    def get(self, name: str, default: str = "") -> str:
        """The last of them."""
        return self._last.get(name, default)

    def every(self, name: str) -> list[str]:
        return [text for known, text in self._pairs if known == name]


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    return parse_qsl(encoded.decode("latin-1"), keep_blank_values=True)
