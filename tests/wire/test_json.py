"""Events as JSON lines: what is sent is what is read, and what is no event is refused with its line."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.errors import BadInput
from gwanje.model import BatchOf, Event
from gwanje.wire.json.decode import events
from gwanje.wire.json.encode import events_batch

START = Event("container:1:start", 1_800_000_000_000, "container", {"action": "start", "name": "web-1"})
DIE = Event("container:1:die", 1_800_000_000_250, "container", {"exit_code": 137, "ratio": 0.5, "oom": True, "health": None})

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(TEXT, st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
EVENTS = st.builds(
    Event, id=TEXT.filter(bool), at_ms=st.integers(-(2**53), 2**53), name=TEXT.filter(bool), fields=st.dictionaries(TEXT, VALUES)
)


def test_an_event_is_one_line() -> None:
    batch = events_batch([START, DIE])

    assert (batch.of, batch.count) == (BatchOf.EVENTS, 2)
    assert [json.loads(line) for line in batch.body.splitlines()] == [
        {
            "id": "container:1:start",
            "at_ms": 1_800_000_000_000,
            "name": "container",
            "fields": {"action": "start", "name": "web-1"},
        },
        {
            "id": "container:1:die",
            "at_ms": 1_800_000_000_250,
            "name": "container",
            "fields": {"exit_code": 137, "ratio": 0.5, "oom": True, "health": None},
        },
    ]
    assert batch.body.endswith(b"}\n")


@given(sent=st.lists(EVENTS, max_size=5))
def test_what_is_sent_is_what_is_read(sent: list[Event]) -> None:
    assert events(events_batch(sent).body) == sent


def test_what_json_does_not_know_travels_as_null() -> None:
    sent = Event("1", 0, "fetch", {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.5})

    assert events(events_batch([sent]).body) == [Event("1", 0, "fetch", {"a": None, "b": None, "c": None, "d": 1.5})]


def test_a_lone_surrogate_does_not_stop_an_event() -> None:
    assert events(events_batch([Event("1", 0, "fetch", {"title": "a\ud800b"})]).body) == [
        Event("1", 0, "fetch", {"title": "a?b"})
    ]


def test_empty_lines_and_windows_line_ends_are_nothing_and_fields_may_be_left_out() -> None:
    assert events(b'\n{"id":"1","at_ms":0,"name":"fetch"}\r\n\r\n') == [Event("1", 0, "fetch", {})]
    assert events(b"") == []


GOOD = events_batch([START]).body


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(b"{", "not a JSON object", id="cut off"),
        pytest.param(b"[1]", "not a JSON object", id="a list"),
        pytest.param(b"\xff{}", "not a JSON object", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "not a JSON object", id="nested beyond reason"),
        pytest.param(b'{"at_ms":0,"name":"fetch"}', "an event needs `id`", id="without an id"),
        pytest.param(b'{"id":"","at_ms":0,"name":"fetch"}', "an event needs `id`", id="an empty id"),
        pytest.param(b'{"id":"1","at_ms":0.5,"name":"fetch"}', "an event needs `id`", id="a broken millisecond"),
        pytest.param(b'{"id":"1","at_ms":true,"name":"fetch"}', "an event needs `id`", id="a time that is true"),
        pytest.param(b'{"id":"1","at_ms":0,"name":7}', "an event needs `id`", id="a name that is a number"),
        pytest.param(b'{"id":"1","at_ms":0,"name":"fetch","fields":[]}', "`fields` must be an object", id="fields as a list"),
        pytest.param(
            b'{"id":"1","at_ms":0,"name":"fetch","fields":{"a":{}}}', "field 'a' must be text", id="a field that is an object"
        ),
        pytest.param(b'{"id":"1","at_ms":0,"name":"fetch","fields":{"a":NaN}}', "NaN is not JSON", id="a NaN"),
    ],
)
def test_what_is_no_event_is_refused_with_its_line(line: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        events(GOOD + b"\n" + line + b"\n" + GOOD)

    assert refused.value.where == "line 3"


@given(body=st.binary(max_size=200))
def test_whatever_comes_in_is_read_or_refused(body: bytes) -> None:
    with suppress(BadInput):
        assert all(event.id and event.name for event in events(body))
