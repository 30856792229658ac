"""Verdicts → states. In a timeline: B breach, W warning, g good, h between the thresholds, . missing, ? too few, ! no number."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.judge.lifecycle import Ended, Instance, State, Transition, absent, depart, fingerprint, remove, resume, step, unknown
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.judge.rules.verdict import Breach, Error, Good, Insufficient, Stale, Verdict
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
    "s": Stale(LABELS, "the last sample is 1m old"),
}


def _rule(for_: str = "0s", clear_for: str = "0s", **more: str) -> Rule:
    return Rule.model_validate(
        {
            "name": "a",
            "expr": "up",
            "warning": ">= 0.8",
            "critical": ">= 0.9",
            "for": for_,
            "clear_for": clear_for,
            "interval": "15s",
            **more,
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


@pytest.mark.parametrize(
    ("looks", "states"),
    [
        pytest.param("Bgg-", "fff-", id="it goes on firing from the first good evaluation on"),
        pytest.param("BggBgg-", "ffffff-", id="a breach starts it again"),
        pytest.param("Bghgg-", "fffff-", id="as does a value that is not clear"),
        pytest.param("Bg....", "ffffff", id="N2 missing data do not end it"),
    ],
)
def test_s6_keep_firing_for_starts_at_the_first_good_evaluation(looks: str, states: str) -> None:
    assert _told(_rule(keep_firing_for="30s"), looks.replace("-", "g")) == states


def test_s6_keep_firing_and_recovering_go_together() -> None:
    assert _told(_rule(clear_for="45s", keep_firing_for="15s"), "Bgggg") == "ffrr-"


@pytest.mark.parametrize(
    ("no_data", "for_", "looks", "states"),
    [
        pytest.param("keep", "0s", "B....", "fffff", id="keep: what fires goes on"),
        pytest.param("keep", "1m", "B....", "ppppn", id="keep: what was pending does not fire"),
        pytest.param("keep", "1m", "Bs", "pn", id="N4 inputs that stopped are missing long enough"),
        pytest.param("alert", "0s", "B....", "fffff", id="alert: what fires was told already"),
        pytest.param("breach", "0s", "W....", "fffff", id="breach: missing data count"),
        pytest.param("breach", "30s", "B......", "pppppff", id="breach: for the clock, too, once they are missing"),
        pytest.param("ok", "0s", "B....", "ffff-", id="ok: it ends"),
        pytest.param("ok", "0s", "Bs", "f-", id="ok: where inputs stopped, too"),
        pytest.param("ok", "0s", "B??!!...g", "ffffffff-", id="S3 what answers, and says nothing, is not missing"),
    ],
)
def test_n3_what_missing_data_mean_is_the_rules_word(no_data: str, for_: str, looks: str, states: str) -> None:
    assert _told(_rule(for_, no_data=no_data), looks) == states


def test_n3_a_no_data_alert_is_told_and_a_kept_state_is_not() -> None:
    told = {}
    for no_data in ("keep", "alert"):
        pending, _ = step(None, VERDICTS["B"], _rule("1m", no_data=no_data), BEGAN)
        after, _ = step(pending, VERDICTS["s"], _rule("1m", no_data=no_data), BEGAN + timedelta(minutes=1))
        assert after is not None
        told[no_data] = after.fired_at
    assert told == {"keep": None, "alert": BEGAN + timedelta(minutes=1)}


def test_n3_what_was_ok_and_stopped_raises_an_alert_or_a_breach_where_the_rule_says_so() -> None:
    now = BEGAN + timedelta(minutes=2)
    told = {word: absent(LABELS, _rule(no_data=word), now, BEGAN)[0] for word in ("keep", "alert", "breach", "ok")}
    assert {word: one and (str(one.state), one.fired_at) for word, one in told.items()} == {
        "keep": None,
        "alert": ("no_data", now),
        "breach": ("firing", now),
        "ok": None,
    }


def test_n2_an_end_without_data_is_not_called_resolved() -> None:
    fired, _ = step(None, VERDICTS["B"], _rule(no_data="ok"), BEGAN)
    _, (ended,) = step(fired, VERDICTS["s"], _rule(no_data="ok"), BEGAN)
    assert fired is not None
    assert [ended.ended, depart(fired, BEGAN, "away").ended] == [Ended.NO_DATA, Ended.DEPARTED]


def test_n3_data_that_come_back_good_resolve_a_no_data_alert() -> None:
    rule = _rule(no_data="alert")
    silent, _ = absent(LABELS, rule, BEGAN, BEGAN - timedelta(minutes=1))
    _, (ended,) = step(silent, VERDICTS["g"], rule, BEGAN)
    assert ended.ended is Ended.RESOLVED


def test_n2_what_nobody_was_told_of_is_forgotten_an_hour_after_its_data_stopped() -> None:
    rule, now = _rule("1m"), BEGAN
    instance, _ = step(None, VERDICTS["B"], rule, now)
    while instance is not None and now < BEGAN + timedelta(hours=2):
        now += timedelta(minutes=1)
        instance, transitions = step(instance, None, rule, now)
    assert now == BEGAN + timedelta(hours=1, minutes=2)
    assert transitions[0].ended is Ended.PASSED


@pytest.mark.parametrize("look", ["?", "!", "s", "."])
def test_s1_what_was_last_seen_is_kept_and_changes_no_firing_state(look: str) -> None:
    fired, _ = step(None, VERDICTS["B"], _rule(), BEGAN)
    after, transitions = step(fired, VERDICTS[look], _rule(), BEGAN + timedelta(seconds=15))
    assert after is not None
    assert (after.state, transitions) == (State.FIRING, ())
    assert after.last_seen
    seen, _ = step(after, VERDICTS["B"], _rule(), BEGAN + timedelta(seconds=30))
    assert seen is not None
    assert not seen.last_seen


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        pytest.param(BEGAN - timedelta(seconds=30), False, id="half a minute ago is now"),
        pytest.param(BEGAN - timedelta(seconds=31), True, id="longer ago nobody knows"),
        pytest.param(None, True, id="never"),
    ],
)
def test_n6_while_nobody_evaluates_open_alerts_are_unknown(judged: datetime | None, *, expected: bool) -> None:
    assert unknown(judged, BEGAN) is expected


NEXT = {
    State.OK: {State.PENDING, State.FIRING},
    State.PENDING: {State.PENDING, State.OK, State.FIRING, State.NO_DATA},
    State.FIRING: {State.FIRING, State.RECOVERING, State.OK},
    State.RECOVERING: {State.FIRING, State.OK},
    State.NO_DATA: {State.PENDING, State.FIRING, State.OK},
}
"""What may follow a state; the same state again is a change of severity."""


@dataclass
class Account:
    """A second account of the looks at one instance: how many breaches in a row, and since which look it has been clear."""

    breaches: int = 0
    clear_since: int | None = None

    def take(self, look: str, index: int) -> None:
        if look in "BW":
            self.breaches, self.clear_since = self.breaches + 1, None
        elif look in "gh":
            self.breaches = 0
            self.clear_since = None if look == "h" else index if self.clear_since is None else self.clear_since

    def check(self, one: Transition, look: str, index: int, rule: Rule) -> None:
        """Whether a change has its cause in what was seen."""
        if one.after is State.NO_DATA or one.ended is Ended.NO_DATA:
            assert look in "s.", "no data is what is missing, and nothing else"
        begins = one.after is State.FIRING and one.before in {State.OK, State.PENDING}
        if begins and rule.no_data != "breach":  # where missing data are a breach, they count as one
            assert (self.breaches - 2) * rule.interval < rule.for_ <= (self.breaches - 1) * rule.interval
        if one.ended is Ended.RESOLVED and one.before in {State.FIRING, State.RECOVERING}:
            assert look == "g"
            assert self.clear_since is not None
            assert (index - self.clear_since) * rule.interval >= max(rule.clear_for, rule.keep_firing_for)
        if one.ended is Ended.RESOLVED:
            assert look in "gh", "only an observed value resolves"


@given(
    looks=st.text("BWgh?!.s", max_size=60),
    times=st.tuples(*[st.sampled_from(["0s", "15s", "30s", "1m"])] * 3),
    no_data=st.sampled_from(["keep", "alert", "breach", "ok"]),
)
def test_s1_whatever_is_seen_states_follow_their_order_and_every_change_has_its_cause(
    looks: str, times: tuple[str, str, str], no_data: str
) -> None:
    """S2, S3: `for` counts the observed breaches in a row, exactly. S5, S6: clear is held. N2: nothing else resolves."""
    rule = _rule(times[0], times[1], keep_firing_for=times[2], no_data=no_data)
    instance: Instance | None = None
    state, account = State.OK, Account()
    for index, look in enumerate(looks):
        instance, transitions = step(instance, VERDICTS[look], rule, BEGAN + timedelta(seconds=15 * index))
        account.take(look, index)
        for one in transitions:
            assert one.before is state
            assert one.after in NEXT[state]
            account.check(one, look, index, rule)
            state = one.after
        assert state is (instance.state if instance else State.OK)
        if state in {State.OK, State.NO_DATA}:
            account = Account()


def test_s7_a_changed_rule_judges_a_known_instance_by_its_new_text() -> None:
    fired, _ = step(None, VERDICTS["B"], _rule(), BEGAN)
    after, _ = step(fired, VERDICTS["g"], _rule(clear_for="1m"), BEGAN + timedelta(seconds=15))
    ended, _ = step(after, VERDICTS["g"], _rule(clear_for="15s"), BEGAN + timedelta(seconds=30))
    assert (after and after.state, ended) == (State.RECOVERING, None)


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
