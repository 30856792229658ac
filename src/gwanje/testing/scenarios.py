"""Alert stories as files: what is measured when, and what people must hear. The real round, rules and delivery, told the time.

    rule: {expr: host_cpu_used_ratio, critical: "> 0.9", for: 5m}
    timeline:
      - {at: 0m, host: web-1, host_cpu_used_ratio: 0.97}
      - {at: 4m, host: web-1, host_cpu_used_ratio: 0.20}
    expect: []

A number in the timeline is a metric's value, measured again each interval until it changes; `null` ends the series. Texts are
labels. `restart: 0s` stops the round and starts a new one after that time; `receiver` with `answers: 500` makes a receiver
answer so until it says otherwise; `rule: removed` takes the rules away. `silence: host="web-1"` with `lasts: 30m` (and
`author`, `comment`) silences what these matchers match; with `lasts: 0s` their silence ends. Windows stand beside the rules as
in gwanje.yaml, and routes name them (`routes: {mute: [nights]}`); a story begins on a Sunday at 09:00 UTC. Each expected
message names the keys that count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from sqlalchemy import event

from gwanje import kinds
from gwanje.config import format_duration, parse_duration
from gwanje.errors import Rejected, RetryLater
from gwanje.judge.rules.spec import Rule
from gwanje.keep import promql
from gwanje.keep.promql import Matcher, Selected
from gwanje.keep.said import Silence
from gwanje.keep.samples.base import Answer, Labels, Matrix
from gwanje.keep.state import silences, sqlite, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata
from gwanje.model import METRIC, to_ms
from gwanje.tell.delivery import Delivery
from gwanje.tell.matchers import parse_matchers
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.tell.windows import Window
from gwanje.tell.words import spoken
from gwanje.watch.round import Round

START: Final = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
_WORDS: Final = frozenset({"at", "restart", "receiver", "answers", "rule", "silence", "lasts", "author", "comment"})


@dataclass(slots=True)
class MemorySamples:
    """A sample store in memory, answering through the real PromQL room."""

    kept: dict[Labels, list[tuple[int, float]]] = field(default_factory=dict)

    def append(self, metric: str, labels: Mapping[str, str], value: float, at_ms: int) -> None:
        key = tuple(sorted({**labels, METRIC: metric}.items()))
        self.kept.setdefault(key, []).append((at_ms, value))

    def fetch(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Selected:
        found = {
            labels: [sample for sample in samples if start_ms < sample[0] <= end_ms]
            for labels, samples in sorted(self.kept.items())
            if all(matcher.select([dict(labels).get(matcher.name, "")])[0] for matcher in matchers)
        }
        flat = [sample for samples in found.values() for sample in samples]
        return Selected(
            labels=list(found),
            offsets=np.cumsum([0, *map(len, found.values())]).astype(np.int64),
            times=np.array([at for at, _ in flat], dtype=np.int64),
            values=np.array([value for _, value in flat], dtype=np.float64),
        )

    async def instant(self, query: str, at_ms: int) -> Answer:
        return promql.instant(query, at_ms, self.fetch)

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        return promql.range_(query, start_ms, end_ms, step_ms, self.fetch)

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        asked = [self.fetch(promql.matchers(one), start_ms, end_ms) for one in matchers]
        return sorted({labels for one in asked for labels in one.labels})

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        return sorted({name for labels in await self.series(matchers, start_ms, end_ms) for name, _ in labels})

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        return sorted({dict(labels)[name] for labels in await self.series(matchers, start_ms, end_ms) if name in dict(labels)})


@dataclass(slots=True)
class Receiver:
    """A receiver that answers with a status and remembers what it accepted, and when."""

    name: str
    clock: Clock
    heard: list[tuple[datetime, Notification]]
    answers: int = 200

    async def send(self, notification: Notification) -> Accepted:
        if self.answers >= 500:
            raise RetryLater(f"{self.name} answered {self.answers}", status=self.answers)
        if self.answers >= 400:
            raise Rejected(f"{self.name} answered {self.answers}", status=self.answers)
        self.heard.append((self.clock.now, notification))
        return Accepted(self.answers)


@dataclass(slots=True)
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a story: each message in order, and what is open at its end."""

    messages: list[dict[str, Any]]
    open: list[dict[str, Any]]
    ended: list[dict[str, Any]]


async def play(story: Mapping[str, Any], folder: Path) -> Heard:
    """Play a story on a fresh state in `folder`."""
    return await _Stage(story, folder).play()


def load(file: Path) -> dict[str, Any]:
    story: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return story


def same(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Both sides cut down to the keys that the story names, to be compared as wholes."""
    cut = [{key: found[index].get(key) for key in one} for index, one in enumerate(expected) if index < len(found)]
    return [dict(one) for one in expected], [*cut, *map(dict, found[len(expected) :])]


class _Stage:
    def __init__(self, story: Mapping[str, Any], folder: Path) -> None:
        self._timeline = sorted(story["timeline"], key=lambda entry: parse_duration(str(entry["at"])))
        self._rules = [Rule.model_validate({"name": "rule", "interval": "15s", **one}) for one in _listed(story)]
        self._every = parse_duration(story["every"]) if "every" in story else min(rule.interval for rule in self._rules)
        self._end = parse_duration(str(story["until"]) if "until" in story else str(self._timeline[-1]["at"]))
        self._routes = Route.model_validate(
            {"receiver": "ops", "group_wait": "0s", "group_interval": "0s", **story.get("routes", {})}
        )
        self._policy = Policy(self._routes, tuple(Window.model_validate(one) for one in story.get("windows", ())))
        self._samples = MemorySamples()
        self._measured: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._clock = Clock()
        self._heard: list[tuple[datetime, Notification]] = []
        self._receivers = {name: Receiver(name, self._clock, self._heard) for name in story.get("receivers", ["ops"])}
        self._state = _state(folder)
        self._down_until = START

    async def play(self) -> Heard:
        self._start()
        passed = timedelta()
        while passed <= self._end:
            self._clock.now = START + passed
            while self._timeline and parse_duration(str(self._timeline[0]["at"])) <= passed:
                self._happen(self._timeline.pop(0))
            self._measure()
            if self._clock.now >= self._down_until:
                await self._round.once(self._clock.now)
                await self._delivery.once()
            passed += self._every
        return self._outcome()

    def _start(self) -> None:
        self._round = Round(self._rules, self._samples, self._state, self._policy, None, clock=self._clock)
        self._delivery = Delivery(self._state, self._receivers, None, worker_id="stage", clock=self._clock, chance=lambda: 1.0)

    def _happen(self, entry: Mapping[str, Any]) -> None:
        if "restart" in entry:
            self._down_until = self._clock.now + parse_duration(str(entry["restart"]))
            self._start()
        if "answers" in entry:
            self._receivers[entry.get("receiver", "ops")].answers = entry["answers"]
        if entry.get("rule") == "removed":
            self._rules = []
            self._start()
        if "silence" in entry:
            _silence(self._state, entry, self._clock.now)
        labels = tuple(sorted((name, value) for name, value in entry.items() if isinstance(value, str) and name not in _WORDS))
        for name, value in entry.items():
            if name in _WORDS or isinstance(value, str):
                continue
            if value is None:
                self._measured.pop((name, labels), None)
            else:
                self._measured[name, labels] = float(value)

    def _measure(self) -> None:
        for (metric, labels), value in self._measured.items():
            self._samples.append(metric, dict(labels), value, to_ms(self._clock.now))

    def _outcome(self) -> Heard:
        with self._state.read() as connection:
            opened = stories.open_episodes(connection)
            ended = stories.episode_page(connection, stories.Wanted(state="ended", limit=1000)).episodes[::-1]
        self._state.close()
        return Heard(
            [_message(at, one) for at, one in self._heard], [_episode(one) for one in opened], [_episode(one) for one in ended]
        )


def _listed(story: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [story["rule"]] if "rule" in story else list(story["rules"])


def _state(folder: Path) -> State:
    state = sqlite.create(sqlite.Settings(), kinds.World(folder))
    event.listen(state.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
    metadata.create_all(state.engine)
    return state


def _silence(state: State, entry: Mapping[str, Any], now: datetime) -> None:
    """Make a silence, or change or end the one of the same matchers that holds."""
    matchers = ", ".join(map(str, parse_matchers(entry["silence"])))
    ends, author, comment = now + parse_duration(str(entry["lasts"])), entry.get("author", "kim"), entry.get("comment", "moving")
    with state.write() as connection:
        held = next((one for one in silences.not_over(connection, now) if one.matchers == matchers), None)
        begun = (held.id, held.starts_at) if held else (f"{matchers} {now:%H:%M:%S}"[:36], now)
        silences.put(connection, Silence(begun[0], matchers, begun[1], ends, comment, author, begun[1], now))


def _message(at: datetime, notification: Notification) -> dict[str, Any]:
    first = notification.alerts[0]
    told = {
        "at": format_duration(at - START),
        "receiver": notification.receiver,
        "reason": str(notification.reason),
        "says": "resolved" if notification.resolved else "firing",
        "because": first.ended_because,
        "rule": first.rule,
        "severity": str(first.severity),
        "value": first.value_text,
        "threshold": first.threshold,
        "summary": first.summary["en"],
        "요약": first.summary["ko"],
        "duration": spoken(first.ended - first.since, "en") if first.ended else "",
        "alerts": len(notification.alerts),
        "was_muted": first.was_muted,
    }
    return {**first.labels, **told}


def _episode(episode: stories.Episode) -> dict[str, Any]:
    told = {
        "rule": episode.rule,
        "state": episode.state,
        "severity": str(episode.severity),
        "began": format_duration(episode.began_at - START),
        "fired": format_duration(episode.fired_at - START) if episode.fired_at else None,
        "ended": format_duration(episode.ended_at - START) if episode.ended_at else None,
        "because": episode.ended_because,
        "peak": episode.peak,
        "muted": list(episode.muted),
        "told": [f"{one.receiver} {one.reason} {one.state}" for one in episode.told],
    }
    return {**episode.labels, **told}
