"""Whom a point belongs to: what its metric, its scope and its resource say, once each, under a digest that keys begin with."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIGEST_BYTES = 16
"""A key begins with so many bytes that stand for all that is above its point."""


@dataclass(frozen=True, slots=True)
class Head:
    """All that the series of one metric of one scope of one resource share."""

    resource: bytes
    scope: bytes = b""
    schema: bytes = b""
    name: bytes = b""
    unit: bytes = b""
    counter: bool = False
    gauge: bool = False


@dataclass(slots=True)
class Owners:
    """Every metric of a request, by its place in the request. Metrics, points and resources are numbered in its order."""

    metrics: Any
    digests: list[bytes]
    """Of each metric."""
    heads: dict[bytes, Head]
    """By their digests; those of the resources too, for their `target_info`."""
    resource_of: NDArray[np.int64]
    """The resource of each metric."""
    resources: list[bytes]
    newest: NDArray[np.int64]
    """The newest time of each resource's points, in nanoseconds; 0 without one."""

    @classmethod
    def of(cls, resources: Any) -> Owners:
        """Of the resources of a request, as `message.resources` gives them."""
        scopes = resources.field("scopes")
        metrics = scopes.values.field("metrics")
        raw = resources.field("resource").to_pylist()
        scope_of = list_of_each(metrics)
        resource_of = list_of_each(scopes)
        heads, digests = _heads(raw, resource_of, scopes.values, scope_of, metrics.values)
        newest = np.zeros(len(raw), np.int64)
        return cls(metrics.values, digests, heads, resource_of[scope_of], raw, newest)


def _heads(
    resources: list[bytes], resource_of: NDArray[np.int64], scopes: Any, scope_of: NDArray[np.int64], metrics: Any
) -> tuple[dict[bytes, Head], list[bytes]]:
    """The head of every metric by its digest, and the digests in the order of the metrics."""
    of_resources = [digest_of(b"", resource) for resource in resources]
    above = [
        (resources[i], scope, schema, digest_of(of_resources[i], scope, schema))
        for i, scope, schema in zip(
            resource_of.tolist(), scopes.field("scope").to_pylist(), scopes.field("schema").to_pylist(), strict=True
        )
    ]
    heads: dict[bytes, Head] = {}
    digests = []
    gauges = metrics.field("gauge").is_valid().to_pylist()
    counters = metrics.field("sum").field("monotonic").fill_null(False).to_pylist()
    named = zip(metrics.field("name").to_pylist(), metrics.field("unit").to_pylist(), strict=True)
    for i, (name, unit), gauge, counter in zip(scope_of.tolist(), named, gauges, counters, strict=True):
        resource, scope, schema, digest = above[i]
        digest = digest_of(digest, name, unit, b"g" if gauge else b"c" if counter else b"")
        heads[digest] = Head(resource, scope, schema, name, unit, counter, gauge)
        digests.append(digest)
    heads.update((of, Head(resource)) for of, resource in zip(of_resources, resources, strict=True))
    return heads, digests


def digest_of(above: bytes, *texts: bytes) -> bytes:
    """Short, and another for everything else: keys stay small however much a resource says of itself."""
    lengths = struct.pack(f"<{len(texts)}Q", *map(len, texts))
    return blake2b(b"".join((above, lengths, *texts)), digest_size=DIGEST_BYTES).digest()


def list_of_each(lists: Any) -> NDArray[np.int64]:
    """For each element the list that it stands in."""
    return np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))
