"""Rules that change while others go on: who is judged by what, and what goes on as if nothing had happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from gwanje.because import plain
from gwanje.judge.rules.spec import Rule
from gwanje.keep.state import alerts, page_rules
from gwanje.keep.state.base import State
from gwanje.keep.state.revised import Word
from gwanje.model import to_ms
from gwanje.tell.policy import Policy
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Round
from gwanje.watch.rulebook import Rulebook

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SLOW = {"name": "slow", "expr": "cpu", "warning": ">= 0.8", "for": "20m", "interval": "1m"}
PAGE = {"name": "of the page", "expr": "cpu", "critical": ">= 0.8", "interval": "1m"}


class Story:
    """A round over one host whose value stays, and rules that change."""

    def __init__(self, state: State, *files: dict[str, Any]) -> None:
        self.state = state
        self.samples = MemorySamples()
        self.book = Rulebook([Rule.model_validate(one) for one in files])
        self.round = Round(self.book, self.samples, state, Policy(), None, clock=lambda: NOW)
        self._revision: int | None = None

    async def minute(self, number: int) -> None:
        at = NOW + timedelta(minutes=number)
        self.samples.append("cpu", {"host": "web-1"}, 0.9, to_ms(at))
        await self.round.once(at)

    def write(self, rule: dict[str, Any], *, enabled: bool = True) -> None:
        with self.state.write() as connection:
            kept = page_rules.put(
                connection, rule["name"], yaml.safe_dump(rule), enabled=enabled, revision=self._revision, word=Word("kim", NOW)
            )
        self._revision = kept.revision

    def states(self) -> dict[str, str]:
        with self.state.read() as connection:
            return {row["rule"]: str(row["state"]) for row in alerts.open_instances(connection)}


async def test_what_waits_for_its_time_goes_on_waiting_while_others_change(state: State) -> None:
    story = Story(state, SLOW)
    for minute in range(20):
        if minute == 19:
            story.write(PAGE)
        await story.minute(minute)
    assert story.states() == {"slow": "pending", "of the page": "firing"}
    await story.minute(20)
    assert story.states()["slow"] == "firing"


async def test_s7_a_changed_rule_judges_what_it_knows_by_its_new_text(state: State) -> None:
    story = Story(state)
    story.write(PAGE)
    await story.minute(0)
    story.write({**PAGE, "critical": ">= 0.95", "clear": "< 0.85"})
    await story.minute(1)
    assert story.states() == {"of the page": "firing"}  # between its new thresholds
    story.write({**PAGE, "critical": ">= 0.95"})
    await story.minute(2)
    assert story.states() == {}


async def test_a_rule_that_is_switched_off_and_on_again_begins_anew(state: State) -> None:
    story = Story(state)
    story.write(PAGE)
    await story.minute(0)
    story.write(PAGE, enabled=False)
    await story.minute(1)
    assert (story.states(), story.round.latest()) == ({}, {})
    story.write(PAGE)
    await story.minute(2)
    assert story.states() == {"of the page": "firing"}


async def test_a_text_that_this_version_cannot_read_is_set_aside_with_why_and_stops_no_other(state: State) -> None:
    story = Story(state, SLOW)
    story.write({**PAGE, "later": "a key of a later version"})
    await story.minute(0)
    assert story.states() == {"slow": "pending"}
    assert "unknown key" in story.book.aside["of the page"]
    what = {"code": "unknown_key", "values": {"meant": "clear"}}
    said = {"key": "later", "what": what, "more": None}
    assert plain(story.book.aside["of the page"]) == {"code": "text_has_mistakes", "values": said}


async def test_nothing_is_rebuilt_while_nothing_changes(state: State) -> None:
    story = Story(state, SLOW)
    story.write(PAGE)
    await story.minute(0)
    before = story.book.rules
    await story.minute(1)
    assert story.book.rules is before
