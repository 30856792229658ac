"""For tests of notifiers: messages to send, a far end that answers as told, the suite that every HTTP notifier passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web

from gwanje.errors import GwanjeError, Rejected, RetryLater
from gwanje.model import Severity
from gwanje.tell.notifiers.base import FIRING, RESOLVED, Accepted, AlertInMessage, Notification, Notifier

BEGAN: Final = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SECRET: Final = "T0-s3cret-t0ken"  # noqa: S105 - it must be found nowhere

FIRING_ALERT: Final = AlertInMessage(
    episode="019f00000000aa",
    fingerprint="aa" * 16,
    rule="fail rate high",
    labels={"source": "shop", "host": "web-1"},
    severity=Severity.CRITICAL,
    state=FIRING,
    summary={"ko": "수집 실패율 20.0 %", "en": "Fail rate 20.0 %"},
    value=0.2,
    value_text="20.0 %",
    threshold=">= 20.0 %",
    since=BEGAN,
    annotations={"runbook": "https://wiki.example/fail-rate"},
)
RESOLVED_ALERT: Final = replace(
    FIRING_ALERT,
    state=RESOLVED,
    value=0.0,
    value_text="0.0 %",
    summary={"ko": "수집 실패율 0.0 %", "en": "Fail rate 0.0 %"},
    ended=BEGAN + timedelta(minutes=3, seconds=12),
    ended_because="resolved",
)


def notification(*alerts: AlertInMessage, reason: str = "first") -> Notification:
    """A message about these alerts, or about one that fires."""
    return Notification(
        key="k1",
        group_key="g1",
        receiver="ops",
        group={"rule": "fail rate high"},
        reason=reason,
        alerts=alerts or (FIRING_ALERT,),
        decided=BEGAN,
    )


@dataclass(slots=True)
class Recorder:
    """A notifier that remembers. What `failures` holds is raised first, one for each attempt."""

    sent: list[Notification] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def send(self, notification: Notification) -> Accepted:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(notification)
        return Accepted()


@dataclass(slots=True)
class FarEnd:
    """A local HTTP server that records what it gets and answers as it is told."""

    status: int = 200
    text: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False
    """Close the connection in the middle instead of answering."""
    check: Callable[[Any, Mapping[str, str]], str] = lambda _body, _headers: ""
    """What the real service finds wrong with a body and its headers."""
    refusal: tuple[int, str] = (400, "{}")
    """Status and text of the answer to a body that is wrong; `{}` in the text is what is."""
    got: list[Any] = field(default_factory=list)
    got_headers: list[Mapping[str, str]] = field(default_factory=list)
    got_paths: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.content_type == "application/json" else dict(await request.post())
        self.got.append(body)
        self.got_headers.append(dict(request.headers))
        self.got_paths.append(request.path_qs)
        if self.closes and request.transport is not None:
            request.transport.close()
        wrong = self.check(body, request.headers)
        if wrong:
            return web.Response(status=self.refusal[0], text=self.refusal[1].replace("{}", wrong))
        return web.Response(status=self.status, text=self.text, headers=self.headers)


@asynccontextmanager
async def far_end(end: FarEnd | None = None) -> AsyncIterator[FarEnd]:
    """A running far end; its address holds a secret, as Slack's does."""
    end = end or FarEnd()
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", end.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        end.url = f"http://{host}:{port}/services/{SECRET}"
        yield end
    finally:
        await runner.cleanup()


Make = Callable[[str, aiohttp.ClientSession], Notifier]
"""Makes the notifier under test, for an address and on a session."""

ANSWERS: Final[Sequence[tuple[int, type[GwanjeError] | None]]] = (
    (200, None),
    (201, None),
    (202, None),
    (204, None),
    (301, Rejected),
    (302, Rejected),
    (307, Rejected),
    (400, Rejected),
    (401, Rejected),
    (403, Rejected),
    (404, Rejected),
    (405, Rejected),
    (408, RetryLater),
    (409, Rejected),
    (410, Rejected),
    (413, Rejected),
    (422, Rejected),
    (425, RetryLater),
    (429, RetryLater),
    (500, RetryLater),
    (501, RetryLater),
    (502, RetryLater),
    (503, RetryLater),
    (504, RetryLater),
    (507, RetryLater),
)
"""What each answer means to every notifier that speaks HTTP."""


LONG: Final = "가나다 <b>&amp; *x* _y_ `z` [[l]](http://x) @everyone {value} " * 400
"""Longer than any service takes, and full of what some of them read as marks."""


def _many() -> Sequence[tuple[str, Notification]]:
    """One message of every sort."""
    taken = replace(FIRING_ALERT, acknowledged_by="김영희", acknowledged_because="보고 있음")
    linked = replace(FIRING_ALERT, link="https://g.example/a", acknowledge_link="https://g.example/a?do=acknowledge")
    long = replace(FIRING_ALERT, summary={"ko": LONG, "en": LONG}, labels={"host": LONG[:900]}, annotations={"runbook": LONG})
    bare = replace(FIRING_ALERT, labels={}, annotations={}, summary={}, value=None, value_text="", threshold="")
    notice = replace(notification(reason="notice"), alerts=(), title={"ko": "하루 요약"}, text={"ko": f"알림 3건\n{LONG}"})
    digest = replace(notification(*[linked] * 10, reason="digest"), counts={"firing": 990, "resolved": 10, "critical": 990})
    return (
        ("firing", notification(linked)),
        ("acknowledged", notification(taken, reason="acknowledged")),
        ("was muted", notification(replace(FIRING_ALERT, was_muted="silenced"), reason="was muted")),
        ("resolved", notification(RESOLVED_ALERT, reason="resolved")),
        ("expired", notification(replace(RESOLVED_ALERT, ended_because="expired"), reason="resolved")),
        ("many", notification(*[linked] * 300, reason="new alerts")),
        ("long", notification(*[long] * 10)),
        ("bare", notification(bare)),
        ("notice", notice),
        ("digest", digest),
    )


MESSAGES: Final = _many()


class HttpNotifierContract:
    """What every notifier that speaks HTTP does with answers. A test class inherits it and sets `make`.

    `check` is the stand-in's: what the real service finds wrong with a body and its headers, empty where it takes it. It is
    written from the service's documentation and not from what is sent.
    """

    check: Callable[[Any, Mapping[str, str]], str] = staticmethod(lambda _body, _headers: "")
    accepts: str = ""
    """What the real service says when it takes a message, where it is that and not the status which says so."""

    refusal: tuple[int, str] = (400, "{}")
    """How the real service answers when it does not."""
    pages: bool = False
    """Whether a web page may be how the other side says that it took a message."""

    def _end(self, **given: Any) -> FarEnd:
        return FarEnd(text=self.accepts or "ok", refusal=self.refusal, **given)

    @pytest.mark.parametrize("message", [pytest.param(message, id=name) for name, message in MESSAGES])
    async def test_the_service_takes_every_sort_of_message(self, make: Make, message: Notification) -> None:
        async with far_end(self._end(check=self.check)) as end, aiohttp.ClientSession() as http:
            await make(end.url, http).send(message)
        assert len(end.got) == 1

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError("return a function that makes the notifier under test")

    @pytest.mark.parametrize(("status", "raised"), [pytest.param(*one, id=str(one[0])) for one in ANSWERS])
    async def test_each_answer_means_accepted_later_or_never(
        self, make: Make, status: int, raised: type[GwanjeError] | None
    ) -> None:
        raised = RetryLater if raised is None and status == 204 and self.accepts else raised  # it says nothing
        async with far_end(self._end(status=status)) as end, aiohttp.ClientSession() as http:
            notifier = make(end.url, http)
            if raised is None:
                assert (await notifier.send(notification())).status == status
            else:
                with pytest.raises(raised) as caught:
                    await notifier.send(notification())
                assert SECRET not in str(caught.value)
                assert caught.value.status == status  # type: ignore[attr-defined]
        assert len(end.got) == 1

    @pytest.mark.parametrize("status", [429, 503])
    async def test_the_pause_that_the_other_side_asks_for_is_kept(self, make: Make, status: int) -> None:
        async with far_end() as end, aiohttp.ClientSession() as http:
            end.status, end.headers = status, {"Retry-After": "17"}
            with pytest.raises(RetryLater) as caught:
                await make(end.url, http).send(notification())
        assert caught.value.after == timedelta(seconds=17)

    async def test_nobody_listening_is_tried_again(self, make: Make) -> None:
        async with far_end() as end:
            url = end.url
        async with aiohttp.ClientSession() as http:
            with pytest.raises(RetryLater) as caught:
                await make(url, http).send(notification())
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None

    async def test_a_connection_closed_in_the_middle_is_tried_again(self, make: Make) -> None:
        async with far_end() as end, aiohttp.ClientSession() as http:
            end.closes = True
            with pytest.raises(RetryLater):
                await make(end.url, http).send(notification())

    async def test_a_secret_that_the_other_side_repeats_is_not_told(self, make: Make) -> None:
        async with far_end() as end, aiohttp.ClientSession() as http:
            end.status, end.text = 404, f"{'x' * 180} no such hook {SECRET}, {end.url}"
            with pytest.raises(Rejected) as caught:
                await make(end.url, http).send(notification())
        assert SECRET[:6] not in str(caught.value)

    async def test_a_page_that_answers_in_the_services_place_took_nothing(self, make: Make) -> None:
        """A proxy's page to sign in, with 200."""
        async with far_end(FarEnd(text="<html>sign in</html>")) as end, aiohttp.ClientSession() as http:
            if self.pages:
                await make(end.url, http).send(notification())
                return
            with pytest.raises(RetryLater, match="what answered"):
                await make(end.url, http).send(notification())

    async def test_it_returns_only_after_the_other_side_accepted(self, make: Make) -> None:
        async with far_end(self._end()) as end, aiohttp.ClientSession() as http:
            sending = asyncio.create_task(make(end.url, http).send(notification(FIRING_ALERT, RESOLVED_ALERT)))
            await sending
        assert len(end.got) == 1
