"""A pause of a pipeline in every engine: one a pipeline, ended by one of those who want to, and written down."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from gwanje.keep.said import Pause
from gwanje.keep.state import pauses
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import audit

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KIMS = Pause("collect", "kim", "the site moves", NOW, NOW + HOUR)
FOR_EVER = Pause("other", "lee", "gone", NOW, None)


def _put(state: State, *said: Pause) -> None:
    with state.write() as connection:
        for one in said:
            pauses.put(connection, one)


def _end(state: State, pause: Pause, who: str = "lee", settles_at: datetime | None = None) -> bool:
    with state.write() as connection:
        return pauses.end(connection, pause, NOW, who, settles_at=settles_at)


def _every(state: State) -> list[Pause]:
    with state.read() as connection:
        return pauses.every(connection)


def _unjudged(state: State, now: datetime = NOW) -> dict[str, str]:
    with state.read() as connection:
        return pauses.unjudged(connection, now)


def test_what_was_put_comes_back_and_another_of_the_pipeline_takes_its_place(state: State) -> None:
    longer = Pause("collect", "lee", "it takes longer", NOW + HOUR / 2, NOW + HOUR * 2)
    _put(state, KIMS, FOR_EVER, longer)
    assert _every(state) == [longer, FOR_EVER]


def test_of_many_who_end_it_at_once_one_does_and_the_trail_says_who(state: State) -> None:
    _put(state, KIMS)
    with ThreadPoolExecutor(4) as threads:
        ended = list(threads.map(lambda who: (who, _end(state, KIMS, who)), "abcd"))
    (who,) = [who for who, done in ended if done]
    assert _every(state) == []
    with state.read() as connection:
        lines = connection.execute(select(audit.c.who, audit.c.what, audit.c.target).order_by(audit.c.id)).all()
    assert [tuple(line) for line in lines] == [("kim", "pipeline paused", "collect"), (who, "pipeline resumed", "collect")]


def test_one_that_was_changed_since_it_was_read_is_not_ended(state: State) -> None:
    changed = Pause("collect", "kim", "the site moves", NOW, NOW + HOUR * 2)
    _put(state, KIMS, changed)
    assert not _end(state, KIMS)
    assert _every(state) == [changed]


def test_that_its_time_is_over_is_asked_cheaply(state: State) -> None:
    _put(state, KIMS, FOR_EVER)
    with state.read() as connection:
        asked = [pauses.any_over(connection, NOW + HOUR * hours) for hours in (0.9, 1)]
    assert asked == [False, True]


def test_n5_a_pipeline_is_judged_again_after_its_first_run_or_when_none_comes(state: State) -> None:
    _put(state, KIMS, FOR_EVER)
    assert _unjudged(state) == {"collect": "paused by kim", "other": "paused by lee"}
    _end(state, KIMS, settles_at=NOW + HOUR)
    _end(state, FOR_EVER)
    assert _unjudged(state) == {"collect": "not run yet since its pause"}
    assert _unjudged(state, NOW + HOUR) == {}
    with state.write() as connection:
        pauses.settle(connection, "collect")
    assert _unjudged(state) == {}


def test_a_run_of_a_pipeline_that_is_paused_ends_no_pause(state: State) -> None:
    _put(state, KIMS)
    with state.write() as connection:
        pauses.settle(connection, "collect")
    assert _every(state) == [KIMS]


def test_one_that_ended_can_be_paused_again(state: State) -> None:
    _put(state, KIMS)
    _end(state, KIMS, settles_at=NOW + HOUR)
    _put(state, KIMS)
    assert _every(state) == [KIMS]
