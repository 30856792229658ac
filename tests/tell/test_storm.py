"""G6: so many messages a minute and receiver, and one digest of the rest. Times are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gwanje.model import Severity
from gwanje.tell.storm import MINUTE, Weather, limit, room, spent, worst
from gwanje.tell.told import Alert, Decided, Group, Reason

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def _message(host: str, *, seconds: float = 0, receiver: str = "ops", firing: bool = True) -> Decided:
    alert = Alert(host, "disk full", {"host": host}, Severity.CRITICAL, firing=firing)
    reason = Reason.FIRST if firing else Reason.RESOLVED
    return Decided(f"{host}{firing}", Group(host, receiver, {}, BEGAN), reason, (alert,), _at(seconds))


def _heard(messages: list[Decided]) -> list[str]:
    return [message.group.key for message in messages]


def test_g6_so_many_a_minute_go_out_by_themselves_and_the_rest_is_one_digest() -> None:
    alone, digests, weather = limit([_message(host) for host in "abcd"], {}, _at(0), most=2)
    assert (_heard(alone), digests) == (["a", "b"], [])
    alone, digests, weather = limit([], weather, _at(59), most=2)
    assert (alone, digests) == ([], [])
    alone, (digest,), weather = limit([], weather, _at(60), most=2)
    assert (alone, digest.firing, digest.over) == ([], ("c", "d"), ())
    assert weather["ops"].held == {}


def test_g6_no_resolved_overtakes_a_firing_that_is_held_back() -> None:
    _, _, weather = limit([_message(host) for host in "abc"], {}, _at(0), most=2)
    alone, _, weather = limit([_message("c", firing=False)], weather, _at(59.5), most=2)
    assert alone == []
    alone, (digest,), weather = limit([_message("d")], weather, _at(60), most=2)
    assert (alone, digest.firing, digest.over) == ([], ("d",), ("c",))


def test_g6_each_receiver_has_a_weather_of_its_own() -> None:
    alone, _, weather = limit([_message(host, receiver=to) for host in "ab" for to in ("ops", "lead")], {}, _at(0), most=1)
    assert [(one.group.receiver, one.group.key) for one in alone] == [("ops", "a"), ("lead", "a")]
    assert {receiver: list(one.held) for receiver, one in weather.items()} == {"ops": ["b"], "lead": ["b"]}


def test_g6_after_the_storm_everything_goes_out_by_itself_and_nothing_is_remembered() -> None:
    weather: Mapping[str, Weather] = {}
    _, _, weather = limit([_message(host) for host in "abc"], weather, _at(0), most=2)
    _, _, weather = limit([], weather, _at(60), most=2)
    alone, _, weather = limit([_message("d")], weather, _at(61), most=2)
    assert _heard(alone) == ["d"]
    assert limit([], weather, _at(122), most=2) == ([], [], {})


def test_g6_a_digest_names_the_worst_first() -> None:
    over = Alert("1", "disk full", {}, Severity.CRITICAL, firing=False)
    warning = Alert("2", "disk full", {}, Severity.WARNING, firing=True)
    critical = Alert("3", "disk full", {}, Severity.CRITICAL, firing=True)
    assert worst([over, warning, critical], 2) == [critical, warning]


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from([0.5, 1, 5, 20, 59.5, 60]), st.integers(0, 6), st.integers(0, 2)), max_size=40),
)
def test_g6_in_no_minute_a_receiver_hears_more_and_nothing_is_left_out(most: int, moments: list[tuple[float, int, int]]) -> None:
    """At each moment so many messages are decided, and so many notices wanted."""
    weather: Mapping[str, Weather] = {}
    sent, decided, told, seconds = list[float](), set[str](), set[str](), 0.0
    for pause, messages, notices in [*moments, *[(1, 0, 0)] * 120]:
        seconds += pause
        for _ in range(notices):
            if room(weather.get("ops"), _at(seconds), most):
                weather = spent(weather, ["ops"], _at(seconds))
                sent.append(seconds)
        new = [_message(f"{seconds}-{number}", seconds=seconds) for number in range(messages)]
        decided |= {message.group.key for message in new}
        alone, digests, weather = limit(new, weather, _at(seconds), most)
        sent += [seconds] * (len(alone) + len(digests))
        told |= {*_heard(alone), *(episode for digest in digests for episode in digest.firing)}
    assert told == decided
    for first in sent:
        assert sum(first <= one < first + MINUTE.total_seconds() for one in sent) <= most
