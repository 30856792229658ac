"""Slack's incoming webhook: the contract, and what the message says."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gwanje import kinds
from gwanje.errors import GwanjeError, Rejected, RetryLater
from gwanje.tell.notifiers import slack
from gwanje.tell.texts import Speech
from gwanje.tell.words import Language
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, SECRET, HttpNotifierContract, Make, far_end, notification

KO, EN = Speech(language="ko"), Speech(language="en")


def wrong(body: Any, _headers: Mapping[str, str]) -> str:
    """What Slack refuses: nothing to say, too many attachments, too long a text, a colour or time that is none."""
    if not body.get("text", "").strip():
        return "no_text"
    if len(body["text"]) > 40_000:
        return "msg_too_long"
    for one in body["attachments"]:
        known = {"color", "title", "title_link", "text", "fallback", "fields", "ts"}
        told = all(set(field) == {"title", "value", "short"} and field["value"] for field in one.get("fields", []))
        if set(one) - known or not told or not (one.get("text") or one.get("fallback")):
            return "invalid_attachments"
    return "too_many_attachments" if len(body["attachments"]) > 100 else ""


def the_api_refuses(body: Any, headers: Mapping[str, str]) -> str:
    """What `chat.postMessage` refuses beside that."""
    if headers.get("Authorization") != f"Bearer {SECRET}":
        return "not_authed"
    return wrong(body, headers) if body.get("channel") else "channel_not_found"


class TestSlackKeepsThePromise(HttpNotifierContract):
    check = staticmethod(wrong)

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: slack.create(slack.Settings.model_validate({"url": url}), kinds.World(Path(), http))


def _fields(payload: dict[str, Any]) -> dict[str, str]:
    return {field["title"]: field["value"] for field in payload["attachments"][0]["fields"]}


def test_a_firing_message_says_what_where_value_threshold_and_since() -> None:
    payload = slack.payload(notification(), KO)
    assert payload["text"] == "[심각] fail rate high · web-1: 수집 실패율 20.0 %"
    assert payload["attachments"][0]["color"] == "#d93026"
    assert _fields(payload) == {
        "내용": "수집 실패율 20.0 %",
        "위치": "host=web-1, source=shop",
        "상태": "정상 → 심각",
        "값": "20.0 %",
        "기준": "&gt;= 20.0 %",
        "시작": "2026-03-01 09:00:00 UTC",
        "지속 시간": "0초",
        "규칙": "fail rate high",
        "대응 방법": "https://wiki.example/fail-rate",
    }


@pytest.mark.parametrize(
    ("language", "text", "name", "duration"),
    [
        ("ko", "[해결] fail rate high · web-1: 수집 실패율 0.0 %", "지속 시간", "3분 12초"),
        ("en", "[resolved] fail rate high · web-1: Fail rate 0.0 %", "Duration", "3 min 12 s"),
    ],
)
def test_a_resolved_message_says_how_long_it_was(language: Language, text: str, name: str, duration: str) -> None:
    payload = slack.payload(notification(RESOLVED_ALERT, reason="resolved"), Speech(language=language))
    assert payload["text"] == text
    assert _fields(payload)[name] == duration
    assert payload["attachments"][0]["color"] == "#2e9e5b"


def test_a_rule_that_was_removed_is_not_told_as_resolved() -> None:
    payload = slack.payload(notification(replace(RESOLVED_ALERT, ended_because="rule removed"), reason="resolved"), EN)
    assert payload["text"].startswith("[ended]")
    assert payload["attachments"][0]["title"] == "ended · fail rate high (rule removed)"


def test_a_label_cannot_call_everybody_in_the_channel() -> None:
    payload = slack.payload(
        notification(replace(FIRING_ALERT, labels={"host": "<!channel>"}, summary={"ko": "<!here> & co"})), KO
    )
    assert "<!" not in str(payload)
    assert "&lt;!channel&gt;" in payload["text"]


def test_a_long_group_is_cut_and_says_so() -> None:
    payload = slack.payload(notification(*[FIRING_ALERT] * 25), KO)
    assert len(payload["attachments"]) == 21
    assert payload["attachments"][-1]["text"] == "외 5건"
    assert "외 24건" in payload["text"]


def test_a_reminder_says_that_it_is_one() -> None:
    assert "(계속됨)" in slack.payload(notification(reason="repeat"), KO)["text"]


def test_the_address_is_never_shown() -> None:
    assert "hooks" not in repr(slack.Settings.model_validate({"url": "https://hooks.slack.example/T/B/x"}))


def _bot(url: str, http: aiohttp.ClientSession) -> slack.Webhook | slack.Bot:
    settings = {"api_url": url, "bot_token": SECRET, "channel": "C1"}
    return slack.create(slack.Settings.model_validate(settings), kinds.World(Path(), http))


class TestABotKeepsThePromise(HttpNotifierContract):
    check = staticmethod(the_api_refuses)
    accepts = '{"ok": true, "ts": "1700000000.1"}'
    refusal = (200, '{"ok": false, "error": "{}"}')

    @pytest.fixture
    def make(self) -> Make:
        return _bot


async def test_a_group_is_one_thread_whose_end_is_shown_in_the_channel() -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.text = json.dumps({"ok": True, "ts": "1700000000.1"})
        bot = _bot(end.url, http)
        first = await bot.send(notification())
        assert first.reference == "1700000000.1"
        end.text = json.dumps({"ok": True, "ts": "1700000009.9"})
        later = await bot.send(replace(notification(RESOLVED_ALERT, reason="resolved"), reference=first.reference))
        assert later.reference == first.reference
    assert end.got_headers[0]["Authorization"] == f"Bearer {SECRET}"
    assert end.got_paths[0].endswith("/chat.postMessage")
    assert "thread_ts" not in end.got[0]
    assert (end.got[1]["channel"], end.got[1]["thread_ts"], end.got[1]["reply_broadcast"]) == ("C1", "1700000000.1", True)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ("channel_not_found", Rejected),
        ("not_in_channel", Rejected),
        ("is_archived", Rejected),
        ("token_revoked", Rejected),
        ("account_inactive", Rejected),
        ("msg_too_long", Rejected),
        ("ratelimited", RetryLater),
        ("message_limit_exceeded", RetryLater),
        ("internal_error", RetryLater),
        ("service_unavailable", RetryLater),
    ],
)
async def test_a_bots_200_that_took_nothing_is_an_error(error: str, raised: type[GwanjeError]) -> None:
    async with far_end() as end, aiohttp.ClientSession() as http:
        end.text = json.dumps({"ok": False, "error": error})
        end.headers = {"Retry-After": "30"}
        with pytest.raises(raised, match=error) as caught:
            await _bot(end.url, http).send(notification())
    assert getattr(caught.value, "after", timedelta(seconds=30)) == timedelta(seconds=30)


def test_links_to_open_acknowledge_and_silence_stand_in_the_message() -> None:
    link = "https://g.example/alerts/1"
    alert = replace(FIRING_ALERT, link=link, acknowledge_link=f"{link}?do=acknowledge", silence_link=f"{link}?do=silence")
    text = slack.payload(notification(alert), KO)["attachments"][0]["text"]
    assert text == f"<{link}|열기> · <{link}?do=acknowledge|확인> · <{link}?do=silence|무음>"


@pytest.mark.parametrize(
    ("settings", "absent"),
    [({}, ["url"]), ({"bot_token": "x"}, ["channel"]), ({"bot_token": "x", "channel": "C1"}, []), ({"url": "http://h"}, [])],
)
def test_what_is_not_set_up_yet_is_known(settings: dict[str, str], absent: list[str]) -> None:
    assert slack.Settings.model_validate(settings).absent == absent
