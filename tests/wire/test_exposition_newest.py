"""The page from which another program takes series over."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gwanje.wire.exposition.decode import decode
from gwanje.wire.exposition.newest import Newest, page

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
labels = st.dictionaries(texts.filter(lambda name: name not in {"__name__", "instance"}), texts, max_size=3)


def test_series_stand_under_their_metric_with_the_times_of_their_samples() -> None:
    found = [
        Newest((("__name__", "up"), ("host", "web-2"), ("instance", "b")), 0.0, 1_700_000_000_000),
        Newest((("__name__", "load"), ("host", "web-1")), math.inf, 1_700_000_000_500),
        Newest((("__name__", "up"), ("host", "web-1")), math.nan, None),
    ]

    assert page(found, quoted=False) == (
        "# TYPE load untyped\n"
        'load{host="web-1",instance=""} +Inf 1700000000500\n'
        "# TYPE up untyped\n"
        'up{host="web-1",instance=""} NaN\n'
        'up{host="web-2",instance="b"} 0 1700000000000\n'
    )


def test_names_that_need_quotes_have_them_or_are_made_plain() -> None:
    found = [Newest((("9.b", "x"), ("__name__", "http.time")), 1.5, None)]

    assert page(found, quoted=True) == '# TYPE "http.time" untyped\n{"http.time","9.b"="x",instance=""} 1.5\n'
    assert page(found, quoted=False) == '# TYPE http_time untyped\nhttp_time{_9_b="x",instance=""} 1.5\n'


def test_names_made_plain_stand_where_they_belong_by_then() -> None:
    found = [Newest((("__name__", name), ("a:b", "c")), 1, None) for name in ("x.a", "x.b", "x_a", "x:a")]

    assert page(found, quoted=False).splitlines() == [
        "# TYPE x:a untyped",
        'x:a{a_b="c",instance=""} 1',
        "# TYPE x_a untyped",
        'x_a{a_b="c",instance=""} 1',
        'x_a{a_b="c",instance=""} 1',
        "# TYPE x_b untyped",
        'x_b{a_b="c",instance=""} 1',
    ]


def test_a_series_without_a_name_is_left_out() -> None:
    assert not page([Newest((("host", "web-1"),), 1.0, None)], quoted=True)


@given(st.dictionaries(texts, labels, min_size=1, max_size=5), st.floats(allow_nan=False))
def test_what_is_written_is_read_again(series: dict[str, dict[str, str]], value: float) -> None:
    found = [Newest(tuple(sorted({"__name__": name, **own}.items())), value, 5) for name, own in series.items()]

    read = decode(page(found, quoted=True).encode(), now_ms=7)

    assert not read.bad
    assert sorted(map(read.columns.labels_of, read.columns.keys)) == sorted(one.labels for one in found)
    assert read.columns.values.tolist() == [value] * len(found)
    assert set(read.columns.times.tolist()) == {5}
