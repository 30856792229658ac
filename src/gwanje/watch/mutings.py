"""Stories of alerts that go on when other things mute them than before: written, and read again after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from gwanje.because import Because
from gwanje.keep.state import alerts, history
from gwanje.keep.state.stories import Episode
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
    worded: dict[tuple[tuple[Muter, ...], tuple[Muter, ...]], list[Because]] = {}  # one silence is ten thousand lines
    for id_ in sorted(before.keys() | after.keys()):
        episode, turn = episodes.get(id_), (before.get(id_, ()), after.get(id_, ()))
        if episode is not None and episode.ended_at is None and turn[0] != turn[1]:
            if turn not in worded:
                worded[turn] = changes(*turn)
            lines += [history.aside(episode, at, why) for why in worded[turn]]
    alerts.add_transitions(connection, lines)
    return list(dict.fromkeys(line["episode"] for line in lines))
