"""Jira: D9 against a stand-in that keeps issues, and what is done when Jira fails in the middle."""

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gwanje import kinds
from gwanje.errors import Rejected, RetryLater
from gwanje.tell.notifiers import jira
from gwanje.tell.once import Once
from gwanje.tell.unanswered import Unanswered
from gwanje.testing.notifiers import BEGAN, FIRING_ALERT, LONG, MESSAGES, RESOLVED_ALERT, SECRET, FarEnd, far_end, notification


@dataclass(slots=True)
class Standin(FarEnd):
    """Issues, searches by label, transitions and comments, as the REST API of Jira has them."""

    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails: dict[str, int] = field(default_factory=dict)
    """Status by which the next request whose path ends so is answered."""
    loses: bool = False
    """The next issue is made, and nobody hears of it."""
    lags: bool = False
    """Searches see no issue."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") not in {_basic(), f"Bearer {SECRET}"}:
            return web.Response(status=401, text=f"no user {SECRET}")
        path = re.sub(r"^.*/rest/api/[23]/", "", request.path)
        self.asked.append(f"{request.method} {path}")
        for end in [end for end in self.fails if path.removesuffix("/jql").endswith(end)]:
            return web.Response(status=self.fails.pop(end), text="no", headers={"Retry-After": "7"})
        body = await request.json() if request.can_read_body else {}
        if path in {"search", "search/jql"}:
            return web.json_response({"issues": self._search(body["jql"])[: body["maxResults"]]})
        if path == "issue":
            made = self._make(body["fields"], cloud="/3/" in request.path)
            lost, self.loses = self.loses, False
            return web.Response(status=504, text="gateway timeout") if lost else made
        _, key, *more = path.split("/")
        if key not in self.issues:
            return web.Response(status=404, text="Issue does not exist")
        return self._one(self.issues[key], more, body)

    def _search(self, jql: str) -> list[dict[str, Any]]:
        match = re.fullmatch(r'project = "(\w+)" AND labels = "([\w-]+)" ORDER BY created DESC', jql)
        assert match
        return [issue for issue in reversed(self.issues.values()) if match[2] in issue["fields"]["labels"] and not self.lags]

    def _make(self, fields: dict[str, Any], *, cloud: bool) -> web.Response:
        wrong = len(fields["summary"]) > 255 or "\n" in fields["summary"] or not fields["summary"].strip()
        wrong = wrong or any(" " in label or len(label) > 255 for label in fields["labels"])
        if wrong or not _taken(fields["description"], cloud=cloud):
            return web.Response(status=400, text="wrong fields")
        key = f"OPS-{len(self.issues) + 1}"
        status = {"name": "To Do", "statusCategory": {"key": "new"}}
        self.issues[key] = {"key": key, "fields": {**fields, "status": status, "resolution": None}, "comments": []}
        return web.json_response({"id": "1", "key": key}, status=201)

    def _one(self, issue: dict[str, Any], more: list[str], body: Any) -> web.Response:
        if not more:
            return web.json_response(issue)
        if more == ["comment"]:
            if not _taken(body["body"], cloud=isinstance(body["body"], dict)):
                return web.Response(status=400, text="Comment body is not valid")
            issue["comments"].append(body["body"])
            return web.json_response({"id": "1"}, status=201)
        if not body:
            known = [
                {"id": "31", "name": "Finish", "to": {"name": "Done"}},
                {"id": "11", "name": "Reopen", "to": {"name": "To Do"}},
            ]
            return web.json_response({"transitions": known})
        self.move(issue["key"], "Done" if body["transition"]["id"] == "31" else "")
        return web.Response(status=204)

    def move(self, key: str, resolution: str) -> None:
        """Close an issue with a resolution, or open it again."""
        fields = self.issues[key]["fields"]
        fields["status"] = {"name": resolution or "To Do", "statusCategory": {"key": "done" if resolution else "new"}}
        fields["resolution"] = {"name": resolution} if resolution else None
        fields["resolutiondate"] = BEGAN.strftime("%Y-%m-%dT%H:%M:%S.000+0000") if resolution else None

    @property
    def told(self) -> dict[str, tuple[bool, int]]:
        """Whether each issue is open, and how many comments it has."""
        return {
            key: (issue["fields"]["status"]["statusCategory"]["key"] != "done", len(issue["comments"]))
            for key, issue in self.issues.items()
        }


def _taken(text: Any, *, cloud: bool) -> bool:
    """Whether Jira takes a text: at most 32,767 characters; in the cloud a document of paragraphs without empty texts."""
    if not cloud:
        return isinstance(text, str) and 0 < len(text) <= 32_767
    if (text["type"], text["version"]) != ("doc", 1) or not text["content"]:
        return False
    nodes = [node for paragraph in text["content"] for node in paragraph["content"]]
    right = all(one["type"] == "paragraph" for one in text["content"]) and all(node["type"] == "text" for node in nodes)
    return right and all(node["text"] for node in nodes) and sum(len(node["text"]) for node in nodes) <= 32_767


def _basic() -> str:
    return "Basic " + base64.b64encode(f"me@example.org:{SECRET}".encode()).decode()


FIRES = notification()
AGAIN = replace(FIRES, reason="repeat", key="k2")
OVER = replace(notification(RESOLVED_ALERT, reason="resolved"), key="k3")


@pytest.fixture
async def there() -> AsyncIterator[Standin]:
    standin = Standin()
    async with far_end(standin):
        yield standin


@pytest.fixture(params=["3", "2"], ids=["cloud", "server"])
async def told(there: Standin, request: pytest.FixtureRequest) -> AsyncIterator[jira.Jira]:
    who = {"user": "me@example.org"} if request.param == "3" else {}
    settings = {"url": there.url, "token": SECRET, "project": "OPS", "api": request.param, **who}
    async with aiohttp.ClientSession() as http:
        yield jira.create(jira.Settings.model_validate(settings), kinds.World(Path(), http))


async def test_d9_one_open_issue_for_a_group_from_its_beginning_to_its_end(there: Standin, told: jira.Jira) -> None:
    assert (await told.send(FIRES)).reference == "OPS-1"
    await told.send(AGAIN)
    assert there.told == {"OPS-1": (True, 1)}
    await told.send(OVER)
    assert there.told == {"OPS-1": (False, 2)}
    assert "gwanje-g1" in there.issues["OPS-1"]["fields"]["labels"]


async def test_d9_another_group_has_another_issue(there: Standin, told: jira.Jira) -> None:
    await told.send(FIRES)
    await told.send(replace(FIRES, group_key="g2"))
    assert there.told == {"OPS-1": (True, 0), "OPS-2": (True, 0)}


async def test_d9_an_issue_that_a_search_does_not_see_yet_is_found_by_its_name(there: Standin, told: jira.Jira) -> None:
    made = await told.send(FIRES)
    there.issues["OPS-1"]["fields"]["labels"] = []
    await told.send(replace(AGAIN, reference=made.reference))
    assert there.told == {"OPS-1": (True, 1)}


async def test_an_issue_that_people_deleted_is_made_again(there: Standin, told: jira.Jira) -> None:
    await told.send(FIRES)
    there.issues.clear()
    await told.send(replace(AGAIN, reference="OPS-1"))
    assert there.told == {"OPS-1": (True, 0)}


async def test_d9_what_comes_back_soon_opens_the_same_issue(there: Standin, told: jira.Jira) -> None:
    await told.send(FIRES)
    await told.send(OVER)
    await told.send(replace(FIRES, key="k4", decided=BEGAN + timedelta(days=3)))
    assert there.told == {"OPS-1": (True, 2)}
    await told.send(replace(OVER, key="k5"))
    await told.send(replace(FIRES, key="k6", decided=BEGAN + timedelta(days=3, seconds=1)))
    assert there.told == {"OPS-1": (False, 3), "OPS-2": (True, 0)}


async def test_d9_an_older_issue_that_people_opened_again_is_the_one(there: Standin, told: jira.Jira) -> None:
    """Never two open issues of a group, although a newer one is closed."""
    await told.send(FIRES)
    await told.send(OVER)
    await told.send(replace(FIRES, key="k4", decided=BEGAN + timedelta(days=9)))
    await told.send(replace(OVER, key="k5"))
    there.move("OPS-1", "")
    await told.send(replace(FIRES, key="k6", decided=BEGAN + timedelta(minutes=1)))
    assert there.told == {"OPS-1": (True, 2), "OPS-2": (False, 1)}


async def test_d9_what_was_closed_without_a_resolution_is_opened_again_too(there: Standin, told: jira.Jira) -> None:
    await told.send(FIRES)
    await told.send(OVER)
    fields = there.issues["OPS-1"]["fields"]
    fields |= {"resolution": None, "resolutiondate": None, "statuscategorychangedate": "2026-03-01T18:00:00.000+0900"}
    await told.send(replace(FIRES, key="k4", decided=BEGAN + timedelta(days=1)))
    assert there.told == {"OPS-1": (True, 2)}


@pytest.mark.parametrize(("days", "key"), [(0, "OPS-1"), (2, "OPS-1"), (30, "OPS-1")])
async def test_d9_wont_fix_is_never_opened_again_and_no_other_is_made_for_it(
    there: Standin, told: jira.Jira, days: int, key: str
) -> None:
    await told.send(FIRES)
    there.move("OPS-1", "Won't Do")
    for again in (FIRES, AGAIN, OVER):
        accepted = await told.send(replace(again, key=f"k{days}", decided=BEGAN + timedelta(days=days)))
        assert accepted.reference == key
    assert there.told == {"OPS-1": (False, 0)}


async def test_d9_a_notice_and_a_digest_that_is_over_make_no_issue(there: Standin, told: jira.Jira) -> None:
    messages = dict(MESSAGES)
    await told.send(messages["notice"])
    await told.send(messages["resolved"])
    await told.send(messages["expired"])
    assert there.told == {}


async def test_d9_wont_fix_is_the_last_word(there: Standin, told: jira.Jira) -> None:
    await told.send(FIRES)
    there.move("OPS-1", "Won't Fix")
    assert (await told.send(AGAIN)).reference == "OPS-1"
    assert there.told == {"OPS-1": (False, 0)}


async def test_d9_what_is_already_over_makes_nothing(there: Standin, told: jira.Jira) -> None:
    await told.send(OVER)
    assert there.told == {}


@pytest.mark.parametrize("step", ["search", "transitions", "comment"])
async def test_what_failed_in_the_middle_is_done_once_when_it_is_tried_again(there: Standin, told: jira.Jira, step: str) -> None:
    await told.send(FIRES)
    await told.send(AGAIN)
    there.fails = {step: 503}
    with pytest.raises(RetryLater) as caught:
        await told.send(OVER)
    assert caught.value.after == timedelta(seconds=7)
    await told.send(OVER)
    assert there.told == {"OPS-1": (False, 2)}


@pytest.mark.parametrize(
    ("status", "raised"), [(400, Rejected), (401, Rejected), (403, Rejected), (429, RetryLater), (500, RetryLater)]
)
async def test_d3_what_jira_answers_is_judged(there: Standin, told: jira.Jira, status: int, raised: type[Exception]) -> None:
    there.fails = {"issue": status}
    with pytest.raises(raised):
        await told.send(FIRES)


@dataclass(slots=True)
class Clock:
    """Tells the time that a test says."""

    now: datetime = BEGAN

    def __call__(self) -> datetime:
        return self.now


def _remembering(there: Standin, http: aiohttp.ClientSession, clock: Clock) -> jira.Jira:
    settings = jira.Settings.model_validate({"url": there.url, "user": "me@example.org", "token": SECRET, "project": "OPS"})
    return jira.Jira(settings, http, Once(), Unanswered(None, clock, timedelta(minutes=1)))


async def test_d9_an_issue_of_which_nobody_heard_is_looked_for_over_a_minute_before_another_is_made(there: Standin) -> None:
    clock = Clock()
    async with aiohttp.ClientSession() as http:
        told = _remembering(there, http, clock)
        there.loses = there.lags = True
        for second in (0, 1, 3, 30, 59):  # the answer is lost, and searches do not see the issue
            clock.now = BEGAN + timedelta(seconds=second)
            with pytest.raises(RetryLater):
                await told.send(AGAIN if second > 3 else FIRES)
        assert list(there.issues) == ["OPS-1"]
        there.lags = False
        await told.send(AGAIN)
    assert there.told == {"OPS-1": (True, 1)}


async def test_d9_an_issue_that_is_not_found_after_a_minute_is_made(there: Standin) -> None:
    """Whether the first request ever reached Jira nobody knows; an alert without an issue would be worse than two."""
    clock = Clock()
    async with aiohttp.ClientSession() as http:
        told = _remembering(there, http, clock)
        there.fails = {"issue": 503}
        with pytest.raises(RetryLater):
            await told.send(FIRES)
        clock.now = BEGAN + timedelta(seconds=60)
        await told.send(FIRES)
    assert there.told == {"OPS-1": (True, 0)}


@pytest.mark.parametrize("status", [400, 429])
async def test_an_issue_that_was_refused_is_made_at_once_when_it_is_tried_again(there: Standin, status: int) -> None:
    async with aiohttp.ClientSession() as http:
        told = _remembering(there, http, Clock())
        there.fails = {"issue": status}
        with pytest.raises((Rejected, RetryLater)):
            await told.send(FIRES)
        await told.send(FIRES)
    assert there.told == {"OPS-1": (True, 0)}


async def test_a_wrong_token_is_not_told(there: Standin) -> None:
    settings = jira.Settings.model_validate({"url": there.url, "token": f"{SECRET}!", "project": "OPS"})
    async with aiohttp.ClientSession() as http:
        with pytest.raises(Rejected, match="401") as caught:
            await jira.create(settings, kinds.World(Path(), http)).send(FIRES)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("message", [pytest.param(message, id=name) for name, message in MESSAGES])
async def test_jira_takes_every_sort_of_message(there: Standin, told: jira.Jira, message: Any) -> None:
    await told.send(FIRES)
    await told.send(message)


async def test_no_mark_in_a_label_is_read_on_a_server(there: Standin) -> None:
    settings = jira.Settings.model_validate({"url": there.url, "token": SECRET, "project": "OPS", "api": "2"})
    alert = replace(FIRING_ALERT, labels={"host": "{noformat}[~admin]"}, summary={"ko": LONG})
    async with aiohttp.ClientSession() as http:
        await jira.create(settings, kinds.World(Path(), http)).send(notification(alert))
    described = there.issues["OPS-1"]["fields"]["description"]
    assert described.startswith("{noformat}")
    assert described.count("{noformat}") == 2
