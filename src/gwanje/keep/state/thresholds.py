"""Thresholds of a group of hosts, a host or a container, where people set them apart from the rule's own."""

from __future__ import annotations

from dataclasses import asdict, replace

from sqlalchemy import Connection, delete, insert, select

from gwanje.keep.said import Override
from gwanje.keep.state.tables import thresholds


def put(connection: Connection, override: Override) -> None:
    """Keep it, in the place of an earlier one of the same rule and place."""
    drop(connection, override.rule, override.scope, override.name)
    connection.execute(insert(thresholds).values(asdict(override)))


def drop(connection: Connection, rule: str, scope: str, name: str) -> bool:
    """End it; whether there was one."""
    of_this = (thresholds.c.rule == rule, thresholds.c.scope == scope, thresholds.c.name == name)
    return connection.execute(delete(thresholds).where(*of_this)).rowcount > 0


def rename(connection: Connection, rule: str, to: str) -> None:
    """Have those of a rule go on as another's, in the place of any that were left over of that name."""
    for override in every(connection):
        if override.rule == rule:
            put(connection, replace(override, rule=to))
            drop(connection, rule, override.scope, override.name)


def every(connection: Connection) -> list[Override]:
    columns = [column for column in thresholds.c if column.name != "id"]
    wanted = select(*columns).order_by(thresholds.c.rule, thresholds.c.scope, thresholds.c.name)
    return [Override(**row) for row in connection.execute(wanted).mappings()]
