"""What is done about alerts: decided from what telling knows, and written down in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.act.deciding import Done, Trouble, decide
from gwanje.act.spec import Action
from gwanje.judge.lifecycle import State
from gwanje.keep.state import deeds
from gwanje.keep.state.alerts import Episode

_PAST: Final = timedelta(days=1)
"""How far back tries are counted; a cool-down longer than that is as long as that."""


class Acting:
    """Decides deeds. Without actions it costs nothing."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self._rules = {rule for action in actions for rule in action.rules}

    def step(self, connection: Connection, at: datetime, episodes: Iterable[Episode], on_it: Mapping[str, str]) -> int:
        """Write down what is to be done about these alerts; how much that is. `on_it` says who acknowledged what."""
        wanted = [one for one in episodes if one.rule in self._rules and one.ended_at is None and one.fired_at is not None]
        if not wanted:
            return 0
        past = [
            Done(one.action, one.target, one.episode, one.decided_at, one.ended_at)
            for one in deeds.recent(connection, at - _PAST)
        ]
        troubles = [_trouble(one, on_it.get(one.id, ""), at) for one in wanted]
        rules = {one.id: one.rule for one in wanted}
        decided = decide(self._actions, troubles, past, at)
        rows = [
            {
                "action": deed.action,
                "target": deed.target,
                "rule": rules[deed.episode],
                "episode": deed.episode,
                "labels": dict(deed.labels),
                "because": deed.because,
                "dry": deed.dry,
            }
            for deed in decided
        ]
        deeds.put(connection, rows, at)
        return len(rows)


def _trouble(episode: Episode, on_it: str, at: datetime) -> Trouble:
    quiet = ", ".join(episode.muted)
    if episode.state != State.FIRING:
        quiet = f"nobody knows: it is {episode.state}"
    elif on_it:
        quiet = f"{on_it} is on it"
    return Trouble(episode.id, episode.rule, episode.labels, episode.severity, episode.fired_at or at, quiet)
