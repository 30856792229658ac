"""Silences and acknowledgements by people, and by Alertmanager's friends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from gwanje.app.clock import now
from gwanje.keep.state import outside, silences, stories
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit
from gwanje.model import to_ms
from gwanje.tell.matchers import matches, parse_matchers

from .conftest import Site


def _posted(**given: Any) -> dict[str, Any]:
    return {"labels": {"alertname": "disk full", "host": "db-1", "severity": "critical"}, **given}


def _audited(site: Site) -> list[tuple[str, str]]:
    with site.house.state.read() as connection:
        return [(row.who, row.what) for row in connection.execute(select(audit.c.who, audit.c.what).order_by(audit.c.id))]


async def _fire(site: Site) -> str:
    """An alert of another program fires; its episode."""
    async with site.with_key(Scope.INGEST) as client:
        assert (await client.post("/api/v2/alerts", json=[_posted()])).status_code == 200
    await site.house.round.once(now())
    with site.house.state.read() as connection:
        return next(one.id for one in stories.open_episodes(connection) if one.rule == "disk full")


async def test_what_prometheus_posts_is_an_alert_like_any_other(site: Site) -> None:
    episode = await _fire(site)
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v2/alerts")).json()
        story = (await client.get(f"/api/v1/episodes/{episode}")).json()
    assert [(one["labels"], one["status"]["state"]) for one in found] == [(_posted()["labels"], "active")]
    assert (story["rule"], story["severity"], story["host"]) == ("disk full", "critical", "db-1")


async def test_an_end_in_the_past_is_the_senders_word_that_it_is_over(site: Site) -> None:
    episode = await _fire(site)
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        over = _posted(endsAt=(now() - timedelta(seconds=1)).isoformat())
        assert (await client.post("/api/v2/alerts", json=[over])).status_code == 200
        await site.house.round.once(now() + timedelta(seconds=1))
        story = (await client.get(f"/api/v1/episodes/{episode}")).json()
    assert story["ended_because"] == "resolved"


async def test_a_posted_alert_without_a_name_keeps_nothing_of_its_body(site: Site) -> None:
    async with site.with_key(Scope.INGEST) as client:
        refused = await client.post("/api/v2/alerts", json=[_posted(), {"labels": {"host": "db-2"}}])
    assert refused.status_code == 400
    assert "[1].labels" in refused.json()
    with site.house.state.read() as connection:
        assert outside.every(connection) == []


async def test_filters_and_groups_speak_of_alertname(site: Site) -> None:
    await _fire(site)
    async with site.with_key(Scope.READ) as client:
        some = await client.get("/api/v2/alerts", params={"filter": 'alertname="disk full"'})
        none = await client.get("/api/v2/alerts", params={"filter": 'alertname="other"'})
        bare = await client.get("/api/v2/alerts", params={"filter": "alertname=disk full"})
        wrong = await client.get("/api/v2/alerts", params={"filter": "alertname"})
    assert [len(one.json()) for one in (some, none, bare)] == [1, 0, 1]
    assert (wrong.status_code, type(wrong.json())) == (400, str)


async def test_m1_a_silence_is_made_changed_and_ended_early_and_who_did_it_is_kept(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        asked = {"matchers": 'host="db-1"', "for": "2h", "comment": "moving the disk"}
        made = (await client.post("/api/v1/silences", json=asked)).json()
        longer = (await client.put(f"/api/v1/silences/{made['id']}", json={**asked, "for": "4h"})).json()
        assert (longer["id"], longer["ends_at"] > made["ends_at"]) == (made["id"], True)
        ended = (await client.delete(f"/api/v1/silences/{made['id']}")).json()
        assert ended["state"] == "expired"
        assert (await client.get("/api/v1/silences")).json()["silences"] == []
    assert _audited(site)[-3:] == [("operator", "silence made"), ("operator", "silence changed"), ("operator", "silence ended")]


async def test_a_silence_that_matches_something_else_now_is_another_one(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        asked = {"matchers": 'host="db-1"', "for": "2h", "comment": "moving"}
        made = (await client.post("/api/v1/silences", json=asked)).json()
        other = (await client.put(f"/api/v1/silences/{made['id']}", json={**asked, "matchers": 'host="db-2"'})).json()
    assert other["id"] != made["id"]
    with site.house.state.read() as connection:
        before = silences.one(connection, made["id"])
    assert before
    assert before.ends_at <= now()


async def test_m1_what_would_mute_everything_or_forever_is_refused(site: Site) -> None:
    good = {"matchers": 'host="db-1"', "for": "2h", "comment": "moving"}
    async with site.signed_in(Role.OPERATOR) as client:
        for change, where in (
            ({"matchers": ""}, "matchers"),
            ({"matchers": 'host=~".*"'}, "matchers"),
            ({"matchers": 'host=""'}, "matchers"),
            ({"matchers": 'host!="db-2", team!~"shop|search"'}, "matchers"),
            ({"for": "91d"}, "ends_at"),
            ({"comment": " "}, "comment"),
        ):
            refused = await client.post("/api/v1/silences", json={**good, **change})
            assert (refused.status_code, refused.json()["error"]["where"]) == (400, where)
        past = {"matchers": 'host="db-1"', "comment": "x", "ends_at": "2020-01-01T00:00:00Z", "starts_at": "2019-01-01T00:00:00Z"}
        assert (await client.post("/api/v1/silences", json=past)).status_code == 400


async def test_m1_no_change_and_no_other_door_makes_a_silence_longer_than_the_greatest_length(site: Site) -> None:
    good = {"matchers": 'host="db-1"', "for": "2h", "comment": "moving"}
    matcher = {"name": "host", "value": "db-1", "isRegex": False, "isEqual": True}
    far = {"startsAt": now().isoformat(), "endsAt": (now() + timedelta(days=91)).isoformat()}
    async with site.signed_in(Role.OPERATOR) as client:
        made = (await client.post("/api/v1/silences", json=good)).json()
        longer = await client.put(f"/api/v1/silences/{made['id']}", json={**good, "for": "91d"})
    async with site.with_key(Scope.OPERATE, Scope.READ) as client:
        amtool = await client.post("/api/v2/silences", json={**far, "matchers": [matcher], "createdBy": "kim", "comment": "x"})
        known = (await client.get("/api/v1/silences")).json()["silences"]
    assert (longer.status_code, amtool.status_code) == (400, 400)
    assert [one["ends_at"] for one in known] == [made["ends_at"]], "the one that was made stays as it was"


async def test_m1_who_says_it_stands_with_it_and_values_are_kept_as_they_were_said(site: Site) -> None:
    asked = {"matchers": 'host="웹-1 \\"a\\", b", team=~"(shop|검색)\\.kr"', "for": "2h", "comment": "이사"}
    async with site.signed_in(Role.OPERATOR) as client:
        made = (await client.post("/api/v1/silences", json=asked)).json()
        again = (await client.put(f"/api/v1/silences/{made['id']}", json={**asked, "matchers": made["matchers"]})).json()
    assert (made["created_by"], made["comment"], again["id"], again["matchers"]) == (
        "operator",
        "이사",
        made["id"],
        made["matchers"],
    )
    labels = {"host": '웹-1 "a", b', "team": "검색.kr"}
    assert matches(parse_matchers(made["matchers"]), labels)
    assert not matches(parse_matchers(made["matchers"]), {**labels, "team": "검색xkr"})


async def test_viewers_say_nothing(site: Site) -> None:
    episode = await _fire(site)
    async with site.signed_in(Role.VIEWER) as client:
        asked = {"matchers": 'host="db-1"', "for": "2h", "comment": "moving"}
        assert (await client.post("/api/v1/silences", json=asked)).status_code == 403
        assert (await client.post("/api/v1/acknowledgements", json={"episodes": [episode]})).status_code == 403


async def test_m6_acknowledging_keeps_who_when_and_why(site: Site) -> None:
    episode = await _fire(site)
    async with site.signed_in(Role.OPERATOR) as client:
        taken = await client.post("/api/v1/acknowledgements", json={"episodes": [episode], "why": "on it", "for": "1h"})
        assert taken.json() == {"acknowledged": [episode]}
        story = (await client.get(f"/api/v1/episodes/{episode}")).json()
        assert (story["acknowledged"]["who"], story["acknowledged"]["why"]) == ("operator", "on it")
        assert story["acknowledged"]["until"] - story["acknowledged"]["at"] == 3_600_000
        assert any(entry.get("because") == "acknowledged by operator: on it" for entry in story["story"])
        assert (await client.delete(f"/api/v1/acknowledgements/{episode}")).status_code == 204
        assert (await client.delete(f"/api/v1/acknowledgements/{episode}")).status_code == 404
        assert (await client.post("/api/v1/acknowledgements", json={"episodes": ["nobody"]})).status_code == 404
    assert ("operator", "alert acknowledged") in _audited(site)


async def test_amtools_silence_is_the_same_as_the_pages(site: Site) -> None:
    asked = {
        "matchers": [{"name": "alertname", "value": "disk full", "isRegex": False, "isEqual": True}],
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "createdBy": "kim",
        "comment": "moving",
    }
    async with site.with_key(Scope.OPERATE, Scope.READ) as client:
        made = (await client.post("/api/v2/silences", json=asked)).json()["silenceID"]
        shown = (await client.get(f"/api/v2/silence/{made}")).json()
        assert (shown["matchers"], shown["status"], shown["createdBy"]) == (asked["matchers"], {"state": "active"}, "kim")
        ours = (await client.get("/api/v1/silences")).json()["silences"]
        assert [(one["id"], one["matchers"]) for one in ours] == [(made, 'rule="disk full"')]
        found = (await client.get("/api/v2/silences", params={"filter": 'alertname="disk full"'})).json()
        assert [one["id"] for one in found] == [made]
        assert (await client.delete(f"/api/v2/silence/{made}")).status_code == 200
        assert (await client.get(f"/api/v2/silence/{made}")).json()["status"] == {"state": "expired"}
        assert (await client.get("/api/v2/silence/nobody")).status_code == 404
        held = await client.get("/api/v1/silences", params={"from": to_ms(now() - timedelta(minutes=1)), "to": to_ms(now())})
        assert [one["id"] for one in held.json()["silences"]] == [made]


async def test_a_refusal_says_its_code_and_values_so_that_the_page_can_word_it(site: Site) -> None:
    asked = {"matchers": 'host="web-1"', "ends_at": (now() + timedelta(days=400)).isoformat(), "comment": "x"}
    async with site.signed_in(Role.OPERATOR) as client:
        long = await client.post("/api/v1/silences", json=asked)
        wrong = await client.post("/api/v1/silences", json={**asked, "ends_at": "soon"})
        nowhere = await client.get("/api/v1/hosts/nobody")
        plain = await client.get("/api/v1/nothing")
    assert long.json()["error"]["reason"] == {"code": "silence_too_long", "values": {"seconds": 90 * 86_400.0}}
    assert (wrong.status_code, wrong.json()["error"]["reason"]) == (422, {"code": "not_valid", "values": {"field": "ends_at"}})
    assert nowhere.json()["error"]["reason"] == {"code": "no_host", "values": {"name": "nobody"}}
    assert "reason" not in plain.json()["error"]
