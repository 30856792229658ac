"""Thresholds that people set apart for a group of hosts, a host or a container: listed, checked, kept and audited.

What counts for one alert is decided in `judge.rules.thresholds`; the next round of evaluations takes a change over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection

from gwanje.because import Because
from gwanje.carry.updates.base import Update
from gwanje.errors import BadInput, NotFound
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import Threshold, parse_threshold
from gwanje.judge.rules.thresholds import Standard, Thresholds, joined, mistake
from gwanje.keep.said import Override
from gwanje.keep.state import people
from gwanje.keep.state import thresholds as kept
from gwanje.model import Severity, to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.saying import TOPIC, By

_OF_A_GROUP: Final = "group"
_OF_A_CONTAINER: Final = "container"


def listed(rooms: Rooms) -> dict[str, Any]:
    """The rules with their own thresholds, the groups, and everything that is set apart, of files and of people."""
    of_people = _of_people(rooms)
    known = {rule.name: rule for rule in rooms.rules}
    return {
        "rules": [shown_rule(rule) for rule in rooms.rules],
        "groups": [{"name": name, "hosts": list(hosts)} for name, hosts in rooms.inventory.groups.items()],
        "overrides": [
            {**shown(one), "kept": one in of_people, "wrong": _wrong(known.get(one.rule), one)}
            for one in joined(rooms.inventory.overrides, of_people)
        ],
    }


def save(rooms: Rooms, override: Override, by: By) -> None:
    """Set thresholds apart for one place, instead of what was set apart there before.

    Raises NotFound for a rule that is not there, BadInput for what makes no sense.
    """
    rule = _rule(rooms, override.rule)
    _check_place(rooms, override)
    if wrong := mistake(rule, override):
        raise BadInput(wrong, where="thresholds")
    with rooms.state.write() as connection:
        before = next((one for one in kept.every(connection) if _place(one) == _place(override)), None)
        kept.put(connection, override)
        _note(rooms, connection, "threshold set", _place(override), by, before=before, after=override)
    rooms.updates.publish(Update(TOPIC))


def drop(rooms: Rooms, rule: str, scope: str, name: str, by: By) -> None:
    """End what people set apart there: the wider place counts again. Raises NotFound; what files say is changed in files."""
    place = (rule, scope, name)
    with rooms.state.write() as connection:
        before = next((one for one in kept.every(connection) if _place(one) == place), None)
        if before is None:
            in_files = any(_place(one) == place for one in rooms.inventory.overrides)
            hint = "; it stands in gwanje.yaml, change it there" if in_files else ""
            raise NotFound(f"nobody set thresholds of {rule!r} apart for {scope} {name!r} on the page{hint}")
        kept.drop(connection, rule, scope, name)
        _note(rooms, connection, "threshold removed", place, by, before=before)
    rooms.updates.publish(Update(TOPIC))


def effective(rooms: Rooms, rule: str, host: str, container: str) -> dict[str, Any]:
    """What counts for one host or container, and where each threshold comes from. Raises NotFound for an unknown rule."""
    found = _rule(rooms, rule)
    overrides = joined(rooms.inventory.overrides, _of_people(rooms))
    labels = {name: value for name, value in (("host", host), ("container", container)) if value}
    return shown_standard(Thresholds(overrides, rooms.inventory.groups).of(found, labels))


def of_host(rooms: Rooms, host: str) -> dict[str, Any]:
    """What counts on one host: every rule that looked at it last, with its effective thresholds, and what is set apart there.

    Of the containers of the host only those are listed for which something is set apart.
    """
    of_people = _of_people(rooms)
    overrides = joined(rooms.inventory.overrides, of_people)
    thresholds = Thresholds(overrides, rooms.inventory.groups)
    rules = [rule for rule in rooms.rules if rule.severity is None and rule.enabled and _looks_at(rooms, rule, host)]
    names = {rule.name for rule in rules}
    return {
        "rules": [{**shown_rule(rule), "effective": shown_standard(thresholds.of(rule, {"host": host}))} for rule in rules],
        "overrides": [
            {**shown(one), "kept": one in of_people, "wrong": ""} for one in overrides if one.rule in names and _is_on(host, one)
        ],
    }


def shown_rule(rule: Rule) -> dict[str, Any]:
    """A rule's own thresholds. `settable` is False where the condition stands inside its query."""
    return {
        "name": rule.name,
        "unit": rule.value_unit,
        "settable": rule.severity is None,
        "own": shown_standard(Standard(rule.conditions, rule.clear)),
    }


def shown_standard(standard: Standard) -> dict[str, Any]:
    """`warning`, `critical` and `clear`, None where there is none; `from` says where one comes from, empty for the rule's own."""
    origins = dict(standard.origins)
    of_severity = dict(standard.conditions)
    parts = {
        "warning": of_severity.get(Severity.WARNING),
        "critical": of_severity.get(Severity.CRITICAL),
        "clear": standard.clear,
    }
    return {name: _condition(one, origins.get(name, "")) for name, one in parts.items()}


def shown(override: Override) -> dict[str, Any]:
    """What is set apart for one place, as the page reads it."""
    texts = {"warning": override.warning, "critical": override.critical, "clear": override.clear}
    return {
        "rule": override.rule,
        "scope": override.scope,
        "name": override.name,
        **{name: None if text is None else _condition(parse_threshold(text)) for name, text in texts.items()},
        "changed_by": override.changed_by,
        "changed_at": to_ms(override.changed_at),
    }


def _looks_at(rooms: Rooms, rule: Rule, host: str) -> bool:
    last = rooms.latest().get(rule.name)
    return last is not None and last.found is not None and any(labels.get("host") == host for labels in last.found.known.labels)


def _is_on(host: str, override: Override) -> bool:
    """Whether it is set apart for this host itself, or for a container of it."""
    if override.scope == _OF_A_CONTAINER:
        return override.name.startswith(f"{host}/")
    return (override.scope, override.name) == ("host", host)


def _condition(threshold: Threshold | None, origin: str = "") -> dict[str, Any] | None:
    if threshold is None or not threshold.operator:
        return None
    return {"operator": threshold.operator, "number": threshold.number, "from": origin}


def _rule(rooms: Rooms, name: str) -> Rule:
    found = next((rule for rule in rooms.rules if rule.name == name), None)
    if found is None:
        raise NotFound(Because(f"no rule is named {name!r}", "no_rule", name=name))
    return found


def _of_people(rooms: Rooms) -> Sequence[Override]:
    with rooms.state.read() as connection:
        return kept.every(connection)


def _check_place(rooms: Rooms, override: Override) -> None:
    """A group must be known; a host or container may come later, and only needs a name."""
    parts = override.name.split("/", 1) if override.scope == _OF_A_CONTAINER else [override.name]
    if not all(part.strip() for part in parts):
        raise BadInput(f"which {override.scope}? its name is empty", where="name")
    if override.scope == _OF_A_GROUP and override.name not in rooms.inventory.groups:
        known = ", ".join(rooms.inventory.groups) or "none; groups of hosts stand under `groups` in gwanje.yaml"
        sentence = f"no group is named {override.name!r}; known: {known}"
        raise BadInput(Because(sentence, "no_group", name=override.name), where="name")


def _wrong(rule: Rule | None, override: Override) -> str:
    """Why what is set apart does nothing any longer, since the rules changed; empty when all is well."""
    return f"no rule is named {override.rule!r}" if rule is None else mistake(rule, override)


def _place(override: Override) -> tuple[str, str, str]:
    return override.rule, override.scope, override.name


def _note(
    rooms: Rooms,
    connection: Connection,
    what: str,
    place: tuple[str, str, str],
    by: By,
    *,
    before: Override | None,
    after: Override | None = None,
) -> None:
    rule, scope, name = place
    target = f"{rule} · {scope} {name}"
    people.note(connection, rooms.now(), by.name, what, target, before=_plain(before), after=_plain(after), address=by.address)


def _plain(override: Override | None) -> dict[str, Any] | None:
    return None if override is None else {**asdict(override), "changed_at": to_ms(override.changed_at)}
