"""PromQL narrowed to one alert: the alert's labels become matchers in every selector. Pure, and over the text.

The parser's own printing leaves out the escapes of strings, so the text is kept as the user wrote it and only added to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql import Limits
from gwanje.keep.promql.mistakes import parsed
from gwanje.wire.names import label, quoted

_TOKEN: Final = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?P<comment>\#[^\n]*)|(?P<space>\s+)"""
    r"""|(?P<range>\[[^\]]*\])|(?P<number>\d[\w.]*)|(?P<name>[a-zA-Z_:][\w:]*)|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_PLACE: Final = "\x00"
_LISTS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS: Final = _LISTS | {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end"}


def narrowed(expr: str, labels: Mapping[str, str]) -> str:
    """The expression with the labels as matchers; as it was where that would not parse."""
    if not labels:
        return expr
    more = ",".join(f"{label(name)}={quoted(value)}" for name, value in sorted(labels.items()))
    return _form(expr, tuple(sorted(labels))).replace(_PLACE, more)


@lru_cache(maxsize=4096)
def _form(expr: str, names: tuple[str, ...]) -> str:
    """The expression with a mark in every selector where matchers of these names belong; a rule's alerts share it."""
    form = "".join(_added([(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(expr)], _PLACE))
    try:
        parsed(form.replace(_PLACE, ",".join(f'{label(one)}=""' for one in names)), Limits().query_length)
    except (BadQuery, QueryLimit):
        return expr
    return form


def _added(tokens: list[tuple[str, str]], more: str) -> list[str]:
    out: list[str] = []
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        if kind == "name" and text.lower() in _LISTS:
            place = _list(tokens, place, out)
        elif text == "{":
            place = _matchers(tokens, place, out, more)
        elif kind == "name" and _is_metric(tokens, place):
            out.append(text)
            place += 1
            if _next(tokens, place) != "{":
                out.append(f"{{{more}}}")
        else:
            out.append(text)
            place += 1
    return out


def _is_metric(tokens: list[tuple[str, str]], place: int) -> bool:
    after = _next(tokens, place + 1)
    return tokens[place][1].lower() not in _WORDS and after != "(" and after.lower() not in {"by", "without"}


def _next(tokens: list[tuple[str, str]], place: int) -> str:
    """The next token that means something."""
    return next((text for kind, text in tokens[place:] if kind not in {"space", "comment"}), "")


def _list(tokens: list[tuple[str, str]], place: int, out: list[str]) -> int:
    """Copy a word and the list in parentheses behind it, where there is one."""
    out.append(tokens[place][1])
    place += 1
    if _next(tokens, place) != "(":
        return place
    while place < len(tokens):
        out.append(tokens[place][1])
        place += 1
        if out[-1] == ")":
            break
    return place


def _matchers(tokens: list[tuple[str, str]], place: int, out: list[str], more: str) -> int:
    """Copy `{…}` and add the labels at its end."""
    begun = len(out)
    while place < len(tokens) and tokens[place][1] != "}":
        out.append(tokens[place][1])
        place += 1
    there = "".join(out[begun + 1 :]).strip()
    comma = "" if not there or there.endswith(",") else ","
    out.append(f"{comma}{more}}}")
    return place + 1
