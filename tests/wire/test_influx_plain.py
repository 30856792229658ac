"""Bodies of plain lines, read as a whole: which they are, what is remembered, and that they say what the reader of lines says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gwanje.wire.influx import plain
from gwanje.wire.influx.body import Decoded, Limits, Terms
from gwanje.wire.influx.decode import decode
from gwanje.wire.influx.layouts import Layouts
from gwanje.wire.influx.lines import line_by_line, value_of

NOW_MS = 1_800_000_000_000


def read(body: bytes, layouts: Layouts | None = None) -> plain.Plain | None:
    return plain.read(body, newlines(body), layouts or Layouts(), value_of)


def newlines(body: bytes) -> NDArray[np.bool_]:
    return np.equal(np.frombuffer(body, np.uint8), ord("\n"), dtype=np.bool_)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"a b=1 5\n", id="one line"),
        pytest.param(b"a b=1 5", id="without its end"),
        pytest.param(b"a b=1\nc d=2", id="without times"),
        pytest.param(b"a,x=y b=1,c=2 5\na,x=z b=1 6\n", id="several fields"),
        pytest.param(b"a b=1 5\r\na b=2 6\r\n", id="windows line ends"),
        pytest.param(b"a b=1i,c=2.5,d=-3i 5\n", id="whole numbers among others"),
        pytest.param(b"a b=true,c=2.5,d=3u 5\n", id="words among numbers"),
        pytest.param(b"a b=+1.5 5\n", id="a plus"),
        pytest.param("날씨,도시=서울 b=1 5\n".encode(), id="other letters"),
        pytest.param(b"a,x=\xff b=1 5\n", id="what is no text"),
    ],
)
def test_what_is_plain_is_read_as_a_whole(body: bytes) -> None:
    assert read(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\n", id="an empty line"),
        pytest.param(b"a b=1 5\nc d=2\n", id="a time in one line only"),
        pytest.param(b"a b=1 5\nc d=2\ne f=3 5 6\n", id="blanks that only add up"),
        pytest.param(b"#a b=1 5\n", id="a comment"),
        pytest.param(b"a b=1 5\n#c d=2 5\n", id="a comment behind"),
        pytest.param(b'a b="c" 5\n', id="text"),
        pytest.param(b"a\\ b c=1 5\n", id="an escape"),
        pytest.param(b" b=1 5\n", id="no head"),
        pytest.param(b"a =1 5\n", id="no name"),
        pytest.param(b"a b= 5\n", id="no value"),
        pytest.param(b"a b 5\n", id="no equals"),
        pytest.param(b"a,b=c 1 5\n", id="an equals in the head only"),
        pytest.param(b"a b=1,c 5\n", id="a name alone"),
        pytest.param(b"a b=1,=2 5\n", id="a value alone"),
        pytest.param(b"a b=1,,c=2 5\n", id="a comma too many"),
        pytest.param(b"a b=1=2 5\n", id="an equals too many"),
        pytest.param(b"a b,c=1,d=2=3 5\n", id="signs that only add up"),
        pytest.param(b"a b=1 5.5\n", id="a broken time"),
        pytest.param(b"a b=1 5-5\n", id="a time with a minus within"),
        pytest.param(b"a b=1i2 5\n", id="a mark within a number"),
        pytest.param(b"a b=1ii 5\n", id="two marks"),
        pytest.param(b"a b=1.5i 5\n", id="a whole number that is none"),
        pytest.param(b"a b=1e999 5\n", id="a number too large"),
        pytest.param(b"a b=9223372036854775808i 5\n", id="a whole number too large"),
        pytest.param(b"a b=nan 5\n", id="no number"),
    ],
)
def test_what_is_not_plain_is_left_to_the_reader_of_lines(body: bytes) -> None:
    assert read(body) is None


def test_a_layout_that_came_before_gives_the_same_keys_without_a_look() -> None:
    layouts = Layouts()
    first, second = (decode(b"a,x=y b=%d,c=2 5\nd e=3 6\n" % value, "ms", 0, layouts=layouts) for value in (1, 22))
    assert first.columns.keys is second.columns.keys
    assert list(first.columns.keys) == [b"a,x=y b", b"a,x=y c", b"d e"]
    assert second.columns.values.tolist() == [22, 2, 3]
    other = decode(b"a,x=y b=1,c=2 5\nd f=3 6\n", "ms", 0, layouts=layouts)
    assert list(other.columns.keys) == [b"a,x=y b", b"a,x=y c", b"d f"]


BASE = b"a,x=y b=1 5000\nc d=22 6000\n"


@pytest.mark.parametrize(
    ("body", "repeats"),
    [
        pytest.param(b"a,x=y b=-1.5e3 5001\nc d=3i 6001\n", True, id="other values and times"),
        pytest.param(b"a,x=y b=1 50\nc d=2 60\n", True, id="shorter times"),
        pytest.param(b"a,x=y b=1 500\nc d=2 60\n", False, id="times of unlike length"),
        pytest.param(b"a,x=y b=1 5\nc d=2 6", False, id="without its end"),
        pytest.param(b"a,x=z b=1 5000\nc d=22 6000\n", False, id="another series"),
        pytest.param(b"a,x=y b=1 5000\nc e=22 6000\n", False, id="another field behind"),
        pytest.param(b"a,x=y b=1\nc d=22\n", True, id="no times"),
        pytest.param(b"a,x=y b=1\nc d=22 6000\n", False, id="no time in the first line"),
        pytest.param(b"a,x=y b=1 5000\nc d=22\n", False, id="no time in the last line"),
        pytest.param(b"a,x=y b=1 5000\nc d=220006000\n", False, id="no blank before a time"),
        pytest.param(b"a,x=y b=1 \nc d=22 \n", False, id="blanks without times"),
        pytest.param(b"a,x=y b=0x1 5000\nc d=22 6000\n", False, id="a value in another system"),
        pytest.param(b"a,x=y b=1 0x1f\nc d=22 6000\n", False, id="a time in another system"),
        pytest.param(b"a,x=y b=1/2 5000\nc d=22 6000\n", False, id="a fraction"),
        pytest.param(b"a,x=y b=1 5000\n", False, id="a line less"),
        pytest.param(b"a,x=y b=1,c=2 5000\nc d=22 6000\n", False, id="a field more"),
        pytest.param(b"a,x=y b= 5000\nc d=22 6000\n", False, id="no value"),
        pytest.param(b"a,x=y b=1 5000\r\nc d=22 6000\r\n", False, id="windows line ends"),
        pytest.param(b"a,x=y b=1 +500\nc d=22 6000\n", False, id="a time with a plus"),
        pytest.param(b'a,x=y b="5 5000\nc d=22" 6000\n', False, id="text over lines"),
    ],
)
def test_a_body_that_repeats_a_layout_is_read_by_the_ends_of_its_lines(body: bytes, *, repeats: bool) -> None:
    layouts = Layouts()
    assert read(BASE, layouts)
    assert (plain._repeated(body, newlines(body), layouts, value_of) is not None) == repeats
    exact = said(line_by_line(body, Terms((1, 1), NOW_MS, Limits())))
    assert said(decode(body, "ms", NOW_MS, layouts=layouts)) == exact


@settings(deadline=None, max_examples=300)
@given(body=st.binary(max_size=8), at=st.integers(0, len(BASE)), until=st.integers(0, len(BASE)))
def test_what_is_like_a_layout_is_never_taken_for_it(body: bytes, at: int, until: int) -> None:
    """Any piece of a known body is replaced by anything."""
    layouts = Layouts()
    assert read(BASE, layouts)
    other = BASE[:at] + body + BASE[max(at, until) :]
    exact = said(line_by_line(other, Terms((1, 1), NOW_MS, Limits())))
    assert said(decode(other, "ms", NOW_MS, layouts=layouts)) == exact


def test_layouts_are_bounded() -> None:
    layouts = Layouts()
    for number in range(100):
        read(b"a%d b=1 5\n" % number, layouts)
    assert len(layouts._known) == 16
    for number in range(4):
        read(b"a%d,x=" % number + b"y" * (10 << 20) + b" b=1 5\n", layouts)
    assert sum(len(one.skeleton) for one in layouts._known) <= 32 << 20


NAMES = st.sampled_from(["a", "bc", "host-1", "x.y", "서울"])
HEADS = st.builds(
    lambda name, tags: name + "".join(f",{tag}={value}" for tag, value in tags),
    NAMES,
    st.lists(st.tuples(NAMES, NAMES), max_size=2),
)
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(min_value=-1e6, max_value=1e6).map(lambda value: f"{value:.2f}"),
    st.integers(-(1 << 63), (1 << 63) - 1).map("{}i".format),
    st.sampled_from(["+1", "1.", ".5", "t", "False", "12u", "x", "1e400", "-", "", "1i2", "1.5i", "0x1", "1_0", "9" * 30]),
)
LINES = st.tuples(HEADS, st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=3), st.integers(-(1 << 62), 1 << 62))
KNOWN = Layouts()


@settings(deadline=None)
@given(
    lines=st.lists(LINES, min_size=1, max_size=5), stamped=st.booleans(), precision=st.sampled_from(["ns", "us", "ms", "s", "h"])
)
def test_all_ways_of_reading_say_the_same(
    lines: list[tuple[str, list[tuple[str, str]], int]], precision: str, *, stamped: bool
) -> None:
    written = [
        f"{head} {','.join(f'{name}={value}' for name, value in fields)}" + (f" {stamp}" if stamped else "")
        for head, fields, stamp in lines
    ]
    body = "\n".join(written).encode()
    scale = {"ns": (1, 1_000_000), "us": (1, 1_000), "ms": (1, 1), "s": (1_000, 1), "h": (3_600_000, 1)}[precision]
    exact = said(line_by_line(body, Terms(scale, NOW_MS, Limits())))
    assert said(decode(body, precision, NOW_MS)) == said(decode(body, precision, NOW_MS, layouts=KNOWN)) == exact


def said(decoded: Decoded) -> tuple[list[bytes], list[int], list[float], list[int], int]:
    columns = decoded.columns
    return list(columns.keys), columns.times.tolist(), columns.values.tolist(), decoded.lines.tolist(), decoded.refused
