"""Durations and words as people say them."""

from datetime import timedelta

import pytest

from gwanje.tell.words import WORDS, Language, spoken


@pytest.mark.parametrize(
    ("seconds", "language", "text"),
    [
        (192, "ko", "3분 12초"),
        (192, "en", "3 min 12 s"),
        (0.4, "ko", "0초"),
        (3600, "en", "1 h"),
        (90_061, "ko", "1일 1시간"),
        (-5, "en", "0 s"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, language: Language, text: str) -> None:
    assert spoken(timedelta(seconds=seconds), language) == text


def test_every_word_is_known_in_both_languages() -> None:
    assert WORDS["ko"].keys() == WORDS["en"].keys()
