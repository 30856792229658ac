"""Services that are more than a chat: PagerDuty, Alertmanager, AlimTalk, NAVER WORKS, and what Apprise reaches."""

import asyncio
import base64
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import ValidationError

from gwanje import kinds
from gwanje.errors import Rejected, RetryLater
from gwanje.tell.notifiers import alertmanager, apprise, kakao_alimtalk, naver_works, pagerduty
from gwanje.tell.texts import Speech
from gwanje.testing.notifiers import (
    FIRING_ALERT,
    RESOLVED_ALERT,
    SECRET,
    FarEnd,
    HttpNotifierContract,
    Make,
    far_end,
    notification,
)

EN = Speech(language="en")
imports_of_apprise = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

# --- PagerDuty -----------------------------------------------------------------------------------------------------------


def pagerduty_refuses(body: Any, _headers: Mapping[str, str]) -> str:
    """What the Events API finds wrong: no key, an unknown action, a summary longer than 1024 characters, more than 512 KB."""
    about = body["payload"]
    if len(json.dumps(body).encode()) > 512 * 1024 or not all(link["href"] for link in body["links"]):
        return "invalid event"
    datetime.fromisoformat(about["timestamp"])
    if body.get("routing_key") != SECRET or not 0 < len(about["summary"]) <= 1024 or not about["source"]:
        return "invalid event"
    if "event_action" not in body:
        return ""
    known = body["event_action"] in {"trigger", "acknowledge", "resolve"} and len(body["dedup_key"]) <= 255
    return "" if known and about["severity"] in {"critical", "error", "warning", "info"} else "invalid event"


class TestPagerDutyKeepsThePromise(HttpNotifierContract):
    check = staticmethod(pagerduty_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: pagerduty.create(
            pagerduty.Settings.model_validate({"routing_key": SECRET, "api_url": url}), kinds.World(Path(), http)
        )


@pytest.mark.parametrize(
    ("reason", "alert", "action"),
    [("first", FIRING_ALERT, "trigger"), ("acknowledged", FIRING_ALERT, "acknowledge"), ("resolved", RESOLVED_ALERT, "resolve")],
)
def test_d2_a_group_is_one_incident_from_its_beginning_to_its_end(reason: str, alert: Any, action: str) -> None:
    event = pagerduty.payload(notification(alert, reason=reason), EN)
    assert (event["event_action"], event["dedup_key"]) == (action, "g1")


OTHER_ALERT = replace(FIRING_ALERT, episode="e2", fingerprint="f2")
OTHER_RESOLVED = replace(RESOLVED_ALERT, episode="e2", fingerprint="f2")


@pytest.mark.parametrize(
    ("reason", "alerts", "unattended", "action"),
    [
        pytest.param("acknowledged", [FIRING_ALERT], 1, "trigger", id="one of two is taken over"),
        pytest.param("acknowledged", [FIRING_ALERT], 0, "acknowledge", id="the last one is taken over"),
        pytest.param("resolved", [FIRING_ALERT, OTHER_RESOLVED], 0, "acknowledge", id="the one nobody was on is over"),
        pytest.param("resolved", [FIRING_ALERT, OTHER_RESOLVED], 1, "trigger", id="one is over, nobody is on the other"),
        pytest.param("resolved", [RESOLVED_ALERT, OTHER_RESOLVED], 0, "resolve", id="all are over"),
        pytest.param("new alerts", [FIRING_ALERT, OTHER_ALERT], 1, "trigger", id="another one joins"),
        pytest.param("repeat", [FIRING_ALERT], 1, "trigger", id="the acknowledgement ended"),
        pytest.param("first", [FIRING_ALERT], 0, "trigger", id="taken over before it was told: the incident begins all the same"),
    ],
)
def test_an_incident_is_acknowledged_when_somebody_is_on_every_alert_of_its_group(
    reason: str, alerts: list[Any], unattended: int, action: str
) -> None:
    message = replace(notification(*alerts, reason=reason), unattended=unattended)
    assert pagerduty.payload(message, EN)["event_action"] == action


# --- Alertmanager --------------------------------------------------------------------------------------------------------


def alertmanager_refuses(body: Any, _headers: Mapping[str, str]) -> str:
    """What its API version 2 finds wrong: no label, or an end before the start."""
    for one in body:
        ends = {name: datetime.fromisoformat(one[name]) for name in ("startsAt", "endsAt")}
        texts = [*one["labels"].items(), *one["annotations"].items()]
        if (
            not one["labels"].get("alertname")
            or ends["endsAt"] < ends["startsAt"]
            or not all(isinstance(text, str) for _, text in texts)
        ):
            return "invalid alert"
    return "" if body else "no alerts"


class TestAlertmanagerKeepsThePromise(HttpNotifierContract):
    check = staticmethod(alertmanager_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: alertmanager.create(
            alertmanager.Settings.model_validate({"url": url}), kinds.World(Path(), http)
        )


def test_what_fires_lasts_until_it_is_told_again() -> None:
    settings = alertmanager.Settings.model_validate({"url": "http://x", "lasts": "5h", "language": "en"})
    firing, over = alertmanager.payload(notification(FIRING_ALERT, RESOLVED_ALERT), settings)
    assert (firing["startsAt"], firing["endsAt"]) == ("2026-03-01T09:00:00Z", "2026-03-01T14:00:00Z")
    assert over["endsAt"] == "2026-03-01T09:03:12Z"
    assert firing["labels"] == {"alertname": "fail rate high", "severity": "critical", "source": "shop", "host": "web-1"}


# --- AlimTalk ------------------------------------------------------------------------------------------------------------

GATEWAY = {
    "headers": {"X-Key": SECRET},
    "to": "01011112222, 01033334444",
    "template_code": "T1",
    "message": "[관제] {rule}: {value} (기준 {threshold})",
    "body": {"code": "{template_code}", "recipients": [{"no": "{to}", "content": "{message}"}], "id": "{key}"},
}


def _alimtalk(url: str, http: aiohttp.ClientSession, **more: Any) -> kakao_alimtalk.AlimTalk:
    settings = kakao_alimtalk.Settings.model_validate({"url": url, **GATEWAY, **more})
    return kakao_alimtalk.create(settings, kinds.World(Path(), http))


def alimtalk_refuses(body: Any, headers: Mapping[str, str]) -> str:
    right = headers.get("X-Key") == SECRET and len(body["recipients"][0]["content"]) <= 1000
    return "" if right else "refused"


class TestAlimTalkKeepsThePromise(HttpNotifierContract):
    check = staticmethod(alimtalk_refuses)
    pages = True

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: _alimtalk(url, http, to="01011112222")


async def test_the_gateway_gets_the_approved_text_for_each_number() -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        await _alimtalk(end.url, http).send(notification())
    assert end.got == [
        {
            "code": "T1",
            "recipients": [{"no": number, "content": "[관제] fail rate high: 20.0 % (기준 >= 20.0 %)"}],
            "id": f"k1:{number}",
        }
        for number in ("01011112222", "01033334444")
    ]


async def test_a_number_that_has_the_message_is_not_told_again() -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        gateway = _alimtalk(end.url, http, accepted={"code": "200"})
        end.text = '{"code": 200}'
        end.check = lambda body, _headers: "busy" if body["recipients"][0]["no"] == "01033334444" else ""
        with pytest.raises(Rejected):
            await gateway.send(notification())
        end.check = lambda _body, _headers: ""
        await gateway.send(notification())
    assert [body["recipients"][0]["no"] for body in end.got] == ["01011112222", "01033334444", "01033334444"]


async def test_a_number_that_is_refused_keeps_nobody_else_from_the_message() -> None:
    """Who left is still on the list: it failed, so that people hear of it, and the other has the message."""
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.check = lambda body, _headers: "no such number" if body["recipients"][0]["no"] == "01011112222" else ""
        with pytest.raises(Rejected, match=r"400: no such number \(1 of 2 numbers\)"):
            await _alimtalk(end.url, http).send(notification())
    assert [body["recipients"][0]["no"] for body in end.got] == ["01011112222", "01033334444"]


def test_what_is_put_into_a_text_is_not_filled_again() -> None:
    settings = kakao_alimtalk.Settings.model_validate({"url": "http://x", **GATEWAY, "message": "{rule} {nothing} {"})
    body = kakao_alimtalk.payload(notification(replace(FIRING_ALERT, rule="{link}{to}")), settings, "010")
    assert body["recipients"][0]["content"] == "{link}{to} {nothing} {"


# --- NAVER WORKS ---------------------------------------------------------------------------------------------------------

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Works(FarEnd):
    """NAVER WORKS: gives a token for a JWT with a right signature, and takes messages with that token."""

    tokens = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/token"):
            if request.headers.get("Authorization") != f"Bearer token{self.tokens}":
                return web.Response(status=401)
            return await super().answer(request)
        form = await request.post()
        head, claims, signature = str(form["assertion"]).split(".")
        raw = base64.urlsafe_b64decode(signature + "==")
        KEY.public_key().verify(raw, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        right = (said["iss"], said["sub"], form["client_secret"], form["scope"]) == ("id", "account", "hush-hush", "bot")
        self.tokens += 1
        token = {"access_token": f"token{self.tokens}", "expires_in": "86400"}
        return web.json_response(token) if right else web.Response(status=400)


def _works(url: str, http: aiohttp.ClientSession, now: list[float]) -> naver_works.NaverWorks:
    settings = naver_works.Settings.model_validate(
        {
            "bot_id": "1",
            "client_id": "id",
            "client_secret": "hush-hush",
            "service_account": "account",
            "private_key": PEM.replace("\n", "\\n"),
            "channel_id": "c",
            "api_url": url,
            "auth_url": url,
        }
    )
    return naver_works.NaverWorks(settings, http, clock=lambda: now[0])


async def test_the_bot_signs_in_once_and_again_when_its_token_ends_or_is_taken_back() -> None:
    now = [1_000_000.0]
    async with far_end(Works()) as end, aiohttp.ClientSession() as http:
        assert isinstance(end, Works)
        bot = _works(end.url, http, now)
        await bot.send(notification())
        await bot.send(notification(*[FIRING_ALERT] * 50))
        assert end.tokens == 1
        now[0] += 86_400
        await bot.send(notification())
        assert end.tokens == 2
        end.tokens = 7  # taken back
        with pytest.raises(RetryLater):
            await bot.send(notification())
        await bot.send(notification())
        assert end.tokens == 8
    assert end.got_paths[0].endswith("/bots/1/channels/c/messages")
    assert all(body["content"]["type"] == "text" and len(body["content"]["text"]) <= 2000 for body in end.got)


@pytest.mark.parametrize(("status", "raised"), [(500, RetryLater), (429, RetryLater), (403, Rejected)])
async def test_what_naver_works_answers_is_judged(status: int, raised: type[Exception]) -> None:
    async with far_end(Works()) as end, aiohttp.ClientSession() as http:
        end.status, end.text = status, "token1 hush-hush"
        with pytest.raises(raised) as caught:
            await _works(end.url, http, [0.0]).send(notification())
    assert "token1" not in str(caught.value)


async def test_d3_the_pause_that_naver_works_asks_for_stands_in_a_header_of_its_own() -> None:
    async with far_end(Works()) as end, aiohttp.ClientSession() as http:
        end.status, end.text, end.headers = 429, '{"code": "TOO_MANY_REQUESTS"}', {"rateLimit-reset": "42"}
        with pytest.raises(RetryLater) as caught:
            await _works(end.url, http, [0.0]).send(notification())
    assert caught.value.after == timedelta(seconds=42)


def test_a_key_that_is_none_is_a_mistake_and_not_shown() -> None:
    with pytest.raises(ValidationError, match="no private key") as caught:
        naver_works.Settings.model_validate(
            {"bot_id": "1", "client_id": "1", "client_secret": "x", "service_account": "x", "private_key": SECRET}
        )
    assert SECRET not in str(caught.value)


# --- Apprise -------------------------------------------------------------------------------------------------------------


@imports_of_apprise
async def test_apprise_tells_each_address_and_again_only_those_that_failed() -> None:
    async with far_end() as good, far_end() as bad:
        addresses = [end.url.replace("http://", "json://") for end in (good, bad)]
        bad.status = 500
        told = apprise.create(apprise.Settings.model_validate({"urls": addresses, "language": "en"}), kinds.World(Path()))
        with pytest.raises(RetryLater, match="address 2") as caught:
            await told.send(notification())
        bad.status = 200
        await told.send(notification())
    assert SECRET not in str(caught.value)
    assert (len(good.got), len(bad.got)) == (1, 2)
    assert good.got[0]["title"] == "[critical] fail rate high · web-1: Fail rate 20.0 %"
    assert "Value: 20.0 %" in good.got[0]["message"]


@imports_of_apprise
async def test_d5_addresses_that_hang_keep_no_other_receiver_from_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has one thread for everything else; who has the message is noted although another one hangs."""
    free, told = threading.Event(), []

    def tell(address: str, _text: object) -> bool:
        told.append(address)
        return address != "json://hangs" or free.wait(60)

    monkeypatch.setattr(apprise, "_tell", tell)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    addresses = ["json://hangs", "json://other"]
    made = apprise.create(apprise.Settings.model_validate({"urls": addresses}), kinds.World(Path()))
    sending = asyncio.create_task(made.send(notification()))
    try:
        async with asyncio.timeout(30):
            while await made._once.left("k1", addresses) != ["json://hangs"]:  # noqa: ASYNC110 - told in threads, with nothing to wait on
                await asyncio.sleep(0)
            assert await asyncio.to_thread(lambda: "done") == "done"
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    finally:
        free.set()
    await made.send(notification())
    assert sorted(told) == ["json://hangs", "json://hangs", "json://other"]


@imports_of_apprise
@pytest.mark.parametrize("address", ["nowhere", "nosuch://x", "syslog://"])
def test_an_address_that_tells_nobody_is_a_mistake(address: str) -> None:
    with pytest.raises(ValidationError, match="number 1"):
        apprise.Settings.model_validate({"urls": [address]})
