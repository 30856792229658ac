"""Verdicts → states. In a timeline: B breach, W warning, g good, h between the thresholds, . missing, ? too few, ! no number."""

from datetime import UTC, datetime, timedelta

import pytest

from gwanje.judge.lifecycle import Ended, Instance, State, fingerprint, remove, resume, step
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.judge.rules.verdict import Breach, Error, Good, Insufficient, Verdict
from gwanje.model import Severity

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LABELS = {"host": "web-1"}
VERDICTS: dict[str, Verdict | None] = {
    "B": Breach(LABELS, 0.95, Severity.CRITICAL, Threshold(">=", 0.9), "high"),
    "W": Breach(LABELS, 0.85, Severity.WARNING, Threshold(">=", 0.8), "rather high"),
    "g": Good(LABELS, 0.1, cleared=True, why="fine"),
    "h": Good(LABELS, 0.75, cleared=False, why="not yet"),
    "?": Insufficient(LABELS, "1 of 1"),
    "!": Error(LABELS, "NaN"),
    ".": None,
}


def _rule(for_: str = "0s", clear_for: str = "0s") -> Rule:
    return Rule.model_validate(
        {
            "name": "a",
            "expr": "up",
            "warning": ">= 0.8",
            "critical": ">= 0.9",
            "for": for_,
            "clear_for": clear_for,
            "interval": "15s",
        }
    )


def _told(rule: Rule, looks: str) -> str:
    """The first letter of the state after each look, one each 15 s: p f r n, and - for ok."""
    instance: Instance | None = None
    letters = ""
    for index, look in enumerate(looks):
        instance, _ = step(instance, VERDICTS[look], rule, BEGAN + timedelta(seconds=15 * index))
        letters += instance.state[0] if instance else "-"
    return letters


@pytest.mark.parametrize(
    ("for_", "clear_for", "looks", "states"),
    [
        pytest.param("0s", "0s", "gBBg", "-ff-", id="S2 `for: 0s` fires at once"),
        pytest.param("1m", "0s", "BBBBBg", "ppppf-", id="S2 it fires at the `for` time, not after it"),
        pytest.param("1m", "0s", "BBBgBBBBB", "ppp-ppppf", id="S2 a good evaluation resets the clock"),
        pytest.param("1m", "0s", "BBBhBB", "ppp-pp", id="S5 a value that is no breach resets it, cleared or not"),
        pytest.param("1m", "0s", "WWBWB", "ppppf", id="E10 any severity counts for the clock"),
        pytest.param("1m", "0s", "BB.BBB", "ppppp" + "f", id="S3 a missing sample neither counts nor resets"),
        pytest.param("1m", "0s", "BB?BBB", "pppppf", id="E4 nor does one of too few"),
        pytest.param("1m", "0s", "BB!BBB", "pppppf", id="E3 nor does what is no number"),
        pytest.param("1m", "0s", "B....", "ppppn", id="S3 too many missing are no data"),
        pytest.param("1m", "0s", "B....BBBBB", "ppppnppppf", id="S3 after no data the clock starts again"),
        pytest.param("1m", "0s", "B....g", "ppppn-", id="S3 a good value ends it"),
        pytest.param("0s", "0s", "B......", "fffffff", id="N2 missing data never resolves"),
        pytest.param("0s", "0s", "B??!!", "fffff", id="E3 E4 nor does what says nothing"),
        pytest.param("0s", "0s", "Bhhg", "fff-", id="S5 between the thresholds it stays"),
        pytest.param("0s", "30s", "Bggg", "frr-", id="S5 clear must hold for `clear_for`"),
        pytest.param("0s", "30s", "Bghggg", "frfrr-", id="S5 between the thresholds breaks the hold"),
        pytest.param("0s", "30s", "BgBggg", "frfrr-", id="S6 a breach breaks it too"),
        pytest.param("0s", "30s", "Bg...", "frrrr", id="N2 recovering waits for data as well"),
        pytest.param("0s", "0s", "g.?!", "----", id="what is good or unknown begins nothing"),
    ],
)
def test_a_timeline_of_looks_gives_a_timeline_of_states(for_: str, clear_for: str, looks: str, states: str) -> None:
    assert _told(_rule(for_, clear_for), looks) == states


def test_e10_a_change_of_severity_is_a_transition_in_the_same_state() -> None:
    fired, _ = step(None, VERDICTS["W"], _rule(), BEGAN)
    after, (transition,) = step(fired, VERDICTS["B"], _rule(), BEGAN + timedelta(seconds=15))
    assert after is not None
    assert (transition.before, transition.after, transition.severity) == (State.FIRING, State.FIRING, Severity.CRITICAL)
    assert after.episode == (fired and fired.episode)


def test_the_end_says_what_ended_it() -> None:
    fired, _ = step(None, VERDICTS["B"], _rule(), BEGAN)
    pending, _ = step(None, VERDICTS["B"], _rule("1m"), BEGAN)
    assert fired is not None
    _, (resolved,) = step(fired, VERDICTS["g"], _rule(), BEGAN)
    _, (passed,) = step(pending, VERDICTS["g"], _rule("1m"), BEGAN)
    assert [resolved.ended, passed.ended, remove(fired, BEGAN).ended] == [Ended.RESOLVED, Ended.PASSED, Ended.RULE_REMOVED]


def test_g1_identity_is_rule_and_labels_without_severity() -> None:
    same = fingerprint("a", {"x": "1", "y": "2"})
    assert fingerprint("a", {"y": "2", "x": "1", "severity": "critical"}) == same
    assert fingerprint("b", {"x": "1", "y": "2"}) != same
    assert fingerprint("a", {"x": "1"}) != same


@pytest.mark.parametrize(
    ("for_", "outage", "fires_after"),
    [
        pytest.param("5m", timedelta(minutes=4), timedelta(minutes=5), id="a short `for` goes on"),
        pytest.param("5m", timedelta(minutes=50), timedelta(minutes=50), id="and may be over at once"),
        pytest.param("30m", timedelta(minutes=25), timedelta(minutes=35), id="a long one has ten minutes of grace"),
        pytest.param("30m", timedelta(minutes=5), timedelta(minutes=30), id="which shortens nothing"),
        pytest.param("5m", timedelta(minutes=61), timedelta(minutes=66), id="after more than an hour the clock restarts"),
    ],
)
def test_s4_the_clock_after_an_outage(for_: str, outage: timedelta, fires_after: timedelta) -> None:
    rule = _rule(for_)
    instance, _ = step(None, VERDICTS["B"], rule, BEGAN)
    assert instance is not None
    now = BEGAN + outage
    instance = resume(instance, rule, now)
    while instance.state is State.PENDING and now < BEGAN + timedelta(hours=2):
        stepped, _ = step(instance, VERDICTS["B"], rule, now)
        assert stepped is not None
        instance, now = stepped, now + rule.interval
    assert now - rule.interval - BEGAN == fires_after
