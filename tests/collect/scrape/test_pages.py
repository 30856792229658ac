"""One target's pages as what is sent: labels, relabelling, limits, and the end of series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from gwanje.collect.scrape.pages import Pages, Part, batches, own_series, report
from gwanje.collect.scrape.spec import Job
from gwanje.errors import BadInput, GwanjeError, TooLarge
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.exposition.encode import series_name
from gwanje.wire.remote_write.decode import decode

AT = 1_700_000_000_000
STALE = "stale"
TARGET = (("instance", "web-1:9100"), ("job", "node"))


def pages(**settings: Any) -> Pages:
    return Pages(Job.model_validate({"name": "node", **settings}), TARGET)


def sent(parts: Iterable[Part]) -> list[tuple[str, float | str, int]]:
    """Every sample of a message: series without the target's own labels, value, milliseconds after the first page."""
    found = []
    for batch in batches(parts):
        columns = decode(batch.body)
        bits = np.ascontiguousarray(columns.values).view(np.uint64)
        assert batch.count == len(columns.values)
        for key, value, bit, at in zip(columns.keys, columns.values.tolist(), bits.tolist(), columns.times.tolist(), strict=True):
            labels = dict(columns.labels_of(key))
            name = labels.pop("__name__")
            rest = {label: text for label, text in labels.items() if (label, text) not in TARGET}
            found.append((series_name(name, rest), STALE if bit == STALE_NAN_BITS else value, at - AT))
    return sorted(found, key=str)


def test_a_page_becomes_a_message_with_the_target_s_labels() -> None:
    taken = pages().take(b'# TYPE a gauge\na 1\nb{c="d"} 2\n', AT)
    columns = decode(next(batches(taken.parts)).body)
    assert [columns.labels_of(key) for key in columns.keys] == [
        (("__name__", "a"), *TARGET),
        (("__name__", "b"), ("c", "d"), *TARGET),
    ]
    assert (taken.scraped, taken.kept, taken.added, taken.refused, taken.trouble) == (2, 2, 2, 0, "")


def test_names_in_quotes_travel_as_they_are() -> None:
    one = pages()
    assert sent(one.take(b'{"my.metric","a.b"="c"} 1\n', AT).parts) == [('{"my.metric","a.b"="c"}', 1.0, 0)]
    assert sent(one.take(b'{"my.metric","a.b"="d"} 1\n', AT + 1000).parts) == [
        ('{"my.metric","a.b"="c"}', STALE, 1000),
        ('{"my.metric","a.b"="d"}', 1.0, 1000),
    ]


def test_series_that_a_page_does_not_have_any_more_end_with_it() -> None:
    one = pages()
    one.take(b"a 1\nb 2\n", AT)
    second = one.take(b"a 3\nc 4\n", AT + 1000)
    assert sent(second.parts) == [("a", 3.0, 1000), ("b", STALE, 1000), ("c", 4.0, 1000)]
    assert (second.added, sent(one.take(b"a 5\nc 6\n", AT + 2000).parts)) == (1, [("a", 5.0, 2000), ("c", 6.0, 2000)])


def test_a_failed_scrape_ends_all_series_once_and_the_next_page_brings_them_back() -> None:
    one = pages()
    one.take(b"a 1\nb 2\n", AT)
    assert sent(one.vanish(AT + 1000)) == [("a", STALE, 1000), ("b", STALE, 1000)]
    assert one.vanish(AT + 2000) == []
    back = one.take(b"a 1\nb 2\n", AT + 3000)
    assert (sent(back.parts), back.added) == ([("a", 1.0, 3000), ("b", 2.0, 3000)], 0)
    assert sent(one.vanish(AT + 4000)) == [("a", STALE, 4000), ("b", STALE, 4000)]


def test_a_series_that_is_only_written_otherwise_does_not_end() -> None:
    one = pages()
    one.take(b'a{b="c",d="e"} 1\n', AT)
    assert sent(one.take(b'a{d="e", b="c"} 2\n', AT + 1).parts) == [('a{b="c",d="e"}', 2.0, 1)]


def test_an_empty_page_ends_everything() -> None:
    one = pages()
    one.take(b"a 1\n", AT)
    assert sent(one.take(b"", AT + 1).parts) == [("a", STALE, 1)]


def test_times_of_the_page_count_and_such_series_are_not_ended() -> None:
    one = pages()
    page = f"a 1 {AT - 5}\nb 2\n".encode()
    assert sent(one.take(page, AT).parts) == [("a", 1.0, -5), ("b", 2.0, 0)]
    assert sent(one.vanish(AT + 1)) == [("b", STALE, 1)]
    plain = pages(honor_timestamps=False)
    assert sent(plain.take(page, AT).parts) == [("a", 1.0, 0), ("b", 2.0, 0)]
    assert sent(plain.vanish(AT + 1)) == [("a", STALE, 1), ("b", STALE, 1)]


@pytest.mark.parametrize(
    ("honor", "line", "labels"),
    [
        pytest.param(False, b'a{job="x"} 1\n', {"exported_job": "x", "job": "node"}, id="the page's label is renamed"),
        pytest.param(
            False,
            b'a{job="x",exported_job="y"} 1\n',
            {"exported_exported_job": "x", "exported_job": "y", "job": "node"},
            id="to a name that is free",
        ),
        pytest.param(
            False,
            b'a{job="x",exported_job="y",exported_exported_job="z"} 1\n',
            {"exported_exported_exported_job": "x", "exported_job": "y", "exported_exported_job": "z", "job": "node"},
            id="however long that is",
        ),
        pytest.param(False, b'a{job=""} 1\n', {"job": "node"}, id="one without a value is none"),
        pytest.param(True, b'a{job="x"} 1\n', {"job": "x"}, id="the page's label wins"),
        pytest.param(True, b'a{job=""} 1\n', {}, id="also one without a value"),
        pytest.param(True, b"a 1\n", {"job": "node"}, id="the target's where the page says nothing"),
    ],
)
def test_labels_that_both_have(honor: bool, line: bytes, labels: dict[str, str]) -> None:  # noqa: FBT001 # a column of the table
    columns = decode(next(batches(pages(honor_labels=honor).take(line, AT).parts)).body)
    (found,) = (dict(columns.labels_of(key)) for key in columns.keys)
    assert found == {"__name__": "a", "instance": "web-1:9100", **labels}


def test_shorter_names_are_renamed_first() -> None:
    target = (("exported_job", "t"), ("job", "node"))
    taken = Pages(Job(name="node"), target).take(b'a{exported_job="x",job="y"} 1\n', AT)
    columns = decode(next(batches(taken.parts)).body)
    assert dict(columns.labels_of(columns.keys[0])) == {
        "__name__": "a",
        "exported_job": "t",
        "job": "node",
        "exported_exported_job": "y",
        "exported_exported_exported_job": "x",
    }


def test_relabelling_drops_and_renames_series_before_they_are_sent() -> None:
    steps = [
        {"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"},
        {"regex": "secret", "action": "labeldrop"},
        {"source_labels": ["__name__"], "regex": "old_(.*)", "target_label": "__name__", "replacement": "new_$1"},
    ]
    one = pages(metric_relabel=steps)
    taken = one.take(b'go_x 1\nold_a{secret="s"} 2\nb 3\n', AT)
    assert (taken.scraped, taken.kept, taken.added) == (3, 2, 2)
    assert sent(taken.parts) == [("b", 3.0, 0), ("new_a", 2.0, 0)]
    assert sent(one.take(b'go_x 4\nold_a{secret="s"} 5\nb 6\n', AT + 1).parts) == [("b", 6.0, 1), ("new_a", 5.0, 1)]
    assert sent(one.vanish(AT + 2)) == [("b", STALE, 2), ("new_a", STALE, 2)]


@pytest.mark.parametrize(
    ("settings", "page", "error"),
    [
        pytest.param({"sample_limit": 1}, b"a 1\nb 2\n", TooLarge, id="too many samples"),
        pytest.param({"label_limit": 3}, b'a{b="c"} 1\n', TooLarge, id="too many labels"),
        pytest.param({"label_name_length_limit": 9}, b'a{bbbbbbbbbb="c"} 1\n', TooLarge, id="a name too long"),
        pytest.param({"label_value_length_limit": 10}, b'a{b="ccccccccccc"} 1\n', TooLarge, id="a value too long"),
        pytest.param(
            {"metric_relabel": [{"regex": "__name__", "action": "labeldrop"}]}, b"a 1\n", BadInput, id="a series without a name"
        ),
        pytest.param({}, b"<html>\n<body>\n", BadInput, id="no metrics at all"),
    ],
)
def test_a_page_that_fails_leaves_what_was_known(settings: dict[str, Any], page: bytes, error: type[GwanjeError]) -> None:
    one = pages(**settings)
    one.take(b"k 1\n" if "metric_relabel" not in settings else b"", AT)
    with pytest.raises(error):
        one.take(page, AT + 1)
    assert sent(one.vanish(AT + 2)) == ([("k", STALE, 2)] if "metric_relabel" not in settings else [])


def test_dropped_series_do_not_count_for_the_limit() -> None:
    drop = [{"source_labels": ["__name__"], "regex": "b", "action": "drop"}]
    assert pages(sample_limit=1, metric_relabel=drop).take(b"a 1\nb 2\n", AT).kept == 1


def test_bad_lines_are_told_and_lose_no_other() -> None:
    taken = pages().take(b"a 1\nb two\nc 3\n", AT)
    assert (sent(taken.parts), taken.refused) == ([("a", 1.0, 0), ("c", 3.0, 0)], 1)
    assert taken.trouble == "line 2: two is no number (b two)"


def test_a_large_page_travels_in_several_batches() -> None:
    page = b"".join(b'a{n="%d"} %d\n' % (number, number) for number in range(50_000))
    taken = pages().take(page, AT)
    found = list(batches(taken.parts))
    assert [batch.count for batch in found] == [20_000, 20_000, 10_000]
    assert sum(float(decode(batch.body).values.sum()) for batch in found) == sum(range(50_000))


def test_what_a_scrape_says_of_itself_has_the_target_s_labels_only() -> None:
    parts = [report(own_series(TARGET, ("up", "scrape_duration_seconds")), (1.0, 0.25), AT)]
    assert sent(parts) == [("scrape_duration_seconds", 0.25, 0), ("up", 1.0, 0)]
