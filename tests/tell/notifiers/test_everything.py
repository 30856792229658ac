"""D7: in whatever way people are told, the message says everything, in their language and zone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from gwanje import kinds
from gwanje.tell.notifiers import discord, dooray, email, jandi, jira, kakaowork, naver_works, pagerduty, slack, teams, telegram
from gwanje.tell.notifiers.base import Notification
from gwanje.tell.texts import Speech, write
from gwanje.tell.words import Language
from gwanje.testing.notifiers import BEGAN, FIRING_ALERT, notification

LINK = "https://g.example/alerts/1"
ALERT = replace(
    FIRING_ALERT, link=LINK, acknowledge_link=f"{LINK}?do=acknowledge", silence_link=f"{LINK}?do=silence", labels={"host": "웹-1"}
)
MESSAGE = replace(notification(ALERT), decided=BEGAN + timedelta(minutes=3, seconds=12))
SAID: dict[Language, list[str]] = {
    "ko": ["수집 실패율 20.0 %", "심각", "3분 12초", "2026-03-01 18:00:00 KST"],
    "en": ["Fail rate 20.0 %", "critical", "3 min 12 s", "2026-03-01 18:00:00 KST"],
}
EVERYWHERE = [
    "웹-1",
    "20.0 %",
    ">= 20.0 %",
    "fail rate high",
    "https://wiki.example/fail-rate",
    f"{LINK}?do=acknowledge",
    f"{LINK}?do=silence",
]

Tell = Callable[[Notification, Speech], Any]


def _given(module: Any, **more: Any) -> Tell:
    def told(message: Notification, speech: Speech) -> Any:
        settings = module.Settings.model_validate({**speech.model_dump(exclude={"template"}), **more})
        return module.payload(message, settings)

    return told


def _mail(message: Notification, speech: Speech) -> list[str]:
    given = {"server": "smtp.example.org", "from": "a@example.org", **speech.model_dump(exclude={"template"})}
    mail = email.message(message, email.Settings.model_validate(given))
    return [part.get_content() for part in mail.walk() if part.get_content_type() == "text/plain"]


def _issue(message: Notification, speech: Speech) -> Any:
    given = {"url": "http://jira.example", "token": "x", "project": "OPS", **speech.model_dump(exclude={"template"})}
    issues = jira.create(jira.Settings.model_validate(given), kinds.World(Path()))
    return issues._written(write(message, speech).plain)


TELLS: dict[str, Tell] = {
    "slack": slack.payload,
    "discord": discord.payload,
    "teams": teams.payload,
    "kakaowork": kakaowork.payload,
    "naver_works": naver_works.payload,
    "pagerduty": pagerduty.payload,
    "jandi": jandi.payload,
    "telegram": _given(telegram, bot_token="x", chat_id="1"),
    "dooray": _given(dooray, url="http://x"),
    "jira": _issue,
    "email": _mail,
    "apprise": lambda message, speech: write(message, speech).plain,
}


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("kind", TELLS)
def test_d7_every_way_of_telling_says_everything(kind: str, language: Language) -> None:
    told = TELLS[kind](MESSAGE, Speech(language=language, timezone="Asia/Seoul"))
    text = unescape(json.dumps(told, ensure_ascii=False)).replace("\\", "")
    assert [said for said in (*EVERYWHERE, *SAID[language]) if said not in text] == []


def test_every_kind_that_speaks_to_people_is_looked_at() -> None:
    """Alertmanager's payload is for programs, and AlimTalk says what its approved template says."""
    assert set(kinds.names("notifiers")) - {"alertmanager", "webhook", "kakao_alimtalk"} == set(TELLS)
