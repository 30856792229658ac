"""Exceedances as a CSV that spreadsheets read: in Korean or English, times in a zone, a formula made a text. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gwanje.show.history import Exceedance
from gwanje.tell.muted import Muted

Language = Literal["ko", "en"]

BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""First in a CSV, so that spreadsheets read its Korean."""
_FORMULA: Final = frozenset("=+-@\t\r")

_HEAD: Final = {
    "ko": (
        *("시작", "끝", "지속(초)", "기계", "컨테이너", "규칙", "심각도", "최고값", "한도", "알림", "받은 곳"),
        *("끝난 까닭", "알리지 않은 동안"),
    ),
    "en": (
        *("start", "end", "seconds", "host", "container", "rule", "severity", "highest value", "threshold", "told", "receivers"),
        *("ended because", "not told while"),
    ),
}
_KOREAN: Final = {
    "critical": "심각",
    "warning": "경고",
    "info": "정보",
    "resolved": "해제",
    "passed before firing": "발생 전에 지나감",
    "no data": "데이터가 없어 끝냄",
    "departed": "예정대로 떠남",
    "host removed": "기계를 없앰",
    "rule removed": "규칙이 없어짐",
    "rule changed": "규칙이 바뀜",
    "expired": "소식이 끊김",
    "silenced": "무음",
    "maintenance": "점검",
    "inhibited": "다른 알림이 대신함",
    "mute window": "조용한 시간",
    "flapping": "오락가락",
}
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {"ko": _KOREAN, "en": {}}
"""A word that is not here is written as it is kept, in English."""


def as_csv(found: Iterable[Exceedance], zone: ZoneInfo, language: Language) -> Iterator[str]:
    """The CSV, line by line."""
    yield BOM + _line(_HEAD[language])
    for one in found:
        yield _line(_row(one, zone, language))


def _row(one: Exceedance, zone: ZoneInfo, language: Language) -> Sequence[str]:
    words = _WORDS[language]
    return (
        _instant(one.start, zone),
        _instant(one.end, zone),
        f"{(one.end - one.start).total_seconds():.0f}" if one.end else "",
        one.host,
        one.container,
        one.rule,
        words.get(one.severity, one.severity),
        "" if one.peak is None else repr(one.peak).removesuffix(".0"),
        one.threshold,
        "1" if one.told else "0",
        ", ".join(one.told),
        words.get(one.ended_because, one.ended_because),
        "; ".join(_muted(stretch, zone, words) for stretch in one.muted),
    )


def _muted(stretch: Muted, zone: ZoneInfo, words: Mapping[str, str]) -> str:
    """`silenced 2026-03-02 01:00:00/2026-03-02 01:20:00 (kim: moving)`."""
    muter = stretch.muter
    name = muter.name if muter.what in {"maintenance", "mute window"} else ""
    by = ": ".join(filter(None, (muter.who, muter.why or name)))
    when = f"{_instant(stretch.begins, zone)}/{_instant(stretch.ends, zone)}"
    return " ".join(filter(None, (words.get(muter.what, muter.what), muter.receiver, when, f"({by})" if by else "")))


def _instant(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _line(values: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_text(value) for value in values])
    return line.getvalue()


def _text(value: str) -> str:
    """What a spreadsheet would take for a formula is made a text; a negative number is none."""
    return f"'{value}" if value[:1] in _FORMULA and not _is_number(value) else value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
