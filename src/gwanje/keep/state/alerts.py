"""Alerts as the round keeps them: open instances, episodes with their history, groups, storms. What people read is `stories.py`.

Rows are names of columns and values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, or_, select, update

from gwanje.because import plain
from gwanje.keep.state.bulk import insert_all, update_all
from gwanje.keep.state.statements import parts
from gwanje.keep.state.tables import (
    accepted,
    attempts,
    episodes,
    flaps,
    groups,
    instances,
    outbox,
    outbox_episodes,
    settings,
    storms,
    transitions,
)
from gwanje.model import from_ms, to_ms

ENDED: Final = "resolved"
"""The state of an episode that is over, whatever ended it; `ended_because` says what did."""

_JUDGED: Final = "judged_at"
"""The name under which settings keep when rules were evaluated last."""

_TEXTS: Final = "rule_texts"
"""The name under which settings keep by which texts rules were judged."""

Row = dict[str, Any]


def open_instances(connection: Connection) -> list[Row]:
    """Every instance with an open episode."""
    return [dict(row) for row in connection.execute(select(instances)).mappings()]


def put_instances(connection: Connection, *, new: Sequence[Row], known: Sequence[Row]) -> None:
    """Keep open instances: such as were not kept yet, and others as they are now."""
    insert_all(connection, instances, new)
    update_all(connection, instances, "fingerprint", known)


def drop_instances(connection: Connection, fingerprints: Iterable[str]) -> None:
    """Forget instances that are ok."""
    for part in parts(list(fingerprints)):
        connection.execute(delete(instances).where(instances.c.fingerprint.in_(part)))


def judged_at(connection: Connection) -> datetime | None:
    """When rules were evaluated last, within a few seconds, while an alert was open; None where none ever was."""
    found = connection.execute(select(settings.c.value).where(settings.c.name == _JUDGED)).scalar()
    return None if found is None else from_ms(found)


def put_judged_at(connection: Connection, at: datetime) -> None:
    """Keep when rules were evaluated last."""
    row = {"value": to_ms(at), "changed_at": at, "write_only": False}
    if connection.execute(update(settings).where(settings.c.name == _JUDGED).values(row)).rowcount == 0:
        connection.execute(insert(settings).values({"name": _JUDGED, **row}))


def rule_texts(connection: Connection) -> dict[str, str]:
    """The digest of the text by which each rule was judged last."""
    return dict(connection.execute(select(settings.c.value).where(settings.c.name == _TEXTS)).scalar() or {})


def put_rule_texts(connection: Connection, texts: Mapping[str, str], at: datetime) -> None:
    """Keep the digests of these rules, beside those of the others."""
    row = {"value": {**rule_texts(connection), **texts}, "changed_at": at, "write_only": False}
    if connection.execute(update(settings).where(settings.c.name == _TEXTS).values(row)).rowcount == 0:
        connection.execute(insert(settings).values({"name": _TEXTS, **row}))


def begin_episodes(connection: Connection, rows: Sequence[Row]) -> None:
    if rows:
        hosts = [row["labels"].get("host", "")[:255] or None for row in rows]
        insert_all(connection, episodes, [{**row, "host": host} for row, host in zip(rows, hosts, strict=True)])


def change_episode(connection: Connection, episode: str, changes: Row) -> None:
    connection.execute(update(episodes).where(episodes.c.id == episode).values(changes))


def change_episodes(connection: Connection, changes: Mapping[str, Row]) -> None:
    """Change several episodes, by their ids: those of which the same columns change go together."""
    by_columns: dict[tuple[str, ...], list[Row]] = {}
    for id_, row in changes.items():
        by_columns.setdefault(tuple(sorted(row)), []).append({**row, "id": id_})
    for rows in by_columns.values():
        update_all(connection, episodes, "id", rows)


def flag_episodes(connection: Connection, ids: Iterable[str], muted: Sequence[str], was_muted: str) -> None:
    """Say of episodes what mutes them now and what did until they were told; one silence may be over ten thousand."""
    for part in parts(list(ids)):
        said = {"muted": list(muted), "was_muted": was_muted}
        connection.execute(update(episodes).where(episodes.c.id.in_(part)).values(said))


def add_transitions(connection: Connection, rows: Sequence[Row]) -> None:
    """Continue stories; what is kept beside each sentence is what it says by code and values, where it has them."""
    sentences = {id(row["because"]): row["because"] for row in rows}  # one silence is ten thousand lines
    worded = {key: {"because": one[:200], "reason": plain(one)} for key, one in sentences.items()}
    insert_all(connection, transitions, [row | worded[id(row["because"])] for row in rows])


def all_groups(connection: Connection) -> list[Row]:
    return [dict(row) for row in connection.execute(select(groups).order_by(groups.c.key)).mappings()]


def put_groups(connection: Connection, *, new: Sequence[Row], known: Sequence[Row]) -> None:
    """Keep groups: such as were not kept yet, and others as they are now."""
    insert_all(connection, groups, new)
    update_all(connection, groups, "key", known)


def drop_groups(connection: Connection, keys: Iterable[str]) -> None:
    """Forget groups of which nothing is left."""
    for part in parts(list(keys)):
        connection.execute(delete(groups).where(groups.c.key.in_(part)))


def all_storms(connection: Connection) -> list[Row]:
    return [dict(row) for row in connection.execute(select(storms)).mappings()]


def all_flaps(connection: Connection) -> list[Row]:
    return [dict(row) for row in connection.execute(select(flaps)).mappings()]


def put_flap(connection: Connection, fingerprint: str, row: Row | None) -> None:
    """Keep an alert that flaps, in the place of what was kept; None forgets it."""
    connection.execute(delete(flaps).where(flaps.c.fingerprint == fingerprint))
    if row is not None:
        connection.execute(insert(flaps).values(row))


def put_storm(connection: Connection, receiver: str, row: Row | None) -> None:
    """Keep what a receiver's storm is at, in the place of what was kept; None forgets it."""
    connection.execute(delete(storms).where(storms.c.receiver == receiver))
    if row is not None:
        connection.execute(insert(storms).values(row))


def forget(connection: Connection, before: datetime) -> int:
    """Delete episodes that ended before, with their story, and messages that were done before; returns how many episodes."""
    old = select(episodes.c.id).where(episodes.c.ended_at < before)
    done = select(outbox.c.id).where(outbox.c.done_at < before)
    connection.execute(
        delete(outbox_episodes).where(or_(outbox_episodes.c.episode.in_(old), outbox_episodes.c.outbox_id.in_(done)))
    )
    connection.execute(delete(attempts).where(attempts.c.outbox_id.in_(done)))
    connection.execute(delete(accepted).where(accepted.c.outbox_id.in_(done)))
    connection.execute(delete(outbox).where(outbox.c.done_at < before))
    connection.execute(delete(transitions).where(transitions.c.episode.in_(old)))
    return connection.execute(delete(episodes).where(episodes.c.ended_at < before)).rowcount
