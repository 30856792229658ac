"""A threshold as it is written, `>= 0.85`, and which side of it is the good one."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from gwanje.because import Because

OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
RISING: Final = frozenset({">", ">="})
FALLING: Final = frozenset({"<", "<="})

_CONDITION: Final = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition: an operator and the number it compares with."""

    operator: str
    number: float

    def holds(self, value: float) -> bool:
        return not self.operator or bool(OPERATORS[self.operator](value, self.number))

    def hold(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """For each value, whether it holds. NaN satisfies none, nor does an infinity."""
        finite = np.isfinite(values)
        return finite & np.asarray(OPERATORS[self.operator](values, self.number), np.bool_) if self.operator else finite

    def __str__(self) -> str:
        """As short as it reads back as the same condition: what is shown may be edited, and is history."""
        return f"{self.operator} {repr(self.number).removesuffix('.0')}" if self.operator else ""


ALWAYS: Final = Threshold("", 0.0)
"""Holds for every result: the condition stands in the query itself."""


def parse_threshold(text: object) -> Threshold:
    """Read `>= 0.85`. Raises ValueError with what is allowed."""
    if isinstance(text, Threshold):
        return text
    match = _CONDITION.fullmatch(str(text))
    if match is None or not math.isfinite(float(match[2])):
        sentence = f"{text!r} is not a condition; write an operator and a number: '>= 0.85' (operators: {', '.join(OPERATORS)})"
        raise ValueError(Because(sentence, "not_a_condition", text=str(text)))
    return Threshold(match[1], float(match[2]))


def _schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        parse_threshold,
        json_schema_input_schema=core_schema.str_schema(),
        serialization=core_schema.to_string_ser_schema(),
    )


Condition = Annotated[Threshold, GetPydanticSchema(_schema)]
"""An operator and a number, written `>= 0.85`."""


def clears(fire: Threshold, clear: Threshold) -> bool:
    """Whether a clear condition lies on the good side: what is clear is never a breach at the same time."""
    overlap = fire.holds(clear.number) and clear.holds(clear.number)
    if fire.operator in RISING and clear.operator in FALLING:
        return clear.number <= fire.number and not overlap
    if fire.operator in FALLING and clear.operator in RISING:
        return clear.number >= fire.number and not overlap
    return False


def check_clear(name: str, fire: Threshold, clear: Threshold | None) -> None:
    """Raise ValueError where `clear` lies on the wrong side of the condition of this name."""
    if clear is not None and not clears(fire, clear):
        sentence = (
            f"`clear: {clear}` is on the wrong side of `{name}: {fire}`; "
            "with '>= 0.85' clear is below it ('< 0.80'), with '<= 10' above it ('> 12')"
        )
        raise ValueError(Because(sentence, "clear_on_wrong_side", clear=str(clear), severity=name, condition=str(fire)))
