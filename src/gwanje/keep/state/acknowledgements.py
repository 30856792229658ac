"""Who took an open alert over. One acknowledgement an episode; a later one takes the place of an earlier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, select

from gwanje.keep.said import Acknowledgement
from gwanje.keep.state.statements import parts
from gwanje.keep.state.tables import acknowledgements
from gwanje.model import Severity


def put(connection: Connection, taken: Acknowledgement) -> None:
    """Keep it, in the place of an earlier one of the same episode."""
    put_all(connection, [taken])


def put_all(connection: Connection, every: Sequence[Acknowledgement]) -> None:
    """Keep these, in the places of earlier ones of the same episodes."""
    drop(connection, [taken.episode for taken in every])
    columns = ("episode", "who", "at", "why", "until", "severity")
    if every:
        connection.execute(insert(acknowledgements), [{name: getattr(taken, name) for name in columns} for taken in every])


def drop(connection: Connection, episodes: Iterable[str]) -> int:
    """End those of these episodes; returns how many there were."""
    return sum(
        connection.execute(delete(acknowledgements).where(acknowledgements.c.episode.in_(part))).rowcount
        for part in parts(list(episodes))
    )


def every(connection: Connection) -> dict[str, Acknowledgement]:
    """All that hold, by episode."""
    return {row["episode"]: _acknowledgement(row) for row in connection.execute(select(acknowledgements)).mappings()}


def of(connection: Connection, episodes: Iterable[str]) -> Mapping[str, Acknowledgement]:
    """Those of these episodes."""
    found: dict[str, Acknowledgement] = {}
    for part in parts(list(episodes)):
        wanted = select(acknowledgements).where(acknowledgements.c.episode.in_(part))
        found |= {row["episode"]: _acknowledgement(row) for row in connection.execute(wanted).mappings()}
    return found


def _acknowledgement(row: RowMapping) -> Acknowledgement:
    return Acknowledgement(**{**row, "severity": Severity(row["severity"])})
