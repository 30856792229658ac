"""Several late messages about one group become one that says how it is now."""

from dataclasses import replace

import pytest

from gwanje.model import Severity
from gwanje.tell.combining import combined
from gwanje.tell.texts import Speech, write
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, notification

OTHER = replace(FIRING_ALERT, episode="019f00000000bb", labels={"host": "db-1"})


def test_one_message_stays_as_it_is() -> None:
    assert combined([notification()]) == notification()


def test_d4_what_fired_and_is_over_is_told_once_with_its_whole_story() -> None:
    over = replace(notification(RESOLVED_ALERT, reason="resolved"), key="k2")
    assert combined([notification(), over]) == over


def test_of_each_alert_the_last_word_counts_and_none_is_left_out() -> None:
    first = notification(FIRING_ALERT, OTHER)
    risen = replace(OTHER, severity=Severity.WARNING)
    one = combined([first, notification(RESOLVED_ALERT, reason="new alerts"), notification(risen, reason="severity rose")])
    assert (one.reason, list(one.alerts)) == ("first", [risen, RESOLVED_ALERT])
    assert write(one, Speech(language="en")).title.startswith("[warning] fail rate high · db-1 and 1 more")


@pytest.mark.parametrize("newest", ["acknowledged", "repeat", "resolved"])
@pytest.mark.parametrize("reason", ["new alerts", "severity rose", "was muted"])
def test_d4_what_nobody_heard_of_yet_is_louder_than_a_later_word(reason: str, newest: str) -> None:
    """An incident would otherwise be acknowledged although another alert of it is new."""
    assert combined([notification(OTHER, reason=reason), notification(FIRING_ALERT, reason=newest)]).reason == reason


def test_without_a_first_message_it_says_what_the_newest_says() -> None:
    assert combined([notification(reason="repeat"), notification(OTHER, reason="new alerts")]).reason == "new alerts"


def test_d11_late_notices_about_one_thing_are_the_newest_and_how_often_the_others() -> None:
    failed = replace(
        notification(reason="notice"),
        alerts=(),
        title={"ko": "수집 실패", "en": "Load failed"},
        text={"ko": "원인", "en": "Cause"},
    )
    well = replace(failed, key="k9", title={"ko": "수집 성공", "en": "Load ended well"}, text={"ko": "정상", "en": "ok"})
    one = combined([failed, well, failed, well])
    assert (one.key, one.reason, one.alerts) == ("k9", "notice", ())
    assert one.title == {"ko": "수집 성공 외 3건", "en": "Load ended well and 3 more"}
    assert one.text == {
        "ko": "정상\n그 전에 (늦게 알림): 수집 실패 (2), 수집 성공 (1)",
        "en": "ok\nBefore it (told late): Load failed (2), Load ended well (1)",
    }
