"""Values and sentences as people read them."""

import pytest

from gwanje.judge.rules.summary import readable, render


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.2, "ratio", "20.0 %"),
        (1 / 6, "ratio", "16.7 %"),
        (512, "bytes", "512 B"),
        (1536, "bytes", "1.5 KiB"),
        (3 * 2**40, "bytes", "3.0 TiB"),
        (0.25, "seconds", "0.25 s"),
        (17, "count", "17"),
        (0.97, "", "0.97"),
        (None, "ratio", "?"),
    ],
)
def test_a_value_is_written_in_its_unit(value: float | None, unit: str, text: str) -> None:
    assert readable(value, unit) == text


def _render(summary: object) -> dict[str, str]:
    return render(summary, "cpu high", value=0.9, threshold=">= 80.0 %", unit="ratio", labels={"host": "<web-1>"})


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        pytest.param(
            {"ko": "{{ labels.host }} {{ value }}", "en": "{{ number * 2 }}"},
            {"ko": "<web-1> 90.0 %", "en": "1.8"},
            id="each its own",
        ),
        pytest.param("{{ threshold }}", {"ko": ">= 80.0 %", "en": ">= 80.0 %"}, id="one text for all"),
        pytest.param({"en": "{{ value }}"}, {"ko": "90.0 %", "en": "90.0 %"}, id="the other language where one is missing"),
        pytest.param(None, dict.fromkeys(("ko", "en"), "cpu high: 90.0 % (>= 80.0 %)"), id="no summary"),
        pytest.param(
            "{{ labels.gone }}", dict.fromkeys(("ko", "en"), "cpu high: 90.0 % (>= 80.0 %)"), id="a label that is not there"
        ),
    ],
)
def test_an_alert_is_told_in_any_case(summary: object, expected: dict[str, str]) -> None:
    assert _render(summary) == expected
