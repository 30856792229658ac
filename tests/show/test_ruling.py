"""Rules that people write on the page: kept, judged without a restart, refused where they make no sense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import select

from gwanje.app import folder as folders
from gwanje.app.clock import now
from gwanje.app.house import open_house
from gwanje.keep.state import page_rules
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.revised import Word
from gwanje.keep.state.tables import episodes
from gwanje.show.api.application import application
from gwanje.show.live import Live
from gwanje.watch.rulebook import Rulebook

from .conftest import Site

PATH = "/api/v1/written-rules"
HOT = {"name": "hot", "metric": "heat", "critical": "> 90", "unit": "count"}
OF_FILES = """
rules:
  - name: of a file
    expr: heat
    critical: '> 50'
  - {name: off in it, enabled: false, expr: heat, warning: '> 1'}
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    (tmp_path / "gwanje.yaml").write_text("{}", encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "heat.yaml").write_text(OF_FILES, encoding="utf-8")
    async with open_house(folders.read(tmp_path)) as house:
        rooms = house.rooms()
        live = Live(rooms)
        yield Site(house, live, application(rooms, live))


async def _put(client: httpx.AsyncClient, values: dict[str, Any], revision: int | None = None) -> httpx.Response:
    return await client.put(PATH, json={"text": yaml.safe_dump(values), "revision": revision})


def _ended(site: Site) -> list[tuple[str, str | None]]:
    with site.house.state.read() as connection:
        return [(row.rule, row.ended_because) for row in connection.execute(select(episodes))]


async def test_a_rule_of_the_page_is_judged_from_the_next_round_on_and_changes_without_a_restart(site: Site) -> None:
    await site.store(("heat", {"host": "web-1"}, 40.0, 1))
    at = now()
    await site.house.round.once(at)
    async with site.signed_in(Role.OPERATOR) as client:
        made = (await _put(client, {**HOT, "critical": "> 30"})).json()
        await site.house.round.once(at + timedelta(seconds=1))
        judged = (await client.get("/api/v1/judging", params={"rule": "hot"})).json()
        assert (judged["results"][0]["state"], judged["file"]) == ("firing", None)
        changed = await _put(client, {**HOT, "critical": "> 20", "warning": "> 10"}, made["revision"])
        assert changed.status_code == 200
        await site.house.round.once(at + timedelta(seconds=2))
        judged = (await client.get("/api/v1/judging", params={"rule": "hot"})).json()
        assert judged["results"][0]["thresholds"]["critical"].startswith("> 20")
    assert _ended(site) == [("hot", None)]  # the same episode, judged by the new text


@pytest.mark.parametrize("how", ["off", "removed"])
async def test_s7_a_rule_that_is_off_or_removed_ends_its_alerts_as_rule_removed(site: Site, how: str) -> None:
    await site.store(("heat", {"host": "web-1"}, 95.0, 1))
    at = now()
    async with site.signed_in(Role.OPERATOR) as client:
        made = (await _put(client, HOT)).json()
        await site.house.round.once(at)
        if how == "off":
            answer = await client.put(f"{PATH}/enabled", json={"rule": "hot", "enabled": False, "revision": made["revision"]})
        else:
            answer = await client.delete(PATH, params={"rule": "hot", "revision": made["revision"]})
        assert answer.is_success, answer.text
    await site.house.round.once(at + timedelta(seconds=1))
    assert dict(_ended(site)) == {"hot": "rule removed", "of a file": None}


async def test_s7_a_rule_of_a_file_is_switched_off_on_the_page_and_stays_off_after_a_restart(site: Site, tmp_path: Path) -> None:
    await site.store(("heat", {"host": "web-1"}, 95.0, 1))
    at = now()
    await site.house.round.once(at)
    async with site.signed_in(Role.OPERATOR) as client:
        answer = await client.put(f"{PATH}/enabled", json={"rule": "of a file", "enabled": False})
        assert answer.json()["enabled"] is False
        await site.house.round.once(at + timedelta(seconds=1))
        assert dict(_ended(site)) == {"of a file": "rule removed"}
        shown = {one["name"]: one["enabled"] for one in (await client.get("/api/v1/judging")).json()["rules"]}
        assert shown == {"of a file": False, "off in it": False}
        refused = await client.put(f"{PATH}/enabled", json={"rule": "off in it", "enabled": True})
        assert (refused.status_code, "rules/heat.yaml:6" in refused.text) == (400, True)
    again = Rulebook(site.house.folder.rules)
    again.read(site.house.state)
    assert [rule.enabled for rule in again] == [False, False]


async def test_of_two_who_change_a_rule_the_second_is_refused_and_nothing_is_lost(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        made = (await _put(client, HOT)).json()
        assert (await _put(client, {**HOT, "critical": "> 91"}, made["revision"])).status_code == 200
        late = await _put(client, {**HOT, "critical": "> 99"}, made["revision"])
        assert (late.status_code, "operator changed the rule" in late.json()["error"]["what"]) == (409, True)
        assert (await client.delete(PATH, params={"rule": "hot", "revision": made["revision"]})).status_code == 409
        kept = (await client.get(PATH, params={"rule": "hot"})).json()
        assert kept["values"]["critical"] == "> 91"


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        pytest.param({"name": "of a file"}, "name", "rules/heat.yaml:3", id="a file has the name"),
        pytest.param({"name": "rule error"}, "name", "gwanje's own", id="the name is ours"),
        pytest.param({"critical": "90"}, "line", "critical: '90' is not a condition", id="a condition without operator"),
        pytest.param({"labels": {"v": "{{ value }}"}}, "line", "labels: label 'v' holds a template", id="G1 a value in a label"),
        pytest.param({"metric": "no metric"}, "line", "cannot be a metric's name", id="a query for a metric"),
        pytest.param({"where": "host="}, "line", "not valid PromQL", id="no PromQL"),
        pytest.param({"color": "red"}, "line", "unknown key", id="a key that is not known"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_place(site: Site, changes: dict[str, Any], where: str, said: str) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        answer = await _put(client, {**HOT, **changes})
        error = answer.json()["error"]
        assert (answer.status_code, said in error["what"]) == (400, True), error
        assert error["where"].startswith(where)
        assert len((await client.get(PATH)).json()["rules"]) == 2


@pytest.mark.parametrize("text", ["[" * 5000, "a: &a [1]\nb: *a", "name: [", "name: 08", "- name: x", ""])
async def test_any_text_is_answered_with_its_mistakes(site: Site, text: str) -> None:
    async with site.with_key(Scope.READ) as client:
        answer = await client.post(f"{PATH}/check", json={"text": text})
        assert (answer.status_code, bool(answer.json()["mistakes"])) == (200, True)


async def test_the_environment_cannot_be_read_by_a_rule(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "secret")
    async with site.with_key(Scope.READ) as client:
        text = yaml.safe_dump({**HOT, "annotations": {"link": "${SLACK_WEBHOOK_URL} $$"}})
        found = (await client.post(f"{PATH}/check", json={"text": text})).json()
    assert (found["mistakes"], found["values"]["annotations"]) == ([], {"link": "${SLACK_WEBHOOK_URL} $$"})


async def test_a_forms_values_and_their_yaml_say_the_same(site: Site) -> None:
    values = {
        "name": "no",
        "metric": "heat",
        "labels": {"team": "08", "on": "1e5", "x": "true"},
        "critical": "> 1",
        "by": ["host"],
    }
    async with site.with_key(Scope.READ) as client:
        found = (await client.post(f"{PATH}/check", json={"values": values})).json()
        again = (await client.post(f"{PATH}/check", json={"text": found["text"]})).json()
    assert (found["values"], again["values"], found["mistakes"]) == (values, values, [])


async def test_a_file_that_takes_a_name_counts_and_the_rule_of_the_page_comes_back_after_it(site: Site, tmp_path: Path) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        await _put(client, HOT)
    rules = tmp_path / "rules" / "later.yaml"
    rules.write_text(yaml.safe_dump({"rules": [{**HOT, "critical": "> 1"}]}), encoding="utf-8")
    book = folders.read(tmp_path)
    with_file, without = Rulebook(book.rules, book.rule_places), Rulebook()
    for one in (with_file, without):
        one.read(site.house.state)
    assert {rule.name: str(rule.critical) for rule in with_file}["hot"] == "> 1"
    assert with_file.aside == {"hot": "rules/later.yaml:2 has a rule of this name; it counts, and this one is kept"}
    assert [(rule.name, str(rule.critical)) for rule in without] == [("hot", "> 90")]


async def test_a_rule_that_is_set_aside_can_be_read_and_removed(site: Site) -> None:
    with site.house.state.write() as connection:
        text = yaml.safe_dump({**HOT, "name": "of a file"})
        kept = page_rules.put(connection, "of a file", text, enabled=True, revision=None, word=Word("kim", now()))
    async with site.signed_in(Role.OPERATOR) as client:
        listed = [one for one in (await client.get(PATH)).json()["rules"] if one["name"] == "of a file"]
        assert [(one["file"], bool(one["aside"])) for one in listed] == [("rules/heat.yaml", False), (None, True)]
        assert listed[0]["reason"] is None
        assert (listed[1]["reason"]["code"], set(listed[1]["reason"]["values"])) == ("rule_of_file_counts", {"place"})
        read = (await client.get(PATH, params={"rule": "of a file", "of_page": "true"})).json()
        assert (read["text"], read["revision"]) == (text, kept.revision)
        gone = await client.delete(PATH, params={"rule": "of a file", "revision": kept.revision})
        assert gone.status_code == 204
        assert [one["file"] for one in (await client.get(PATH)).json()["rules"]] == ["rules/heat.yaml"] * 2


async def test_what_is_wrong_with_a_text_has_its_code_and_values(site: Site) -> None:
    text = "name: x\nexpr: up\ncritical: 0.9\nfor: soon\nseverty: critical\n"
    async with site.signed_in(Role.OPERATOR) as client:
        mistakes = (await client.post(f"{PATH}/check", json={"text": text})).json()["mistakes"]
    assert {one["key"]: one["reason"] for one in mistakes} == {
        "critical": {"code": "not_a_condition", "values": {"text": "0.9"}},
        "for": {"code": "not_a_duration", "values": {"text": "soon"}},
        "severty": {"code": "unknown_key", "values": {"meant": "severity"}},
    }


async def test_a_preview_says_how_often_the_rule_would_have_fired_and_keeps_nothing(site: Site) -> None:
    hours = [
        ("heat", {"host": "web-1"}, 95.0 if hour % 5 == 0 else 1.0, hour * 3600.0 + minute * 60)
        for hour in range(1, 12)
        for minute in range(0, 60, 4)
    ]
    await site.store(*reversed(hours))
    async with site.signed_in(Role.OPERATOR) as client:
        answer = await client.post(f"{PATH}/preview", json={"text": yaml.safe_dump(HOT), "last": "24h"})
        found = answer.json()
        assert (answer.status_code, found["count"], found["failed"]) == (200, 2, "")
        assert {one["severity"] for one in found["firings"]} == {"critical"}
        wrong = await client.post(f"{PATH}/preview", json={"text": "name: x"})
        assert wrong.status_code == 400
    assert _ended(site) == []


async def test_a_preview_that_cannot_be_evaluated_says_why_by_code_too(site: Site) -> None:
    await site.store(("heat", {"host": "web-1"}, 95.0, 3600.0), ("warmth", {"host": "web-1"}, 95.0, 3600.0))
    async with site.signed_in(Role.OPERATOR) as client:
        text = yaml.safe_dump({"name": "hot", "critical": "> 90", "expr": '{__name__=~"heat|warmth"}'})
        found = (await client.post(f"{PATH}/preview", json={"text": text, "last": "24h"})).json()
    assert "two results have the labels" in found["failed"]
    assert found["failed_reason"]["code"] == "two_results"


async def test_a_preview_that_takes_too_long_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwanje.show.rehearsing._PATIENCE", timedelta())
    async with site.signed_in(Role.OPERATOR) as client:
        answer = await client.post(f"{PATH}/preview", json={"text": yaml.safe_dump(HOT), "last": "7d"})
    assert (answer.status_code, "try 24h" in answer.json()["error"]["what"]) == (503, True)


@pytest.mark.parametrize("request_", [("PUT", PATH), ("PUT", f"{PATH}/enabled"), ("DELETE", PATH), ("POST", f"{PATH}/preview")])
async def test_who_may_only_look_changes_no_rule(site: Site, request_: tuple[str, str]) -> None:
    async with site.signed_in(Role.VIEWER) as client:
        body = {"text": "name: x", "rule": "x", "enabled": True} if request_[0] != "DELETE" else None
        answer = await client.request(*request_, params={"rule": "x", "revision": 1}, json=body)
    assert answer.status_code == 403


async def test_changes_of_others_reach_a_process_within_a_second(site: Site) -> None:
    at = now()
    await site.house.round.once(at)
    async with site.signed_in(Role.OPERATOR) as client:
        await _put(client, HOT)
    await asyncio.to_thread(site.house.rulebook.read, site.house.state)
    assert "hot" in {rule.name for rule in site.house.rulebook}


async def test_a_rule_under_another_name_ends_its_alerts_begins_anew_and_takes_its_thresholds_along(site: Site) -> None:
    await site.store(("heat", {"host": "web-1"}, 95.0, 1))
    at = now()
    apart = {"rule": "hot", "scope": "host", "name": "web-1", "critical": "> 80"}
    async with site.signed_in(Role.OPERATOR) as client:
        made = (await _put(client, HOT)).json()
        assert (await client.put("/api/v1/thresholds", json=apart)).is_success
        await site.house.round.once(at)
        body = {"text": yaml.safe_dump({**HOT, "name": "hotter"}), "revision": made["revision"], "rule": "hot"}
        renamed = await client.put(PATH, json=body)
        assert (renamed.status_code, renamed.json()["name"]) == (200, "hotter")
        await site.house.round.once(at + timedelta(seconds=1))
        judged = (await client.get("/api/v1/judging", params={"rule": "hotter"})).json()
        taken = {"text": yaml.safe_dump({**HOT, "name": "of a file"}), "revision": renamed.json()["revision"], "rule": "hotter"}
        assert "choose another name" in (await client.put(PATH, json=taken)).text
        late = await client.put(PATH, json=body)
    assert (late.status_code, "was removed meanwhile" in late.text) == (409, True)
    assert judged["results"][0]["thresholds"]["critical"].startswith("> 80")
    assert set(_ended(site)) >= {("hot", "rule removed"), ("hotter", None)}


async def test_rules_of_the_page_are_downloaded_as_a_file_that_says_the_same(site: Site, tmp_path: Path) -> None:
    said = {"summary": {"en": "cost $5, ${HOME} and $$"}}
    written: list[dict[str, Any]] = [
        {**HOT, "annotations": said},
        {"name": "온도 'x': # 1", "expr": "heat", "warning": "> 1", "for": "1m"},
    ]
    async with site.signed_in(Role.OPERATOR) as client:
        made = [(await _put(client, values)).json() for values in written]
        off = {"rule": "hot", "enabled": False, "revision": made[0]["revision"]}
        await client.put(f"{PATH}/enabled", json=off)
        answer = await client.get(f"{PATH}/export")
        alone = await client.get(f"{PATH}/export", params={"rule": "hot"})
        assert (await client.get(f"{PATH}/export", params={"rule": "of a file"})).status_code == 404
    assert answer.headers["content-disposition"] == 'attachment; filename="rules.yaml"'
    folder = tmp_path / "another"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "page.yaml").write_bytes(answer.content)
    of_page = {rule.name: rule for rule in site.house.rulebook if rule.name not in site.house.rulebook.files}
    of_file = {rule.name: rule for rule in folders.read(folder).rules}
    assert of_file == of_page
    assert [rule["name"] for rule in yaml.safe_load(alone.text)["rules"]] == ["hot"]
