"""Open alerts over HTTP: pages, filters, counts, and many of them taken over at once."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from gwanje.app.clock import now
from gwanje.errors import BadInput
from gwanje.keep.state import alerts, stories
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit
from gwanje.show.overview import overview
from gwanje.show.standing import EACH, MOST_HOSTS, MOST_RULES, asked_by, open_now

from .conftest import Site
from .test_history import row


def _fire(site: Site, count: int, rule: str = "disk full", **given: Any) -> None:
    rows = [
        row(f"{rule[:1]}{number:05d}", f"web-{number:05d}", began=now(), minutes=None, rule=rule, source="api", **given)
        for number in range(count)
    ]
    with site.house.state.write() as connection:
        alerts.begin_episodes(connection, rows)


async def test_thousands_of_alerts_are_one_page_and_their_counts(site: Site) -> None:
    _fire(site, 3000, severity="warning")
    _fire(site, 2, "memory high")
    async with site.with_key(Scope.READ) as client:
        first = (await client.get("/api/v1/standing")).json()
        second = (await client.get("/api/v1/standing", params={"after": first["next"]})).json()
        critical = (await client.get("/api/v1/standing", params={"standing": "critical"})).json()
        one = (await client.get("/api/v1/standing", params={"text": "02999"})).json()
        nonsense = await client.get("/api/v1/standing", params={"after": "nonsense"})
    assert (first["total"], first["tally"]["critical"], first["tally"]["warning"]) == (3002, 2, 3000)
    assert [(of["rule"], of["tally"]["warning"]) for of in first["rules"]] == [("memory high", 0), ("disk full", 3000)]
    assert [len(first["alerts"]), first["alerts"][0]["rule"], first["before"]] == [50, "memory high", 0]
    assert (second["before"], second["alerts"][0]["host"]) == (50, "web-00048")
    assert (critical["total"], critical["tally"]["warning"], len(critical["alerts"])) == (2, 3000, 2)
    assert [found["host"] for found in one["alerts"]] == ["web-02999"]
    assert (nonsense.status_code, nonsense.json()["error"]["where"]) == (400, "after")


async def test_by_host_each_host_has_its_counts_and_a_few_alerts_and_the_rest_is_counted(site: Site) -> None:
    _fire(site, MOST_HOSTS + 5, severity="warning")
    _fire(site, 1, "memory high")
    _fire(site, 1, "cpu high", severity="warning")
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/standing", params={"by": "host"})).json()
        filtered = (await client.get("/api/v1/standing", params={"by": "host", "rule": "disk full", "host": "web-00003"})).json()
        nonsense = await client.get("/api/v1/standing", params={"by": "phase"})
        odd = await client.get("/api/v1/standing", params={"by": "host", "after": "nonsense"})
    first = found["hosts"][0]
    assert (first["host"], first["tally"]["critical"], first["tally"]["warning"]) == ("web-00000", 1, 2)
    assert (len(found["hosts"]), found["more_hosts"], found["total"], found["before"]) == (MOST_HOSTS, 5, MOST_HOSTS + 7, 0)
    assert [one["rule"] for one in found["alerts"] if one["host"] == "web-00000"] == ["memory high", "cpu high", "disk full"]
    assert ([one["host"] for one in filtered["hosts"]], filtered["total"]) == (["web-00003"], 1)
    assert nonsense.status_code == 422
    assert (odd.status_code, odd.json()["error"]["where"]) == (400, "after")
    assert asked_by("by=host").by == "host"
    with pytest.raises(BadInput, match="'phase'"):
        asked_by("by=phase")


async def test_hosts_are_paged_the_worst_first_until_each_was_shown_once(site: Site) -> None:
    _fire(site, MOST_HOSTS + 5, severity="warning")
    _fire(site, 7, "cpu high", severity="warning")
    _fire(site, 2, "memory high")
    seen: list[dict[str, Any]] = []
    query = {"by": "host", "limit": "20"}
    async with site.with_key(Scope.READ) as client:
        while True:
            found = (await client.get("/api/v1/standing", params=query)).json()
            assert (found["before"], found["more_hosts"]) == (len(seen), MOST_HOSTS + 5 - len(seen) - len(found["hosts"]))
            assert {one["host"] for one in found["alerts"]} == {one["host"] for one in found["hosts"]}
            seen += found["hosts"]
            if not found["next"]:
                break
            query["after"] = found["next"]
    names = [one["host"] for one in seen]
    assert names == sorted(names)
    assert len(set(names)) == len(names) == MOST_HOSTS + 5
    worst = [(one["tally"]["critical"], one["tally"]["warning"]) for one in seen]
    assert worst == [(1, 2)] * 2 + [(0, 2)] * 5 + [(0, 1)] * (MOST_HOSTS - 2)
    assert asked_by("by=host&after=0.3.web-1").after == "0.3.web-1"


async def test_a_look_at_everything_is_bounded_whatever_fires(site: Site) -> None:
    for number in range(MOST_RULES + 3):
        _fire(site, 25, f"{chr(65 + number)} rule")
    found = open_now(site.house.rooms())
    assert (len(found.rules), found.more_rules, len(found.alerts)) == (MOST_RULES, 3, MOST_RULES * EACH)
    shown = await overview(site.house.rooms(), {}, found)
    assert (shown.numbers.firing, len(shown.alerts)) == (25 * (MOST_RULES + 3), MOST_RULES * EACH)


async def test_matchers_say_what_they_would_take_before_they_do(site: Site) -> None:
    _fire(site, 1500)
    _fire(site, 2, "memory high")
    matchers = 'rule="disk full", host=~"web-0.*", host!="web-00007"'
    async with site.signed_in(Role.OPERATOR) as client:
        asked = await client.get("/api/v1/standing/matched", params={"matchers": matchers})
        assert asked.json() == {"open": 1499, "rules": {"disk full": 1499}, "more_rules": 0}
        taken = await client.post("/api/v1/acknowledgements", json={"matchers": matchers, "why": "the switch"})
        assert taken.json() == {"count": 1499}
        tally = (await client.get("/api/v1/standing")).json()["tally"]
        assert (tally["critical"], tally["acknowledged"]) == (1502, 1499)
        nobody = await client.post("/api/v1/acknowledgements", json={"matchers": 'rule="quiet"'})
        assert nobody.status_code == 404
        both = await client.post("/api/v1/acknowledgements", json={"matchers": 'rule="x"', "episodes": ["1"]})
        assert both.status_code == 422
        wrong = await client.get("/api/v1/standing/matched", params={"matchers": "host=web"})
        assert (wrong.status_code, "cannot be read" in wrong.text) == (400, True)
    with site.house.state.read() as connection:
        notes = connection.execute(select(audit.c.who, audit.c.after).where(audit.c.what == "alerts acknowledged")).all()
        story = stories.story(connection, "d00001")
    ((who, after),) = notes
    assert (who, after["alerts"], after["why"]) == ("operator", 1499, "the switch")
    assert story is not None
    assert [entry.because for entry in story.entries if isinstance(entry, stories.Change)] == [
        "acknowledged by operator: the switch"
    ]


async def test_the_stream_carries_counts_and_the_page_that_is_looked_at(site: Site) -> None:
    _fire(site, 300)
    running = asyncio.create_task(site.live.run())
    stream = site.live.stream(frozenset({"alerts", "standing:text=web-00299"}))
    try:
        async with asyncio.timeout(30):
            sent = dict([await anext(stream), await anext(stream)])
            assert msgspec.json.decode(sent["tally"])["tally"]["critical"] == 300
            listed = msgspec.json.decode(sent["standing"])
            assert (listed["asked"], [one["host"] for one in listed["standing"]["alerts"]]) == ("text=web-00299", ["web-00299"])
            assert sum(map(len, sent.values())) < 5000
            _fire(site, 1, "memory high")
            async with site.with_key(Scope.INGEST) as client:
                await client.post("/api/v1/alerts", json={"name": "hint", "message": "something changed"})
            async for name, data in stream:
                if name == "tally" and msgspec.json.decode(data)["tally"]["critical"] == 301:
                    break
        await stream.aclose()
    finally:
        running.cancel()


async def test_a_stream_of_a_list_that_makes_no_sense_is_refused(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        for topic in ("standing:colour=red", "standing:limit=100000", "standing:standing=bad"):
            assert (await client.get("/api/v1/stream", params={"topics": topic})).status_code == 400
