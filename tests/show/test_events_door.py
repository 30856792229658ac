"""The door for events: what is kept, what is refused, and whose events a key may write."""

from __future__ import annotations

from gwanje.keep.events.base import Search
from gwanje.keep.state.people import Scope
from gwanje.model import Event
from gwanje.wire.json.encode import events_batch

from .conftest import Site

OWN = Event("1", 1_700_000_000_000, "container", {"host": "web-1", "what": "died"})
OTHER = Event("2", 1_700_000_000_000, "container", {"host": "db-1", "what": "died"})


async def test_events_are_kept_once_however_often_they_come(site: Site) -> None:
    async with site.with_key(Scope.INGEST) as client:
        for _ in range(2):
            answer = await client.post("/api/v1/events", content=events_batch([OWN, OTHER]).body)
            assert answer.status_code == 204
    found = await site.house.events.search(Search("container"))
    assert sorted(event.id for event in found.events) == ["1", "2"]


async def test_a_line_that_is_no_event_is_named(site: Site) -> None:
    async with site.with_key(Scope.INGEST) as client:
        answer = await client.post("/api/v1/events", content=events_batch([OWN]).body + b"{}\n")
    assert answer.status_code == 400
    assert "line 2" in answer.text
    assert (await site.house.events.search(Search("container"))).events == []


async def test_reading_is_not_writing(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        assert (await client.post("/api/v1/events", content=events_batch([OWN]).body)).status_code == 403


async def test_an_agents_key_writes_events_of_its_own_host_only(site: Site) -> None:
    async with site.with_key(Scope.INGEST, host="web-1") as client:
        assert (await client.post("/api/v1/events", content=events_batch([OWN, OTHER]).body)).status_code == 403
        assert (await client.post("/api/v1/events", content=events_batch([OWN]).body)).status_code == 204
    found = await site.house.events.search(Search("container"))
    assert [event.id for event in found.events] == ["1"]
