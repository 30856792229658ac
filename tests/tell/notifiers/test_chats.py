"""Chats: the contract against stand-ins that refuse what the real service refuses, and what is told there."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gwanje import kinds
from gwanje.errors import GwanjeError, Rejected, RetryLater
from gwanje.tell.notifiers import discord, dooray, jandi, kakaowork, teams, telegram
from gwanje.tell.texts import Speech
from gwanje.testing.notifiers import FIRING_ALERT, SECRET, HttpNotifierContract, Make, far_end, notification

KO = Speech(language="ko")
LINKED = replace(FIRING_ALERT, link="https://g.example/a", acknowledge_link="https://g.example/a?do=acknowledge")


def _longer(values: Mapping[str, Any], limits: Mapping[str, int]) -> str:
    """The first text that is longer than the service takes, or empty where one must not be."""
    for name, most in limits.items():
        if name in values and not 0 < len(values[name]) <= most:
            return f"{name} has {len(values[name])} characters"
    return ""


# --- Telegram ------------------------------------------------------------------------------------------------------------


def telegram_refuses(body: Any, _headers: Mapping[str, str]) -> str:
    """Marks that are not closed, and more than 4096 characters without them."""
    if set(re.findall(r"</?([a-z]+)", body["text"])) - {"b", "a"}:
        return "Bad Request: can't parse entities"
    opened, closed = len(re.findall(r"<[ab][ >]", body["text"])), len(re.findall(r"</[ab]>", body["text"]))
    plain = re.sub(r"<[^>]+>", "", body["text"])
    wrong = opened != closed or re.search(r"&(?!lt;|gt;|amp;|quot;|#x27;)", plain)
    return "Bad Request: can't parse entities" if wrong else _longer({"text": unescape(plain)}, {"text": 4096})


def _telegram(url: str, http: aiohttp.ClientSession) -> telegram.Telegram:
    settings = {"bot_token": SECRET, "chat_id": "-100", "api_url": url}
    return telegram.create(telegram.Settings.model_validate(settings), kinds.World(Path(), http))


class TestTelegramKeepsThePromise(HttpNotifierContract):
    check = staticmethod(telegram_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return _telegram


async def test_telegram_answers_the_first_message_of_a_group() -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.text = json.dumps({"ok": True, "result": {"message_id": 7}})
        first = await _telegram(end.url, http).send(notification(LINKED))
        await _telegram(end.url, http).send(replace(notification(LINKED), reference=first.reference))
    assert end.got_paths[0].endswith(f"/bot{SECRET}/sendMessage")
    assert (end.got[0]["chat_id"], end.got[0]["parse_mode"]) == ("-100", "HTML")
    assert "reply_parameters" not in end.got[0]
    assert end.got[1]["reply_parameters"]["message_id"] == 7
    assert '<a href="https://g.example/a?do=acknowledge">확인</a>' in end.got[0]["text"]


# --- Discord -------------------------------------------------------------------------------------------------------------


def discord_refuses(body: Any, _headers: Mapping[str, str]) -> str:
    """Discord's limits, each and all together."""
    total = 0
    for embed in body["embeds"]:
        fields = embed.get("fields", [])
        wrong = _longer(embed, {"title": 256, "description": 4096}) or next(
            filter(None, (_longer(field, {"name": 256, "value": 1024}) for field in fields)), ""
        )
        total += sum(len(embed.get(name, "")) for name in ("title", "description"))
        total += sum(len(field["name"]) + len(field["value"]) for field in fields)
        if wrong or len(fields) > 25:
            return wrong or "too many fields"
    if len(body["embeds"]) > 10 or total > 6000:
        return "embeds too large"
    return _longer(body, {"content": 2000})


class TestDiscordKeepsThePromise(HttpNotifierContract):
    check = staticmethod(discord_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: discord.create(discord.Settings.model_validate({"url": url}), kinds.World(Path(), http))


def test_discord_calls_nobody() -> None:
    assert discord.payload(notification(), KO)["allowed_mentions"] == {"parse": []}


# --- Teams ---------------------------------------------------------------------------------------------------------------


def teams_refuses(body: Any, _headers: Mapping[str, str]) -> str:
    """More than 28 KB; what is no message with one Adaptive Card."""
    if len(json.dumps(body).encode()) > 28 * 1024:
        return "RequestEntityTooLarge"
    (attachment,) = body["attachments"]
    card = attachment["content"]
    right = attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and card["type"] == "AdaptiveCard"
    return "" if body["type"] == "message" and right and card["body"] else "no card"


class TestTeamsKeepsThePromise(HttpNotifierContract):
    check = staticmethod(teams_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: teams.create(teams.Settings.model_validate({"url": url}), kinds.World(Path(), http))


def test_a_card_has_a_button_to_acknowledge() -> None:
    card = teams.payload(notification(LINKED), KO)["attachments"][0]["content"]
    assert card["actions"][1] == {"type": "Action.OpenUrl", "title": "확인", "url": "https://g.example/a?do=acknowledge"}


# --- Dooray, JANDI -------------------------------------------------------------------------------------------------------


class TestDoorayKeepsThePromise(HttpNotifierContract):
    check = staticmethod(lambda body, _headers: "" if body["botName"] and body["text"] else "botName and text are needed")

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: dooray.create(dooray.Settings.model_validate({"url": url}), kinds.World(Path(), http))


async def test_doorays_200_that_took_nothing_is_an_error() -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.text = json.dumps({"header": {"isSuccessful": False, "resultMessage": "hook is off"}})
        hook = dooray.create(dooray.Settings.model_validate({"url": end.url}), kinds.World(Path(), http))
        with pytest.raises(Rejected, match="hook is off"):
            await hook.send(notification())


def jandi_refuses(body: Any, headers: Mapping[str, str]) -> str:
    right = headers.get("Accept") == "application/vnd.tosslab.jandi-v2+json" and body["body"]
    return "" if right and re.fullmatch("#[0-9a-f]{6}", body["connectColor"]) else "not JANDI's"


class TestJandiKeepsThePromise(HttpNotifierContract):
    check = staticmethod(jandi_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: jandi.create(jandi.Settings.model_validate({"url": url}), kinds.World(Path(), http))


# --- KakaoWork -----------------------------------------------------------------------------------------------------------


def kakaowork_refuses(body: Any, headers: Mapping[str, str]) -> str:
    if headers.get("Authorization") != f"Bearer {SECRET}":
        return "invalid_authentication"
    texts = [{"text": block["text"]} for block in body["blocks"] if block["type"] == "text"]
    buttons = [{"button": block["text"]} for block in body["blocks"] if block["type"] == "button"]
    limits = {"text": 500, "button": 20}
    return next(filter(None, (_longer(one, limits) for one in [body, *texts, *buttons])), "")


def _kakaowork(url: str, http: aiohttp.ClientSession) -> kakaowork.KakaoWork:
    settings = {"app_key": SECRET, "conversation_id": "1", "api_url": url}
    return kakaowork.create(kakaowork.Settings.model_validate(settings), kinds.World(Path(), http))


class TestKakaoWorkKeepsThePromise(HttpNotifierContract):
    check = staticmethod(kakaowork_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return _kakaowork


@pytest.mark.parametrize(("code", "raised"), [("invalid_parameter", Rejected), ("too_many_requests", RetryLater)])
async def test_kakaoworks_200_that_took_nothing_is_an_error(code: str, raised: type[GwanjeError]) -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.text = json.dumps({"success": False, "error": {"code": code, "message": "…"}})
        with pytest.raises(raised, match=code):
            await _kakaowork(end.url, http).send(notification())
    assert end.got[0]["conversation_id"] == "1"
