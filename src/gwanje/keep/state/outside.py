"""Alerts that other programs told, as they said them last. The round makes episodes of them; doors write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, delete, exists, insert, select, update

from gwanje.keep.said import OutsideAlert
from gwanje.keep.state.statements import parts
from gwanje.keep.state.tables import episodes, outside
from gwanje.model import Severity


def put(connection: Connection, told: Sequence[OutsideAlert]) -> None:
    """Keep what was said, each in the place of what was said of it before. One fingerprint stands at most once in `told`."""
    known = {one.fingerprint for one in of(connection, [one.fingerprint for one in told])}
    rows = [asdict(one) for one in told]
    new = [row for row in rows if row["fingerprint"] not in known]
    again = [{**row, "this": row["fingerprint"]} for row in rows if row["fingerprint"] in known]
    if new:
        connection.execute(insert(outside), new)
    if again:
        connection.execute(update(outside).where(outside.c.fingerprint == bindparam("this")), again)


def of(connection: Connection, fingerprints: Iterable[str]) -> list[OutsideAlert]:
    found: list[OutsideAlert] = []
    for part in parts(list(fingerprints)):
        wanted = select(outside).where(outside.c.fingerprint.in_(part))
        found += [_alert(row) for row in connection.execute(wanted).mappings()]
    return found


def ended(connection: Connection, fingerprints: Iterable[str]) -> dict[str, datetime]:
    """When the last of the lives of each ended."""
    found: dict[str, datetime] = {}
    for part in parts(list(fingerprints)):
        mine = (episodes.c.fingerprint.in_(part), episodes.c.source != "rule", episodes.c.ended_at.is_not(None))
        wanted = select(episodes.c.fingerprint, episodes.c.ended_at).where(*mine).order_by(episodes.c.ended_at)
        found.update((row.fingerprint, row.ended_at) for row in connection.execute(wanted))
    return found


def every(connection: Connection) -> list[OutsideAlert]:
    return [_alert(row) for row in connection.execute(select(outside).order_by(outside.c.starts_at)).mappings()]


def renewed_at(connection: Connection) -> dict[str, datetime]:
    """When each was told last, in the order in which they began: cheap to read where there are thousands."""
    wanted = select(outside.c.fingerprint, outside.c.renewed_at).order_by(outside.c.starts_at)
    return {row.fingerprint: row.renewed_at for row in connection.execute(wanted)}


def any_kept(connection: Connection) -> bool:
    """Whether there is one at all: a cheap question before the database is locked for writing."""
    return bool(connection.execute(select(exists().where(outside.c.fingerprint.is_not(None)))).scalar())


def drop(connection: Connection, fingerprints: Iterable[str]) -> None:
    """Forget those whose episodes are over."""
    for part in parts(list(fingerprints)):
        connection.execute(delete(outside).where(outside.c.fingerprint.in_(part)))


def _alert(row: RowMapping) -> OutsideAlert:
    return OutsideAlert(**{**row, "severity": Severity(row["severity"])})
