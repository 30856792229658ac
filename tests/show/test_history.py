"""Exceedances by date and machine, as they happen, and figures about alerts."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gwanje.app.clock import now
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import OutsideAlert
from gwanje.keep.state import alerts, stories
from gwanje.keep.state import history as steps
from gwanje.keep.state.history import Chosen, Step
from gwanje.keep.state.people import Role, Scope
from gwanje.model import Severity, to_ms
from gwanje.show import history
from gwanje.show.changes import follow
from gwanje.show.rooms import Rooms
from gwanje.tell.delivery import Delivery
from gwanje.tell.muted import Muter, changes
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import Clock, MemorySamples, Receiver
from gwanje.watch.outside import take
from gwanje.watch.round import Round

from .conftest import Site

SEOUL = ZoneInfo("Asia/Seoul")
BEGAN = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)


def row(id_: str, host: str = "web-1", *, began: datetime = BEGAN, minutes: float | None = 30, **given: Any) -> alerts.Row:
    ended = None if minutes is None else began + timedelta(minutes=minutes)
    return {
        "id": id_,
        "fingerprint": f"f{id_}",
        "rule": "disk full",
        "labels": {"host": host},
        "annotations": {},
        "summary": {"ko": "가득", "en": "full"},
        "state": "firing" if ended is None else alerts.ENDED,
        "severity": "critical",
        "began_at": began,
        "fired_at": began,
        "ended_at": ended,
        "ended_because": None if ended is None else "resolved",
        "value": 0.97,
        "peak": 0.99,
        "operator": ">=",
        "threshold": 0.9,
        "query": "",
        "unit": "ratio",
        "for_ms": 0,
        **given,
    }


def _keep(site: Site, *rows: alerts.Row) -> None:
    with site.house.state.write() as connection:
        alerts.begin_episodes(connection, rows)


async def test_h1_a_day_is_a_day_of_the_users_zone(site: Site) -> None:
    _keep(site, row("1"), row("2", began=BEGAN - timedelta(hours=2), minutes=10), row("3", "db-1"))
    async with site.with_key(Scope.READ) as client:
        seoul = await client.get("/api/v1/exceedances", params={"date": "2026-03-02", "tz": "Asia/Seoul"})
        utc = await client.get("/api/v1/exceedances", params={"date": "2026-03-02", "tz": "UTC"})
        one = await client.get("/api/v1/exceedances", params={"date": "2026-03-02", "tz": "Asia/Seoul", "host": "db-1"})
    assert [found["episode"] for found in seoul.json()["exceedances"]] == ["3", "1"]
    assert utc.json()["exceedances"] == []
    (found,) = one.json()["exceedances"]
    assert (found["start"], found["end"], found["peak"], found["threshold"]) == (
        to_ms(BEGAN),
        to_ms(BEGAN) + 1_800_000,
        0.99,
        ">= 0.9",
    )


def test_h1_each_crossing_of_an_episode_is_a_stretch_of_its_own(site: Site) -> None:
    _keep(site, row("1"))
    with site.house.state.read() as connection:
        episode = stories.episode(connection, "1")
    assert episode
    states = [
        (0, "ok", "pending"),
        (1, "pending", "firing"),
        (5, "firing", "recovering"),
        (8, "recovering", "firing"),
        (30, "firing", "ok"),
    ]
    steps = [
        Step(number, "1", BEGAN + timedelta(minutes=minute), before, after, Severity.CRITICAL, None, "")
        for number, (minute, before, after) in enumerate(states)
    ]
    found = history.stretches(episode, steps)
    assert [((one.start - BEGAN).seconds // 60, ((one.end or BEGAN) - BEGAN).seconds // 60) for one in found] == [(0, 5), (8, 30)]


async def test_h1_a_csv_that_spreadsheets_read_and_run_nothing_of(site: Site) -> None:
    _keep(site, row("1", "=cmd|' /C calc'!A0"), row("2", minutes=None))
    async with site.with_key(Scope.READ) as client:
        params = {"date": "2026-03-02", "tz": "Asia/Seoul", "format": "csv"}
        answer = await client.get("/api/v1/exceedances", params=params)
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "exceedances-2026-03-02.csv" in answer.headers["content-disposition"]
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[0] == "시작"
    assert [row[:4] for row in rows] == [
        ["2026-03-02 01:00:00", "", "", "web-1"],
        ["2026-03-02 01:00:00", "2026-03-02 01:30:00", "1800", "'=cmd|' /C calc'!A0"],
    ]


async def test_h1_start_end_highest_value_threshold_of_that_time_and_who_was_told(site: Site) -> None:
    """A rule is lived through, then written otherwise: what happened under its old text stays as it was."""
    state, samples, clock = site.house.state, MemorySamples(), Clock()
    policy = Policy(Route.model_validate({"receiver": "ops", "group_wait": "0s", "group_interval": "0s"}))
    worker = Delivery(state, {"ops": Receiver("ops", clock, [])}, None, worker_id="me", clock=clock, chance=lambda: 1.0)
    values = [1, 1_234_567, 2_345_678.5, 1_500_000, 3, 3]
    for threshold, minutes in (("> 1234566", values), ("> 2", [1])):
        rule = Rule.model_validate({"name": "queue", "expr": "queued", "critical": threshold, "interval": "1m", "for": "1m"})
        round_ = Round([rule], samples, state, policy, None, clock=clock)
        for minute, value in enumerate(minutes, start=0 if minutes is values else len(values)):
            clock.now = BEGAN + timedelta(minutes=minute)
            samples.append("queued", {"host": "db-1"}, value, to_ms(clock.now))
            await round_.once(clock.now)
            await worker.once()
    async with site.with_key(Scope.READ) as client:
        params = {"date": "2026-03-02", "tz": "Asia/Seoul", "rule": "queue"}
        (found,) = (await client.get("/api/v1/exceedances", params=params)).json()["exceedances"]
        told = await client.get("/api/v1/exceedances", params={**params, "format": "csv", "language": "en"})
    minutes_in = [round((found[name] - to_ms(BEGAN)) / 60_000) for name in ("start", "end")]
    assert (minutes_in, found["peak"], found["threshold"], found["told"]) == ([1, 4], 2_345_678.5, "> 1234566", ["ops"])
    (_, row) = csv.reader(io.StringIO(told.content.decode("utf-8-sig")))
    assert row[:11] == [
        "2026-03-02 01:01:00",
        "2026-03-02 01:04:00",
        "180",
        "db-1",
        "",
        "queue",
        "critical",
        "2345678.5",
        "> 1234566",
        "1",
        "ops",
    ]


async def test_who_kept_an_alert_from_being_told_stands_with_it_in_the_story_the_list_and_the_csv(site: Site) -> None:
    _keep(site, row("1"))
    kim = Muter("silenced", "s-1", "kim", "=moving", BEGAN + timedelta(hours=1))
    said = [(5, ((), (kim,))), (10, ((kim,), ()))]
    with site.house.state.write() as connection:
        episode = replace(stories.episode_page(connection, stories.Wanted()).episodes[0], state="firing")
        begun = {**steps.aside(episode, BEGAN, "0.97 is >= 0.9"), "before": "ok", "after": "firing"}
        told = [steps.aside(episode, BEGAN + timedelta(minutes=at), why) for at, turn in said for why in changes(*turn)]
        alerts.add_transitions(connection, [begun, *told])
    expected = {
        "what": "silenced",
        "name": "s-1",
        "who": "kim",
        "why": "=moving",
        "receiver": "",
        "from": to_ms(BEGAN) + 300_000,
        "to": to_ms(BEGAN) + 600_000,
        "until": to_ms(BEGAN) + 3_600_000,
    }
    params = {"date": "2026-03-02", "tz": "Asia/Seoul"}
    async with site.with_key(Scope.READ) as client:
        story = (await client.get("/api/v1/episodes/1")).json()
        (found,) = (await client.get("/api/v1/exceedances", params=params)).json()["exceedances"]
        ko = await client.get("/api/v1/exceedances", params={**params, "format": "csv"})
        en = await client.get("/api/v1/exceedances", params={**params, "format": "csv", "language": "en"})
    assert story["mutings"] == found["muted"] == [expected]
    rows = [list(csv.reader(io.StringIO(one.content.decode("utf-8-sig"))))[1] for one in (ko, en)]
    assert [[row[6], *row[11:]] for row in rows] == [
        ["심각", "해제", "무음 2026-03-02 01:05:00/2026-03-02 01:10:00 (kim: =moving)"],
        ["critical", "resolved", "silenced 2026-03-02 01:05:00/2026-03-02 01:10:00 (kim: =moving)"],
    ]


async def test_statistics_say_how_long_people_and_alerts_took(site: Site) -> None:
    _keep(site, row("1"), row("2", "db-1", minutes=10), row("3", minutes=None))
    async with site.signed_in(Role.OPERATOR) as client:
        assert (await client.post("/api/v1/acknowledgements", json={"episodes": ["3"]})).status_code == 200
        found = (await client.get("/api/v1/statistics/alerts", params={"date": "2026-03-02", "tz": "Asia/Seoul"})).json()
    assert (found["fired"], found["open"], found["acknowledged"], found["seconds_to_resolve"]) == (3, 1, 1, 1200)
    assert found["by_host"] == [{"name": "web-1", "fired": 2}, {"name": "db-1", "fired": 1}]
    assert found["seconds_to_acknowledge"] > 0


async def test_hours_in_which_alerts_began_are_those_of_the_users_clock(site: Site) -> None:
    _keep(site, row("1"), row("2", began=BEGAN + timedelta(minutes=29)), row("3", began=BEGAN + timedelta(minutes=31)))
    async with site.signed_in(Role.OPERATOR) as client:
        days = [{"date": "2026-03-02", "tz": "Asia/Seoul"}, {"date": "2026-03-01", "tz": "Asia/Kolkata"}]
        seoul, kolkata = [(await client.get("/api/v1/statistics/alerts", params=day)).json()["by_hour"] for day in days]
    assert seoul == [{"at": to_ms(BEGAN), "fired": 3}]
    half = 1_800_000
    assert kolkata == [{"at": to_ms(BEGAN) - half, "fired": 2}, {"at": to_ms(BEGAN) + half, "fired": 1}]


async def test_a_stretch_that_ends_before_it_begins_and_a_zone_that_is_none_are_refused(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        assert (await client.get("/api/v1/exceedances", params={"from": 5, "to": 4})).status_code == 400
        assert (await client.get("/api/v1/exceedances", params={"date": "2026-03-02", "tz": "Seoul"})).status_code == 422


async def test_a_hosts_key_sees_its_own_host_only(site: Site) -> None:
    _keep(site, row("1"), row("2", "db-1"))
    async with site.with_key(Scope.READ, host="db-1") as client:
        found = (await client.get("/api/v1/exceedances", params={"date": "2026-03-02", "tz": "Asia/Seoul"})).json()
    assert [one["host"] for one in found["exceedances"]] == ["db-1"]


async def test_changes_go_on_where_they_stopped_and_leave_none_out(site: Site) -> None:
    rooms = site.house.rooms()

    async def tell(severity: Severity, after: int) -> None:
        starts = now()
        told = [
            OutsideAlert(f"f-{host}", "api", "disk full", {"host": host}, severity, starts, starts) for host in ("web-1", "db-1")
        ]
        take(site.house.state, site.house.updates, told)
        await site.house.round.once(now() + timedelta(seconds=after))

    await tell(Severity.WARNING, 0)
    chosen = Chosen(host="web-1")
    first = await _changes(rooms, chosen, 0)
    assert (first[1]["alert"]["severity"], first[1]["change"]["after"]) == ("warning", "firing")
    waiting = asyncio.create_task(_changes(rooms, chosen, first[0]))
    await tell(Severity.CRITICAL, 1)
    assert (await waiting)[1]["alert"]["severity"] == "critical"
    assert (await _changes(rooms, chosen, first[0])) == await waiting
    assert (await _changes(rooms, Chosen(host="db-1"), 0))[1]["alert"]["host"] == "db-1"


async def _changes(rooms: Rooms, chosen: Chosen, number: int) -> tuple[int, dict[str, Any]]:
    """The first change after a number."""
    async with asyncio.timeout(30):
        async for change in follow(rooms, chosen, number, timedelta(seconds=5)):
            if change is not None:
                return change[0], json.loads(change[1])
    raise AssertionError
