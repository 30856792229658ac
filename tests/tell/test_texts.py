"""How messages are written: titles, lines, links, times and a receiver's own words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from gwanje.tell.texts import Speech, Text, cut, write
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, notification

KO, EN = Speech(language="ko"), Speech(language="en")
LINKED = replace(
    FIRING_ALERT,
    cause={"ko": "60분 동안 1회 fail_ratio >= 20 %", "en": "at least once in 60 min: fail_ratio >= 20 %"},
    link="https://g.example/alerts/1",
    acknowledge_link="https://g.example/alerts/1?do=acknowledge",
    silence_link="https://g.example/alerts/1?do=silence",
)


def _lines(text: Text) -> dict[str, str]:
    return {line.name: line.text for line in text.parts[0].lines}


def test_d7_a_message_says_everything_in_korean_and_in_the_receivers_zone() -> None:
    text = write(notification(LINKED), Speech(language="ko", timezone="Asia/Seoul"))
    assert text.title == "[심각] fail rate high · web-1: 수집 실패율 20.0 %"
    assert _lines(text) == {
        "내용": "수집 실패율 20.0 %",
        "원인": "60분 동안 1회 fail_ratio >= 20 %",
        "위치": "host=web-1, source=shop",
        "상태": "정상 → 심각",
        "값": "20.0 %",
        "기준": ">= 20.0 %",
        "시작": "2026-03-01 18:00:00 KST",
        "지속 시간": "0초",
        "규칙": "fail rate high",
        "대응 방법": "https://wiki.example/fail-rate",
    }
    assert [link.name for link in text.links] == ["열기", "확인", "무음"]


def test_d7_a_message_says_everything_in_english() -> None:
    text = write(notification(LINKED), EN)
    assert text.title == "[critical] fail rate high · web-1: Fail rate 20.0 %"
    assert _lines(text) == {
        "What": "Fail rate 20.0 %",
        "Cause": "at least once in 60 min: fail_ratio >= 20 %",
        "Where": "host=web-1, source=shop",
        "State": "ok → critical",
        "Value": "20.0 %",
        "Threshold": ">= 20.0 %",
        "Since": "2026-03-01 09:00:00 UTC",
        "Duration": "0 s",
        "Rule": "fail rate high",
        "Runbook": "https://wiki.example/fail-rate",
    }
    assert [link.name for link in text.links] == ["Open", "Acknowledge", "Silence"]


@pytest.mark.parametrize(
    ("alert", "reason", "title", "tone"),
    [
        pytest.param(RESOLVED_ALERT, "resolved", "[해결] fail rate high · web-1: 수집 실패율 0.0 %", "resolved", id="resolved"),
        pytest.param(
            replace(RESOLVED_ALERT, ended_because="expired"),
            "resolved",
            "[만료됨] fail rate high · web-1: 수집 실패율 0.0 %",
            "ended",
            id="d10 what was not renewed expired and is not told as resolved",
        ),
        pytest.param(
            replace(FIRING_ALERT, was_muted="silenced"),
            "was muted",
            "[심각] fail rate high · web-1 (무음이었음): 수집 실패율 20.0 %",
            "critical",
            id="m3 what outlasts a silence says so",
        ),
        pytest.param(
            FIRING_ALERT,
            "acknowledged",
            "[심각] fail rate high · web-1 (담당자 확인): 수집 실패율 20.0 %",
            "critical",
            id="m6 taking over is told",
        ),
    ],
)
def test_a_title_says_why_it_is_told(alert: Any, reason: str, title: str, tone: str) -> None:
    text = write(notification(alert, reason=reason), KO)
    assert (text.title, text.tone) == (title, tone)


def test_m6_who_took_it_over_and_why_is_told() -> None:
    alert = replace(FIRING_ALERT, acknowledged_by="Kim", acknowledged_because="looking")
    assert _lines(write(notification(alert, reason="acknowledged"), EN))["acknowledged"] == "Kim is on it: looking"


def test_g6_a_digest_says_how_many_and_the_worst() -> None:
    digest = replace(notification(LINKED, reason="digest"), counts={"firing": 40, "resolved": 2, "critical": 3, "warning": 37})
    text = write(digest, EN)
    assert text.title == "[digest] Many alerts, told together: 40 firing, 2 over (critical 3, warning 37)"
    assert [part.title for part in text.parts] == ["critical · fail rate high"]


def test_d11_a_notice_says_what_it_has_to_say() -> None:
    notice = replace(notification(reason="notice"), alerts=(), title={"ko": "하루 요약"}, text={"ko": "알림 3건"})
    text = write(notice, KO)
    assert (text.title, text.body, text.parts, text.tone) == ("하루 요약", "알림 3건", (), "info")
    assert write(notice, EN).title == "하루 요약"  # better in the other language than nothing


def test_a_receivers_own_words_take_the_place_of_ours() -> None:
    words = {
        "title": "{{ alerts[0].rule }} @ {{ group.rule }}",
        "body": "{% for a in alerts %}{{ a.value }}{% endfor %} {{ alerts|length }}",
    }
    text = write(notification(LINKED), Speech.model_validate({"template": words, "language": "en"}))
    assert (text.title, text.plain) == ("fail rate high @ fail rate high", "20.0 % 1")


@pytest.mark.parametrize("body", ["{{ nothing.at.all }}", "{{ 1 / 0 }}", "{{ ''.__class__.__mro__ }}"])
def test_words_that_cannot_be_filled_leave_ours(body: str) -> None:
    text = write(notification(LINKED), Speech.model_validate({"template": {"body": body}, "language": "en"}))
    assert "Value: 20.0 %" in text.plain


@pytest.mark.parametrize(
    ("settings", "what"),
    [({"template": {"body": "{{ x"}}, "is not a template"), ({"timezone": "Mars/Base"}, "is not a time zone")],
)
def test_a_mistake_in_the_words_is_named(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Speech.model_validate(settings)


@pytest.mark.parametrize(("text", "left"), [("가나다라", "가나다라"), ("가나다라마", "가나다…"), ("", "")])
def test_what_is_too_long_is_cut_and_says_so(text: str, left: str) -> None:
    assert cut(text, 4) == left
