"""Stories of alerts that go on when other things mute them than before: written, and read again after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from gwanje.keep.state import alerts, history
from gwanje.keep.state.alerts import Episode
from gwanje.tell.muted import Muter, changes, mutings

Muters = Mapping[str, tuple[Muter, ...]]
"""What mutes each alert, by its episode; nothing of those that nothing mutes."""


def recalled(connection: Connection) -> Muters:
    """What mutes the alerts that fire, as their stories say."""
    stories: dict[str, list[history.Step]] = {}
    for line in history.asides(connection):
        stories.setdefault(line.episode, []).append(line)
    found = {id_: tuple(one.muter for one in mutings(lines, None) if one.ends is None) for id_, lines in stories.items()}
    return {id_: muters for id_, muters in found.items() if muters}


def write(connection: Connection, episodes: Mapping[str, Episode], before: Muters, after: Muters, at: datetime) -> list[str]:
    """Say what mutes now and what does no longer; returns of which episodes. What is over needs no word."""
    lines: list[alerts.Row] = []
    for id_ in sorted(before.keys() | after.keys()):
        episode = episodes.get(id_)
        if episode is not None and episode.ended_at is None and before.get(id_) != after.get(id_):
            lines += [history.aside(episode, at, why) for why in changes(before.get(id_, ()), after.get(id_, ()))]
    alerts.add_transitions(connection, lines)
    return list(dict.fromkeys(line["episode"] for line in lines))
