"""A fetch as event and as JSON."""

from __future__ import annotations

from gwanje.collect.pipelines.fetch import Fetch, told
from gwanje.collect.sources.base import Fetched, Outcome
from gwanje.model import Event, FieldValue

FETCH = Fetch(
    "collect-7-1000", 1000, "collect", "http", "http://web-1/", Outcome.FAILED, 500, 12, 0, 3.5, 2, "schedule", "answered 500"
)
FIELDS: dict[str, FieldValue] = {
    "pipeline": "collect",
    "source": "http",
    "url": "http://web-1/",
    "outcome": "failed",
    "status": 500,
    "bytes": 12,
    "rows": 0,
    "latency_ms": 3.5,
    "attempt": 2,
    "trigger": "schedule",
    "error": "answered 500",
}


def test_it_comes_from_a_run() -> None:
    fetched = Fetched(Outcome.FAILED, "http://web-1/", 500, 12, 3.5, error="answered 500")
    assert told(fetched, run=7, at_ms=1000, pipeline="collect", source="http", attempt=2, trigger="schedule") == FETCH


def test_it_is_an_event_and_comes_back_from_it() -> None:
    event = FETCH.to_event()
    assert event == Event("collect-7-1000", 1000, "fetch", FIELDS)
    assert type(event.fields["outcome"]) is str
    assert Fetch.of(event) == FETCH


def test_it_is_shown_as_json() -> None:
    assert FETCH.as_json() == {"id": "collect-7-1000", "at": 1000, **FIELDS}


def test_an_event_of_somebody_else_is_a_fetch_that_says_little() -> None:
    foreign = Event("x", 1000, "fetch", {"pipeline": 7, "outcome": "great", "status": "200", "bytes": "many", "extra": True})
    assert Fetch.of(foreign) == Fetch("x", 1000, "", "", "", Outcome.FAILED, None, 0, 0, 0, 0, "")
