"""The contract suite of event stores. A kind's tests subclass `EventsContract` and give it an empty store as fixture `events`."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from gwanje.errors import BadInput
from gwanje.keep.events.base import Events, Search
from gwanje.model import Event, FieldValue

AT: Final = 1_790_000_000_000


def fetch(id_: str, at_ms: int = AT, **fields: FieldValue) -> Event:
    """An event of the kind that the suite appends."""
    return Event(id_, at_ms, "fetch", fields)


class EventsContract:
    """What every store of events promises."""

    async def test_an_event_comes_back_as_it_was_appended(self, events: Events) -> None:
        one = fetch("e-1", pipeline="collect", status=200, latency_ms=12.5, ok=True, url=None, title='웹 수집 "a"\n\\b')
        await events.append([one])
        assert (await events.search(Search("fetch"))).events == [one]

    async def test_nothing_found_is_an_empty_last_page(self, events: Events) -> None:
        found = await events.search(Search("fetch"))
        assert (list(found.events), found.next) == ([], "")

    async def test_an_id_that_is_already_there_changes_nothing(self, events: Events) -> None:
        first = fetch("e-1", outcome="failed")
        await events.append([first])
        await events.append([fetch("e-1", AT + 5, outcome="succeeded"), fetch("e-2", AT + 1)])
        assert [event.id for event in (await events.search(Search("fetch"))).events] == ["e-2", "e-1"]
        assert (await events.search(Search("fetch", where={"outcome": "failed"}))).events == [first]

    async def test_an_id_twice_in_one_batch_is_kept_once(self, events: Events) -> None:
        await events.append([fetch("e-1", n=1), fetch("e-1", n=2)])
        assert len((await events.search(Search("fetch"))).events) == 1

    async def test_an_empty_batch_is_nothing(self, events: Events) -> None:
        await events.append([])
        assert (await events.search(Search("fetch"))).events == []

    async def test_newest_come_first_and_one_name_at_a_time(self, events: Events) -> None:
        await events.append([fetch("e-1", AT), fetch("e-3", AT + 2), fetch("e-2", AT + 1), Event("x", AT + 9, "container_start")])
        assert [event.id for event in (await events.search(Search("fetch"))).events] == ["e-3", "e-2", "e-1"]

    @pytest.mark.parametrize(
        ("since", "until", "ids"),
        [
            pytest.param(1, None, ["e-2", "e-1"], id="since is part of it"),
            pytest.param(None, 1, ["e-0"], id="until is not"),
            pytest.param(1, 2, ["e-1"], id="both"),
        ],
    )
    async def test_a_span_of_time(self, events: Events, since: int | None, until: int | None, ids: list[str]) -> None:
        await events.append([fetch(f"e-{n}", AT + n) for n in range(3)])
        search = Search("fetch", since_ms=None if since is None else AT + since, until_ms=None if until is None else AT + until)
        assert [event.id for event in (await events.search(search)).events] == ids

    @pytest.mark.parametrize(
        ("where", "ids"),
        [
            pytest.param({"pipeline": "collect"}, ["e-3", "e-1"], id="a text"),
            pytest.param({"status": 200}, ["e-1"], id="a number"),
            pytest.param({"status": 200.0}, ["e-1"], id="a number written otherwise"),
            pytest.param({"status": "200"}, ["e-2"], id="a text of digits is no number"),
            pytest.param({"latency_ms": 0.5}, ["e-3"], id="a fraction"),
            pytest.param({"ok": True}, ["e-1"], id="true is not 1"),
            pytest.param({"ok": 1}, ["e-2"], id="1 is not true"),
            pytest.param({"status": None}, ["e-4", "e-3"], id="nothing, written or left out"),
            pytest.param({"pipeline": "collect", "status": 200}, ["e-1"], id="both"),
            pytest.param({"a/b~c": "odd"}, ["e-4"], id="a name with signs of its own"),
            pytest.param({"pipeline": "'; DROP TABLE events; --"}, [], id="a text is never a command"),
            pytest.param({"'; DROP TABLE events; --": "x"}, [], id="a name is never a command"),
        ],
    )
    async def test_fields_that_must_be_equal(self, events: Events, where: dict[str, FieldValue], ids: list[str]) -> None:
        await events.append(
            [
                fetch("e-1", AT + 1, pipeline="collect", status=200, ok=True),
                fetch("e-2", AT + 2, pipeline="other", status="200", ok=1),
                fetch("e-3", AT + 3, pipeline="collect", latency_ms=0.5),
                Event("e-4", AT + 4, "fetch", {"a/b~c": "odd", "status": None}),
            ]
        )
        assert [event.id for event in (await events.search(Search("fetch", where=where))).events] == ids

    @pytest.mark.parametrize(
        ("text", "ids"),
        [
            pytest.param("timeout", ["e-2"], id="a word"),
            pytest.param("TIME", ["e-2"], id="a part of it, in any case"),
            pytest.param("수집", ["e-1"], id="Korean"),
            pytest.param("100%_", ["e-3"], id="signs are only signs"),
            pytest.param("error", [], id="names of fields are not text"),
            pytest.param('"q"', ["e-3"], id="quotes as they were"),
        ],
    )
    async def test_text_is_looked_for_in_every_text_field(self, events: Events, text: str, ids: list[str]) -> None:
        await events.append(
            [
                fetch("e-1", AT, title="웹 수집", error=""),
                fetch("e-2", AT, url="http://a/", error="Timeout after 5s"),
                fetch("e-3", AT, note='100%_ "q"'),
            ]
        )
        assert [event.id for event in (await events.search(Search("fetch", text=text))).events] == ids

    async def test_pages_hold_everything_once_while_new_events_come_in(self, events: Events) -> None:
        await events.append([fetch(f"e-{n}", AT + n // 3) for n in range(10)])  # three share a millisecond
        seen: list[str] = []
        page, come = Search("fetch", limit=4), 0
        while True:
            found = await events.search(page)
            seen += [event.id for event in found.events]
            if not found.next:
                break
            come += 1
            await events.append([fetch(f"new-{come}", AT + 100 + come)])
            page = Search("fetch", limit=4, before=found.next)
        assert seen == [f"e-{n}" for n in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)]

    async def test_a_full_last_page_has_no_next(self, events: Events) -> None:
        await events.append([fetch(f"e-{n}", AT + n) for n in range(4)])
        assert (await events.search(Search("fetch", limit=4))).next == ""

    async def test_a_page_that_nobody_gave_out_is_refused(self, events: Events) -> None:
        with pytest.raises(BadInput, match="no page"):
            await events.search(Search("fetch", before="not a page"))

    async def test_forgetting_takes_what_is_older_and_tells_how_many(self, events: Events) -> None:
        await events.append([fetch(f"e-{n}", AT + n) for n in range(5)])
        assert await events.forget(AT + 3) == 3
        assert [event.id for event in (await events.search(Search("fetch"))).events] == ["e-4", "e-3"]
        await events.append([fetch("e-0", AT + 9)])  # an id that was forgotten is free again
        assert len((await events.search(Search("fetch"))).events) == 3

    async def test_several_append_and_search_at_once(self, events: Events) -> None:
        async def one(number: int) -> None:
            await events.append([fetch(f"e-{number}-{n}", AT + n) for n in range(20)])
            assert len((await events.search(Search("fetch", limit=1000, text=""))).events) >= 20

        await asyncio.gather(*(one(number) for number in range(8)))
        assert len((await events.search(Search("fetch", limit=1000))).events) == 160

    async def test_another_thread_with_a_loop_of_its_own_may_use_it(self, events: Events) -> None:
        await asyncio.to_thread(lambda: asyncio.run(self._append_elsewhere(events)))
        assert len((await events.search(Search("fetch"))).events) == 1

    async def _append_elsewhere(self, events: Events) -> None:
        await events.append([fetch("e-1")])
