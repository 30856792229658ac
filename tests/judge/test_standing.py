"""All alerts of one rule: what a step changes, what it leaves alone, and when nothing can change."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.judge.identity import fingerprint
from gwanje.judge.leaving import Leaving
from gwanje.judge.lifecycle import Ended
from gwanje.judge.rules.evaluate import Memory, found
from gwanje.judge.rules.found import Found
from gwanje.judge.rules.seldom import Seldom
from gwanje.judge.rules.spec import Rule
from gwanje.judge.standing import Standing
from gwanje.judge.trouble import RULE_ERROR, failing, overfull
from gwanje.keep.samples.base import Vector

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MEMORY = Memory()


def _rule(**keys: object) -> Rule:
    return Rule.model_validate(
        {"name": "cpu", "expr": "cpu", "warning": ">= 0.8", "critical": ">= 0.9", "interval": "15s"} | keys
    )


def _found(rule: Rule, values: Mapping[str, float]) -> Found:
    answer = Vector([(("host", host),) for host in values], np.array(list(values.values()), np.float64), 0)
    return found(rule, [answer], 0, memory=MEMORY)


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _states(standing: Standing) -> dict[str, str]:
    return {one.labels["host"]: str(one.state) for one in standing.open.values()}


def test_e9_a_cap_refuses_new_alerts_and_never_ends_known_ones() -> None:
    rule = _rule(max_instances=2)
    standing = Standing(rule)
    standing.step(_found(rule, {"web-1": 0.95, "web-2": 0.95, "web-3": 0.95}), _at(0))
    assert (sorted(_states(standing)), standing.refused) == (["web-1", "web-2"], 1)
    standing.step(_found(rule, {"web-3": 0.95, "web-4": 0.95}), _at(15))
    assert (sorted(_states(standing)), standing.refused) == (["web-1", "web-2"], 2)
    standing.step(_found(rule, {"web-1": 0.1, "web-3": 0.1}), _at(30))
    assert (sorted(_states(standing)), standing.refused) == (["web-2"], 0)


@given(
    looks=st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.1, 0.85, 0.95, float("nan")])), max_size=30),
    most=st.integers(1, 4),
    lowered=st.integers(1, 4),
)
def test_e9_whatever_is_found_a_cap_ends_nothing_and_counts_what_it_refuses(
    looks: list[dict[str, float]], most: int, lowered: int
) -> None:
    """Also where the cap is lowered below what is open. What is known ends by its own good value only."""
    standing = Standing(_rule(max_instances=most))
    for place, values in enumerate(looks):
        if place == len(looks) // 2:
            before, standing = standing, Standing(_rule(max_instances=lowered))
            standing.open, standing.worst = before.open, before.worst
        known = _states(standing).keys()
        changes = standing.step(_found(standing.rule, values), _at(15 * place))
        began = {change.known.labels["host"] for change in changes if change.before is None}
        ended = {change.known.labels["host"] for change in changes if change.after is None}
        good = {host for host, value in values.items() if value == 0.1}
        assert ended == known & good
        wanted = {host for host, value in values.items() if value > 0.8} - known
        assert len(began) + standing.refused == len(wanted)
        assert not began or len(known - ended) + len(began) <= standing.rule.max_instances


def test_e9_e8_an_alert_of_its_own_says_that_a_rule_is_in_trouble() -> None:
    troubles, rule = Standing(RULE_ERROR), _rule(max_instances=2)
    for failures in (1, 2):
        assert not troubles.judge(failing("cpu", failures, "no answer"), START)
    (failed,) = troubles.judge(failing("cpu", 3, "no answer"), START)
    (full,) = troubles.judge(overfull(rule, 7), START)
    assert [one.known.labels for one in (failed, full)] == [
        {"failed_rule": "cpu", "problem": "evaluation failed"},
        {"failed_rule": "cpu", "problem": "too many alerts"},
    ]
    (over,) = troubles.judge(failing("cpu", 0, ""), START)
    assert over.transitions[0].ended is Ended.RESOLVED


def test_n5_what_departs_as_expected_raises_nothing_and_ends_what_is_open() -> None:
    departed = [Leaving((("host", re.compile("web-.*")),))]
    rule = _rule(no_data="alert")
    standing = Standing(rule)
    standing.step(_found(rule, {"web-1": 0.95, "web-2": 0.1, "db-1": 0.1}), _at(0))
    (end,) = standing.step(_found(rule, {"db-1": 0.1}), _at(15), departed)
    assert (end.known.labels["host"], end.transitions[0].ended) == ("web-1", Ended.DEPARTED)
    for seconds in (30, 45, 60, 75):
        standing.step(_found(rule, {}), _at(seconds), departed)
    assert _states(standing) == {"db-1": "no_data"}


def test_n5_what_still_answers_is_judged_though_it_may_depart() -> None:
    rule = _rule()
    standing = Standing(rule)
    standing.step(_found(rule, {"web-1": 0.95}), _at(0), [Leaving.of(host="web-1")])
    assert _states(standing) == {"web-1": "firing"}


def test_n3_a_label_set_that_was_never_seen_is_not_missing() -> None:
    rule = _rule(no_data="alert")
    standing = Standing(rule)
    for seconds in (0, 60, 120):
        assert standing.step(_found(rule, {}), _at(seconds)) == []


def test_n3_what_answered_before_a_restart_and_does_not_any_more_is_missing() -> None:
    rule = _rule(no_data="alert")
    standing = Standing(rule)
    standing.answered(_found(rule, {"web-1": 0.1}).known, _at(0))
    for seconds in (0, 15, 30, 45, 60):
        standing.step(_found(rule, {}), _at(seconds))
    assert _states(standing) == {"web-1": "no_data"}


def test_a_query_with_its_own_condition_ends_what_it_leaves_out_unless_its_inputs_stopped() -> None:
    rule = Rule.model_validate({"name": "more", "expr": "a > b", "severity": "warning", "interval": "15s"})
    standing = Standing(rule)
    both = _found(rule, {"web-1": 5.0, "web-2": 5.0})
    standing.step(both, _at(0))
    silent = {both.identities[1]: "no sample any more"}
    standing.step(_found(rule, {}).without(silent), _at(15))
    assert _states(standing) == {"web-2": "firing"}


def test_n4_what_was_without_data_before_a_restart_is_so_until_it_answers() -> None:
    rule = _rule(no_data="alert")
    before, after = Standing(rule), Standing(rule)
    before.answered(_found(rule, {"web-1": 0.1}).known, _at(0))
    for seconds in (0, 15, 30, 45, 60):
        before.step(_found(rule, {}), _at(seconds))
    after.open, after.worst = before.open, before.worst
    (gone,) = after.open
    for seconds in range(90, 600, 60):
        after.step(replace(_found(rule, {}), awaited={gone: Seldom(_at(0), timedelta(minutes=10))}), _at(seconds))
    (instance,) = after.open.values()
    assert (str(instance.state), instance.last_seen) == ("no_data", "no answer")


def test_h1_the_peak_is_the_value_furthest_beyond_the_threshold_through_steady_evaluations() -> None:
    rule = _rule()
    standing = Standing(rule)
    for place, value in enumerate((0.91, 0.99, 0.95)):
        one = _found(rule, {"web-1": value})
        if standing.steady(one, _at(place)):
            standing.note(one, _at(place))
        else:
            standing.step(one, _at(place))
    (end,) = standing.step(_found(rule, {"web-1": 0.1}), _at(15))
    assert end.worst.peak == 0.99


def test_an_evaluation_that_finds_the_same_is_steady_until_a_clock_runs_out() -> None:
    rule = _rule(**{"for": "1m", "clear_for": "30s"})
    standing = Standing(rule)
    high, low = _found(rule, {"web-1": 0.95, "web-2": 0.1}), _found(rule, {"web-1": 0.1, "web-2": 0.1})
    assert not standing.steady(high, _at(0))
    standing.step(high, _at(0))
    standing.note(high, _at(30))
    assert [standing.steady(high, _at(seconds)) for seconds in (45, 59, 60)] == [True, True, False]
    assert not standing.steady(_found(rule, {"web-1": 0.85, "web-2": 0.1}), _at(15))
    assert not standing.steady(_found(rule, {"web-1": 0.95}), _at(15))
    standing.step(high, _at(60))
    standing.note(high, _at(3600))
    assert standing.steady(high, _at(3615))
    assert not standing.steady(high, _at(3700)), "nobody looked for a while"
    standing.step(low, _at(3615))
    assert [standing.steady(low, _at(seconds)) for seconds in (3630, 3644, 3645)] == [True, True, False]


@pytest.mark.parametrize("no_data", ["keep", "alert", "breach", "ok"])
@pytest.mark.parametrize("every", [None, timedelta(seconds=40)], ids=["missing", "awaited for a while"])
def test_stepping_every_time_and_only_when_something_can_change_tell_the_same(every: timedelta | None, no_data: str) -> None:
    """The shortcut changes no transition: the same random evaluations, with and without it."""
    rule = _rule(**{"for": "30s", "clear_for": "30s", "keep_firing_for": "15s", "clear": "< 0.7", "no_data": no_data})
    gone = fingerprint("cpu", {"host": "web-2"})
    newest = _at(0)
    random = np.random.default_rng(7)
    eager, lazy = Standing(rule), Standing(rule)
    told: dict[str, list[object]] = {"eager": [], "lazy": []}
    values = {"web-1": 0.1, "web-2": 0.95, "db-1": 0.75}
    skipped = 0
    for place in range(2000):
        if random.random() < 0.2:
            host = str(random.choice(list(values)))
            values[host] = float(random.choice([0.1, 0.75, 0.85, 0.95, np.nan]))
        present = {host: value for host, value in values.items() if not (host == "web-2" and 300 < place % 600 < 310)}
        one, at = _found(rule, present), _at(15 * place + 900 * (place // 400))  # now and then, nobody looks for a while
        newest = at if "web-2" in present else newest
        if every and "web-2" not in present:
            one = replace(one, awaited={gone: Seldom(newest, every)})
        told["eager"] += [
            (change.known.episode, change.transitions, change.worst) for change in eager.step(one, at) if change.transitions
        ]
        if lazy.steady(one, at):
            lazy.note(one, at)
            skipped += 1
        else:
            told["lazy"] += [
                (change.known.episode, change.transitions, change.worst) for change in lazy.step(one, at) if change.transitions
            ]
    assert told["lazy"] == told["eager"]
    assert len(told["eager"]) > 100
    assert skipped > 500
    lazy.catch_up()
    assert lazy.open == eager.open
