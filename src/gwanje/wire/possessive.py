"""Possessive groups in regular expressions: what was read once is not given back, so that each byte is looked at once."""

from __future__ import annotations


def every(turn: bytes, times: bytes = b"*") -> bytes:
    """A group that takes as many turns as there are, of as many `times` as a pattern says it: `*`, `+` or `?`.

    Of a turn that fails midway nothing is taken.

    Python's own `(?:…)*+` is not enough: that of 3.11.2, which is Debian 12's, goes on after what a failing turn has read. An
    alternative that reads nothing and fails, too, brings it back.
    """
    return rb"(?:" + turn + rb"|(?!))" + times + rb"+"
