"""A scraped page, Prometheus's text 0.0.4 or OpenMetrics 1.0 → columns. What stands before the value is the series' key.

A page is split as a whole, and what it says as the page before it did is taken from that (`page.py`): in a steady state only the
values are new. A bad line loses no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gwanje.errors import BadInput, TooLarge
from gwanje.wire.columns import Columns
from gwanje.wire.exposition import abouts
from gwanje.wire.exposition.keys import labels_of
from gwanje.wire.exposition.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import About
    from gwanje.wire.exposition.page import BadLine

PROTOCOL: Final = "exposition"
ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
"""What a scrape asks for, as Prometheus 3 does: text, never protobuf, and names as they are, in quotes."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What of a page can be stored, what it says about its metrics, and what cannot be read."""

    columns: Columns
    """`keys` is the same list as that of the page before where both have the same series in the same order."""
    own_times: NDArray[np.bool_] | None
    """Which samples bring their own time; None where none does."""
    about: Mapping[str, About]
    """By family."""
    bad: Sequence[BadLine]
    """The first of the refused lines."""
    refused: int
    """How many lines were refused."""
    plain: Any = None
    """The keys as they stood in the page, where all of its lines were plain ones without a time."""
    comments: Any = None
    """The comment lines as they stood in the page."""


def decode(
    body: bytes, now_ms: int, *, openmetrics: bool = False, previous: Decoded | None = None, most_samples: int = 1_000_000
) -> Decoded:
    """Read a whole page; samples without a time are of `now_ms`. `previous` is the target's page before this one, if any.

    Raises TooLarge for too many lines, and BadInput for an OpenMetrics page that was cut short.
    """
    if body.count(b"\n") > 2 * most_samples:
        raise TooLarge(f"the page has more than {2 * most_samples} lines; serve fewer series")
    if openmetrics:
        body = _whole(body)
    lines = pc.split_pattern(pa.array([body], pa.binary()), pattern=b"\n").values
    commented = pc.starts_with(lines, pattern=b"#")
    comments = lines.filter(commented)
    filled = pc.and_(pc.invert(commented), pc.not_equal(pc.binary_length(lines), 0))
    page = Page(lines.filter(filled), now_ms, openmetrics=openmetrics, previous=previous)
    page.read()
    if len(page.data) > most_samples:
        raise TooLarge(f"the page has {len(page.data)} samples, {most_samples} are allowed; serve fewer series")
    same = previous is not None and comments.equals(previous.comments)
    return Decoded(
        columns=Columns(
            protocol=PROTOCOL,
            body=body,
            keys=page.keys,
            counts=np.ones(len(page.keys), dtype=np.int64),
            times=page.times,
            values=page.values,
            labels_of=labels_of,
        ),
        own_times=page.own_times,
        about=previous.about if same and previous else abouts.of_comments(comments.to_pylist()),
        bad=page.named_bad(filled),
        refused=len(page.bad),
        plain=page.plain,
        comments=comments,
    )


def _whole(body: bytes) -> bytes:
    """An OpenMetrics page up to its end, which must be there."""
    end = 0 if body.startswith(b"# EOF") else body.find(b"\n# EOF") + 1
    if (not end and not body.startswith(b"# EOF")) or body[end + 5 : end + 6] not in {b"", b"\n"}:
        raise BadInput("the page does not end with `# EOF`: it was cut short, or is no OpenMetrics", where="its end")
    if body[end + 6 :]:
        raise BadInput("the page goes on after `# EOF`", where=f"byte {end + 6}")
    return body[:end]
