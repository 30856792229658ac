"""JSON lines → events."""

from __future__ import annotations

import json
from typing import NoReturn

from gwanje.errors import BadInput
from gwanje.model import Event


def events(body: bytes) -> list[Event]:
    """Read every line; empty ones are nothing. Raises BadInput with the number of the first line that is no event."""
    return [_event(line, number) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]


def _event(line: bytes, number: int) -> Event:
    where = f"line {number}"
    try:
        read = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not a JSON object: {error}", where=where) from error
    if not isinstance(read, dict):
        raise BadInput("not a JSON object", where=where)
    match read:
        case {"id": str(id_), "at_ms": int(at_ms), "name": str(name)} if id_ and name and not isinstance(at_ms, bool):
            return Event(id_, at_ms, name, _fields(read.get("fields", {}), where))
    raise BadInput("an event needs `id` and `name`, both text, and `at_ms`, whole milliseconds since 1970", where=where)


def _fields(fields: object, where: str) -> dict[str, str | int | float | bool | None]:
    if not isinstance(fields, dict):
        raise BadInput("`fields` must be an object", where=where)
    for name, value in fields.items():
        if not isinstance(value, str | int | float | bool | None):
            raise BadInput(f"field {name!r} must be text, a number, true, false or null", where=where)
    return fields


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
