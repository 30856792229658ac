"""Regular expressions of label matchers: RE2, as in Prometheus, so that no expression takes exponential time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gwanje.errors import BadQuery

_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")
_GROUP = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]|\((\?P?<(\w+)>|(?!\?))", re.DOTALL)


def full_match(pattern: str, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which texts the pattern matches from end to end; `.` matches a line break too. Raises BadQuery for what RE2 refuses."""
    known = pa.array(texts or [""], pa.string())  # an empty array would not compile the expression, and so not refuse it
    try:
        found = pc.match_substring_regex(known, _anchored(pattern))
    except pa.ArrowInvalid as error:
        raise BadQuery(f"the regular expression {pattern!r} cannot be used: {error}") from error
    matched: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False).astype(np.bool_)[: len(texts)]
    return matched


def replace_full_match(pattern: str, template: str, texts: Sequence[str]) -> list[str | None]:
    """The template with `$1`, `${name}` and `$$` filled in for each text that matches from end to end, None for the others."""
    matched = full_match(pattern, texts)
    rewritten = pc.replace_substring_regex(pa.array(texts, pa.string()), _anchored(pattern), _rewrite(pattern, template))
    return [text if found else None for text, found in zip(rewritten.to_pylist(), matched, strict=True)]


def _anchored(pattern: str) -> str:
    return f"^(?s:{pattern})$"


def _rewrite(pattern: str, template: str) -> str:
    """The template in RE2's own words, and nothing for a group that the pattern does not have."""
    groups = [match.group(2) for match in _GROUP.finditer(pattern) if match.group(1) is not None]

    def reference(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        if name is None:
            return "$"
        number = int(name) if name.isdigit() else groups.index(name) + 1 if name in groups else len(groups) + 1
        if number > len(groups):
            return ""
        if number > 9:
            raise BadQuery(f"the replacement {template!r} names group {number}; groups past 9 are not supported yet")
        return f"\\{number}"

    parts = []
    end = 0
    for match in _REFERENCE.finditer(template):
        parts += [template[end : match.start()].replace("\\", "\\\\"), reference(match)]
        end = match.end()
    return "".join([*parts, template[end:].replace("\\", "\\\\")])
