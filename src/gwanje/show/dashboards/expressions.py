"""Queries with variables in them: `$host`, `${host}`, and Grafana's own such as `$__rate_interval`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql import Limits
from gwanje.keep.promql.mistakes import parsed

GIVEN: Final = frozenset({"__interval", "__interval_ms", "__rate_interval", "__range", "__range_s", "__range_ms"})
"""Variables that every query may use; they come from the time that is shown."""

_VARIABLE: Final = r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>[A-Za-z_]\w*))"
_PIECE: Final = re.compile(
    rf"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|(?P<comment>\#[^\n]*)"""
    rf"""|(?P<time>(?:\[|:|\boffset\s)\s*-?){_VARIABLE}|(?P<any>{_VARIABLE.replace("braced", "b").replace("plain", "p")})""",
    re.DOTALL,
)
_NAME: Final = re.compile(_VARIABLE)
_STAND_INS: Final = ("1", "x")
"""What a variable outside of strings and times may be: a number, or a name."""


def variables(query: str) -> list[str]:
    """The names of the variables in a query, in their order."""
    return [match["braced"] or match["plain"] for match in _NAME.finditer(query)]


def check(query: str) -> str:
    """The query, when it is PromQL once its variables have values. Raises ValueError that says what is wrong with it."""
    mistake = ""
    for stand_in in _STAND_INS:
        try:
            parsed(_filled(query, stand_in), Limits().query_length)
        except (BadQuery, QueryLimit) as error:
            mistake = mistake or str(error)
        else:
            return query
    raise ValueError(f"not valid PromQL: {mistake}")


def unknown(query: str, known: Iterable[str]) -> list[str]:
    """The variables of a query that nothing declares."""
    declared = GIVEN.union(known)
    return [name for name in dict.fromkeys(variables(query)) if name not in declared]


def _filled(query: str, stand_in: str) -> str:
    def value(match: re.Match[str]) -> str:
        if match["comment"]:
            return match["comment"]
        if match["text"]:
            return _NAME.sub("x", match["text"])
        return f"{match['time']}1m" if match["time"] else stand_in

    return _PIECE.sub(value, query)
