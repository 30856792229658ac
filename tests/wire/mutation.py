"""Bodies that were damaged on the way, and what every decoder promises of them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from gwanje.errors import BadInput
from gwanje.wire.columns import Columns

Change = tuple[int, bytes, int]
"""Where, what is written there, and over how many bytes."""

CHANGES = st.lists(st.tuples(st.integers(0, 100_000), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=6)
END = st.integers(0, 100_000)


def mutated(plain: bytes, changes: list[Change], end: int) -> bytes:
    """The body with its changes; one in seven is cut off, too."""
    body = bytearray(plain)
    for at, new, length in changes:
        body[at % len(body) : at % len(body) + length] = new
        body = body or bytearray(b"x")
    return bytes(body[: end % len(body)]) if end % 7 == 0 else bytes(body)


def is_bad_input_or_fine(read: Callable[[], Columns]) -> None:
    """Nothing but BadInput, for the body or for a series of it; what is read is whole."""
    try:
        columns = read()
    except BadInput:
        return
    assert int(columns.counts.sum()) == len(columns.times) == len(columns.values)
    assert len(columns.keys) == len(columns.counts)
    for key in columns.keys:
        try:
            names = [name for name, _ in columns.labels_of(key)]
        except BadInput:
            continue
        assert names == sorted(set(names))
        assert "__name__" in names
