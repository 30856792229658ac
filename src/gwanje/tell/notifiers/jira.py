"""Jira, in the cloud (REST API 3) and on a server (2): a group of alerts is one open issue, found by its label.

A message is looked at again from the beginning when it is tried again, and what was done is seen by what Jira says: an issue
that exists is not made, one that is closed is not closed. Searches see a new issue late, so that one that was asked for without
an answer is looked for over a minute before it is asked for again: a second one is made only where searches are later than that.
The comment comes before an issue is moved, and that it was made is kept: a crash in the moment between repeats it, and never
loses it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Final, Literal

import aiohttp

from gwanje import config, kinds
from gwanje.config import Duration, Secret
from gwanje.errors import Rejected, RetryLater
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.once import Once
from gwanje.tell.post import Answer, post
from gwanje.tell.texts import Speech, Text, cut, write
from gwanje.tell.unanswered import Unanswered

_LONGEST_SUMMARY: Final = 255
_LONGEST_TEXT: Final = 30_000
_COMMENT: Final = "comment"
_INDEXED_WITHIN: Final = timedelta(minutes=1)
"""After so long a search sees an issue that was made."""
_LOOKED_AT: Final = 20
"""So many issues of a group, newest first, are looked at for an open one: people may have opened an older one again."""
_FIELDS: Final = ("status", "resolution", "resolutiondate", "statuscategorychangedate")


class Settings(Speech):
    """A project of Jira. A group of alerts is one issue: made when they fire, commented on when they change, closed when they
    are over, and opened again when they come back soon. Notices, and what is over before it has an issue, make none.
    Where Jira does not say whether it made an issue, its search is asked over a minute before another one is made: only where the
    search is later than that a group has two.
    """

    url: config.Secret
    """Where Jira is: `https://example.atlassian.net`."""
    user: str = ""
    """In the cloud, the e-mail address to which the token belongs. Empty: `token` is a personal access token of a server."""
    token: config.Secret
    """The API token (cloud) or personal access token (server)."""
    project: str
    """The key of the project: `OPS`."""
    issue_type: str = "Bug"
    """The type of the issues."""
    api: Literal["3", "2"] = "3"
    """The version of the REST API: `3` in the cloud, `2` on a server."""
    labels: tuple[str, ...] = ("gwanje",)
    """Labels of the issues, beside the one by which a group's issue is found."""
    close: str = "Done"
    """The transition, or the status it leads to, by which an issue is closed. Empty: issues are only commented on."""
    reopen: str = "To Do"
    """The transition, or the status it leads to, by which a closed issue is opened again."""
    reopen_within: Duration = timedelta(days=3)
    """How long after its end an issue is opened again; later a new one is made."""
    wont_fix: tuple[str, ...] = ("Won't Fix", "Won't Do", "Wont Fix")
    """Resolutions by which people say that nothing is done: such an issue is never opened again."""

    needs: ClassVar = ("url", "token", "project")
    elsewhere: ClassVar = ("project", "issue_type", "labels", "close", "reopen", "reopen_within", "wont_fix")


@dataclass(frozen=True, slots=True)
class Issue:
    """What is known of an issue."""

    key: str
    open: bool
    resolution: str
    ended: datetime | None


def create(settings: Settings, world: kinds.World) -> Jira:
    unanswered = Unanswered(world.state, lambda: datetime.now(UTC), _INDEXED_WITHIN)
    return Jira(settings, world.http, Once(world.state), unanswered)


class Jira:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession, once: Once, unanswered: Unanswered) -> None:
        self._settings = settings
        self._http = http
        token = settings.token.get_secret_value()
        pair = base64.b64encode(f"{settings.user}:{token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}" if settings.user else f"Bearer {token}"}
        self._secrets = (token, pair)
        self._once = once
        self._unanswered = unanswered

    async def send(self, notification: Notification) -> Accepted:
        text = write(notification, self._settings)
        issue = await self._found(notification)
        match self._decided(notification, issue):
            case "leave", _:
                return Accepted(reference=issue.key if issue else "")
            case "make", _:
                return await self._make(notification, text)
            case "close", Issue() as known:
                return await self._comment(known, text, notification.key, move=self._settings.close)
            case "reopen", Issue() as known:
                return await self._comment(known, text, notification.key, move=self._settings.reopen)
            case _, known:
                return await self._comment(known, text, notification.key)

    def _decided(self, notification: Notification, issue: Issue | None) -> tuple[str, Any]:
        over = notification.resolved or notification.reason == "notice"
        return decide(issue, self._settings, over=over, now=notification.decided), issue

    async def _found(self, notification: Notification) -> Issue | None:
        """The group's open issue, else its newest; the one that was named before, as long as searches may not see it yet."""
        if notification.reference:
            try:
                return _issue((await self._ask("GET", f"issue/{notification.reference}?fields={','.join(_FIELDS)}")).values)
            except Rejected as error:
                if error.status != 404:  # one that was deleted or moved: look for another
                    raise
        asked = {"jql": query(self._settings.project, notification), "fields": list(_FIELDS), "maxResults": _LOOKED_AT}
        answer = await self._ask("POST", "search/jql" if self._settings.api == "3" else "search", asked)
        issues = [_issue(one) for one in answer.values.get("issues") or []]
        return next((one for one in issues if one.open), issues[0] if issues else None)

    async def _make(self, notification: Notification, text: Text) -> Accepted:
        """Make the issue, unless one was asked for a short while ago that searches may not see yet: then RetryLater is raised."""
        if await self._unanswered.is_open(notification):
            raise RetryLater("Jira did not say whether it made the issue, and its search does not show one yet")
        fields = {
            "project": {"key": self._settings.project},
            "issuetype": {"name": self._settings.issue_type},
            "summary": cut(" ".join(text.title.split()), _LONGEST_SUMMARY),
            "description": self._written(text.plain or text.title),
            "labels": [*self._settings.labels, label(notification)],
        }
        await self._unanswered.asks(notification)
        try:
            answer = await self._ask("POST", "issue", {"fields": fields})
        except (Rejected, RetryLater) as error:
            if error.status is not None and 400 <= error.status < 500:  # refused, so there is none
                await self._unanswered.refused(notification)
            raise
        self._unanswered.done(notification)
        return Accepted(answer.status, str(answer.values.get("key") or ""))

    async def _comment(self, issue: Issue, text: Text, key: str, *, move: str = "") -> Accepted:
        """Say what changed, and then move the issue. When that fails, the comment is not repeated."""
        if _COMMENT in await self._once.left(key, [_COMMENT, f"move to {move}"] if move else [_COMMENT]):
            said = self._written(f"{text.title}\n\n{text.plain}".strip())
            await self._ask("POST", f"issue/{issue.key}/comment", {"body": said})
            await self._once.has(_COMMENT)
        if move:
            await self._move(issue, move)
        return Accepted(HTTPStatus.CREATED, issue.key)

    async def _move(self, issue: Issue, to: str) -> None:
        """Take the transition of that name, or to that status; without one the comment alone tells it."""
        known = (await self._ask("GET", f"issue/{issue.key}/transitions")).values.get("transitions") or []
        wanted = to.casefold()
        for one in known:
            names = {str(one.get("name")).casefold(), str((one.get("to") or {}).get("name")).casefold()}
            if wanted in names:
                await self._ask("POST", f"issue/{issue.key}/transitions", {"transition": {"id": str(one["id"])}})
                return

    def _written(self, text: str) -> Any:
        """Text as the API takes it: a document (ADF) in the cloud; on a server text, of which no mark is read."""
        text = cut(text, _LONGEST_TEXT)
        if self._settings.api == "2":
            return f"{{noformat}}\n{text.replace('{noformat}', '{ noformat}')}\n{{noformat}}"
        lines = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in text.splitlines() if line.strip()]
        return {"type": "doc", "version": 1, "content": lines}

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        address = self._settings.url.get_secret_value().rstrip("/")
        url = Secret(f"{address}/rest/api/{self._settings.api}/{path}")
        answer = await post(self._http, url, what="Jira", method=method, body=body, headers=self._headers, secrets=self._secrets)
        if not isinstance(answer.values, dict):
            raise RetryLater("Jira answered with something that is no JSON object; see `url`", status=answer.status)
        return answer


def decide(issue: Issue | None, settings: Settings, *, over: bool, now: datetime) -> str:
    """What a message does: `make`, `comment`, `close`, `reopen` or `leave`. Pure.

    What is over makes nothing, and a person's "won't fix" is the last word on an issue.
    """
    if issue is not None and issue.open:
        return "close" if over and settings.close else "comment"
    if over:
        return "leave"
    if issue is None:
        return "make"
    if issue.resolution.casefold() in {name.casefold() for name in settings.wont_fix}:
        return "leave"
    recent = issue.ended is not None and now - issue.ended <= settings.reopen_within
    return "reopen" if recent and settings.reopen else "make"


def label(notification: Notification) -> str:
    """The label by which a group's issue is found; the same for ever."""
    return "gwanje-" + "".join(one if one.isalnum() and one.isascii() else "-" for one in notification.group_key)


def query(project: str, notification: Notification) -> str:
    """The issues with the group's label, newest first, in JQL."""
    quoted = project.replace("\\", "\\\\").replace('"', '\\"')
    return f'project = "{quoted}" AND labels = "{label(notification)}" ORDER BY created DESC'


def _issue(values: Mapping[str, Any]) -> Issue:
    fields = values.get("fields") or {}
    category = ((fields.get("status") or {}).get("statusCategory") or {}).get("key")
    return Issue(
        key=str(values["key"]),
        open=category != "done",
        resolution=str((fields.get("resolution") or {}).get("name") or ""),
        # Workflows may close an issue without a resolution; then only the cloud says when.
        ended=_time(fields.get("resolutiondate") or fields.get("statuscategorychangedate")),
    )


def _time(text: Any) -> datetime | None:
    """Jira writes `2026-03-01T09:00:00.000+0900`."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%f%z") if text else None
    except ValueError:
        return None
