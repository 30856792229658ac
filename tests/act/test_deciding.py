"""A1: what is done about an alert, and above all what is not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gwanje.act.deciding import Deed, Done, Trouble, decide, refusal
from gwanje.act.spec import Action
from gwanje.because import plain
from gwanje.model import Severity, to_ms

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
WEB = Trouble("e1", "web down", {"host": "web-1", "service": "shop"}, Severity.CRITICAL, NOW - timedelta(minutes=5))
RESTART = Action.model_validate({"name": "restart", "rules": ["web down"], "after": "1m", "cool_down": "10m", "stop_after": 2})


def _done(minutes: float, *, episode: str = "e0", target: str = "web-1", took: float | None = 1) -> Done:
    began = NOW - timedelta(minutes=minutes)
    return Done("restart", target, episode, began, None if took is None else began + timedelta(minutes=took))


def _decided(*past: Done, trouble: Trouble = WEB, action: Action = RESTART) -> list[Deed]:
    return decide([action], [trouble], past, NOW)


def test_a1_an_alert_that_fires_long_enough_is_acted_upon_with_its_reason() -> None:
    (deed,) = _decided()
    assert (deed.action, deed.target, deed.episode, deed.dry) == ("restart", "web-1", "e1", False)
    assert deed.because == "web down fires since 08:55:00 UTC, try 1 of 2"
    values = {"rule": "web down", "since": to_ms(WEB.firing_since), "count": 1, "most": 2}
    assert plain(deed.because) == {"code": "action_on_alert", "values": values}


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(replace(WEB, quiet="silenced"), id="none while silenced"),
        pytest.param(replace(WEB, quiet="nobody knows: it is no_data"), id="none on no data"),
        pytest.param(replace(WEB, rule="other"), id="none for other rules"),
        pytest.param(replace(WEB, severity=Severity.WARNING), id="none below its severity"),
        pytest.param(replace(WEB, firing_since=NOW), id="none too early"),
        pytest.param(replace(WEB, labels={}), id="none without a target"),
    ],
)
def test_a1_what_is_not_acted_upon(trouble: Trouble) -> None:
    assert _decided(trouble=trouble) == []


@pytest.mark.parametrize(
    ("past", "why"),
    [
        pytest.param([_done(5, took=None)], "something is being done there", id="lock per target"),
        pytest.param([_done(5)], "it was done a short while ago", id="cool-down"),
        pytest.param(
            [_done(90, episode="e1"), _done(70, episode="e1")], "it was done 2 times and did not help", id="stop after K"
        ),
        pytest.param(
            [_done(50 - n, target=f"t{n}") for n in range(6)], "it was done 6 times within an hour", id="at most N an hour"
        ),
    ],
)
def test_a1_limits(past: list[Done], why: str) -> None:
    assert refusal(RESTART, WEB, past, NOW) == why
    assert _decided(*past) == []


def test_a1_a_lock_is_for_whatever_is_done_to_the_target_and_for_no_other() -> None:
    other_action = replace(_done(5, took=None), action="another")
    assert refusal(RESTART, WEB, [other_action], NOW) == "something is being done there"
    assert refusal(RESTART, WEB, [replace(other_action, target="web-2")], NOW) == ""


def test_a1_each_limit_counts_from_where_it_says() -> None:
    """The cool-down from the end of the last time on this target, the tries for this alert alone."""
    assert refusal(RESTART, WEB, [_done(15, took=6)], NOW) == "it was done a short while ago"
    assert refusal(RESTART, WEB, [_done(15, took=5)], NOW) == ""
    assert refusal(RESTART, WEB, [_done(5, target="web-2")], NOW) == ""
    assert refusal(RESTART, WEB, [_done(90), _done(70)], NOW) == ""


@pytest.mark.parametrize("severity", ["high", "CRITICAL", ""])
def test_a1_a_severity_that_does_not_exist_is_a_mistake_before_anything_fires(severity: str) -> None:
    """It used to be read, and then ended each round in which the rule's alert fired: nobody was told of anything."""
    with pytest.raises(ValidationError):
        Action.model_validate({"name": "restart", "rules": ["web down"], "severity": severity})


@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3), st.integers(0, 2), st.integers(0, 15)), max_size=30),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(0, 30),
)
def test_a1_whatever_fires_and_whenever_no_limit_is_passed(
    alarms: list[tuple[int, int, int, int]], stop_after: int, most: int, cool: int
) -> None:
    """Alerts begin at random minutes on three targets; each deed takes a while; looked at once a minute for half a day."""
    action = RESTART.model_copy(
        update={"after": timedelta(), "stop_after": stop_after, "most_an_hour": most, "cool_down": timedelta(minutes=cool)}
    )
    troubles = [
        (begin, took, Trouble(f"e{number}", "web down", {"host": f"web-{target}"}, Severity.CRITICAL, NOW))
        for number, (begin, _, target, took) in enumerate(alarms)
    ]
    past: list[Done] = []
    for minute in range(0, 720, 5):
        now = NOW + timedelta(minutes=minute)
        firing = [trouble for begin, _, trouble in troubles if begin <= minute]
        for deed in decide([action], firing, past, now):
            took = next(took for _, took, trouble in troubles if trouble.episode == deed.episode)
            past.append(Done(deed.action, deed.target, deed.episode, now, now + timedelta(minutes=took)))
    assert all(sum(one.episode == done.episode for one in past) <= stop_after for done in past)
    assert all(sum(timedelta() <= done.decided_at - one.decided_at < timedelta(hours=1) for one in past) <= most for done in past)
    for target in {done.target for done in past}:
        there = [done for done in past if done.target == target]
        assert all(
            later.decided_at - (earlier.ended_at or NOW) >= action.cool_down for earlier, later in itertools.pairwise(there)
        )


def test_a1_limits_end_again() -> None:
    assert _decided(_done(12), *(_done(61 + n, target=f"t{n}") for n in range(6))) != []


def test_a1_two_alerts_of_one_target_are_one_deed() -> None:
    other = replace(WEB, episode="e2")
    assert [deed.episode for deed in decide([RESTART], [WEB, other], [], NOW)] == ["e1"]


def test_a1_a_dry_run_is_marked() -> None:
    (deed,) = _decided(action=RESTART.model_copy(update={"dry_run": True}))
    assert deed.dry
