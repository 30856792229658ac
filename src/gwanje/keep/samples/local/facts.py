"""What a block says of itself and of its series, and small files of facts that carry their own checksum."""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from gwanje.wire.columns import Times, Values

VERSION = 2
"""Of the form of a block's files."""
RAW = 0
"""The step of a block that holds samples as they came."""


class About(NamedTuple):
    """What a block says of itself."""

    step_ms: int
    period_ms: int
    """When its period begins."""
    start_ms: int
    end_ms: int
    rows: int


class Stretches(NamedTuple):
    """For each series of a block: how many samples, the newest of them, and its decimals (-1: none)."""

    counts: NDArray[np.int64]
    newest_ms: Times
    newest_values: Values
    decimals: NDArray[np.int8]


def summed(facts: Mapping[str, Any]) -> str:
    """The text of a small file of facts that carries its own checksum."""
    return json.dumps({**facts, "crc32": _sum_of(facts)}, indent=1) + "\n"


def read_summed(path: Path) -> dict[str, Any]:
    """What `summed` wrote. Raises ValueError, OSError or LookupError where it is not whole."""
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if facts.pop("crc32") != _sum_of(facts):
        raise ValueError(f"{path.name} does not fit its checksum")
    return facts


def read_about(path: Path) -> dict[str, int]:
    """What the `block.json` of a block's folder says, when all sums are right: Parquet's own cover its pages, and nothing else.

    Raises ValueError, OSError or LookupError where they are not.
    """
    about: dict[str, int] = read_summed(path / "block.json")
    if about["footer_crc32"] != footer_sum(path / "samples.parquet"):
        raise ValueError("the footer of samples.parquet does not fit its checksum")
    if about["series_crc32"] != file_sum(path / "series.parquet"):
        raise ValueError("series.parquet does not fit its checksum")
    return about


def file_sum(path: Path) -> int:
    """The CRC-32 of a whole file."""
    return zlib.crc32(path.read_bytes())


def footer_sum(path: Path) -> int:
    """The CRC-32 of everything behind a Parquet file's last page: its footer, the footer's length and a mark of 4 bytes."""
    with path.open("rb") as file:
        end = file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(end - length, 0))
        return zlib.crc32(file.read())


def _sum_of(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())
