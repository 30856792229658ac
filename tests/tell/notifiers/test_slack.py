"""Slack's incoming webhook: the contract, and what the message says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwanje import kinds
from gwanje.tell.notifiers import slack
from gwanje.tell.words import Language
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, HttpNotifierContract, Make, notification


class TestSlackKeepsThePromise(HttpNotifierContract):
    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: slack.create(slack.Settings.model_validate({"url": url}), kinds.World(Path(), http))


def _fields(payload: dict[str, Any]) -> dict[str, str]:
    return {field["title"]: field["value"] for field in payload["attachments"][0]["fields"]}


def test_a_firing_message_says_what_where_value_threshold_and_since() -> None:
    payload = slack.payload(notification(), "ko")
    assert payload["text"] == "[심각] fail rate high · web-1: 수집 실패율 20.0 %"
    assert payload["attachments"][0]["color"] == "#d93026"
    assert _fields(payload) == {
        "내용": "수집 실패율 20.0 %",
        "위치": "host=web-1, source=shop",
        "값": "20.0 %",
        "기준": "&gt;= 20.0 %",
        "시작": "2026-03-01 09:00:00 UTC",
        "지속 시간": "0초",
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
    payload = slack.payload(notification(RESOLVED_ALERT, reason="resolved"), language)
    assert payload["text"] == text
    assert _fields(payload)[name] == duration
    assert payload["attachments"][0]["color"] == "#2e9e5b"


def test_a_rule_that_was_removed_is_not_told_as_resolved() -> None:
    payload = slack.payload(notification(replace(RESOLVED_ALERT, ended_because="rule removed"), reason="resolved"), "en")
    assert payload["text"].startswith("[ended]")
    assert payload["attachments"][0]["title"] == "ended · fail rate high (rule removed)"


def test_a_label_cannot_call_everybody_in_the_channel() -> None:
    payload = slack.payload(
        notification(replace(FIRING_ALERT, labels={"host": "<!channel>"}, summary={"ko": "<!here> & co"})), "ko"
    )
    assert "<!" not in str(payload)
    assert "&lt;!channel&gt;" in payload["text"]


def test_a_long_group_is_cut_and_says_so() -> None:
    payload = slack.payload(notification(*[FIRING_ALERT] * 25), "ko")
    assert len(payload["attachments"]) == 21
    assert payload["attachments"][-1]["text"] == "외 5건"
    assert "외 24건" in payload["text"]


def test_a_reminder_says_that_it_is_one() -> None:
    assert "(계속됨)" in slack.payload(notification(reason="repeat"), "ko")["text"]


def test_the_address_is_never_shown() -> None:
    assert "hooks" not in repr(slack.Settings.model_validate({"url": "https://hooks.slack.example/T/B/x"}))
