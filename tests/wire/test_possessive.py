"""Groups that give nothing back: all that turns took stays taken, and a turn that fails takes nothing."""

from __future__ import annotations

import re

import pytest

from gwanje.wire.possessive import every


@pytest.mark.parametrize(
    ("turn", "times", "text", "taken"),
    [
        pytest.param(rb",a", b"*", b",a,a,", b",a,a", id="a turn that fails after its first byte"),
        pytest.param(rb'a|="[^"]*+"', b"*", b'a="b"a="c', b'a="b"a', id="a last alternative that fails at the end"),
        pytest.param(rb"a|bc", b"+", b"aabd", b"aa", id="one turn or more"),
        pytest.param(rb"=b", b"?", b"=c", b"", id="one turn or none"),
        pytest.param(rb"=(b)", b"?", b"=b=b", b"=b", id="not more than one turn"),
        pytest.param(rb"a", b"*", b"", b"", id="nothing to read"),
    ],
)
def test_a_turn_that_fails_takes_nothing(turn: bytes, times: bytes, text: bytes, taken: bytes) -> None:
    found = re.match(every(turn, times), text)
    assert found is not None
    assert found[0] == taken


def test_what_was_taken_is_not_given_back() -> None:
    assert re.match(every(rb"a") + rb"a", b"aaa") is None


def test_where_a_turn_is_needed_none_is_no_match() -> None:
    assert re.match(every(rb"ab", b"+"), b"aa") is None
