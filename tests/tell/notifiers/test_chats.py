"""Chats: the contract against stand-ins that refuse what the real service refuses, and what is told there."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
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
    """Nowhere to send it, marks that are unknown or not closed, and more than 4096 characters without them."""
    if not body.get("chat_id") or body["parse_mode"] != "HTML":
        return "Bad Request: chat not found"
    if set(body) - {"chat_id", "text", "parse_mode", "link_preview_options", "message_thread_id", "reply_parameters"}:
        return "Bad Request: unknown parameter"
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
    accepts = '{"ok": true, "result": {"message_id": 7}}'
    refusal = (400, '{"ok": false, "error_code": 400, "description": "{}"}')

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


async def test_d3_the_pause_that_telegram_asks_for_stands_in_its_answer() -> None:
    """Its documentation knows no `Retry-After`."""
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.status = 429
        said = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 35"}
        end.text = json.dumps({**said, "parameters": {"retry_after": 35}})
        with pytest.raises(RetryLater) as caught:
            await _telegram(end.url, http).send(notification())
    assert caught.value.after == timedelta(seconds=35)


async def test_d3_a_bot_that_was_put_out_of_a_chat_is_broken() -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.status = 403
        end.text = json.dumps({"ok": False, "error_code": 403, "description": "Forbidden: bot was kicked"})
        with pytest.raises(Rejected, match="bot was kicked"):
            await _telegram(end.url, http).send(notification())


# --- Discord -------------------------------------------------------------------------------------------------------------


def discord_refuses(body: Any, _headers: Mapping[str, str]) -> str:
    """Discord's limits, each and all together, in UTF-16; a text of spaces alone, which it trims, a wrong time or colour."""
    body = json.loads(json.dumps(body), object_pairs_hook=_as_discord_counts)
    total = 0
    for embed in body["embeds"]:
        fields = embed.get("fields", [])
        wrong = _longer(embed, {"title": 256, "description": 4096}) or next(
            filter(None, (_longer(field, {"name": 256, "value": 1024}) for field in fields)), ""
        )
        total += sum(len(embed.get(name, "")) for name in ("title", "description"))
        total += sum(len(field["name"]) + len(field["value"]) for field in fields)
        if wrong or len(fields) > 25 or not 0 <= embed["color"] <= 0xFFFFFF:
            return wrong or "too many fields, or no colour"
        datetime.fromisoformat(embed.get("timestamp", "2026-03-01T09:00:00Z"))
    if len(body["embeds"]) > 10 or total > 6000:
        return "embeds too large"
    return _longer(body, {"content": 2000})


def _as_discord_counts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The same values, each text with one character for each unit of UTF-16, and trimmed."""
    texts = {name: value for name, value in pairs if isinstance(value, str) and name != "timestamp"}
    return dict(pairs) | {name: "x" * (len(text.strip().encode("utf-16-le")) // 2) for name, text in texts.items()}


class TestDiscordKeepsThePromise(HttpNotifierContract):
    check = staticmethod(discord_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return _discord


def _discord(url: str, http: aiohttp.ClientSession) -> discord.Discord:
    return discord.create(discord.Settings.model_validate({"url": url}), kinds.World(Path(), http))


async def test_discord_is_asked_to_answer_only_when_it_keeps_the_message() -> None:
    """By its documentation a message that is not saved is otherwise no error. A thread in the address stays there."""
    async with far_end() as end, aiohttp.ClientSession() as http:
        await _discord(end.url, http).send(notification())
        await _discord(f"{end.url}?thread_id=7", http).send(notification())
    assert [path.partition("?")[2] for path in end.got_paths] == ["wait=true", "thread_id=7&wait=true"]


async def test_d3_the_pause_that_discord_asks_for_stands_in_its_answer_too() -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.status = 429
        end.text = json.dumps({"message": "You are being rate limited.", "retry_after": 64.57, "global": False})
        with pytest.raises(RetryLater) as caught:
            await _discord(end.url, http).send(notification())
    assert caught.value.after == timedelta(seconds=64.57)


def test_no_label_leads_people_elsewhere_on_discord() -> None:
    """It reads `[text](address)` as a link wherever text stands; our own links are none of a label's."""
    named = replace(LINKED, rule="[open](http://x)", summary={"ko": "[open](http://x)"}, labels={"host": "[open](http://x)"})
    links = re.findall(r"\]\((\S+)\)", json.dumps(discord.payload(notification(named), KO), ensure_ascii=False))
    assert links == ["https://g.example/a", "https://g.example/a?do=acknowledge"]


@pytest.mark.parametrize("text", ["😀" * 5000, "😀가" * 5000, "a" + "😀" * 5000])
def test_emoji_are_counted_as_discord_counts_them(text: str) -> None:
    told = notification(replace(FIRING_ALERT, summary={"ko": text}, labels={"host": text}))
    assert not discord_refuses(discord.payload(told, KO), {})


def test_discord_calls_nobody() -> None:
    assert discord.payload(notification(), KO)["allowed_mentions"] == {"parse": []}


# --- Teams ---------------------------------------------------------------------------------------------------------------


def teams_refuses(body: Any, _headers: Mapping[str, str]) -> str:
    """More than 28 KB; what is no message with one Adaptive Card, of elements that the card's version knows."""
    if len(json.dumps(body).encode()) > 28 * 1024:
        return "RequestEntityTooLarge"
    (attachment,) = body["attachments"]
    card = attachment["content"]
    right = attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and card["type"] == "AdaptiveCard"
    right = right and body["type"] == "message" and card["version"] in {"1.2", "1.3", "1.4", "1.5"} and len(card["actions"]) <= 6
    right = right and all(one["type"] == "Action.OpenUrl" and one["title"] and one["url"] for one in card["actions"])
    return "" if right and card["body"] and all(map(_card_has, card["body"])) else "no card"


def _card_has(element: Mapping[str, Any]) -> bool:
    match element["type"]:
        case "TextBlock":
            return bool(element["text"]) and isinstance(element["wrap"], bool)
        case "FactSet":
            return all(fact["title"] and fact["value"] for fact in element["facts"])
        case "Container":
            known = {"default", "emphasis", "good", "attention", "warning", "accent"}
            return element["style"] in known and all(map(_card_has, element["items"]))
    return False


class TestTeamsKeepsThePromise(HttpNotifierContract):
    check = staticmethod(teams_refuses)

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: teams.create(teams.Settings.model_validate({"url": url}), kinds.World(Path(), http))


@pytest.mark.parametrize(("answered", "raised"), [(429, RetryLater), (503, RetryLater), (413, Rejected), (404, Rejected)])
async def test_d3_a_connectors_200_that_tells_of_an_error_is_one(answered: int, raised: type[GwanjeError]) -> None:
    """Addresses from before workflows: a limit is told in a sentence, as Microsoft's documentation of connectors says."""
    async with far_end() as end, aiohttp.ClientSession() as http:
        failed = "Webhook message delivery failed with error: Microsoft Teams endpoint returned"
        end.text = f"{failed} HTTP error {answered} with ContextId tcid=0"
        made = teams.create(teams.Settings.model_validate({"url": end.url}), kinds.World(Path(), http))
        with pytest.raises(raised, match=str(answered)):
            await made.send(notification())


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
    """Without its own `Accept`, with nothing in `body`, which alone is needed, or with fields that it does not know."""
    right = headers.get("Accept") == "application/vnd.tosslab.jandi-v2+json" and body["body"]
    right = right and headers.get("Content-Type", "").startswith("application/json")
    right = right and not any(set(one) - {"title", "description", "imageUrl"} for one in body["connectInfo"])
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
    if {block["type"] for block in body["blocks"]} - {"text", "button"} or not body.get("conversation_id"):
        return "invalid_parameter"
    if any(block["style"] not in {"default", "primary", "danger"} for block in body["blocks"] if block["type"] == "button"):
        return "invalid_parameter"
    texts = [{"text": block["text"]} for block in body["blocks"] if block["type"] == "text"]
    buttons = [{"button": block["text"]} for block in body["blocks"] if block["type"] == "button"]
    limits = {"text": 500, "button": 20}
    return next(filter(None, (_longer(one, limits) for one in [body, *texts, *buttons])), "")


def _kakaowork(url: str, http: aiohttp.ClientSession) -> kakaowork.KakaoWork:
    settings = {"app_key": SECRET, "conversation_id": "1", "api_url": url}
    return kakaowork.create(kakaowork.Settings.model_validate(settings), kinds.World(Path(), http))


class TestKakaoWorkKeepsThePromise(HttpNotifierContract):
    check = staticmethod(kakaowork_refuses)
    accepts = '{"success": true, "error": null, "message": {"id": "1"}}'
    refusal = (200, '{"success": false, "error": {"code": "{}", "message": ""}}')

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
