"""What is ahead of a text: hand-overs by the clock of its zone, gaps on holidays, next times, steps with who is on duty."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gwanje.config import dump
from gwanje.model import to_ms
from gwanje.show.setting_ahead import of_setting
from gwanje.tell.duty import Rota
from gwanje.tell.policy import Policy
from gwanje.tell.written import read

PEOPLE = [{"name": "kim", "receiver": "ops"}, {"name": "lee", "receiver": "ops"}]
ROTA = {"name": "r", "people": PEOPLE, "starts": "2026-01-05", "every": 1}


def _ahead(kind: str, values: dict[str, Any], now: datetime, policy: Policy | None = None) -> dict[str, Any]:
    return of_setting(read(kind, dump(values)).setting, policy or Policy(), now)


def _at(year: int, month: int, day: int, hour: int) -> int:
    return to_ms(datetime(year, month, day, hour, tzinfo=UTC))


def test_a_turn_is_handed_over_at_the_same_clock_on_both_sides_of_a_change_of_clocks() -> None:
    found = _ahead("rota", {**ROTA, "zone": "Europe/Berlin"}, datetime(2026, 10, 24, 12, tzinfo=UTC))["turns"]
    assert [one["to"] for one in found[:3]] == [_at(2026, 10, 25, 8), _at(2026, 10, 26, 8), _at(2026, 10, 27, 8)]
    assert found[0]["from"] == _at(2026, 10, 24, 12)
    summer = _ahead("rota", {**ROTA, "zone": "Europe/Berlin"}, datetime(2026, 10, 23, 12, tzinfo=UTC))["turns"]
    assert [one["to"] for one in summer[:2]] == [_at(2026, 10, 24, 7), _at(2026, 10, 25, 8)]


def test_a_holiday_is_a_time_of_nobody() -> None:
    values = {**ROTA, "zone": "Asia/Seoul", "not_on_holidays": "KR", "hand_over": "00:00"}
    found = _ahead("rota", values, datetime(2026, 2, 27, 16, tzinfo=UTC))["turns"]  # the first and second of March are holidays
    assert [(one["person"] is None, one["from"], one["to"]) for one in found[:3]] == [
        (False, _at(2026, 2, 27, 16), _at(2026, 2, 28, 15)),
        (True, _at(2026, 2, 28, 15), _at(2026, 3, 2, 15)),
        (False, _at(2026, 3, 2, 15), _at(2026, 3, 3, 15)),
    ]


def test_a_window_tells_its_next_times_and_whether_it_holds() -> None:
    values = {"name": "w", "zone": "Asia/Seoul", "from": "22:00", "to": "07:00", "days": "fri"}
    found = _ahead("window", values, datetime(2026, 3, 6, 14, tzinfo=UTC))
    assert (found["holds"], len(found["times"])) == (True, 12)
    assert found["times"][1] == {"from": _at(2026, 3, 13, 13), "to": _at(2026, 3, 13, 22)}


def test_a_step_says_who_is_on_duty_now() -> None:
    values = {"name": "e", "steps": [{"after": "10m", "receiver": "ops"}, {"after": "1h", "duty": "r"}]}
    steps = _ahead("escalation", values, datetime(2026, 1, 6, 12, tzinfo=UTC), Policy(rotas=[Rota.model_validate(ROTA)]))["steps"]
    assert [(one["after"], one["receiver"], one["duty"], one["person"]) for one in steps] == [
        ("10m", "ops", None, None),
        ("1h", None, "r", "lee"),
    ]


def test_a_text_with_mistakes_has_nothing_ahead() -> None:
    assert _ahead("rota", {"name": "r"}, datetime(2026, 1, 6, tzinfo=UTC)) == {}
