"""StatsD's lines: what a name, a value and what stands behind it mean, and what is bad in them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.wire.statsd.decode import BadLine, Kind, Meaning, ignored, is_passing, meaning_of, values_of

TAGS = (("env", "prod"), ("host", "web-1"))


def read(line: bytes) -> list[tuple[Meaning, bytes]]:
    name, _, rest = line.partition(b":")
    return [(meaning_of(name, suffix), value) for value, suffix in values_of(name, rest)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b"jobs.done:1|c", [(Meaning("jobs.done", Kind.COUNTER), b"1")], id="a counter"),
        pytest.param(b"jobs.done:1|c|@0.1", [(Meaning("jobs.done", Kind.COUNTER, rate=0.1), b"1")], id="a sample rate"),
        pytest.param(b"depth:-3|g", [(Meaning("depth", Kind.GAUGE), b"-3")], id="a gauge that goes down"),
        pytest.param(b"took:320|ms", [(Meaning("took", Kind.OBSERVER, 0.001), b"320")], id="a timer is in seconds"),
        pytest.param(b"size:9|h", [(Meaning("size", Kind.OBSERVER), b"9")], id="a histogram"),
        pytest.param(b"size:9|d", [(Meaning("size", Kind.OBSERVER), b"9")], id="a distribution"),
        pytest.param(b"users:kim|s", [(Meaning("users", Kind.SET), b"kim")], id="a set"),
        pytest.param(b"a:1|c|#host:web-1,env:prod", [(Meaning("a", Kind.COUNTER, tags=TAGS), b"1")], id="tags"),
        pytest.param(
            b"a:1|c|#host:web-1,env:prod|@0.5", [(Meaning("a", Kind.COUNTER, 1, 0.5, TAGS), b"1")], id="tags, then rate"
        ),
        pytest.param(
            b"a:1|c|@0.5|#host:web-1,env:prod", [(Meaning("a", Kind.COUNTER, 1, 0.5, TAGS), b"1")], id="rate, then tags"
        ),
        pytest.param(
            b"a:1|c|#url:http://x:80,urgent",
            [(Meaning("a", Kind.COUNTER, tags=(("urgent", ""), ("url", "http://x:80"))), b"1")],
            id="a tag with colons, and one without a value",
        ),
        pytest.param(b"a,host=web-1,env=prod:1|c", [(Meaning("a", Kind.COUNTER, tags=TAGS), b"1")], id="InfluxDB's tags"),
        pytest.param(b"a#host=web-1,env=prod:1|c", [(Meaning("a", Kind.COUNTER, tags=TAGS), b"1")], id="Librato's tags"),
        pytest.param(b"a:1|c|#|c:ci-12ab|T1700000000", [(Meaning("a", Kind.COUNTER), b"1")], id="a container and a time"),
        pytest.param(
            b"a:1:2|d|#env:prod,host:web-1",
            [(Meaning("a", Kind.OBSERVER, tags=TAGS), b"1"), (Meaning("a", Kind.OBSERVER, tags=TAGS), b"2")],
            id="several values of DogStatsD with tags",
        ),
        pytest.param(b"a:1:2|c", [(Meaning("a", Kind.COUNTER), b"1"), (Meaning("a", Kind.COUNTER), b"2")], id="and without"),
        pytest.param(
            b"a:1|c|@0.5:2|ms:3|g",
            [
                (Meaning("a", Kind.COUNTER, rate=0.5), b"1"),
                (Meaning("a", Kind.OBSERVER, 0.001), b"2"),
                (Meaning("a", Kind.GAUGE), b"3"),
            ],
            id="several values of StatsD, each with its type",
        ),
    ],
)
def test_a_line_is_read(line: bytes, expected: list[tuple[Meaning, bytes]]) -> None:
    assert read(line) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a", "no_value"),
        (b"a:", "no_value"),
        (b":1|c", "no_name"),
        (b",x=y:1|c", "no_name"),
        (b"a:1", "no_type"),
        (b"a:|c", "no_value"),
        (b"a:1:|c", "no_value"),
        (b"a:1|c:2", "no_type"),
        (b"a:1|", "unknown_type"),
        (b"a:1|x", "unknown_type"),
        (b"a:1|c|@", "bad_rate"),
        (b"a:1|c|@0", "bad_rate"),
        (b"a:1|c|@-1", "bad_rate"),
        (b"a:1|c|@1.5", "bad_rate"),
        (b"a:1|c|@nan", "bad_rate"),
        (b"a:1|c|x", "unknown_part"),
        (b"a:1|c|#:web-1", "bad_tag"),
        (b"a,=b:1|c", "bad_tag"),
        (b"\xff:1|c", "not_utf8"),
        (b"a:1|c|#a:\xff", "not_utf8"),
        (b"a" * 1025 + b":1|c", "too_long"),
    ],
)
def test_a_bad_line_says_what_is_bad(line: bytes, reason: str) -> None:
    with pytest.raises(BadLine) as caught:
        read(line)
    assert (caught.value.reason, bool(str(caught.value))) == (reason, True)


def test_events_and_service_checks_are_known_for_what_they_are() -> None:
    assert [ignored(line) for line in (b"_e{5,4}:title|text", b"_sc|name|0", b"_event:1|c")] == ["event", "service_check", ""]


def test_a_line_with_a_time_is_not_to_be_remembered() -> None:
    assert (is_passing(b"c|T1700000000"), is_passing(b"c|#T:1")) == (True, False)


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(max_size=40),
        st.lists(st.sampled_from([b"a", b":", b"|", b"c", b"ms", b"#", b"@", b"0.1", b",", b"=", b"1", b"T", b"\xff"])).map(
            b"".join
        ),
    )
)
def test_whatever_comes_is_read_or_refused(line: bytes) -> None:
    with suppress(BadLine):
        for meaning, value in read(line):
            assert meaning.name
            assert value
            assert 0 < meaning.rate <= 1
