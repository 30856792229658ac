"""Alerts as people read them: open ones, pages of past ones, one story."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gwanje.because import Because
from gwanje.keep.state import alerts, outbox, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.stories import Attempt, Change, Told, Wanted
from gwanje.model import Severity

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _minute(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def _episode(id_: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": id_,
        "fingerprint": f"f{id_}",
        "rule": "cpu high",
        "labels": {"host": "web-1"},
        "annotations": {"runbook": "https://wiki.example/cpu"},
        "summary": {"ko": "높음", "en": "high"},
        "state": "firing",
        "severity": "warning",
        "began_at": NOW,
        "fired_at": NOW,
        "value": 0.9,
        "peak": 0.95,
        "operator": ">=",
        "threshold": 0.8,
        "query": "up",
        "unit": "ratio",
        "for_ms": 60_000,
    }
    return row | changes


def _begin(state: State, *rows: dict[str, Any]) -> None:
    with state.write() as connection:
        for row in rows:
            alerts.begin_episodes(connection, [row])


def _tell(state: State, key: str, *episodes: str, outcome: str = "") -> None:
    with state.write() as connection:
        outbox.put(
            connection,
            key=key,
            receiver="ops",
            group_key=key,
            reason="first",
            episodes=episodes,
            message={},
            now=NOW,
            deadline=_minute(60),
        )
        if outcome:
            claimed = outbox.claim(connection, "ops", "a", _minute(1), _minute(2))
            assert claimed is not None
            tried = outbox.Tried(_minute(1), outcome, 200, 12.5, "", _minute(3))
            outbox.attempted(connection, claimed, "a", tried)


def test_open_ones_stand_in_the_order_in_which_people_care(state: State) -> None:
    _begin(
        state,
        _episode("1"),
        _episode("2", severity="critical", fired_at=None, state="pending"),
        _episode("3", severity="critical"),
        _episode("4"),
        _episode("5", ended_at=_minute(1), ended_because="resolved", state="resolved"),
    )
    with state.read() as connection:
        assert [one.id for one in stories.open_episodes(connection)] == ["3", "4", "1", "2"]
        assert stories.counts_by_state(connection) == {"firing": 3, "pending": 1}


def test_an_episode_holds_everything_that_a_view_needs(state: State) -> None:
    _begin(state, _episode("1"))
    _tell(state, "k1", "1", outcome="sent")
    with state.read() as connection:
        assert stories.episode(connection, "1") == stories.Episode(
            id="1",
            fingerprint="f1",
            rule="cpu high",
            labels={"host": "web-1"},
            host="web-1",
            annotations={"runbook": "https://wiki.example/cpu"},
            summary={"ko": "높음", "en": "high"},
            state="firing",
            severity=Severity.WARNING,
            began_at=NOW,
            fired_at=NOW,
            ended_at=None,
            ended_because=None,
            value=0.9,
            peak=0.95,
            operator=">=",
            threshold=0.8,
            query="up",
            unit="ratio",
            for_=timedelta(minutes=1),
            told=(Told("ops", "first", "sent", 1, _minute(1), ""),),
        )
        assert stories.episode(connection, "2") is None


PAST = (
    _episode("1", ended_at=_minute(5), state="resolved"),
    _episode("2", began_at=_minute(10), labels={"host": "db-1"}, severity="critical"),
    _episode("3", began_at=_minute(20), ended_at=_minute(21), state="resolved", fired_at=None),
    _episode("4", began_at=_minute(30), ended_at=_minute(31), state="resolved", rule="disk full", labels={}),
)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        pytest.param(Wanted(), ["4", "3", "2", "1"], id="newest first"),
        pytest.param(Wanted(state="open"), ["2"], id="open"),
        pytest.param(Wanted(state="ended"), ["4", "3", "1"], id="ended"),
        pytest.param(Wanted(rule="disk full"), ["4"], id="by rule"),
        pytest.param(Wanted(host="db-1"), ["2"], id="by host"),
        pytest.param(Wanted(severity="critical"), ["2"], id="by severity"),
        pytest.param(Wanted(fired_only=True), ["4", "2", "1"], id="without those that passed"),
        pytest.param(Wanted(since=_minute(6), until=_minute(21)), ["3", "2"], id="open in a stretch of time"),
        pytest.param(Wanted(since=_minute(40)), ["2"], id="what is open goes on"),
        pytest.param(Wanted(before="3"), ["2", "1"], id="after a cursor"),
    ],
)
def test_episodes_are_found_by_filters(state: State, wanted: Wanted, ids: list[str]) -> None:
    _begin(state, *PAST)
    with state.read() as connection:
        assert [one.id for one in stories.episode_page(connection, wanted).episodes] == ids


def test_pages_follow_each_other_without_gap_or_repetition(state: State) -> None:
    _begin(state, *PAST)
    seen: list[str] = []
    cursor, pages = "", 0
    with state.read() as connection:
        while pages < 5:
            page = stories.episode_page(connection, Wanted(limit=3, before=cursor))
            seen += [one.id for one in page.episodes]
            cursor, pages = page.next, pages + 1
            if not cursor:
                break
    assert (seen, pages) == (["4", "3", "2", "1"], 2)


def test_a_story_tells_changes_and_attempts_newest_first(state: State) -> None:
    _begin(state, _episode("1"), _episode("2"))
    change = {
        "episode": "1",
        "at": NOW,
        "before": "ok",
        "after": "firing",
        "severity": "warning",
        "value": 0.9,
        "because": "x" * 500,
    }
    with state.write() as connection:
        alerts.add_transitions(connection, [change, {**change, "episode": "2"}])
    _tell(state, "k1", "1", outcome="sent")
    _tell(state, "k2", "2")
    with state.read() as connection:
        story = stories.story(connection, "1")
        assert stories.story(connection, "3") is None
    assert story is not None
    assert list(story.entries) == [
        Attempt(_minute(1), "ops", "first", "sent", 200, 12.5, ""),
        Change(NOW, "ok", "firing", Severity.WARNING, 0.9, "x" * 200),
    ]


def test_what_became_of_messages_is_found_for_many_episodes(state: State) -> None:
    ids = [f"{number:04}" for number in range(1200)]
    _begin(state, *(_episode(id_) for id_ in ids))
    _tell(state, "k1", *ids)
    with state.read() as connection:
        assert stories.deliveries(connection, ids) == {id_: [Told("ops", "first", "waiting", 0, None, "")] for id_ in ids}


def test_an_instance_is_kept_changed_and_forgotten(state: State) -> None:
    _begin(state, _episode("1"))
    row = {
        "fingerprint": "f1",
        "rule": "cpu high",
        "labels": {"host": "web-1"},
        "state": "pending",
        "severity": "warning",
        "since": NOW,
        "pending_since": NOW,
        "good_since": None,
        "seen_at": NOW,
        "episode": "1",
        "value": 0.9,
        "fired_at": None,
        "last_seen": "",
    }
    with state.write() as connection:
        alerts.put_instances(connection, new=[row], known=[])
        alerts.put_instances(connection, new=[], known=[row | {"state": "firing"}])
        assert alerts.open_instances(connection) == [row | {"state": "firing"}]
        alerts.drop_instances(connection, ["f1"])
        assert alerts.open_instances(connection) == []


def test_a_story_keeps_what_its_sentences_say_by_code_and_values(state: State) -> None:
    _begin(state, _episode("one"))
    change = {"episode": "one", "at": NOW, "before": "ok", "after": "firing", "severity": "warning", "value": 0.9}
    coded = Because("no data for 5m", "no_data", seconds=300.0)
    with state.write() as connection:
        alerts.add_transitions(connection, [{**change, "because": said} for said in (coded, "as it was said before")])

    with state.read() as connection:
        found = stories.story(connection, "one")
    assert found is not None
    kept = {entry.because: entry.reason for entry in found.entries if isinstance(entry, stories.Change)}
    assert kept == {"no data for 5m": {"code": "no_data", "values": {"seconds": 300.0}}, "as it was said before": None}


def test_what_was_over_long_ago_is_forgotten_with_its_messages_and_nothing_else_is(state: State) -> None:
    ended = {"state": "resolved", "ended_at": _minute(10), "ended_because": "resolved"}
    later = {**ended, "ended_at": _minute(30)}
    _begin(state, _episode("old", **ended), _episode("recent", **later), _episode("open"))
    for episode in ("old", "recent", "open"):
        _tell(state, f"key-{episode}", episode, outcome="sent" if episode == "old" else "")
        with state.write() as connection:
            change = {"at": NOW, "before": "ok", "after": "firing", "severity": "warning", "value": 0.9, "because": "0.9"}
            alerts.add_transitions(connection, [{**change, "episode": episode}])

    with state.write() as connection:
        assert alerts.forget(connection, _minute(20)) == 1

    with state.read() as connection:
        left = {id_: stories.story(connection, id_) for id_ in ("old", "recent", "open")}
        assert left["old"] is None
        for id_ in ("recent", "open"):
            found = left[id_]
            assert found is not None
            assert len(found.entries) == 1
            assert [told.state for told in found.episode.told] == ["waiting"]
        assert connection.exec_driver_sql("SELECT count(*) FROM attempts").scalar_one() == 0
