"""What is wrong with a value by its type or bounds: pydantic's sentence, with a code and values, so that the page can word it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gwanje.because import Because

CODES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "float_type", "float_parsing"), "not_a_number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "not_yes_or_no"),
    **dict.fromkeys(("string_type",), "not_a_text"),
    **dict.fromkeys(("list_type", "tuple_type"), "not_a_list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "not_keys_and_values"),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "datetime_parsing", "datetime_type"), "not_a_time"
    ),
    **dict.fromkeys(("literal_error", "enum"), "not_one_of"),
    **dict.fromkeys(("greater_than_equal", "greater_than"), "too_small"),
    **dict.fromkeys(("less_than_equal", "less_than"), "too_large"),
    **dict.fromkeys(("string_too_short", "too_short"), "too_short"),
    **dict.fromkeys(("string_too_long", "too_long"), "too_long"),
    "string_pattern_mismatch": "wrong_form",
}
"""By pydantic's type of an error."""
_BOUNDS: Final = ("ge", "gt", "le", "lt", "min_length", "max_length")


def misread(error: Mapping[str, Any]) -> str:
    """The sentence of one error of pydantic. `bound` is that of a number or a length, `known` what may stand there."""
    text = str(error["msg"])
    sentence, context = text[:1].lower() + text[1:], error.get("ctx") or {}
    if (code := CODES.get(error["type"])) is None:
        return sentence
    bound = next((str(context[name]) for name in _BOUNDS if name in context), "")
    return Because(sentence, code, bound=bound, known=str(context.get("expected", "")))
