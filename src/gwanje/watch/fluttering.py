"""Alerts that come and go, in the round's transaction: how often each changed, and the notices about it.

Changes of alerts that do not flap yet are counted in memory only: after a restart the count begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.keep.state import alerts, history
from gwanje.keep.state.stories import Episode
from gwanje.model import Severity, from_ms, to_ms
from gwanje.tell.flapping import Flap, Limits, Word, since_told, step
from gwanje.tell.routes import targets
from gwanje.tell.told import Ways
from gwanje.watch.flapping_notices import Spoken, notice
from gwanje.watch.notices import put

_SWEEP: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Look:
    """What becomes of one alert if everybody can be told now."""

    identity: str
    flap: Flap
    episodes: Sequence[Episode]
    """Those that began or ended, once for each."""
    after: Flap | None
    word: Word | None


class Fluttering:
    """Which alerts flap, by identity."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._flaps: dict[str, Flap] | None = None
        self._flapping: frozenset[str] = frozenset()
        self._swept = datetime.min.replace(tzinfo=UTC)

    def forget(self) -> None:
        """Read those that flap anew in the next step."""
        self._flaps, self._flapping = None, frozenset()

    def step(
        self,
        connection: Connection,
        changed: Mapping[str, list[Episode]],
        ways: Ways,
        at: datetime,
        room: Callable[[str], bool] = lambda _receiver: True,
    ) -> Sequence[str]:
        """Count beginnings and ends (by identity) and write down what is to be said of them.

        Returns who is told: each in one notice, however many alerts it is about. What a receiver without `room` should hear
        is said when there is some.
        """
        if self._flaps is None:
            self._flaps = _recalled(connection)
            self._flapping = frozenset(identity for identity, flap in self._flaps.items() if flap.flapping)
        flaps, flapping = self._flaps, set(self._flapping)
        looked = self._flapping | changed.keys()
        if at - self._swept >= _SWEEP:  # what changed once, long ago, is forgotten now and then, and not looked at each second
            looked, self._swept = looked | flaps.keys(), at
        looks = [self._look(identity, changed.get(identity, ()), at) for identity in sorted(looked)]
        audience = _audience(connection, [look for look in looks if look.word], ways)
        said: dict[str, list[Spoken]] = {}
        for look in looks:
            flap, people = look.after, audience.get(look.identity, ())
            if look.word is not None and not all(map(room, people)):
                flap, _ = step(look.flap, len(look.episodes), self._limits, at, heard=False)
            elif look.word is not None:
                count = since_told(look.flap, len(look.episodes))
                for receiver in people:
                    said.setdefault(receiver, []).append(Spoken(look.identity, look.flap, look.word, count))
            _keep(connection, look.identity, flaps.pop(look.identity, None), flap)
            flapping.discard(look.identity)
            if flap is not None:
                flaps[look.identity] = flap
            if flap is not None and flap.flapping:
                flapping.add(look.identity)
        self._flapping = frozenset(flapping)
        return [receiver for receiver, words in said.items() if put(connection, notice(receiver, words, self._limits, at), at)]

    def _look(self, identity: str, episodes: Sequence[Episode], at: datetime) -> _Look:
        before = (self._flaps or {}).get(identity) or Flap(episodes[0].rule, episodes[0].labels)
        after, word = step(before, len(episodes), self._limits, at)
        return _Look(identity, before, episodes, after, word)

    def now(self) -> frozenset[str]:
        """The identities of those that flap."""
        return self._flapping


def beginnings_and_ends(before: Mapping[str, Episode], after: Iterable[Episode]) -> dict[str, list[Episode]]:
    """The episodes that began to fire or ended since they were looked at last, by identity."""
    found: dict[str, list[Episode]] = {}
    for episode in after:
        known = before.get(episode.id)
        fired_before = known is not None and known.fired_at is not None
        began = episode.fired_at is not None and not fired_before
        ended = episode.fired_at is not None and episode.ended_at is not None and (known is None or known.ended_at is None)
        for _ in range(began + ended):
            found.setdefault(episode.fingerprint, []).append(episode)
    return found


def _audience(connection: Connection, looks: Sequence[_Look], ways: Ways) -> Mapping[str, Sequence[str]]:
    """Those who would be told of each alert, by its identity."""
    unchanged = history.last_severities(connection, [one.identity for one in looks if not one.episodes])
    found: dict[str, Sequence[str]] = {}
    for one in looks:
        severities = [episode.severity for episode in one.episodes] or [unchanged.get(one.identity, Severity.WARNING)]
        worst = min(severities, key=lambda severity: severity.rank)
        labels = {**one.flap.labels, "rule": one.flap.rule, "severity": str(worst)}
        wanted = targets(ways.root, labels, ways.on_duty) if ways.root else ()
        found[one.identity] = [name for name in dict.fromkeys(target.receiver for target in wanted) if name not in ways.absent]
    return found


def _recalled(connection: Connection) -> dict[str, Flap]:
    return {
        row["fingerprint"]: Flap(row["rule"], row["labels"], tuple(map(from_ms, row["changes"])), row["since"], row["told_at"])
        for row in alerts.all_flaps(connection)
    }


def _keep(connection: Connection, identity: str, before: Flap | None, after: Flap | None) -> None:
    was, now = before is not None and before.flapping, after is not None and after.flapping
    if (was or now) and before != after:
        row = None
        if now and after is not None:
            row = {
                "fingerprint": identity,
                "rule": after.rule,
                "labels": dict(after.labels),
                "changes": [to_ms(at) for at in after.changes],
                "since": after.since,
                "told_at": after.told_at,
            }
        alerts.put_flap(connection, identity, row)
