"""What is done about alerts: decided from what telling knows, and written down in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.act.deciding import Done, Trouble, decide, quiet
from gwanje.act.spec import Action
from gwanje.judge.lifecycle import Instance
from gwanje.keep.state import deeds
from gwanje.keep.state.stories import Episode

_HOUR: Final = timedelta(hours=1)


class Acting:
    """Decides deeds. Without actions it costs nothing."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self._rules = {rule for action in actions for rule in action.rules}
        self._lately = max([_HOUR, *(action.cool_down for action in actions)])
        """How far back other alerts' actions limit what is done now; those about an alert count as long as it goes on."""

    def step(
        self,
        connection: Connection,
        at: datetime,
        episodes: Iterable[Episode],
        on_it: Mapping[str, str],
        open_of: Callable[[str], Mapping[str, Instance]],
    ) -> int:
        """Write down what is to be done about these alerts; how much that is. `on_it` says who acknowledged what, and `open_of`
        gives the open alerts of a rule by their identities.
        """
        wanted = [one for one in episodes if one.rule in self._rules and one.ended_at is None and one.fired_at is not None]
        if not wanted:
            return 0
        # An action may take minutes, and its cool-down begins at its end: what was decided twice as long ago is asked for.
        since = at - 2 * self._lately
        lasting = [one.id for one in wanted if one.fired_at and one.fired_at < since]
        known = {one.id: one for one in (*deeds.of_episodes(connection, lasting), *deeds.recent(connection, since))}
        past = [Done(one.action, one.target, one.episode, one.decided_at, one.ended_at) for one in known.values()]
        troubles = [_trouble(one, open_of(one.rule).get(one.fingerprint), on_it.get(one.id, ""), at) for one in wanted]
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


def _trouble(episode: Episode, instance: Instance | None, on_it: str, at: datetime) -> Trouble:
    """An alert that fires on although its data stopped is kept so by its rule: nobody sees it, and nothing is done."""
    unseen = f"nobody knows: {instance.last_seen}" if instance is not None and instance.last_seen else ""
    why = quiet(episode, on_it) or unseen
    return Trouble(episode.id, episode.rule, episode.labels, episode.severity, episode.fired_at or at, why)
