"""Receivers, windows, rotas, escalations and routes that people write on the page: kept, counted without a restart, refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from gwanje.because import plain
from gwanje.keep.said import OutsideAlert
from gwanje.keep.sealing import FILE, Sealing
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit, outbox, page_settings
from gwanje.model import Severity
from gwanje.show.api.application import application
from gwanje.show.live import Live
from gwanje.tell.policy import Telling
from gwanje.testing.web import SlackStandIn
from gwanje.watch.outside import take
from gwanje.watch.policybook import Policybook

from .conftest import Site

PATH = "/api/v1/page-settings"
SECRET = "T000-B000-s3cr3t"
HOT = {"name": "hot", "metric": "heat", "critical": "> 90"}
SLACK = {"name": "mine", "type": "slack", "url": f"https://hooks.example/{SECRET}"}
OF_FILES = {
    "receivers": [{"name": "ops", "type": "webhook", "url": "http://127.0.0.1:1/hook"}, {"name": "empty", "type": "slack"}],
    "routes": {"receiver": "ops"},
    "rules": [HOT],
    "page_reaches": ["127.0.0.0/8"],
}


@pytest.fixture
def written() -> dict[str, Any]:
    return OF_FILES


@pytest.fixture
async def site(tmp_path: Path, written: dict[str, Any]) -> AsyncIterator[Site]:
    (tmp_path / "gwanje.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    async with open_house(folders.read(tmp_path)) as house:
        rooms = house.rooms()
        live = Live(rooms)
        yield Site(house, live, application(rooms, live))


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    far = SlackStandIn()
    await far.start()
    yield far
    await far.stop()


@asynccontextmanager
async def _telling(site: Site) -> AsyncIterator[None]:
    running = [asyncio.create_task(one) for one in (site.house.delivery.run(), site.house.receivers.run())]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _put(
    client: httpx.AsyncClient, kind: str, values: dict[str, Any], revision: int | None = None, name: str | None = None
) -> httpx.Response:
    body = {"kind": kind, "text": yaml.safe_dump(values), "revision": revision, "name": name}
    return await client.put(PATH, json=body)


async def _made(client: httpx.AsyncClient, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    answer = await _put(client, kind, values)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_receiver_of_the_page_is_told_without_a_restart(site: Site, slack: SlackStandIn) -> None:
    async with site.signed_in(Role.OPERATOR) as client, _telling(site):
        await _made(client, "receiver", {**SLACK, "url": slack.webhook})
        assert (await client.post("/api/v1/receivers/mine/test")).json()["state"] == "sent"
        await _made(client, "route", {"name": "heat", "match": 'rule="hot"', "receiver": "mine"})
        await site.store(("heat", {"host": "web-1"}, 95.0, 1))
        await site.house.round.once(now())
        site.house.delivery.notify()
        assert "hot" in str((await slack.wait_for(2))[1].body)


async def test_a_secret_is_taken_and_never_given_back_and_stands_nowhere_in_plain_words(site: Site, tmp_path: Path) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        made = await _made(client, "receiver", SLACK)
        opened = (await client.get(PATH, params={"kind": "receiver", "name": "mine"})).json()
        listed = (await client.get(PATH)).text
        told = (await client.get("/api/v1/telling")).text
    assert yaml.safe_load(made["text"]) == {**SLACK, "url": "***"}
    assert (opened["values"]["url"], opened["mistakes"], opened["secrets"]) == ("***", [], ["url"])
    assert SECRET not in f"{made}{opened}{listed}{told}"
    with site.house.state.read() as connection:
        rows = [*connection.execute(select(page_settings)), *connection.execute(select(audit))]
    assert SECRET not in str(rows)
    site.house.state.close()
    database = b"".join(one.read_bytes() for one in (tmp_path / "state").iterdir())
    assert SECRET.encode() not in database
    assert b"hooks.example" not in database


async def test_a_secret_stays_while_the_text_says_so_and_only_as_long_as_it_goes_to_the_same_place(site: Site) -> None:
    bot = {"name": "mine", "type": "slack", "bot_token": f"xoxb-{SECRET}", "channel": "ops"}
    async with site.signed_in(Role.OPERATOR) as client:
        made = await _made(client, "receiver", bot)
        changed = await _put(client, "receiver", {**bot, "bot_token": "***", "channel": "night"}, made["revision"], "mine")
        assert changed.status_code == 200, changed.text
        chosen = site.house.policybook.receivers["mine"].settings
        assert (chosen.bot_token.get_secret_value(), chosen.channel) == (bot["bot_token"], "night")
        elsewhere = {**bot, "bot_token": "***", "api_url": "https://evil.example"}
        refused = await _put(client, "receiver", elsewhere, changed.json()["revision"], "mine")
        assert (refused.status_code, "write it again" in refused.text, SECRET in refused.text) == (400, True, False)
        new = await _put(client, "receiver", {**bot, "name": "other", "bot_token": "***"})
        assert "is not known here; write it again" in new.text


@pytest.mark.parametrize("written", [{**OF_FILES, "page_reaches": []}])
async def test_an_address_of_the_page_leads_nowhere_inside_and_one_of_a_file_does(site: Site, slack: SlackStandIn) -> None:
    async with site.signed_in(Role.OPERATOR) as client, _telling(site):
        await _made(client, "receiver", {**SLACK, "url": slack.webhook})
        tested = (await client.post("/api/v1/receivers/mine/test")).json()
        assert (tested["state"], "allow its network in `page_reaches`" in tested["error"]) == ("failed", True)
        mail = {"name": "mail", "type": "email", "server": "localhost:1", "security": "none", "from": "a@b.example"}
        await _made(client, "receiver", mail)
        tested = (await client.post("/api/v1/receivers/mail/test")).json()
        assert (tested["state"], "no public address" in tested["error"]) == ("failed", True)
        of_file = (await client.post("/api/v1/receivers/ops/test")).json()
        assert "no public address" not in of_file["error"]
    assert slack.messages == []


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of the library apprise
@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        pytest.param("receiver", {**SLACK, "name": "ops"}, "choose another", id="a file's name"),
        pytest.param("receiver", {**SLACK, "name": "empty"}, "choose another", id="the name of a file's without an address"),
        pytest.param("receiver", {"name": "x", "type": "slack"}, "url: is needed", id="no address"),
        pytest.param("receiver", {"name": "x", "type": "apprise", "urls": ["ntfy://x"]}, "connects by itself", id="unchecked"),
        pytest.param("receiver", {"name": "x", "type": "pigeon"}, "no notifiers kind", id="no such type"),
        pytest.param("receiver", {**SLACK, "name": "${HOME}"}, "name", id="the environment"),
        pytest.param("route", {"name": "r", "receiver": "nobody"}, "no receiver named 'nobody'", id="an unknown receiver"),
        pytest.param("window", {"name": "w", "days": "monday"}, "is no day", id="no day"),
        pytest.param("escalation", {"name": "e", "steps": []}, "steps", id="no steps"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_key(site: Site, kind: str, values: dict[str, Any], says: str) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        refused = await _put(client, kind, values)
        checked = (await client.post(f"{PATH}/check", json={"kind": kind, "values": values})).json()
        listed = (await client.get(PATH)).json()["settings"]
    assert (refused.status_code, says in refused.text) == (400, True), refused.text
    assert any(says.partition(": ")[2] in one["message"] or says in one["key"] for one in checked["mistakes"])
    assert all(one["file"] for one in listed)


async def test_what_others_name_is_not_removed_and_who_names_it_is_said(site: Site) -> None:
    rota = {"name": "night", "people": [{"name": "kim", "receiver": "mine"}], "starts": "2026-01-05"}
    async with site.signed_in(Role.OPERATOR) as client:
        receiver = await _made(client, "receiver", SLACK)
        kept = await _made(client, "rota", rota)
        await _made(client, "escalation", {"name": "up", "steps": [{"after": "10m", "duty": "night"}]})
        which = {"kind": "receiver", "name": "mine", "revision": receiver["revision"]}
        refused = await client.delete(PATH, params=which)
        assert (refused.status_code, "named by rota 'night'; change that first" in refused.text) == (400, True)
        refused = await client.delete(PATH, params={"kind": "rota", "name": "night", "revision": kept["revision"]})
        assert "escalation 'up'" in refused.text
        settings = {(one["kind"], one["name"]): one for one in (await client.get(PATH)).json()["settings"]}
        assert settings["receiver", "mine"]["named_by"] == [{"kind": "rota", "name": "night"}]
        for kind, name in (("escalation", "up"), ("rota", "night"), ("receiver", "mine")):
            revision = settings[kind, name]["revision"]
            gone = await client.delete(PATH, params={"kind": kind, "name": name, "revision": revision})
            assert gone.status_code == 204, gone.text
        assert (await client.delete(PATH, params=which)).status_code == 404
    assert list(site.house.policybook.receivers) == ["ops"]


async def test_of_two_who_change_one_the_second_is_told(site: Site) -> None:
    window = {"name": "nights", "from": "22:00", "to": "07:00"}
    async with site.signed_in(Role.OPERATOR) as client:
        read = await _made(client, "window", window)
        assert (await _put(client, "window", {**window, "to": "08:00"}, read["revision"], "nights")).status_code == 200
        late = await _put(client, "window", {**window, "to": "09:00"}, read["revision"], "nights")
    assert (late.status_code, "operator changed the window" in late.text) == (409, True)


async def test_maintenance_of_the_page_mutes_from_the_next_round_on(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        await site.store(("heat", {"host": "web-1"}, 95.0, 1))
        await _made(client, "window", {"name": "change", "match": 'host="web-1"'})
        at = now()
        await site.house.round.once(at)
        await site.house.round.once(at + timedelta(seconds=1))
        found = (await client.get("/api/v1/episodes")).json()["episodes"]
    assert [one["muted"] for one in found] == [["maintenance"]]


async def test_what_the_files_took_over_meanwhile_is_set_aside_with_what_names_it(site: Site, tmp_path: Path) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        await _made(client, "rota", {"name": "night", "people": [{"name": "kim", "receiver": "ops"}], "starts": "2026-01-05"})
        await _made(client, "route", {"name": "all", "duty": "night"})
        await _made(client, "receiver", SLACK)
    taken = {**OF_FILES, "receivers": [SLACK], "routes": {"receiver": "mine"}}
    (tmp_path / "gwanje.yaml").write_text(yaml.safe_dump(taken), encoding="utf-8")
    folder = folders.read(tmp_path)
    book = Policybook(Telling(folder.receivers, folder.policy), Sealing(tmp_path).open)
    book.read(site.house.state)
    assert book.aside == {
        ("receiver", "mine"): "gwanje.yaml has a receiver of this name, which counts; this one is kept",
        ("rota", "night"): "no receiver named 'ops'; known: mine",
        ("route", "all"): "no rota named 'night'; known: none",
    }


async def test_what_stands_in_the_file_is_listed_with_its_place_and_opened_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"https://x.example/{SECRET}")
    monkeypatch.setenv("TOKEN", "t0k3n-of-the-environment")
    (tmp_path / "gwanje.yaml").write_text(IN_A_FILE, encoding="utf-8")
    async with open_house(folders.read(tmp_path)) as house:
        rooms = house.rooms()
        live = Live(rooms)
        async with Site(house, live, application(rooms, live)).signed_in(Role.VIEWER) as client:
            listed = (await client.get(PATH)).json()["settings"]
            opened = {
                (kind, name): (await client.get(PATH, params={"kind": kind, "name": name, "of_file": "true"})).json()["values"]
                for kind, name in [("receiver", "ops"), ("receiver", "alim"), ("window", "nights"), ("route", "routes")]
            }
            none = await client.get(PATH, params={"kind": "window", "name": "days", "of_file": "true"})
    shown = [(one["kind"], one["name"], one["type"], one["file"], one["line"], one["note"]) for one in listed]
    assert shown == [
        ("receiver", "alim", "kakao_alimtalk", "gwanje.yaml", 3, ""),
        ("receiver", "empty", "slack", "gwanje.yaml", 4, "has no address yet; nobody is told by it"),
        ("receiver", "ops", "webhook", "gwanje.yaml", 2, ""),
        ("window", "nights", "", "gwanje.yaml", 6, ""),
        ("route", "routes", "", "gwanje.yaml", 5, ""),
    ]
    assert opened["receiver", "ops"] == {"name": "ops", "type": "webhook", "url": "${HOOK}", "authorization": "***"}
    assert opened["receiver", "alim"]["headers"] == {"X-Key": "***", "X-From": "***"}
    assert opened["window", "nights"] == {"name": "nights", "from": "22:00", "to": "07:00"}
    assert opened["route", "routes"] == {"receiver": "ops", "mute": ["nights"]}
    assert none.status_code == 404
    assert "s3cr3t" not in f"{listed}{opened}"


IN_A_FILE = """receivers:
  - {name: ops, type: webhook, url: "${HOOK}", authorization: "Bearer s3cr3t-${TOKEN}"}
  - {name: alim, type: kakao_alimtalk, url: "${HOOK}", headers: {X-Key: s3cr3t, X-From: "${TOKEN:-s3cr3t}"}, to: '010'}
  - {name: empty, type: slack, url: "${NOTHING:-}"}
routes: {receiver: ops, mute: [nights]}
windows: [{name: nights, from: "22:00", to: "07:00"}]
"""


async def test_why_something_does_not_count_and_what_overrules_the_files_is_said_by_code(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        await _made(client, "route", {"name": "all", "receiver": "ops"})
        await _made(client, "route", {"name": "some", "receiver": "ops", "match": 'host="web-1"'})
        listed = {one["name"]: one for one in (await client.get(PATH)).json()["settings"]}
    assert (listed["all"]["reason"], listed["some"]["reason"]) == ({"code": "route_takes_all", "values": {}}, None)
    assert "those of the files, are not asked" in listed["all"]["note"]


async def test_under_another_name_a_setting_goes_on_and_what_names_it_says_the_new_one(site: Site) -> None:
    rota = "# the night\nname: night\npeople: [{name: kim, receiver: mine}, {name: mine, receiver: 'mine'}]\nstarts: 2026-01-05\n"
    async with site.signed_in(Role.OPERATOR) as client:
        made = await _made(client, "receiver", SLACK)
        assert (await client.put(PATH, json={"kind": "rota", "text": rota})).status_code == 200
        await _made(client, "route", {"name": "all", "duty": "night"})
        taken = await _put(client, "receiver", {**SLACK, "name": "ops", "url": "***"}, made["revision"], "mine")
        assert (taken.status_code, "choose another" in taken.text) == (400, True)
        renamed = await _put(client, "receiver", {**SLACK, "name": "my, own", "url": "***"}, made["revision"], "mine")
        assert (renamed.status_code, "name" in renamed.text) == (400, True)
        renamed = await _put(client, "receiver", {**SLACK, "name": "my own", "url": "***"}, made["revision"], "mine")
        assert renamed.status_code == 200, renamed.text
        late = await _put(client, "receiver", {**SLACK, "name": "other"}, made["revision"], "mine")
        assert late.status_code == 409
        text = (await client.get(PATH, params={"kind": "rota", "name": "night"})).json()["text"]
        listed = {one["name"]: one for one in (await client.get(PATH)).json()["settings"]}
    assert text == rota.replace("receiver: mine", 'receiver: "my own"').replace("receiver: 'mine'", 'receiver: "my own"')
    assert [one["name"] for one in listed["my own"]["named_by"]] == ["night"]
    assert site.house.policybook.aside == {}
    assert site.house.policybook.receivers["my own"].settings.url.get_secret_value() == SLACK["url"]
    with site.house.state.read() as connection:
        assert "receiver renamed" in [row.what for row in connection.execute(select(audit))]


async def test_a_receiver_by_another_name_hears_nothing_again_and_gets_what_waited_for_it(site: Site) -> None:
    began = now()

    async def outside(ends: timedelta | None = None) -> None:
        ended = None if ends is None else began + ends
        take(
            site.house.state,
            None,
            [OutsideAlert("a" * 32, "api", "disk full", {"host": "web-1"}, Severity.CRITICAL, began, began, ended)],
        )

    async def told(after: timedelta) -> list[tuple[str, str]]:
        await site.house.round.once(began + after)
        with site.house.state.read() as connection:
            return [(row.receiver, row.reason) for row in connection.execute(select(outbox).order_by(outbox.c.id))]

    async with site.signed_in(Role.OPERATOR) as client:
        made = await _made(client, "receiver", SLACK)
        await _made(client, "route", {"name": "all", "receiver": "mine", "group_interval": "1s"})
        await outside()
        assert await told(timedelta(seconds=1)) == [("mine", "first")]
        await _put(client, "receiver", {**SLACK, "name": "my own", "url": "***"}, made["revision"], "mine")
        assert await told(timedelta(seconds=30)) == [("my own", "first")]
        await outside(timedelta(seconds=40))
        assert await told(timedelta(seconds=60)) == [("my own", "first"), ("my own", "resolved")]


async def test_layers_that_would_come_back_by_another_name_are_refused(site: Site) -> None:
    rota = {"name": "a", "people": [{"name": "kim", "receiver": "ops"}], "starts": "2026-01-05"}
    async with site.signed_in(Role.OPERATOR) as client:
        made = await _made(client, "rota", rota)
        await _made(client, "rota", {**rota, "name": "b", "otherwise": "a"})
        refused = await _put(client, "rota", {**rota, "name": "c", "otherwise": "b"}, made["revision"], "a")
    assert (refused.status_code, "come back to it" in refused.text) == (400, True)


async def test_what_is_exported_says_the_same_in_gwanje_yaml_and_no_secret_leaves(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rota = {"name": "night", "people": [{"name": "kim", "receiver": "my own"}], "starts": "2026-01-05"}
    async with site.signed_in(Role.OPERATOR) as client:
        await _made(client, "receiver", {**SLACK, "name": "my own"})
        await _made(client, "rota", rota)
        await _made(client, "window", {"name": "nights", "from": "22:00", "to": "07:00", "match": 'host="$${x}"'})
        await _made(client, "escalation", {"name": "up", "steps": [{"after": "10m", "duty": "night"}]})
        await _made(client, "route", {"name": "all", "receiver": "my own", "escalate": "up", "mute": ["nights"]})
        text = (await client.get(f"{PATH}/export")).text
        alone = (await client.get(f"{PATH}/export", params={"kind": "rota", "name": "night"})).text
        none = await client.get(f"{PATH}/export", params={"kind": "rota", "name": "day"})
    assert text.splitlines()[:2] == [
        "# set RECEIVER_MY_OWN_URL: url of the receiver my own",
        "# routes: all; put them before those of gwanje.yaml",
    ]
    assert SECRET not in text
    assert (yaml.safe_load(alone)["duty"][0]["name"], none.status_code) == ("night", 404)
    monkeypatch.setenv("RECEIVER_MY_OWN_URL", SLACK["url"])
    folder = tmp_path / "as files"
    folder.mkdir()
    given = yaml.safe_load(text)
    both = {**given, "receivers": [*OF_FILES["receivers"], *given["receivers"]], "rules": [HOT]}
    both["routes"] = {"receiver": "ops", **given["routes"]}
    (folder / "gwanje.yaml").write_text(yaml.safe_dump(both), encoding="utf-8")
    read = folders.read(folder)
    book = site.house.policybook
    assert dict(read.receivers) == dict(book.receivers)
    for of_file, of_page in [
        (read.policy.windows, book.policy.windows),
        (read.policy.rotas, book.policy.rotas),
        (read.policy.escalations, book.policy.escalations),
    ]:
        assert list(of_file) == list(of_page) != []
    assert read.policy.root is not None
    assert book.policy.root is not None
    inner = [one.model_dump(exclude={"name"}) for one in book.policy.root.routes]
    assert [one.model_dump() for one in read.policy.root.routes] == inner


async def test_without_its_key_file_a_receiver_is_set_aside_and_says_so(site: Site, tmp_path: Path) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        await _made(client, "receiver", SLACK)
        (tmp_path / FILE).unlink()
        again = Policybook(site.house.policybook.files, Sealing(tmp_path).open)
        again.read(site.house.state)
    assert f"{FILE} cannot be read" in again.aside["receiver", "mine"]
    assert plain(again.aside["receiver", "mine"]) == {"code": "keys_unreadable", "values": {"file": FILE}}
    assert list(again.receivers) == ["ops"]


async def test_who_looks_may_read_and_change_nothing(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as client:
        assert (await client.get(PATH)).status_code == 200
        assert (await _put(client, "receiver", SLACK)).status_code == 403
        assert (await client.post(f"{PATH}/check", json={"kind": "window", "text": ""})).status_code == 403
        assert (await client.delete(PATH, params={"kind": "window", "name": "x", "revision": 1})).status_code == 403
    async with site.with_key(Scope.INGEST) as client:
        assert (await client.get(PATH)).status_code == 403


async def test_what_is_ahead_of_a_text_is_told_and_nothing_of_one_with_mistakes(site: Site) -> None:
    rota = {
        "name": "r",
        "zone": "Europe/Berlin",
        "people": [{"name": "kim", "receiver": "ops"}, {"name": "lee", "receiver": "ops"}],
    }
    texts = {
        "rota": {**rota, "starts": "2026-01-05", "every": 1},
        "window": {"name": "w", "zone": "Asia/Seoul", "holidays": "KR"},
        "escalation": {"name": "e", "steps": [{"after": "10m", "receiver": "ops"}]},
    }
    async with site.signed_in(Role.OPERATOR) as client:
        found = {
            kind: (await client.post(f"{PATH}/ahead", json={"kind": kind, "text": yaml.safe_dump(values)})).json()
            for kind, values in texts.items()
        }
        wrong = (await client.post(f"{PATH}/ahead", json={"kind": "rota", "text": "name: r"})).json()
    assert [one["person"] for one in found["rota"]["turns"][1:5]] in (["kim", "lee"] * 2, ["lee", "kim"] * 2)
    assert len(found["window"]["times"]) == 12
    assert found["escalation"]["steps"] == [
        {"after": "10m", "after_seconds": 600.0, "receiver": "ops", "duty": None, "person": None}
    ]
    assert wrong.keys() == {"now"}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of the library apprise
async def test_a_form_asks_for_what_the_type_needs_and_says_what_it_cannot_ask(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as client:
        assert "telegram" in (await client.get(f"{PATH}/types")).json()["types"]
        asked = (await client.get(f"{PATH}/types", params={"type": "telegram"})).json()["fields"]
        refused = await client.get(f"{PATH}/types", params={"type": "apprise"})
        unknown = await client.get(f"{PATH}/types", params={"type": "pigeon"})
    assert (unknown.status_code, "known kinds" in unknown.text) == (400, True)
    forms = {one["key"]: (one["form"], one["needed"]) for one in asked}
    assert (forms["bot_token"], forms["chat_id"], forms["thread_id"]) == (("secret", True), ("text", True), ("number", False))
    assert (forms["language"], forms["template"]) == (("choice", False), ("yaml", False))
    assert (refused.status_code, "connects by itself" in refused.text) == (400, True)
