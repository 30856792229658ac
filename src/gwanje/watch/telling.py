"""What is told: groups stepped and messages written to the outbox, in the transaction in which alerts changed.

Groups and open alerts are remembered between two steps and read again only where they changed. What is remembered is
taken over when the transaction was committed, and forgotten when it was not; another process may have had the lease then.
While nothing changes, groups are looked at only when the time of one of them has come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from gwanje.because import Because
from gwanje.keep.said import Acknowledgement, Silence
from gwanje.keep.state import acknowledgements, alerts, history, silences, stories
from gwanje.keep.state.stories import Episode
from gwanje.keep.state.written import Wrote
from gwanje.model import Severity
from gwanje.tell import groups, storm
from gwanje.tell.muted import FLAPPING, Muter, words
from gwanje.tell.muting import Muting, by_calendar, over
from gwanje.tell.placing import Placing
from gwanje.tell.policy import Policy
from gwanje.tell.storm import Weather
from gwanje.tell.told import Alert, Decided, Group, Ways
from gwanje.watch import kept, mutings
from gwanje.watch.fluttering import Fluttering, beginnings_and_ends
from gwanje.watch.messages import Messages, alert_of

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_NOTHING_WRITTEN: Final = Wrote()
_FLAPPING: Final = Muter(FLAPPING)


@dataclass(frozen=True, slots=True)
class Said:
    """What one step of telling came to: how many groups are left, and how many messages were decided."""

    groups: int
    messages: int
    known: Collection[Episode] = ()
    """The alerts that fire, and those that are over of which somebody was told."""
    on_it: Mapping[str, str] = field(default_factory=dict)
    """Who took which of them over."""
    changed: tuple[str, ...] = ()
    """Episodes of which something else changed: what mutes them, or who is on them."""


@dataclass(slots=True)
class _Memory:
    """What was true after the last step."""

    groups: dict[str, Group]
    episodes: dict[str, Episode]
    """Those that fire, and those of which somebody was told."""
    weather: dict[str, Weather] = field(default_factory=dict)
    under: _Circumstances | None = None
    """What the groups were stepped under last."""
    wakes: datetime = _LONG_AGO
    """Until when they have nothing to say under that."""
    muters: Mapping[str, tuple[Muter, ...]] = field(default_factory=dict)
    """What mutes which episode, as its story says it."""
    _alerts: dict[str, tuple[Episode, Acknowledgement | None, Alert]] = field(default_factory=dict)

    def standing(self, taken: Mapping[str, Acknowledgement]) -> list[Alert]:
        """The alerts as telling sees them; those that did not change are not made anew."""
        before, self._alerts = self._alerts, {}
        for id_, episode in self.episodes.items():
            who, known = taken.get(id_), before.get(id_)
            if known is None or known[0] is not episode or known[1] != who:
                known = episode, who, alert_of(episode, who)
            self._alerts[id_] = known
        return [alert for _, _, alert in self._alerts.values()]


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """Everything beside the alerts themselves that decides what is told."""

    ways: Ways
    silences: Sequence[Silence]
    taken: Mapping[str, Acknowledgement]
    flapping: frozenset[str]


class Telling:
    """Decides what is said about the alerts of one state."""

    def __init__(self, policy: Policy, page_url: str) -> None:
        self._policy = policy
        self._messages = Messages(page_url)
        self._fluttering = Fluttering(policy.flapping)
        self._placing = Placing()
        self._memory: _Memory | None = None

    @property
    def muters(self) -> mutings.Muters:
        """What muted which episode at the last step; nothing before the first."""
        return self._memory.muters if self._memory else {}

    def take_over(self, policy: Policy) -> None:
        """Decide by another policy from now on; the next step reads every group anew, as a receiver may have another name."""
        self._policy = policy
        self._memory = None

    def forget(self) -> None:
        """Read everything anew in the next step: what was remembered may not be true."""
        self._memory = None
        self._fluttering.forget()

    def step(self, connection: Connection, at: datetime, changed: Iterable[str] = (), wrote: Wrote = _NOTHING_WRITTEN) -> Said:
        """Step the groups and write down what is to be sent. `changed` names the episodes that changed since the last step;
        what `wrote` says of them is not read again.

        When the transaction fails, `forget` must be called.
        """
        memory = self._memory or _recalled(connection)
        ways = self._policy.ways(at)
        turned, moved = _refresh(connection, memory, changed, wrote)
        noticed = self._fluttering.step(connection, turned, ways, at, lambda receiver: self._has_room(memory, receiver, at))
        taken, ended = self._acknowledgements(connection, memory, at)
        said = [silence for silence in silences.not_over(connection, at) if silence.holds(at)]
        under = _Circumstances(ways, said, taken, self._fluttering.now())
        after, decided, flagged = list(memory.groups.values()), list[Decided](), list[str]()
        if moved or under != memory.under or at >= memory.wakes:
            after, decided, flagged = self._look(connection, memory, under, at)
        before = storm.spent(memory.weather, noticed, at)
        alone, digests, weather = storm.limit(decided, before, at, self._policy.messages_a_minute)
        for message in alone:
            self._messages.put(connection, message, memory.episodes, taken)
        for digest in digests:
            self._messages.put_digest(connection, digest, memory.episodes, taken)
        self._keep(connection, memory, after, weather)
        self._memory = memory
        return Said(
            groups=len(after) + len(weather) + len(self._fluttering.now()),
            messages=len(alone) + len(digests) + len(noticed),
            known=memory.episodes.values(),
            on_it={episode: one.who for episode, one in taken.items()},
            changed=(*ended, *flagged),
        )

    def _look(
        self, connection: Connection, memory: _Memory, under: _Circumstances, at: datetime
    ) -> tuple[list[Group], list[Decided], list[str]]:
        """Step the groups: those after it, the messages, and the episodes of which flags changed."""
        standing = memory.standing(under.taken)
        muting = Muting(under.silences, self._policy.windows, self._policy.inhibitions)
        muted = self._also_flapping(muting.of(standing, at), memory)
        heard = standing
        if muted:
            heard = [replace(one, muted=muted[one.episode][0].what) if one.episode in muted else one for one in standing]
        before = list(memory.groups.values())
        after, decided, wakes = groups.step(before, heard, under.ways, at, self._placing)
        rests = not decided and {group.key: group for group in after} == memory.groups
        memory.under, memory.wakes = under, wakes() if rests else at
        quiet = self._also_by_calendar(muted, standing, under.ways, at)
        turned = mutings.write(connection, memory.episodes, memory.muters, quiet, at)
        memory.muters = quiet
        return after, decided, [*self._flag(connection, memory, muted, decided), *turned]

    def _has_room(self, memory: _Memory, receiver: str, at: datetime) -> bool:
        return storm.room(memory.weather.get(receiver), at, self._policy.messages_a_minute)

    # --- what is known ---

    def _also_flapping(self, muted: Mapping[str, tuple[Muter, ...]], memory: _Memory) -> Mapping[str, tuple[Muter, ...]]:
        flapping = self._fluttering.now()
        if not flapping:
            return muted
        found = {one.id for one in memory.episodes.values() if one.ended_at is None and one.fingerprint in flapping}
        return {**muted, **{id_: (*muted.get(id_, ()), _FLAPPING) for id_ in found}}

    def _also_by_calendar(
        self, muted: Mapping[str, tuple[Muter, ...]], standing: Sequence[Alert], ways: Ways, at: datetime
    ) -> Mapping[str, tuple[Muter, ...]]:
        """With the receivers that are not told by the calendars of their routes."""
        if ways.root is None or not ways.root.by_calendar:
            return muted
        firing = [alert for alert in standing if alert.firing]
        placed = self._placing.of(firing, ways.root, ways.on_duty, ways.absent)
        calendar = by_calendar(placed, self._policy.windows, ways.windows_on, at)
        return {id_: (*muted.get(id_, ()), *calendar.get(id_, ())) for id_ in (*muted, *(calendar.keys() - muted.keys()))}

    def _acknowledgements(
        self, connection: Connection, memory: _Memory, at: datetime
    ) -> tuple[Mapping[str, Acknowledgement], list[str]]:
        """The acknowledgements that hold; those that ended are dropped and told in the story."""
        every = acknowledgements.every(connection)
        ended: dict[str, str] = {}
        for episode, taken in every.items():
            known = memory.episodes.get(episode) or stories.episode(connection, episode)
            severity = None if known is None or known.ended_at is not None else known.severity
            why = over(taken, severity, at)
            if why:
                ended[episode] = why
                if known is not None and severity is not None:
                    alerts.add_transitions(connection, [history.aside(known, at, _let_go(why))])
        acknowledgements.drop(connection, ended)
        return {episode: taken for episode, taken in every.items() if episode not in ended}, list(ended)

    def _flag(
        self, connection: Connection, memory: _Memory, muted: Mapping[str, Sequence[Muter]], decided: Iterable[Decided]
    ) -> list[str]:
        """Write down what mutes each alert now, and what muted those that are told late."""
        late = {
            alert.episode: why for message in decided for alert in message.alerts if (why := message.was_muted(alert.episode))
        }
        changed: dict[tuple[tuple[str, ...], str], list[str]] = {}
        flagged = [id_ for id_, episode in memory.episodes.items() if id_ in muted or id_ in late or episode.muted]
        for id_ in flagged:
            episode = memory.episodes[id_]
            now, was = words(muted.get(id_, ())), late.get(id_, episode.was_muted)
            if episode.ended_at is None and (now != tuple(episode.muted) or was != episode.was_muted):
                changed.setdefault((now, was), []).append(id_)
                memory.episodes[id_] = replace(episode, muted=now, was_muted=was)
        for (now, was), ids in changed.items():
            alerts.flag_episodes(connection, ids, now, was)
        return [id_ for ids in changed.values() for id_ in ids]

    def _keep(self, connection: Connection, memory: _Memory, after: Sequence[Group], weather: dict[str, Weather]) -> None:
        """Write down the groups and the weather where they changed, and remember what is needed from now on."""
        standing = {group.key: group for group in after}
        changed = [group for group in after if memory.groups.get(group.key) != group]
        gone = memory.groups.keys() - standing.keys()
        new = [kept.group_row(group) for group in changed if group.key not in memory.groups]
        known = [kept.group_row(group) for group in changed if group.key in memory.groups]
        alerts.put_groups(connection, new=new, known=known)
        alerts.drop_groups(connection, gone)
        for receiver in memory.weather.keys() | weather.keys():
            if memory.weather.get(receiver) != weather.get(receiver):
                alerts.put_storm(connection, receiver, kept.weather_row(weather[receiver]) if receiver in weather else None)
        memory.groups, memory.weather = standing, weather
        over = [id_ for id_, one in memory.episodes.items() if one.ended_at is not None]
        if over:
            told = {episode for group in after for episode in group.told}
            told |= {episode for one in weather.values() for episode in one.held}
            for id_ in over:
                if id_ not in told:
                    del memory.episodes[id_]


def _recalled(connection: Connection) -> _Memory:
    """Everything as state keeps it."""
    standing = {row["key"]: kept.group(row) for row in alerts.all_groups(connection)}
    weather = {row["receiver"]: kept.weather(row) for row in alerts.all_storms(connection)}
    named = {episode for group in standing.values() for episode in group.told}
    named |= {episode for one in weather.values() for episode in one.held}
    known = {one.id: one for one in stories.fired_or_named(connection, named)}
    return _Memory(standing, known, weather, muters=mutings.recalled(connection))


def _refresh(
    connection: Connection, memory: _Memory, changed: Iterable[str], wrote: Wrote
) -> tuple[dict[str, list[Episode]], bool]:
    """Take over what changed, or read it again; what did not fire yet is not looked at.

    Returns what began and what ended, by identity, and whether anything changed but what alerts show, such as their value.
    """
    moved = False
    found: list[Episode] = []
    unknown: list[str] = []
    for id_ in changed:
        one = wrote.read(id_, memory.episodes.get(id_))
        if one is None:
            unknown.append(id_)
        else:
            found.append(one)
    found += stories.fired_or_named(connection, unknown, fired=False)
    if not found:
        return {}, False
    told = {episode for group in memory.groups.values() for episode in group.told}
    turned = beginnings_and_ends(memory.episodes, found)
    for one in found:
        if (one.fired_at is not None and one.ended_at is None) or one.id in told or one.id in memory.episodes:
            before = memory.episodes.get(one.id)
            moved = moved or before is None or _decisive(before) != _decisive(one)
            memory.episodes[one.id] = one
    return turned, moved


def _decisive(episode: Episode) -> tuple[Severity, bool]:
    """What of an episode decides whether something is said of it; its labels never change."""
    return episode.severity, episode.ended_at is None


def _let_go(why: str) -> Because:
    return Because(f"acknowledgement ended: {why}", "acknowledgement_ended", what=why)
