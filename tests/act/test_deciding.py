"""A1: what is done about an alert, and above all what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.act.deciding import Deed, Done, Trouble, decide, refusal
from gwanje.act.spec import Action
from gwanje.model import Severity

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


def test_a1_limits_end_again() -> None:
    assert _decided(_done(12), *(_done(61 + n, target=f"t{n}") for n in range(6))) != []


def test_a1_two_alerts_of_one_target_are_one_deed() -> None:
    other = replace(WEB, episode="e2")
    assert [deed.episode for deed in decide([RESTART], [WEB, other], [], NOW)] == ["e1"]


def test_a1_a_dry_run_is_marked() -> None:
    (deed,) = _decided(action=RESTART.model_copy(update={"dry_run": True}))
    assert deed.dry
