"""Samples → a Prometheus remote write 1.0 body. Light: the standard library and snappy, so that the agent can use it."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cramjam

from gwanje.model import METRIC, Batch, BatchOf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gwanje.model import Sample
    from gwanje.wire.columns import Labels

HEADERS: Final = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
"""What a sender of remote write 1.0 says of a body."""

_NAME, _VALUE = b"\x0a", b"\x12"
_SERIES, _LABEL, _SAMPLE = b"\x0a", b"\x0a", b"\x12"
_SAMPLE_VALUE, _SAMPLE_TIME = b"\x09", b"\x10"


def encode(samples: Iterable[Sample], extra: Mapping[str, str] | None = None) -> Batch:
    """One batch of all samples. `extra` labels stand on every series that does not carry them itself."""
    series: dict[Labels, list[tuple[int, float]]] = {}
    count = 0
    for sample in samples:
        labels = {**(extra or {}), **sample.labels, METRIC: sample.metric}
        series.setdefault(tuple(sorted(labels.items())), []).append((sample.at_ms, sample.value))
        count += 1
    return Batch(BatchOf.SAMPLES, body_of(series.items()), count)


def body_of(series: Iterable[tuple[Labels, Iterable[tuple[int, float]]]]) -> bytes:
    """A body from series and their samples `(at_ms, value)`. A label without a value is left out: it says nothing."""
    return compressed(b"".join(sized(_SERIES, key_of(labels, framed=True) + _samples(samples)) for labels, samples in series))


def key_of(labels: Labels, *, framed: bool = False) -> bytes:
    """The label messages one after another: a series' key as the decoder gives it; `framed` as they stand in a body."""
    messages = [label_message(name, value) for name, value in labels if value]
    return b"".join([sized(_LABEL, message) for message in messages] if framed else messages)


@lru_cache(maxsize=16_384)  # a sender names the same few labels again and again
def label_message(name: str, value: str) -> bytes:
    return sized(_NAME, name.encode()) + sized(_VALUE, value.encode())


def compressed(message: bytes) -> bytes:
    """In snappy's block format, which is what remote write means by snappy."""
    return bytes(cramjam.snappy.compress_raw(message))


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _samples(samples: Iterable[tuple[int, float]]) -> bytes:
    return b"".join(sized(_SAMPLE, _sample(at_ms, value)) for at_ms, value in samples)


def _sample(at_ms: int, value: float) -> bytes:
    # A negative int64 is its two's complement on the wire.
    return _SAMPLE_VALUE + struct.pack("<d", value) + _SAMPLE_TIME + varint(at_ms & 0xFFFF_FFFF_FFFF_FFFF)


def sized(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
