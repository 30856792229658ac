"""Line protocol: its escapes and types, both ways of reading it, and what is bad in it."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gwanje.errors import BadInput, TooLarge
from gwanje.wire.columns import Labels
from gwanje.wire.influx.body import Decoded, Limits
from gwanje.wire.influx.decode import decode, unpacked
from gwanje.wire.influx.keys import labels_of
from gwanje.wire.influx.layouts import Layouts

NOW_MS = 1_800_000_000_000
KNOWN = Layouts()

Row = tuple[dict[str, str], int, float]


def rows(decoded: Decoded) -> list[Row]:
    columns = decoded.columns
    assert len(columns.keys) == len(columns.counts) == len(columns.times) == len(columns.values) == len(decoded.lines)
    assert columns.counts.tolist() == [1] * len(columns.keys)
    samples = zip(columns.keys, columns.times.tolist(), columns.values.tolist(), strict=True)
    return [(dict(columns.labels_of(key)), at_ms, value) for key, at_ms, value in samples]


def read(body: bytes, precision: str = "ms") -> list[Row]:
    decoded = decode(body, precision, NOW_MS)
    assert not decoded.bad, decoded.bad
    return rows(decoded)


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        pytest.param(b"cpu value=1 5", {"__name__": "cpu"}, id="a field named value is the measurement alone"),
        pytest.param(b"cpu idle=1 5", {"__name__": "cpu_idle"}, id="another is behind it"),
        pytest.param(b"cpu,host=a,dc=b idle=1 5", {"__name__": "cpu_idle", "host": "a", "dc": "b"}, id="tags"),
        pytest.param(rb"c\,p\ u,host=a idle=1 5", {"__name__": "c_p_u_idle", "host": "a"}, id="escapes in a measurement"),
        pytest.param(rb"cpu,h\,o\ s\=t=a idle=1 5", {"__name__": "cpu_idle", "h_o_s_t": "a"}, id="escapes in a tag's name"),
        pytest.param(
            rb"cpu,host=a\,b\ c\=d idle=1 5", {"__name__": "cpu_idle", "host": "a,b c=d"}, id="escapes in a tag's value"
        ),
        pytest.param(rb"cpu,host=a\\ idle=1 5", {"__name__": "cpu_idle", "host": "a\\"}, id="an escaped backslash"),
        pytest.param(rb"cpu,path=C:\Users idle=1 5", {"__name__": "cpu_idle", "path": r"C:\Users"}, id="a backslash of its own"),
        pytest.param(rb"cpu i\,d\ l\=e=1 5", {"__name__": "cpu_i_d_l_e"}, id="escapes in a field's name"),
        pytest.param(b'cpu,host="a" idle=1 5', {"__name__": "cpu_idle", "host": '"a"'}, id="quotes in a tag are themselves"),
        pytest.param(rb"cpu,host=\"a idle=1 5", {"__name__": "cpu_idle", "host": '"a'}, id="an escaped quote"),
        pytest.param(b'"cpu" "idle"=1 5', {"__name__": "_cpu___idle_"}, id="quotes in names are part of them"),
        pytest.param("cpu,도시=서울 idle=1 5".encode(), {"__name__": "cpu_idle", "__": "서울"}, id="other letters"),
        pytest.param(b"1-cpu.load,2x=a value=1 5", {"__name__": "_1_cpu_load", "_2x": "a"}, id="names made Prometheus's"),
        pytest.param(b"cpu,host=,dc=b idle=1 5", {"__name__": "cpu_idle", "dc": "b"}, id="a tag without a value says nothing"),
        pytest.param(b"  cpu,host=a   idle=1   5  ", {"__name__": "cpu_idle", "host": "a"}, id="more blanks than needed"),
        pytest.param(b"cpu,host=#1 idle=1 5", {"__name__": "cpu_idle", "host": "#1"}, id="a hash that begins no line"),
    ],
)
def test_names_and_tags_are_read(line: bytes, labels: dict[str, str]) -> None:
    assert read(line) == [(labels, 5, 1.0)]
    assert read(b"# not plain\n" + line) == [(labels, 5, 1.0)]
    assert list(decode(line, "ms").columns.labels_of(decode(line, "ms").columns.keys[0])) == sorted(labels.items())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, float(text)) for text in ("1", "-1", "+1.5", "1.", ".5", "1e3", "-1.25E-3", "0.1", "1e-400")),
        ("12i", 12.0),
        ("-12i", -12.0),
        ("9223372036854775807i", float(2**63 - 1)),
        ("-9223372036854775808i", float(-(2**63))),
        ("12u", 12.0),
        ("18446744073709551615u", float(2**64 - 1)),
        *((word, 1.0) for word in ("t", "T", "true", "True", "TRUE")),
        *((word, 0.0) for word in ("f", "F", "false", "False", "FALSE")),
    ],
)
def test_values_are_read(text: str, value: float) -> None:
    line = f"cpu value={text} 5".encode()
    assert read(line) == read(b"#\n" + line) == [({"__name__": "cpu"}, 5, value)]


@pytest.mark.parametrize(
    "line",
    [
        *(
            f"cpu value={text} 5".encode()
            for text in (
                *(
                    "",
                    "nan",
                    "NaN",
                    "inf",
                    "-Inf",
                    "1e999",
                    "1_0",
                    "0x10",
                    "--1",
                    "1.5i",
                    "1e3i",
                    "i",
                    "u",
                    "-1u",
                    "9" * 400,
                    "-",
                ),
                *(
                    "9223372036854775808i",
                    "18446744073709551616u",
                    "tRUE",
                    "yes",
                    "hello",
                    '"open',
                    '"a"b',
                    "1,",
                    ",",
                    "1,=2",
                    "=",
                ),
                *("1,b", "1,b=", "1=2", "1, b=2", "1,,b=2"),
            )
        ),
        b"cpu",
        b"cpu,host=a",
        b"cpu 5",
        b" =1 5",
        b" a=1 5",
        b"cpu =1 5",
        b"cpu value=1 5 6",
        b"cpu value=1 5.5",
        b"cpu value=1 now",
        b"cpu value=1 1_0",
        b"cpu value=1 -",
        b"cpu value=1 " + b"9" * 19,
        b"cpu value=1 " + b"9" * 40,
        b"cpu value=1 2026-11-21T00:00:00Z",
        rb"cpu\ value=1 5",
    ],
)
def test_a_bad_line_is_named_and_loses_no_neighbour(line: bytes) -> None:
    good = b"up,host=%s value=1 5"
    decoded = decode(b"\n".join([good % b"a", line, good % b"b"]), "ms", NOW_MS)

    assert [row[0].get("host") for row in rows(decoded)] == ["a", "b"]
    assert ([one.number for one in decoded.bad], decoded.refused) == ([2], 1)
    assert decoded.bad[0].reason
    assert decoded.lines.tolist() == [1, 3]


def test_of_a_bad_line_nothing_is_taken() -> None:
    assert rows(decode(b"cpu a=1,b=2,c=nan 5", "ms")) == []


@pytest.mark.parametrize(
    "key",
    [
        b",host=a v",
        b"cpu,host v",
        b"cpu,=a v",
        b"cpu,a=1,a=2 v",
        b"cpu,a-b=1,a.b=2 v",
        b"cpu,a=b=c v",
        b"cpu,host=\xff v",
        b"cpu",
        b"\xff v",
    ],
)
def test_labels_that_cannot_be_are_refused(key: bytes) -> None:
    with pytest.raises(BadInput):
        labels_of(key)


def test_a_tag_called_as_the_metric_is_refused() -> None:
    with pytest.raises(BadInput, match="__name__"):
        labels_of(b"cpu,__name__=x v")


def test_several_fields_are_several_series_of_one_time() -> None:
    host = {"host": "a"}
    assert read(b"cpu,host=a user=1,system=2i,on=t 7\ncpu,host=b value=3 8") == [
        ({"__name__": "cpu_user", **host}, 7, 1.0),
        ({"__name__": "cpu_system", **host}, 7, 2.0),
        ({"__name__": "cpu_on", **host}, 7, 1.0),
        ({"__name__": "cpu", "host": "b"}, 8, 3.0),
    ]


def test_text_is_counted_and_passed_over() -> None:
    body = rb'cpu s="a, b=c \"d\" \\",idle=1,t="" 5' + b'\ncpu only="text" 5\ncpu idle=2 6'
    decoded = decode(body, "ms")

    assert [(at_ms, value) for _, at_ms, value in rows(decoded)] == [(5, 1.0), (6, 2.0)]
    assert (decoded.strings, decoded.refused) == (3, 0)


def test_text_may_hold_line_ends_and_what_looks_like_a_line() -> None:
    decoded = decode(b'log text="a\nup,host=evil value=1 5\n# \\" b",n=1 5\nup value=2 6\nbad\n', "ms")

    assert [(labels["__name__"], value) for labels, _, value in rows(decoded)] == [("log_n", 1.0), ("up", 2.0)]
    assert decoded.lines.tolist() == [1, 4]
    assert [line.number for line in decoded.bad] == [5]


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        pytest.param(b'a b="open 5\nup value=1 5\nup value=2 6', [1], id="never closed"),
        pytest.param(b'a b="open 5\nup value=1 5\nup value=2 6\nc d="text" 5', [1], id="closed by another line's"),
        pytest.param(b'up value=1 5\na b="open 5\na b="open 5\nup value=2 6', [2, 3], id="twice"),
    ],
)
def test_a_forgotten_quote_takes_no_neighbour_along(body: bytes, numbers: list[int]) -> None:
    decoded = decode(body, "ms")
    assert [value for _, _, value in rows(decoded)] == [1.0, 2.0]
    assert [line.number for line in decoded.bad] == numbers


def test_comments_empty_lines_and_windows_line_ends_are_nothing() -> None:
    assert [at_ms for _, at_ms, _ in read(b'# "a\n\ncpu value=1 1\r\n \t\r\n#b c=1 2\ncpu value=1 2\r\n  # c\r\n')] == [1, 2]
    assert [at_ms for _, at_ms, _ in read(b"cpu value=1 1\r\ncpu value=1 2\r\n")] == [1, 2]
    assert read(b"") == read(b"\n\n") == []


def test_a_line_without_a_time_is_of_now_whatever_the_precision() -> None:
    assert [at_ms for _, at_ms, _ in read(b"cpu value=1\ncpu value=1 7\n", "s")] == [NOW_MS, 7000]


@pytest.mark.parametrize(
    ("precision", "stamp", "at_ms"),
    [
        ("", 1_800_000_000_123_999_999, 1_800_000_000_123),
        ("n", 1_800_000_000_123_999_999, 1_800_000_000_123),
        ("ns", 1_800_000_000_123_999_999, 1_800_000_000_123),
        ("ns", -1, -1),
        ("u", 1_800_000_000_123_999, 1_800_000_000_123),
        ("us", 1_800_000_000_123_999, 1_800_000_000_123),
        ("µ", 1_800_000_000_123_999, 1_800_000_000_123),
        ("ms", 1_800_000_000_123, 1_800_000_000_123),
        ("s", 1_800_000_000, 1_800_000_000_000),
        ("m", 30_000_000, 1_800_000_000_000),
        ("h", 500_000, 1_800_000_000_000),
    ],
)
def test_precisions_become_milliseconds(precision: str, stamp: int, at_ms: int) -> None:
    line = b"cpu value=1 %d" % stamp
    assert [row[1] for row in read(line, precision)] == [row[1] for row in read(b"#\n" + line, precision)] == [at_ms]


@pytest.mark.parametrize("precision", ["d", "rfc3339", "NS", " ", "x" * 10_000])
def test_an_unknown_precision_is_refused(precision: str) -> None:
    with pytest.raises(BadInput, match="precision"):
        decode(b"cpu value=1 1", precision)


def test_a_time_that_overflows_is_one_bad_line() -> None:
    assert [line.number for line in decode(b"cpu value=1 1\ncpu value=1 9000000000000000000", "h").bad] == [2]


@pytest.mark.parametrize(
    ("body", "limits"),
    [
        pytest.param(b"cpu value=1 1\n" * 11, Limits(samples=10), id="lines"),
        pytest.param(b"\n" * 11, Limits(samples=10), id="empty lines"),
        pytest.param(b"cpu " + b",".join([b"a=1"] * 11) + b" 1", Limits(samples=10), id="fields of a plain line"),
        pytest.param(b"cpu " + b",".join([b"a=1"] * 11), Limits(samples=10), id="fields of another line"),
        pytest.param(
            b"c" * 100 + b" " + b",".join([b"a=1"] * 11) + b" 1", Limits(key_bytes=1000), id="long names of a plain line"
        ),
        pytest.param(b"c" * 100 + b" " + b",".join([b"a=1"] * 11), Limits(key_bytes=1000), id="long names of another line"),
        pytest.param(b"cpu value=1 1", Limits(body_bytes=12), id="bytes"),
    ],
)
def test_a_body_over_a_limit_is_refused(body: bytes, limits: Limits) -> None:
    with pytest.raises(TooLarge):
        decode(body, "ms", 0, limits)


def test_of_very_many_bad_lines_the_first_are_named_and_all_counted() -> None:
    decoded = decode(b"bad\n" * 1000)
    assert (len(decoded.bad), decoded.bad[-1].number, decoded.refused) == (100, 100, 1000)


def test_gzip_is_unpacked_with_all_its_members_and_within_its_limit() -> None:
    assert unpacked(gzip.compress(b"ab") + gzip.compress(b"c"), Limits(body_bytes=3)) == b"abc"
    assert unpacked(b"") == b""
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(b"ab") + gzip.compress(b"cd"), Limits(body_bytes=3))
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(b"\0" * (64 << 20)))


def test_a_gzip_bomb_takes_no_more_room_than_allowed() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpacked(bomb, Limits(body_bytes=1 << 20))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [b"x", b"\x1f\x8b", gzip.compress(b"abc", mtime=0)[:-1], gzip.compress(b"abc", mtime=0) + b"x", gzip.compress(b"") * 1000],
)
def test_what_is_no_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        unpacked(body)


# --- what is written is read -------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1, max_size=8)
NAMES = st.text("abcXYZ_", min_size=1, max_size=4)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FIELD_VALUES = st.one_of(
    FLOATS, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=8).map(lambda s: s.replace("\r", ""))
)
FIELDS = st.dictionaries(NAMES.filter(lambda name: name != "value"), FIELD_VALUES, min_size=1, max_size=4)
LINES = st.lists(st.tuples(NAMES, st.dictionaries(NAMES, TEXT, max_size=3), FIELDS, st.integers(-(2**40), 2**40)), max_size=6)


def escaped(text: str) -> str:
    return "".join("\\" + sign if sign in ', ="\\' else sign for sign in text)


def field(value: float | str | bool) -> str:  # noqa: FBT001 - one of the protocol's types
    match value:
        case bool():
            return str(value)
        case int():
            return f"{value}i"
        case float():
            return repr(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(deadline=None)
@given(lines=LINES)
@example(lines=[("a", {"b": "c"}, {"d": 1.5}, 1), ("a", {"b": "c"}, {"d": 2.5, "e": 1}, 2)])
def test_what_is_written_is_read(lines: list[tuple[str, dict[str, str], dict[str, float | str], int]]) -> None:
    text, expected = "", []
    for name, tags, fields, at_ms in lines:
        head = name + "".join(f",{tag}={escaped(value)}" for tag, value in tags.items())
        text += f"{head} {','.join(f'{key}={field(value)}' for key, value in fields.items())} {at_ms}\n"
        expected += [
            ({**tags, "__name__": f"{name}_{key}"}, at_ms, float(value))
            for key, value in fields.items()
            if not isinstance(value, str)
        ]
    assert read(text.encode()) == expected


# --- whatever comes in -------------------------------------------------------------------------------------------------------

WHOLE = rb"""cpu,host=web-1,dc=b\ c usage=1.5,n=2i,on=t,text="a b" 1800000000000
mem,host=web-1 used=7u 1800000000000
disk value=0.5
# done
"""
PLAIN = b"cpu,host=a usage=1.5,n=2 1800000000000\nmem,host=b used=7 1800000000000\n" * 3


@pytest.mark.parametrize("whole", [WHOLE, PLAIN])
def test_mutated_bodies_are_read_or_refused_line_by_line(whole: bytes) -> None:
    chance = random.Random(7)  # noqa: S311 - the same bodies each time
    signs = b'\\," =#\n\r\t\0\xff1eEi'
    for _ in range(3000):
        body = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(body))
            body[at : at + chance.randint(0, 2)] = bytes([chance.choice(signs)]) * chance.randint(0, 2)
        check(bytes(body))


@settings(deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=60), st.lists(st.sampled_from([b"a", b"=", b",", b" ", b"\\", b'"', b"\n", b"1"])).map(b"".join)
    )
)
@example(body=b'a\\ b="\n')
@example(body=b"a\\")
def test_whatever_comes_in_is_read_or_refused(body: bytes) -> None:
    check(body)
    check(b"#\n" + body)


def check(body: bytes) -> None:
    decoded = decode(body, "ms", NOW_MS)
    lines = body.count(b"\n") + 1
    assert all(1 <= line <= lines for line in [*decoded.lines.tolist(), *(one.number for one in decoded.bad)])
    for key in decoded.columns.keys:
        with suppress(BadInput):
            read_labels: Labels = decoded.columns.labels_of(key)
            assert dict(read_labels)["__name__"]
    # Every way of reading says the same, also where the layout came before.
    for other, before in ((decode(b"#\n" + body, "ms", NOW_MS), 1), (decode(body, "ms", NOW_MS, layouts=KNOWN), 0)):
        assert list(other.columns.keys) == list(decoded.columns.keys)
        assert other.columns.times.tolist() == decoded.columns.times.tolist()
        assert other.columns.values.tolist() == decoded.columns.values.tolist()
        assert (other.lines - before).tolist() == decoded.lines.tolist()


def test_quotes_beyond_number_take_no_time_beyond_measure() -> None:
    limits = Limits(samples=100_000)
    body = b'"a b="\n' * 100_000
    assert decode(body, "ms", 0, limits).refused > 90_000
