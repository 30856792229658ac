"""Parameters and times as Prometheus's API writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import promql_parser

from gwanje.errors import BadQuery
from gwanje.keep.promql import Limits
from gwanje.keep.promql.mistakes import parsed
from gwanje.show.api.parameters import Given
from gwanje.show.api.query import bad_parameter, text_given

NEVER: Final = "0001-01-01T00:00:00Z"
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"", "0", "f", "F", "false", "FALSE", "False"})


def flag(given: Given, name: str) -> bool:
    text = given.get(name)
    if text not in _TRUE | _FALSE:
        raise bad_parameter(name, f'"{text}" is neither true nor false')
    return text in _TRUE


def whole(given: Given, name: str, default: int, problem: str) -> int:
    text = given.get(name)
    try:
        return int(text) if text else default
    except ValueError as error:
        raise bad_parameter("", problem) from error


def read(query: str) -> promql_parser.Expr:
    return parsed(query, Limits().query_length)


def query_given(given: Given) -> promql_parser.Expr:
    """The parameter `query`, read. Raises BadQuery."""
    text = text_given(given, "query")
    try:
        return read(text)
    except BadQuery as error:
        raise bad_parameter("query", str(error)) from error


def rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
