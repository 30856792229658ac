"""The condition in a sentence."""

import pytest

from gwanje.judge.rules.cause import cause
from gwanje.judge.rules.spec import Rule

USED = {"metric": "disk_used_percent", "over": "60m", "critical": ">= 85"}


@pytest.mark.parametrize(
    ("keys", "ko", "en"),
    [
        (
            USED | {"condition": "any"},
            "60분 동안 1회 disk_used_percent >= 85",
            "at least once in 60 min: disk_used_percent >= 85",
        ),
        (
            USED | {"condition": "every"},
            "60분 동안 계속 disk_used_percent >= 85",
            "every sample for 60 min: disk_used_percent >= 85",
        ),
        (USED, "60분 동안 평균 disk_used_percent >= 85", "average over 60 min: disk_used_percent >= 85"),
        (USED | {"condition": "sum"}, "60분 동안 합계 disk_used_percent >= 85", "sum in 60 min: disk_used_percent >= 85"),
        (USED | {"percentile": 95}, "60분 동안 p95 disk_used_percent >= 85", "p95 over 60 min: disk_used_percent >= 85"),
        (
            {"expr": "host_memory_used_ratio", "for": "90s", "unit": "ratio", "critical": ">= 0.95"},
            "90초 동안 계속 host_memory_used_ratio >= 95.0 %",
            "for 90 s: host_memory_used_ratio >= 95.0 %",
        ),
        ({"expr": "up", "critical": "< 1"}, "up < 1", "up < 1"),
        (
            {"metric": "x", "where": 'job="a"', "anomaly": {}, "critical": ">= 3", "unit": "bytes"},
            '최근 100개 값과의 차이 x{job="a"} >= 3',
            'distance from the last 100 points: x{job="a"} >= 3',
        ),
        (
            {"ratio": {"failed": "f", "total": "t", "over": "15m"}, "critical": ">= 0.2", "unit": "ratio"},
            "15분 동안 비율 f / t >= 20.0 %",
            "ratio in 15 min: f / t >= 20.0 %",
        ),
        ({"expr": "a > b", "severity": "info"}, "a > b", "a > b"),
    ],
)
def test_d7_the_cause_is_one_sentence_in_both_languages(keys: dict[str, object], ko: str, en: str) -> None:
    rule = Rule.model_validate({"name": "a"} | keys)
    assert cause(rule, rule.conditions[0][1]) == {"ko": ko, "en": en}
