"""What a gzip body holds, without taking more room than is allowed."""

from __future__ import annotations

import zlib

from gwanje.errors import BadInput, TooLarge

_MOST_MEMBERS = 100


def unpacked(body: bytes, most_bytes: int) -> bytes:
    """The content of every member. Raises TooLarge before it takes more than `most_bytes`, and BadInput for what is no gzip."""
    parts: list[bytes] = []
    size = 0
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(body, most_bytes - size + 1))
        except zlib.error as error:
            raise BadInput(f"not gzip: {error}; send `Content-Encoding: gzip` with such a body only") from error
        size += len(parts[-1])
        if size > most_bytes:
            raise TooLarge(f"the body unpacks to more than the {most_bytes} bytes that are allowed; send smaller requests")
        if not member.eof:
            raise BadInput("the gzip body ends too early; send it again")
        body = member.unused_data
        if len(parts) > _MOST_MEMBERS:
            raise BadInput(f"the gzip body has more than {_MOST_MEMBERS} members; send one")
    return b"".join(parts)
