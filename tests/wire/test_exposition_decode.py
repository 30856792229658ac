"""Scraped pages as columns: the same samples as Prometheus's own client library reads, and never more than BadInput."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from gwanje.errors import BadInput, TooLarge
from gwanje.wire.columns import About
from gwanje.wire.exposition.decode import ACCEPT, Decoded, decode
from gwanje.wire.exposition.encode import series_name
from gwanje.wire.exposition.keys import labels_of, pairs_of

NOW = 1_700_000_000_000

TEXT = r"""# HELP http_requests_total The total number of HTTP requests, "quoted" and with \\ and \n in it.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
brackets{path="/a{b} c",other="# no comment, = nothing"} 1
 indented{ a = "1" , } 	5
tabbed	6
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} NaN
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
colon:rule{korean="관제"} -0.5
""".encode()
OPENMETRICS = rb"""# TYPE requests counter
# UNIT requests_seconds seconds
# HELP requests Asked \"often\".
requests_total{path="a # {b"} 5 1700000000.25 # {trace_id="abc"} 0.67 1700000000.1
requests_created{path="a # {b"} 1.5e9 1700000000.25
# TYPE spread histogram
spread_bucket{le="1.0"} 1 # {trace_id="x"} 0.5
spread_bucket{le="+Inf"} 2
spread_count 2
spread_sum 3.5
# TYPE plain gauge
plain 7 1700000000.5
# EOF
"""

Row = tuple[tuple[tuple[str, str], ...], float, int]


def rows(page: Decoded) -> list[Row]:
    columns = page.columns
    return sorted(
        (labels_of(key), float(value), int(at))
        for key, value, at in zip(columns.keys, columns.values, columns.times, strict=True)
    )


def samples_of(page: bytes, *, openmetrics: bool = False) -> list[Row]:
    """What the client library's own parser reads."""
    read = openmetrics_families if openmetrics else text_families
    return sorted(
        (
            tuple(sorted({**{k: v for k, v in sample.labels.items() if v}, "__name__": sample.name}.items())),
            float(sample.value),
            NOW if sample.timestamp is None else round(float(sample.timestamp) * 1000),
        )
        for family in read(page.decode())
        for sample in family.samples
    )


def test_a_page_is_read_as_the_client_library_reads_it() -> None:
    page = decode(TEXT, NOW)
    assert str(rows(page)) == str(samples_of(TEXT))  # as text: NaN is not equal to itself
    assert (page.bad, page.refused) == ((), 0)


def test_an_openmetrics_page_too_without_its_exemplars() -> None:
    page = decode(OPENMETRICS, NOW, openmetrics=True)
    oracle = OPENMETRICS.replace(b"# UNIT requests_seconds seconds\n", b"")  # it insists on the unit in the family's name
    assert rows(page) == samples_of(oracle, openmetrics=True)
    assert page.about == {
        "requests": About("counter", 'Asked "often".'),
        "requests_seconds": About(unit="seconds"),
        "spread": About("histogram"),
        "plain": About("gauge"),
    }


QUOTED = r"""# HELP "http.server.requests" Asked
# TYPE "http.server.requests" counter
{"http.server.requests","http.method"="GET",path="/a b"} 3
{"http.server.requests" , "http.method"="PUT"} 4 1395066363000
plain{"a.b"="c", d="e",} 5
{d="e","name \"in\" the middle","a,b}"="x\ny"} 6
# TYPE "온도" gauge
{"온도"} 21.5
"""


@pytest.mark.parametrize("openmetrics", [pytest.param(False, id="text 1.0.0"), pytest.param(True, id="OpenMetrics")])
def test_names_in_quotes_are_any_text(openmetrics: bool) -> None:  # noqa: FBT001 -- a column of the table
    text = QUOTED.replace("1395066363000", "1395066363" if openmetrics else "1395066363000")
    page = decode((text + "# EOF\n" * openmetrics).encode(), NOW, openmetrics=openmetrics)
    assert (page.bad, page.refused) == ((), 0)
    assert rows(page) == sorted(
        [
            ((("__name__", "http.server.requests"), ("http.method", "GET"), ("path", "/a b")), 3.0, NOW),
            ((("__name__", "http.server.requests"), ("http.method", "PUT")), 4.0, 1395066363000),
            ((("__name__", "plain"), ("a.b", "c"), ("d", "e")), 5.0, NOW),
            ((("__name__", 'name "in" the middle'), ("a,b}", "x\ny"), ("d", "e")), 6.0, NOW),
            ((("__name__", "온도"),), 21.5, NOW),
        ]
    )
    assert page.about == {"http.server.requests": About("counter", "Asked"), "온도": About("gauge")}


def test_a_page_of_the_client_library_with_names_in_quotes_is_read() -> None:
    registry = CollectorRegistry()
    Counter("http.requests", "Asked.", ["http.method"], registry=registry).labels("GET").inc(2)
    body, type_ = choose_encoder(ACCEPT)
    page = decode(body(registry), NOW, openmetrics=type_.startswith("application/openmetrics-text"))
    assert "escaping=allow-utf-8" in type_
    assert ((("__name__", "http.requests_total"), ("http.method", "GET")), 2.0, NOW) in rows(page)
    assert page.refused == 0


def test_what_is_written_is_read() -> None:
    labels = {"a.b": 'c"\\\n', "d": "e"}
    page = decode(f"{series_name('my.metric', labels)} 1\n".encode(), NOW)
    assert rows(page) == [((("__name__", "my.metric"), *labels.items()), 1.0, NOW)]


def test_only_samples_with_a_time_of_their_own_are_marked() -> None:
    page = decode(b"a 1\nb 2 5\n", NOW)
    assert page.own_times is not None
    assert dict(zip(page.columns.keys, page.own_times.tolist(), strict=True)) == {b"a": False, b"b": True}
    assert decode(b"a 1\n", NOW).own_times is None


def test_a_page_with_the_same_series_costs_only_its_values() -> None:
    first = decode(b'# TYPE a gauge\na 1\nb{c="d"} 2\n', 1)
    second = decode(b'# TYPE a gauge\na 3\nb{c="d"} 4.5\n', 2, previous=first)
    assert second.columns.keys is first.columns.keys
    assert second.about is first.about
    assert (second.columns.values.tolist(), second.columns.times.tolist()) == ([3.0, 4.5], [2, 2])


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(b'a 1\nb{c="e"} 2\n', id="another value of a label"),
        pytest.param(b'b{c="d"} 2\na 1\n', id="another order"),
        pytest.param(b'a 1\nb{c="d"} 2\nc 3\n', id="a series more"),
        pytest.param(b"a 1\n", id="a series less"),
        pytest.param(b'a 1\nb{c="d"} 2 5\n', id="a time"),
        pytest.param(b'a 1\nb{c="d"} x\n', id="a value that is none"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_page_that_differs_is_read_whole(page: bytes) -> None:
    previous = decode(b'a 1\nb{c="d"} 2\n', NOW)
    assert rows(decode(page, NOW, previous=previous)) == rows(decode(page, NOW))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"a", "no series and value", id="no value"),
        pytest.param(b"a one", "one is no number", id="a word for a value"),
        pytest.param(b"a 1_000", "1_000 is no number", id="a number as only Python writes it"),
        pytest.param(b"a 0x1f", "0x1f is no number", id="a number in hexadecimal"),
        pytest.param(b"a 1e999", "1e999 is no number", id="a number too large for a float"),
        pytest.param(b"a nan(5)", "nan(5) is no number", id="a NaN as C writes it"),
        pytest.param(b"a 1\r", "1\r is no number", id="a line end of Windows"),
        pytest.param(b"a 1 1.5", "1.5 is no time", id="a time with a fraction"),
        pytest.param(b"a 1 2 3", "no series and value", id="a word too many"),
        pytest.param(b'a 1 # {b="c"} 1', "an exemplar", id="an exemplar in the text format"),
        pytest.param(b'a{b="c" 1', "no series and value", id="braces that do not close"),
        pytest.param(b'a{b="c} 1', "no series and value", id="a text that does not end"),
        pytest.param(b"a{b=c} 1", "no series and value", id="a text without quotes"),
        pytest.param(b'a{b="c",,} 1', "no series and value", id="a comma too many"),
        pytest.param(b'{"a.b"=} 1', "no series and value", id="a name in quotes with half a value"),
        pytest.param(b"a{,} 1", "no series and value", id="only a comma"),
        pytest.param(b"1a 1", "no series and value", id="a name that begins with a digit"),
        pytest.param(b"a-b 1", "no series and value", id="a name with a dash"),
        pytest.param(b'a{b="c",b="d"} 1', "the label 'b' stands twice", id="a label twice"),
        pytest.param(b'a{__name__="b"} 1', "the label '__name__' stands twice", id="a name twice"),
        pytest.param(b'{"a.b","c"} 1', "the label '__name__' stands twice", id="two names in quotes"),
        pytest.param(b'{b="c"} 1', "a series without a name", id="no name"),
        pytest.param(b'{"",b="c"} 1', "a series without a name", id="an empty name"),
        pytest.param(b'a{""="c"} 1', "a label without a name", id="a label with an empty name"),
        pytest.param(b"a{b} 1", "no series and value", id="a bare word in the braces"),
        pytest.param(b'{"a.b\xff"} 1', "a label that is not UTF-8", id="bytes that are no name"),
        pytest.param(b'a{b="\xff"} 1', "a label that is not UTF-8", id="bytes that are no text"),
    ],
)
def test_a_bad_line_is_named_and_loses_no_other(line: bytes, reason: str) -> None:
    page = decode(b"# TYPE before gauge\nbefore 1\n" + line + b"\nafter 2\n", NOW)
    assert list(page.columns.keys) == [b"before", b"after"]
    assert (page.refused, page.bad[0].number) == (1, 3)
    assert page.bad[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        pytest.param(b"a 1\n", "does not end with `# EOF`", id="cut short"),
        pytest.param(b"a 1\n# EOFF\n", "does not end with `# EOF`", id="something like the end"),
        pytest.param(b"a 1\n# EOF\nb 2\n", "goes on after `# EOF`", id="more after the end"),
    ],
)
def test_an_openmetrics_page_must_be_whole(page: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        decode(page, NOW, openmetrics=True)


def test_a_page_with_too_many_samples_is_refused() -> None:
    assert len(decode(b"a 1\n" * 10, NOW, most_samples=10).columns.keys) == 10
    with pytest.raises(TooLarge, match="11 samples, 10 are allowed"):
        decode(b"a 1\n" * 11, NOW, most_samples=10)


def test_labels_without_a_value_are_seen_as_written_and_are_no_labels() -> None:
    assert pairs_of(b'a{b="",c="d"}') == [("__name__", "a"), ("b", ""), ("c", "d")]
    assert labels_of(b'a{b="",c="d"}') == (("__name__", "a"), ("c", "d"))


def test_values_that_are_no_finite_numbers_are_kept() -> None:
    values = decode(b"a NaN\nb +Inf\nc -Inf\nd nan\ne Inf\n", NOW).columns.values
    assert [math.isnan(value) or value for value in values.tolist()] == [True, math.inf, -math.inf, True, math.inf]


NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True)
LABELS = st.dictionaries(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True), st.text(max_size=8), max_size=3)
FLOATS = st.floats(allow_nan=False)
SERIES = st.lists(st.tuples(NAMES, LABELS, FLOATS, st.none() | st.integers(-(1 << 50), 1 << 50)), max_size=8)


@settings(max_examples=80, deadline=None)
@given(series=SERIES, before=st.booleans())
def test_whatever_is_written_is_read_back(series: list[tuple[str, dict[str, str], float, int | None]], *, before: bool) -> None:
    lines = []
    for name, labels, value, at in series:
        inside = ",".join(
            f'{label}="{text.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34)).replace(chr(10), chr(92) + "n")}"'
            for label, text in labels.items()
        )
        lines.append(f"{name}{{{inside}}} {value!r}{'' if at is None else f' {at}'}")
    body = "\n".join([*lines, ""]).encode()
    page = decode(body, NOW, previous=decode(body, NOW) if before else None)
    wanted = sorted(
        (
            tuple(sorted([("__name__", name), *((k, v) for k, v in labels.items() if v and k != "__name__")])),
            value,
            NOW if at is None else at,
        )
        for name, labels, value, at in series
        if "__name__" not in labels
    )
    assert rows(page) == wanted


@settings(max_examples=200, deadline=None)
@given(
    page=st.sampled_from([TEXT, OPENMETRICS]),
    cuts=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=4)), min_size=1, max_size=8),
    openmetrics=st.booleans(),
)
def test_a_damaged_page_is_bad_input_at_most(page: bytes, cuts: list[tuple[int, int, bytes]], *, openmetrics: bool) -> None:
    damaged = page
    for at, length, instead in cuts:
        place = at % (len(damaged) + 1)
        damaged = damaged[:place] + instead + damaged[place + length :]
    try:
        read = decode(damaged, NOW, openmetrics=openmetrics, previous=decode(TEXT, NOW))
    except BadInput:
        return
    assert len(read.columns.keys) == len(read.columns.values) == len(read.columns.times) == len(read.columns.counts)
    assert all(labels_of(key) for key in read.columns.keys)
    assert np.isfinite(read.columns.times).all()
