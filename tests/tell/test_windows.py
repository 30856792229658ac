"""Windows of the calendar and duty rotas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gwanje.tell.duty import Rota, answering, circle, on_duty, receiver_of, turns
from gwanje.tell.windows import DAYS, Window, begins, ends, holds, stretches

SEOUL, BERLIN = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin")


def _window(**written: object) -> Window:
    return Window.model_validate({"name": "w", **written})


def _rota(**written: object) -> Rota:
    people = [{"name": name, "receiver": f"{name}-phone"} for name in ("kim", "lee", "park")]
    return Rota.model_validate({"name": "boss", "zone": "Asia/Seoul", "people": people, "starts": "2026-01-05", **written})


def test_m5_a_night_crosses_midnight_and_belongs_to_the_day_on_which_it_began() -> None:
    night = _window(zone="Asia/Seoul", days=["fri"], **{"from": "22:00", "to": "07:00"})
    friday = datetime(2026, 3, 6, 22, 0, tzinfo=SEOUL)
    assert not holds(night, friday - timedelta(minutes=1))
    assert holds(night, friday)
    assert holds(night, friday + timedelta(hours=8, minutes=59))
    assert not holds(night, friday + timedelta(hours=9))
    assert not holds(night, friday - timedelta(hours=17))


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param(
            datetime(2026, 3, 28, 22, 0, tzinfo=BERLIN), 8, id="the night in which clocks go forward is an hour shorter"
        ),
        pytest.param(datetime(2026, 10, 24, 22, 0, tzinfo=BERLIN), 10, id="the night in which they go back an hour longer"),
        pytest.param(datetime(2026, 6, 1, 22, 0, tzinfo=BERLIN), 9, id="any other"),
    ],
)
def test_m5_windows_are_right_across_clock_changes(day: datetime, hours: int) -> None:
    night = _window(zone="Europe/Berlin", **{"from": "22:00", "to": "07:00"})
    held = sum(holds(night, day.astimezone(UTC) + timedelta(minutes=minute)) for minute in range(-60, 12 * 60))
    assert held == hours * 60
    assert [(end - begin) for begin, end in _in_utc(night, day)] == [timedelta(hours=hours)]


def _in_utc(window: Window, day: datetime) -> list[tuple[datetime, datetime]]:
    found = stretches(window, day - timedelta(hours=1), day + timedelta(hours=14))
    return [(begin.astimezone(UTC), end.astimezone(UTC)) for begin, end in found]


def test_m5_public_holidays_of_korea() -> None:
    holiday = _window(zone="Asia/Seoul", holidays="KR")
    assert holds(holiday, datetime(2026, 3, 1, 12, tzinfo=SEOUL))
    assert not holds(holiday, datetime(2026, 3, 4, 12, tzinfo=SEOUL))


def test_dates_and_stretches_of_dates() -> None:
    window = _window(dates=["2026-12-24", "2026-12-30/2027-01-02"])
    held = [day for day in range(20, 40) if holds(window, datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=day - 1))]
    assert held == [24, 30, 31, 32, 33]


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Seoul"},
        {"days": ["someday"]},
        {"from": "25:00"},
        {"dates": ["2026-13-01"]},
        {"dates": ["2026-02-02/2026-02-01"]},
        {"holidays": "XX"},
        {"from": "09:00", "to": "09:00"},
    ],
)
def test_what_is_no_calendar_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _window(**wrong)


CLOCKS = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
CHANGES = st.sampled_from(
    [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)]
)
QUARTERS = [timedelta(minutes=15 * number) for number in range(2 * 24 * 4)]


@given(st.lists(st.sampled_from(DAYS), max_size=3), CLOCKS, CLOCKS, CHANGES)
def test_m5_the_calendar_shows_just_what_holds(days: list[str], begins: str, ends: str, start: datetime) -> None:
    if begins == ends:
        return
    window = _window(zone="Europe/Berlin", days=days, **{"from": begins, "to": ends})
    shown = [(begin.astimezone(UTC), end.astimezone(UTC)) for begin, end in stretches(window, start, start + timedelta(days=2))]
    for at in (start + quarter for quarter in QUARTERS):
        assert holds(window, at) == holds(window, at.astimezone(BERLIN)) == any(begin <= at < end for begin, end in shown)


@pytest.mark.parametrize(
    ("begins", "ends", "minutes"),
    [
        pytest.param("02:15", "02:45", 30, id="within the hour that comes twice: once"),
        pytest.param("22:00", "02:30", 270, id="a night that ends in it ends once"),
        pytest.param("02:30", "05:00", 210, id="what begins in it lasts through its second time"),
    ],
)
def test_m5_in_the_hour_that_comes_twice_a_window_does_not_come_twice(begins: str, ends: str, minutes: int) -> None:
    window = _window(zone="Europe/Berlin", **{"from": begins, "to": ends})
    shown = stretches(window, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert [end.astimezone(UTC) - begin.astimezone(UTC) for begin, end in shown] == [timedelta(minutes=minutes)]


def test_m5_in_the_hour_that_never_comes_a_window_is_not_left_out() -> None:
    window = _window(zone="Europe/Berlin", **{"from": "02:15", "to": "02:45"})
    first = datetime(2026, 3, 29, 1, 15, tzinfo=UTC)
    held = [minute for minute in range(-60, 90) if holds(window, first + timedelta(minutes=minute))]
    assert held == list(range(30))


@given(CLOCKS, CLOCKS, CLOCKS, CHANGES)
def test_m5_duty_is_handed_over_once_and_the_calendar_shows_just_who_is_on(
    hand_over: str, begins: str, ends: str, start: datetime
) -> None:
    if begins == ends:
        return
    rota = _rota(zone="Europe/Berlin", hand_over=hand_over, every=1, starts="2026-01-01", **{"from": begins, "to": ends})
    shown = turns(rota, start, start + timedelta(days=2))
    on = [on_duty(rota, start + quarter) for quarter in QUARTERS]
    assert on == [
        next((turn.person for turn in shown if turn.begins <= start + quarter < turn.ends), None) for quarter in QUARTERS
    ]
    names = [person.name for person in on if person]
    handed = [name for name, before in zip(names, [None, *names], strict=False) if name != before]
    following = {"kim": "lee", "lee": "park", "park": "kim"}
    assert [following[name] for name in handed[:-1]] == handed[1:], "each hand-over is to the next in turn"


def test_m5_people_take_turns_and_hand_over_at_the_same_hour_of_the_clock() -> None:
    rota = _rota()
    monday = datetime(2026, 1, 5, 9, 0, tzinfo=SEOUL)
    for week, name in enumerate(["kim", "lee", "park", "kim"]):
        begins = monday + timedelta(weeks=week)
        person = on_duty(rota, begins)
        assert person
        assert person.name == name
        before = on_duty(rota, begins - timedelta(minutes=1))
        assert before
        assert before.name != name
    assert receiver_of([rota], "boss", monday) == "kim-phone"
    assert receiver_of([rota], "other", monday) == ""


def test_m5_a_stretch_taken_over_wins_and_the_turn_goes_on_after_it() -> None:
    taken = {"person": "park", "from": "2026-01-06T10:00:00+09:00", "to": "2026-01-06T18:00:00+09:00"}
    rota = _rota(overrides=[taken])
    start = datetime(2026, 1, 5, 9, 0, tzinfo=SEOUL)
    found = turns(rota, start, start + timedelta(days=8))
    assert [(turn.person.name, turn.begins.astimezone(SEOUL).strftime("%d %H:%M")) for turn in found] == [
        ("kim", "05 09:00"),
        ("park", "06 10:00"),
        ("kim", "06 18:00"),
        ("lee", "12 09:00"),
    ]


def test_m5_nobody_is_on_duty_on_holidays_and_days_that_are_left_out() -> None:
    rota = _rota(days=["mon-fri"], not_on_holidays="KR")
    assert on_duty(rota, datetime(2026, 1, 10, 12, tzinfo=SEOUL)) is None
    assert on_duty(rota, datetime(2026, 2, 17, 12, tzinfo=SEOUL)) is None
    assert on_duty(rota, datetime(2026, 2, 20, 12, tzinfo=SEOUL)) is not None


def _layers(zone: str = "Europe/Berlin") -> list[Rota]:
    """Kim, Lee and Park take turns at night; the desk answers otherwise, but not at the weekend."""
    desk = [{"name": "desk", "receiver": "desk-mail"}]
    night = _rota(name="night", zone=zone, hand_over="12:00", otherwise="day", **{"from": "22:00", "to": "07:00"})
    return [night, _rota(name="day", zone=zone, hand_over="00:00", people=desk, days=["mon-fri"])]


@pytest.mark.parametrize(
    ("at", "answers"),
    [
        pytest.param("2026-03-27T21:59+01:00", "desk", id="before the night"),
        pytest.param("2026-03-27T22:00+01:00", "park", id="the night begins"),
        pytest.param("2026-03-29T01:59+01:00", "park", id="before clocks go forward"),
        pytest.param("2026-03-29T03:00+02:00", "park", id="after they went"),
        pytest.param("2026-03-29T06:59+02:00", "park", id="the short night ends at seven of the new clock"),
        pytest.param("2026-03-29T07:00+02:00", None, id="on a Sunday the desk is empty"),
        pytest.param("2026-10-25T02:30+02:00", "park", id="the hour that comes twice, the first time"),
        pytest.param("2026-10-25T02:30+01:00", "park", id="and the second"),
        pytest.param("2026-10-25T06:59+01:00", "park", id="the long night goes on until seven"),
        pytest.param("2026-10-26T08:00+01:00", "desk", id="Monday at the desk"),
    ],
)
def test_m5_a_layer_answers_in_its_hours_and_the_one_below_otherwise(at: str, answers: str | None) -> None:
    person = answering(_layers(), datetime.fromisoformat(at)).get("night")
    assert (person.name if person else None) == answers


def test_m5_a_layers_calendar_shows_just_its_hours_across_a_clock_change() -> None:
    night = _layers()[0]
    start = datetime.fromisoformat("2026-03-28T12:00+01:00")
    shown = turns(night, start, start + timedelta(days=2))
    lengths = [turn.ends.astimezone(UTC) - turn.begins.astimezone(UTC) for turn in shown]
    assert lengths == [timedelta(hours=8), timedelta(hours=9)]
    for minutes in range(0, 2 * 24 * 60, 30):
        at = start + timedelta(minutes=minutes)
        assert (on_duty(night, at) is not None) == any(turn.begins <= at < turn.ends for turn in shown)


def test_m5_layers_that_go_in_a_circle_are_seen() -> None:
    one, other = _rota(name="one", otherwise="other"), _rota(name="other", otherwise="one")
    assert circle([one, other], "one")
    assert not circle(_layers(), "night")


def test_somebody_unknown_cannot_take_a_stretch_over() -> None:
    taken = {"person": "choi", "from": "2026-01-06T10:00:00+09:00", "to": "2026-01-06T18:00:00+09:00"}
    with pytest.raises(ValidationError, match="choi"):
        _rota(overrides=[taken])


def test_when_a_window_ends_and_when_it_begins_next() -> None:
    night = _window(zone="Europe/Berlin", **{"from": "22:00", "to": "07:00"})
    asleep, awake = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert ends(night, asleep) == datetime(2026, 3, 29, 5, tzinfo=UTC), "the clocks changed that night"
    assert begins(night, awake) == datetime(2026, 3, 28, 21, tzinfo=UTC)
    assert begins(night, asleep) == datetime(2026, 3, 29, 20, tzinfo=UTC)
    assert ends(night, awake) is None, "it does not hold"
    assert ends(_window(), awake) is None, "it never ends"
