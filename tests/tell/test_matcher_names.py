"""Matchers of labels whose names are any text."""

from __future__ import annotations

import pytest

from gwanje.tell.matchers import Matcher, parse_matchers


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param('"http.method"="GET"', [Matcher("http.method", "=", "GET")], id="in quotes"),
        pytest.param(
            'http.method="GET", host=~"web-.*"', [Matcher("http.method", "=", "GET"), Matcher("host", "=~", "web-.*")], id="bare"
        ),
        pytest.param(r'"a \"b\""!="c"', [Matcher('a "b"', "!=", "c")], id="with quotes in it"),
        pytest.param('온도!~"x"', [Matcher("온도", "!~", "x")], id="of another script"),
    ],
)
def test_a_label_s_name_is_any_text(text: str, read: list[Matcher]) -> None:
    found = parse_matchers(text)
    assert found == tuple(read)
    assert parse_matchers(", ".join(map(str, found))) == found


@pytest.mark.parametrize("text", ['a b="c"', '""="c"', 'a{b="c"', '"a="c"', '="c"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read at"):
        parse_matchers(text)
