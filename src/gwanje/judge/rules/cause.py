"""The condition in one sentence, in Korean and in English: what an alert says it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from gwanje.judge.rules.found import written
from gwanje.judge.rules.questions import value
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import Threshold
from gwanje.wire import names

_UNITS: Final = (
    (timedelta(days=1), "일", "d"),
    (timedelta(hours=1), "시간", "h"),
    (timedelta(minutes=1), "분", "min"),
    (timedelta(seconds=1), "초", "s"),
)
_OVER: Final = {
    "average": ("{ko} 동안 평균", "average over {en}"),
    "every": ("{ko} 동안 계속", "every sample for {en}"),
    "any": ("{ko} 동안 1회", "at least once in {en}"),
    "sum": ("{ko} 동안 합계", "sum in {en}"),
}
_METHODS: Final = {
    "zscore": ("최근 {n}개 값과의 차이", "distance from the last {n} points"),
    "robust": ("최근 {n}개 값의 중앙값과의 차이", "distance from the median of the last {n} points"),
    "seasonal": ("지난 {n}주기 같은 시각과의 차이", "distance from the same time of the last {n} seasons"),
}
_LONGEST: Final = 200


def cause(rule: Rule, threshold: Threshold) -> dict[str, str]:
    """`60분 동안 1회 disk_used_percent >= 85`; `at least once in 60 min: disk_used_percent >= 85`."""
    before = _before(rule)
    said = f"{_subject(rule)} {written(threshold, rule.value_unit)}".strip()
    return {"ko": f"{before[0]} {said}".strip(), "en": f"{before[1]}: {said}" if before[1] else said}


def spoken(time: timedelta) -> tuple[str, str]:
    """A time in the largest unit that says it exactly: `60분`, `60 min`; an hour is sixty minutes to those on duty."""
    for length, ko, en in _UNITS:
        if not time % length and (time // length > 1 or length <= timedelta(minutes=1)):
            return f"{time // length}{ko}", f"{time // length} {en}"
    return f"{time.total_seconds():g}초", f"{time.total_seconds():g} s"


def _before(rule: Rule) -> tuple[str, str]:
    """What time is looked at, and how."""
    if rule.anomaly is not None:
        ko, en = (text.format(n=rule.anomaly.points) for text in _METHODS[rule.anomaly.method])
        return ko, en
    over = rule.ratio.over if rule.ratio else rule.over
    if over is not None:
        ko, en = spoken(over)
        if rule.ratio is not None:
            return f"{ko} 동안 비율", f"ratio in {en}"
        if rule.percentile is not None:
            return f"{ko} 동안 p{rule.percentile:g}", f"p{rule.percentile:g} over {en}"
        said_ko, said_en = _OVER[rule.condition]
        return said_ko.format(ko=ko), said_en.format(en=en)
    if rule.for_:
        ko, en = spoken(rule.for_)
        return f"{ko} 동안 계속", f"for {en}"
    return "", ""


def _subject(rule: Rule) -> str:
    """What is compared, in the words of the rule."""
    if rule.ratio is not None:
        said = f"{rule.ratio.failed} / {rule.ratio.total}"
    elif rule.metric is not None:
        said = names.selector(rule.metric, rule.where)
    else:
        said = " ".join(value(rule).split())
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"
