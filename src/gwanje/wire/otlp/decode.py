"""An OTLP request → columns: gauges, sums, histograms as classic buckets, summaries as quantiles, resources as `target_info`.

A key is a digest of what stands above a point (`owners.py`), which number of the point it is (`parts.py`), and the bytes of the
point's attributes. Labels are made of it for keys that nobody knows yet (`labels.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.errors import TooLarge
from gwanje.wire.columns import Columns
from gwanje.wire.otlp import abouts, sorts
from gwanje.wire.otlp import message as messages
from gwanje.wire.otlp.labels import Naming
from gwanje.wire.otlp.names import SPELLED, Spelling
from gwanje.wire.otlp.owners import Owners, digest_of
from gwanje.wire.otlp.parts import TARGET
from gwanje.wire.otlp.points import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.wire.otlp.running import Running

PROTOCOL = "otlp"
PROMOTED: Mapping[str, str] = {"host.name": "host"}
"""Attributes of a resource that every series of it carries unless told otherwise, and the label's name."""
_MOST_METRICS = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold. They protect everybody else from one sender."""

    samples: int = 500_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """What of a request can be stored, and what cannot."""

    columns: Columns
    points: int = 0
    """All data points of the request."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Data points by the reason, in words."""


def decode(
    request: bytes,
    running: Running,
    promoted: Mapping[str, str] = PROMOTED,
    limits: Limits | None = None,
    spelling: Spelling = SPELLED,
) -> Decoded:
    """Read a whole request in protobuf. Raises TooLarge over a limit and BadInput for anything that is no such request.

    Deltas are added to `running`. Exemplars and start times are passed over.
    """
    resources = messages.resources(request)
    _check_metrics(resources)
    owners = Owners.of(resources)
    naming = Naming(owners.heads, promoted, spelling)
    reading = Reading(running, (limits or Limits()).samples, naming.of)
    for read in (sorts.gauges, sorts.sums, sorts.histograms, sorts.summaries, sorts.exponentials):
        read(owners, reading)
    _targets(owners, reading, naming)
    columns = Columns(
        protocol=PROTOCOL,
        body=request,
        keys=reading.keys,
        counts=np.ones(len(reading.keys), np.int64),
        times=_joined(reading.times, np.int64),
        values=_joined(reading.values, np.float64),
        labels_of=naming.of,
        abouts=abouts.of_metrics(owners.metrics, spelling),
    )
    return Decoded(columns, reading.points, dict(+reading.refused))


def _check_metrics(resources: Any) -> None:
    """Raises TooLarge for more than can be looked at one by one."""
    scopes = resources.field("scopes").values
    for what, found in (("resources", resources), ("scopes", scopes), ("metrics", scopes.field("metrics").values)):
        if len(found) > _MOST_METRICS:
            raise TooLarge(f"the request has {len(found)} {what}, {_MOST_METRICS} are allowed; send smaller requests")


def _targets(owners: Owners, reading: Reading, naming: Naming) -> None:
    """One `target_info` for each resource that says more of itself than who it is."""
    for resource, newest in zip(owners.resources, owners.newest.tolist(), strict=True):
        if newest and naming.says_more(resource):
            key = digest_of(b"", resource) + TARGET
            reading.add([key], np.array([newest], np.int64), np.ones(1))


def _joined(parts: Sequence[NDArray[Any]], of: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, of)
