"""`gwanje rules backtest`: what rules of files and of the page would have done with the samples that are stored."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from gwanje.app import folder as folders
from gwanje.app import in_force, lock
from gwanje.app.clock import now
from gwanje.app.folder import Folder
from gwanje.app.house import open_house
from gwanje.app.in_force import InForce
from gwanje.app.tools import ask
from gwanje.config import MAIN_FILE, format_duration, parse_duration
from gwanje.errors import BadInput, GwanjeError
from gwanje.judge.rules.promtool import said
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.summary import readable
from gwanje.judge.rules.thresholds import Thresholds, joined
from gwanje.keep.said import Override, Silence
from gwanje.keep.samples.base import Answer, Labels, Matrix, Queryable, Scalar, Text, Vector
from gwanje.keep.state import history, silences
from gwanje.keep.state import thresholds as set_apart
from gwanje.keep.state.base import State
from gwanje.keep.state.history import Fired
from gwanje.model import Severity, from_ms, to_ms
from gwanje.tell.muted import INHIBITED, Muter, words
from gwanje.tell.policy import Policy
from gwanje.watch.backtest import Backtest, Firing, Then, backtest, speaking
from gwanje.watch.instants import floor

_PAGE: Final = 500
_PARTS: Final = ("warning", "critical", "clear")
SHOWN: Final = 20
"""How many firings of a rule are written out."""


def run(path: Path, last: str, name: str, step: str) -> int:
    """Say of each rule how often it would have fired, when and for whom; 1 when a rule could not be evaluated."""
    if not (path / MAIN_FILE).is_file():
        raise GwanjeError(f"there is no {MAIN_FILE} in {path}; make one with: gwanje init {path}")
    folder = folders.read(path)
    asked = _Asked(folder, name, _positive("--last", last), _positive("--step", step), now())
    if lock.is_held(path):
        counting, found = asyncio.run(_running(asked, path))
    else:
        with lock.hold(path, "gwanje rules backtest"):
            counting, found = asyncio.run(_alone(asked))
    of_page = ", ".join(counting.of_page())
    print(f"by {MAIN_FILE} and the page ({of_page})" if of_page else f"by {MAIN_FILE}; nothing of the page counts")
    for rule, one in found:
        print("\n".join(_written(one, rule, asked)))
    return 1 if any(one.failed for _, one in found) else 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be looked at."""

    folder: Folder
    name: str
    """The rule; empty for all that are switched on."""
    last: timedelta
    step: timedelta
    until: datetime

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first and the last step."""
        end = floor(self.until, self.step)
        return floor(end - self.last, self.step), end


Found = tuple[InForce, list[tuple[Rule, Backtest]]]
"""What counts, and what each rule of it would have done."""


@dataclass(frozen=True, slots=True)
class Said:
    """What people said of thresholds and silences, and other alerts."""

    overrides: Sequence[Override] = ()
    silences: Sequence[Silence] = ()
    fired: Sequence[Fired] = ()
    """The alerts of that time that may speak for others."""


async def _alone(asked: _Asked) -> Found:
    async with open_house(asked.folder) as house:
        counting = await asyncio.to_thread(in_force.of_state, asked.folder, house.state)
        said = await asyncio.to_thread(_of_state, house.state, asked, counting.telling.policy)
        return counting, await _all(asked, counting, house.samples, said)


def _of_state(state: State, asked: _Asked, policy: Policy) -> Said:
    with state.read() as connection:
        fired = speaking(history.fired(connection, *asked.span), policy)
        return Said(set_apart.every(connection), silences.every(connection), fired)


async def of_process(path: Path, policy: Policy, span: tuple[datetime, datetime]) -> Said:
    """As the process that holds the folder says it."""
    apart = (await ask(path, "GET", "/api/v1/thresholds", {}))["overrides"]
    ever = {"from": "0", "to": str(to_ms(now()))}
    quiet = (await ask(path, "GET", "/api/v1/silences", ever))["silences"]
    fired = speaking([one async for one in _fired(path, span)], policy) if policy.inhibitions else []
    return Said([_override(one) for one in apart if one["kept"]], [_silence(one) for one in quiet], fired)


async def _fired(path: Path, span: tuple[datetime, datetime]) -> AsyncIterator[Fired]:
    asked = {"from": str(to_ms(span[0])), "to": str(to_ms(span[1])), "limit": str(_PAGE), "before": ""}
    while True:
        page = await ask(path, "GET", "/api/v1/episodes", asked)
        for one in page["episodes"]:
            if one["fired_at"] is not None:
                ended = None if one["ended_at"] is None else from_ms(one["ended_at"])
                severity = Severity(one["severity"])
                yield Fired(one["id"], one["rule"], one["labels"], severity, from_ms(one["fired_at"]), ended)
        if not page["next"]:
            return
        asked["before"] = page["next"]


def _override(shown: Mapping[str, Any]) -> Override:
    texts = {part: f"{one['operator']} {one['number']!r}" if (one := shown[part]) else None for part in _PARTS}
    kept = {name: shown[name] for name in ("rule", "scope", "name", "changed_by")}
    given: dict[str, Any] = {**kept, **texts, "changed_at": from_ms(shown["changed_at"])}
    return Override(**given)


def _silence(shown: Mapping[str, Any]) -> Silence:
    times = {name: from_ms(shown[name]) for name in ("starts_at", "ends_at", "created_at", "updated_at")}
    given: dict[str, Any] = {**{name: shown[name] for name in ("id", "matchers", "comment", "created_by")}, **times}
    return Silence(**given)


async def _running(asked: _Asked, path: Path) -> Found:
    counting = await asyncio.to_thread(in_force.read, asked.folder)
    said = await of_process(path, counting.telling.policy, asked.span)
    return counting, await _all(asked, counting, OverSocket(path), said)


async def _all(asked: _Asked, counting: InForce, samples: Queryable, people: Said) -> list[tuple[Rule, Backtest]]:
    then = Then(people.silences, people.fired)
    overrides = joined(asked.folder.inventory.overrides, people.overrides)
    thresholds = Thresholds(overrides, asked.folder.inventory.groups)
    policy = counting.telling.policy
    return [
        (rule, await backtest(rule, samples, policy, asked.span, asked.step, thresholds=thresholds, then=then))
        for rule in _rules(counting.rules, asked.name)
    ]


def _rules(every: Sequence[Rule], name: str) -> list[Rule]:
    found = [rule for rule in every if rule.name == name or (not name and rule.enabled)]
    if not found:
        known = ", ".join(rule.name for rule in every) or "none"
        raise GwanjeError(f"there is no rule named {name!r}; known: {known}" if name else "no rule is configured")
    return found


def _positive(option: str, text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from error
    if found <= timedelta():
        raise BadInput(f"{option} must be longer than 0s")
    return found


def _written(one: Backtest, rule: Rule, asked: _Asked) -> list[str]:
    times = f"{len(one.firings)} time" + ("" if len(one.firings) == 1 else "s")
    looks = f"in the last {format_duration(asked.last)}, looked at every {format_duration(asked.step)}"
    told = sum(bool(firing.told) for firing in one.firings)
    quiet = sum(bool(firing.muted) and not firing.told for firing in one.firings)
    by = Counter(word for firing in one.firings if not firing.told for word in words(firing.muted))
    muted = f"{quiet} ({', '.join(f'{word} {count}' for word, count in by.most_common())})" if quiet else "0"
    lines = [f"{one.rule}: would have fired {times} {looks}; told {told}, muted {muted}"]
    if one.failed:
        lines.append(f"  not every evaluation found something: {one.failed}")
    lines += [f"  {_line(firing, rule)}" for firing in one.firings[:SHOWN]]
    if len(one.firings) > SHOWN:
        lines.append(f"  and {len(one.firings) - SHOWN} more")
    return lines


def _line(firing: Firing, rule: Rule) -> str:
    ended = f"for {format_duration(firing.ended - firing.began)}" if firing.ended else "and still fires"
    peak = f", peak {readable(firing.peak, rule.value_unit)}" if firing.peak is not None else ""
    muted = f" ({', '.join(map(_by, firing.muted))})" if firing.muted else ""
    told = (", ".join(firing.told) or "nobody") + muted
    return f"{_local(firing.began)} {ended} {firing.severity} {said(firing.labels)}{peak}, told: {told}"


def _by(muter: Muter) -> str:
    """`silenced by kim`, `inhibited by switch down · seoul`, `maintenance patch`."""
    by = muter.who or (muter.why if muter.what == INHIBITED else "")
    return f"{muter.what} by {by}" if by else f"{muter.what} {muter.name}".rstrip()


def _local(instant: datetime) -> str:
    return instant.astimezone().isoformat(sep=" ", timespec="seconds")


class OverSocket:
    """The samples of the process that holds a folder, over its socket. The promise `Queryable`, as far as rules ask."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def instant(self, query: str, at_ms: int) -> Answer:
        return _answer(await self._ask("query", {"query": query, "time": _seconds(at_ms)}))

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        given = {"start": _seconds(start_ms), "end": _seconds(end_ms), "step": _seconds(step_ms)}
        return _matrix((await self._ask("query_range", {"query": query, **given}))["result"])

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        raise NotImplementedError

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        raise NotImplementedError

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        raise NotImplementedError

    async def _ask(self, what: str, given: Mapping[str, str]) -> Mapping[str, Any]:
        data: Mapping[str, Any] = (await ask(self._path, "GET", f"/api/v1/{what}", given))["data"]
        return data


def _answer(data: Mapping[str, Any]) -> Answer:
    result = data["result"]
    if data["resultType"] == "matrix":
        return _matrix(result)
    if data["resultType"] == "vector":
        values = np.array([float(row["value"][1]) for row in result], np.float64)
        return Vector([tuple(sorted(row["metric"].items())) for row in result], values, 0)
    return Scalar(float(result[1]), 0) if data["resultType"] == "scalar" else Text(result[1], 0)


def _matrix(rows: Sequence[Mapping[str, Any]]) -> Matrix:
    labels = [tuple(sorted(row["metric"].items())) for row in rows]
    offsets = np.cumsum([0, *(len(row["values"]) for row in rows)], dtype=np.int64)
    pairs = np.array([(float(at), float(value)) for row in rows for at, value in row["values"]], np.float64).reshape(-1, 2)
    return Matrix(labels, offsets, np.rint(pairs[:, 0] * 1000).astype(np.int64), pairs[:, 1])


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"
