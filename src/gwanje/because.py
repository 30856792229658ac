"""Why an alert is what it is: an English sentence that also knows its code and its values.

Who decides says it; who shows it words it by code and values in the reader's language. A sentence without a code is
a plain `str`: what was kept before there were codes, and what people or other programs wrote. It is shown as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self


class Because(str):
    """`Because("0.95 is >= 0.9", "threshold_crossed", value=0.95, operator=">=", threshold=0.9)`.

    Values are numbers, texts, or reasons of which this one says more. Times are in seconds (`seconds`); measured values are in
    the unit of the rule (`unit`). Two reasons are equal when their sentences are. msgspec encodes no subclass of `str`: what
    goes there is `str(reason)`, beside `plain(reason)`.
    """

    __slots__ = ("code", "values")

    code: str
    values: Mapping[str, Any]

    def __new__(cls, sentence: str, code: str = "", /, **values: Any) -> Self:
        made = super().__new__(cls, sentence)
        made.code, made.values = code, values
        return made


def worded(sentence: str, instead: str) -> str:
    """The sentence where it can be worded in another language, else the other one: what an error said, and all that it says."""
    return sentence if isinstance(sentence, Because) else instead


def plain(sentence: str) -> dict[str, Any] | None:
    """A reason as JSON keeps it: `{"code": …, "values": {…}}`; None for a sentence without a code."""
    if not isinstance(sentence, Because) or not sentence.code:
        return None
    return {"code": sentence.code, "values": {name: _plain(value) for name, value in sentence.values.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Because):
        return plain(value) or str(value)
    # JSON has no word for what is not finite.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
