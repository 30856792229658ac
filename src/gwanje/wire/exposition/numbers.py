"""Numbers as the format writes them, many at once or one."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gwanje.errors import BadInput
from gwanje.wire.exposition.keys import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.wire.columns import Values

_NUMBER: Final = re.compile(rb"(?i:[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:e[+-]?[0-9]++)?|[+-]?inf(?:inity)?|nan)")


def floats_of(texts: Any) -> tuple[Values, NDArray[np.bool_]]:
    """The numbers, and which of the texts are numbers as the format writes them."""
    try:
        floats = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        listed = texts.to_pylist()
        right = np.fromiter((_NUMBER.fullmatch(text) is not None for text in listed), dtype=np.bool_, count=len(listed))
        floats = np.fromiter(
            (float(text) if good else math.nan for text, good in zip(listed, right, strict=True)), np.float64, len(listed)
        )
    else:
        right = np.ones(len(floats), dtype=np.bool_)
    odd = np.flatnonzero(~np.isfinite(floats))  # also what is too large for a float, and other spellings
    if len(odd):
        right[odd] = [_is_odd_number(text) for text in texts.take(pa.array(odd)).to_pylist()]
    return floats, right


def float_of(text: bytes, line: bytes) -> float:
    """One number. Raises BadInput, which names its line."""
    found = float(text) if _NUMBER.fullmatch(text) else None
    if found is None or (not math.isfinite(found) and not _is_odd_number(text)):
        raise BadInput(f"{shown(text)} is no number", where=shown(line))
    return found


def _is_odd_number(text: bytes) -> bool:
    return _NUMBER.fullmatch(text) is not None and not text[-1:].isdigit() and text[-1:] != b"."
