"""Alerts that come and go, in the round's transaction: how often each changed, and the notices about it.

Changes of alerts that do not flap yet are counted in memory only: after a restart the count begins anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.config import format_duration
from gwanje.keep.state import alerts
from gwanje.keep.state.alerts import Episode
from gwanje.model import Severity, from_ms, to_ms
from gwanje.tell.flapping import Flap, Limits, Word, step
from gwanje.tell.muted import FLAPPING
from gwanje.tell.routes import targets
from gwanje.tell.told import Ways
from gwanje.watch.notices import Notice, put

_SWEEP: Final = timedelta(minutes=1)

_TITLES: Final = {
    Word.BEGAN: ("{what}: 오락가락합니다", "{what} is flapping"),
    Word.GOES_ON: ("{what}: 아직 오락가락합니다", "{what} is still flapping"),
    Word.OVER: ("{what}: 다시 안정되었습니다", "{what} is stable again"),
}


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

    def step(self, connection: Connection, changed: Mapping[str, list[Episode]], ways: Ways, at: datetime) -> int:
        """Count beginnings and ends (by identity) and write down what is to be said of them; how many notices that are."""
        if self._flaps is None:
            self._flaps = _recalled(connection)
            self._flapping = frozenset(identity for identity, flap in self._flaps.items() if flap.flapping)
        flaps = self._flaps
        looked = self._flapping | changed.keys()
        if at - self._swept >= _SWEEP:  # what changed once, long ago, is forgotten now and then, and not looked at each second
            looked, self._swept = looked | flaps.keys(), at
        told = 0
        flapping = set(self._flapping)
        for identity in looked:
            episodes = changed.get(identity, [])
            before = flaps.get(identity)
            known = before or Flap(episodes[0].rule, episodes[0].labels)
            flap, word = step(known, len(episodes), self._limits, at)
            if flap is None:
                flaps.pop(identity, None)
            else:
                flaps[identity] = flap
            if flap is not None and flap.flapping:
                flapping.add(identity)
            else:
                flapping.discard(identity)
            _keep(connection, identity, before, flap)
            if word is not None:
                title, text = _said(known, word, self._limits)
                for receiver in _receivers(known, episodes, ways):
                    told += put(
                        connection, Notice(f"{FLAPPING}:{identity}:{to_ms(at)}:{receiver}"[:120], receiver, title, text), at
                    )
        self._flapping = frozenset(flapping)
        return told

    def now(self) -> frozenset[str]:
        """The identities of those that flap."""
        return self._flapping


def _said(flap: Flap, word: Word, limits: Limits) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Title and text of a notice, by language."""
    where = flap.labels.get("host", "")
    what = f"{flap.rule} · {where}" if where else flap.rule
    ko, en = _TITLES[word]
    title = {"ko": ko.format(what=what), "en": en.format(what=what)}
    if word is Word.OVER:
        return title, {"ko": "따로 다시 알립니다.", "en": "It is told by itself again."}
    within, stable = format_duration(limits.within), format_duration(limits.stable_for)
    return title, {
        "ko": f"{within} 동안 {limits.changes}번 넘게 바뀌었습니다. {stable} 동안 바뀌지 않을 때까지 따로 알리지 않습니다.",
        "en": f"It changed more than {limits.changes} times in {within} and is not told by itself until stable for {stable}.",
    }


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


def _receivers(flap: Flap, episodes: Iterable[Episode], ways: Ways) -> list[str]:
    """Those who would be told of the alert."""
    worst = min((one.severity for one in episodes), key=lambda severity: severity.rank, default=Severity.WARNING)
    labels = {**flap.labels, "rule": flap.rule, "severity": str(worst)}
    found = targets(ways.root, labels, ways.on_duty) if ways.root else []
    return [name for name in Counter(target.receiver for target in found) if name not in ways.absent]


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
