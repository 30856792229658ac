"""Names that are any text: quoted where the languages quote them, escaped where only letters, digits and `_` may stand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.wire.names import escaped, label, labels, quoted, selector, unescaped


@pytest.mark.parametrize(
    ("name", "form"),
    [
        pytest.param("plain_name", "plain_name", id="a plain name stays"),
        pytest.param("http.status", "U__http_2e_status", id="a dot"),
        pytest.param("a.b_c", "U__a_2e_b__c", id="an underscore is doubled where something is escaped"),
        pytest.param("1st.x", "U___31_st_2e_x", id="a digit in front"),
        pytest.param("my:a.b", "U__my:a_2e_b", id="a colon stays, as Prometheus leaves it"),
        pytest.param("온도", "U___c628__b3c4_", id="letters of other scripts"),
        pytest.param("🔥", "U___1f525_", id="past the sixteenth bit"),
    ],
)
def test_a_name_is_escaped_as_prometheus_does(name: str, form: str) -> None:
    assert escaped(name) == form
    assert unescaped(form) == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("host", id="nothing escaped"),
        pytest.param("U__a_2e", id="a code without an end"),
        pytest.param("U__a_xyz_b", id="a code that is none"),
        pytest.param("U__a_d800_b", id="half a pair"),
        pytest.param("U__a_110000_b", id="past the last character"),
    ],
)
def test_what_is_not_rightly_escaped_stays_as_it_is(name: str) -> None:
    assert unescaped(name) == name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: not name.startswith("U__")))
def test_every_name_comes_back(name: str) -> None:
    assert unescaped(escaped(name)) == name
    assert re.fullmatch(r"[a-zA-Z0-9_:]+", escaped(name))


def test_names_are_quoted_only_where_they_need_it() -> None:
    assert (label("host"), label("a:b"), label('a"\\\nb')) == ("host", '"a:b"', r'"a\"\\\nb"')
    assert quoted("") == '""'


@pytest.mark.parametrize(
    ("metric", "matchers", "written"),
    [
        pytest.param("up", "", "up", id="a plain name alone"),
        pytest.param("up", 'host="a"', 'up{host="a"}', id="a plain name"),
        pytest.param("http.time", " ", '{"http.time"}', id="a name with a dot alone"),
        pytest.param("http.time", 'a="b"', '{"http.time",a="b"}', id="a name with a dot"),
    ],
)
def test_a_selector_has_its_name_in_quotes_where_it_needs_them(metric: str, matchers: str, written: str) -> None:
    assert selector(metric, matchers) == written


def test_labels_stand_side_by_side() -> None:
    assert labels(["host", "host.name"]) == 'host, "host.name"'
