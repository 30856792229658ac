"""An answer of JSON that was made in pieces, and is sent so: put together it would be in memory twice."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class InPieces(Response):
    """Sends the pieces in their order, each at its turn; forgets what it has sent. To be sent once."""

    def __init__(self, pieces: list[bytes]) -> None:
        length = str(sum(map(len, pieces)))
        super().__init__(None, 200, {"Cache-Control": "no-store", "Content-Length": length}, "application/json")
        self._pieces = pieces[::-1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while self._pieces:
            await send({"type": "http.response.body", "body": self._pieces.pop(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
