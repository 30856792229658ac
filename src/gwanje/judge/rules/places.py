"""Groups of hosts and thresholds that are set apart, as they stand in `gwanje.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import model_validator

from gwanje.config import Settings, dotted
from gwanje.judge.rules.threshold import Condition
from gwanje.judge.rules.thresholds import HostGroups, mistake
from gwanje.keep.said import Override

if TYPE_CHECKING:
    from gwanje.config import Document, Reader
    from gwanje.judge.rules.spec import Rule

BY_FILES: Final = "gwanje.yaml"
"""Who set a threshold apart that stands in the files."""
_SCOPES: Final = ("group", "host", "container")


class SetApart(Settings):
    """Thresholds of one rule for one place, where they differ from the rule's own."""

    rule: str
    """The rule's name."""
    group: str | None = None
    """For a group of hosts, or"""
    host: str | None = None
    """for one host, or"""
    container: str | None = None
    """for one container: `web-1/nginx`, or `nginx` on every host."""
    warning: Condition | None = None
    """The warning threshold there; what is left out is as in the wider place."""
    critical: Condition | None = None
    """The critical threshold there."""
    clear: Condition | None = None
    """When it is over there."""

    @model_validator(mode="after")
    def _one_place(self) -> SetApart:
        if [self.group, self.host, self.container].count(None) != 2:
            raise ValueError("needs either `group` or `host` or `container`")
        return self

    def override(self) -> Override:
        """The same as people's own are kept."""
        scope = next(one for one in _SCOPES if getattr(self, one) is not None)
        return Override(
            rule=self.rule,
            scope=scope,
            name=getattr(self, scope),
            warning=None if self.warning is None else str(self.warning),
            critical=None if self.critical is None else str(self.critical),
            clear=None if self.clear is None else str(self.clear),
            changed_by=BY_FILES,
            changed_at=datetime(1970, 1, 1, tzinfo=UTC),
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the folder says of places."""

    groups: HostGroups = field(default_factory=dict)
    overrides: Sequence[Override] = ()

    def holds(self, group: str, host: str) -> bool:
        """Whether a host is of a group."""
        return any(re.fullmatch(one, host) for one in self.groups.get(group, ()))


def read(reader: Reader, main: Document, rules: Sequence[Rule]) -> Inventory:
    """What is not right is noted in the reader."""
    groups = _groups(reader, main)
    known, overrides = {rule.name: rule for rule in rules}, []
    listed = main.values.get("thresholds") or []
    for index, values in enumerate(listed if isinstance(listed, list) else ()):
        place = ("thresholds", index)
        one = reader.read(SetApart, main, place, values)
        if one is None:
            continue
        override = one.override()
        wrong = mistake(known[one.rule], override) if one.rule in known else f"no rule is named {one.rule!r}"
        if one.group is not None and one.group not in groups:
            wrong = f"no group is named {one.group!r}; known: {', '.join(sorted(groups)) or 'none'}"
        if wrong:
            reader.mistake(*main.where(place), dotted(place), wrong)
        overrides.append(override)
    return Inventory(groups, overrides)


def _groups(reader: Reader, main: Document) -> Mapping[str, Sequence[str]]:
    written = main.values.get("groups") or {}
    if not isinstance(written, dict):
        return {}  # the section's own type says what is wrong
    found: dict[str, list[str]] = {}
    for name, hosts in written.items():
        found[str(name)] = list(map(str, hosts)) if isinstance(hosts, list) else []
        for host in found[str(name)]:
            try:
                re.compile(host)
            except re.error as error:
                reader.mistake(*main.where(("groups", name)), f"groups.{name}", f"{host!r} is no regular expression: {error}")
                found[str(name)].remove(host)
    return found
