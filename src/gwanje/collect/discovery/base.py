"""The promise of discovery: it names targets by their labels, again whenever something changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from gwanje.errors import BadInput

ADDRESS = "__address__"
"""The label of a target that says where it listens, as host:port."""

Target = Mapping[str, str]
"""A target's labels: `__address__`, labels of its own, and `__meta_…` for what else is known of it."""


class Discovery(Protocol):
    """Knows targets of one job.

    `changes` is read by one task: first what there is now, then again after each change, for ever. What cannot be read is said
    in `trouble` and logged once; what was known before stays. Whoever cancels the reading task ends it.
    """

    @property
    def trouble(self) -> str:
        """Why what was said last may be old; empty when all is well."""
        ...

    def changes(self) -> AsyncIterator[Sequence[Target]]: ...


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_as_text)]
"""A label's value; YAML reads `9100` as a number."""


def targets_of(groups: Any, *, where: str, more: Mapping[str, str]) -> list[Target]:
    """Groups in Prometheus's form, `[{targets: [host:port], labels: {…}}]`, as targets. Raises BadInput."""
    try:
        read = _GROUPS.validate_python(groups)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"no list of {{targets, labels}}: {place} {first['msg']}".strip(), where=where) from error
    found: list[Target] = []
    for at, group in enumerate(read):
        unknown = group.keys() - {"targets", "labels"}
        addresses, labels = group.get("targets", []), group.get("labels") or {}
        if unknown or not isinstance(addresses, list) or not isinstance(labels, dict):
            raise BadInput("no list of {targets, labels}", where=f"{where}, group {at}")
        found += [{**more, **labels, ADDRESS: address} for address in addresses]
    return found


_GROUPS: TypeAdapter[list[dict[str, list[str] | dict[str, Text] | None]]] = TypeAdapter(
    list[dict[str, list[str] | dict[str, Text] | None]]
)
