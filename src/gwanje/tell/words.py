"""What messages say, in Korean and English."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

Language = Literal["ko", "en"]

WORDS: Final = {
    "ko": {
        "critical": "심각",
        "warning": "경고",
        "info": "정보",
        "firing": "발생",
        "resolved": "해결",
        "ended": "종료",
        "first": "처음",
        "new alerts": "새 알림",
        "severity rose": "심각도 상승",
        "repeat": "계속됨",
        "test": "시험",
        "what": "내용",
        "where": "위치",
        "value": "값",
        "threshold": "기준",
        "since": "시작",
        "duration": "지속 시간",
        "rule removed": "규칙이 삭제됨",
        "runbook": "대응 방법",
        "rule": "규칙",
        "cause": "원인",
        "why": "이유",
        "state": "상태",
        "normal": "정상",
        "expired": "만료됨",
        "no data": "데이터 없음",
        "departed": "예정대로 떠남",
        "host removed": "기계를 없앰",
        "rule changed": "규칙이 바뀜",
        "was muted": "무음이 끝남",
        "silenced": "무음이었음",
        "inhibited": "다른 알림에 가려졌음",
        "mute window": "무음 시간대였음",
        "maintenance": "점검 중이었음",
        "flapping": "들쭉날쭉했음",
        "acknowledged": "담당자 확인",
        "taken": "{who} 님이 확인함",
        "digest": "알림 묶음",
        "digest of": "알림이 많아 묶어서 보냅니다: 발생 {firing}건, 종료 {resolved}건",
        "notice": "안내",
        "told late": "그 전에 (늦게 알림)",
        "open": "열기",
        "acknowledge": "확인",
        "silence": "무음",
        "more": "외 {count}건",
    },
    "en": {
        "critical": "critical",
        "warning": "warning",
        "info": "info",
        "firing": "firing",
        "resolved": "resolved",
        "ended": "ended",
        "first": "first",
        "new alerts": "new alerts",
        "severity rose": "severity rose",
        "repeat": "still firing",
        "test": "test",
        "what": "What",
        "where": "Where",
        "value": "Value",
        "threshold": "Threshold",
        "since": "Since",
        "duration": "Duration",
        "rule removed": "rule removed",
        "runbook": "Runbook",
        "rule": "Rule",
        "cause": "Cause",
        "why": "Why",
        "state": "State",
        "normal": "ok",
        "expired": "expired",
        "no data": "no data",
        "departed": "departed as expected",
        "host removed": "host removed",
        "rule changed": "rule changed",
        "was muted": "was muted",
        "silenced": "was silenced",
        "inhibited": "was inhibited",
        "mute window": "was in a mute window",
        "maintenance": "was in maintenance",
        "flapping": "was flapping",
        "acknowledged": "acknowledged",
        "taken": "{who} is on it",
        "digest": "digest",
        "digest of": "Many alerts, told together: {firing} firing, {resolved} over",
        "notice": "notice",
        "told late": "Before it (told late)",
        "open": "Open",
        "acknowledge": "Acknowledge",
        "silence": "Silence",
        "more": "and {count} more",
    },
}


def word(name: str, language: Language) -> str:
    """The word people read; a name without one stands for itself."""
    return WORDS[language].get(name, name)


def spoken(duration: timedelta, language: Language) -> str:
    """A stretch of time as people say it: `3분 12초`, `3 min 12 s`; at most its two largest units."""
    rest = max(round(duration.total_seconds()), 0)
    units = {"ko": ("일", "시간", "분", "초"), "en": (" d", " h", " min", " s")}[language]
    parts = []
    for seconds, unit in zip((86_400, 3600, 60, 1), units, strict=True):
        count, rest = divmod(rest, seconds)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts[:2]) or f"0{units[-1]}"
