"""Everything that decides who is told what and when, as it is written in the main file, and what of it holds at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from gwanje.because import Because
from gwanje.config import Chosen, Document, Place, Reader, Settings
from gwanje.tell import storm
from gwanje.tell.duty import Rota, answering, circle
from gwanje.tell.escalation import Escalation
from gwanje.tell.flapping import Limits
from gwanje.tell.inhibition import Inhibition
from gwanje.tell.naming import named
from gwanje.tell.spec import Receiver, Route
from gwanje.tell.told import Ways
from gwanje.tell.windows import Window, on

Section = TypeVar("Section", bound=Settings)


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is told what and when."""

    root: Route | None = None
    """The first route; None where nobody is told."""
    windows: Sequence[Window] = ()
    inhibitions: Sequence[Inhibition] = ()
    escalations: Sequence[Escalation] = ()
    rotas: Sequence[Rota] = ()
    flapping: Limits = field(default_factory=Limits)
    messages_a_minute: int = storm.MOST
    absent: frozenset[str] = frozenset()
    """Receivers that are not set up yet: what would go to them goes to nobody."""

    def ways(self, at: datetime) -> Ways:
        """What of it holds at a time."""
        people = answering(self.rotas, at)
        return Ways(
            self.root,
            on(self.windows, at),
            {escalation.name: escalation for escalation in self.escalations},
            {name: person.receiver for name, person in people.items() if person.receiver not in self.absent},
            self.absent,
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """Who can be told, and who is told what and when."""

    receivers: Mapping[str, Chosen]
    policy: Policy


@dataclass(frozen=True, slots=True)
class _Known:
    """The names that routes, steps and rotas may use."""

    names: Mapping[str, frozenset[str]]

    def check(self, reader: Reader, document: Document, place: Place, setting: Settings) -> None:
        """Note what the setting at a place names and nobody knows."""
        for inside, what, name in named(setting):
            if wrong := unknown(self.names, what, name):
                key = next(str(part) for part in reversed(inside) if isinstance(part, str))
                reader.mistake(*document.where((*place, *inside)), key, wrong)


def unknown(names: Mapping[str, frozenset[str]], what: str, name: str) -> str:
    """What is wrong with naming something; empty where it is known."""
    known = names[what]
    if name in known:
        return ""
    listed = ", ".join(sorted(known))
    return Because(f"no {what} named {name!r}; known: {listed or 'none'}", "not_named", what=what, name=name, known=listed)


def read(reader: Reader, document: Document) -> Telling:
    """The sections of the main file about telling. With one receiver and no routes it is told everything."""
    receivers = _receivers(reader, document)
    windows = _listed(reader, document, "windows", Window)
    escalations = _listed(reader, document, "escalations", Escalation)
    rotas = _listed(reader, document, "duty", Rota)
    inhibitions = _listed(reader, document, "inhibit", Inhibition)
    known = _known(document, receivers, windows, escalations, rotas)
    for index, rota in enumerate(rotas):
        known.check(reader, document, ("duty", index), rota)
        if circle(rotas, rota.name):
            reader.mistake(*document.where(("duty", index)), "otherwise", f"the layers below {rota.name!r} come back to it")
    for index, escalation in enumerate(escalations):
        known.check(reader, document, ("escalations", index), escalation)
    for key in ("heartbeat", "summary"):
        section = document.values.get(key)
        name = section.get("receiver") if isinstance(section, dict) else None
        if isinstance(name, str) and (wrong := unknown(known.names, "receiver", name)):
            reader.mistake(*document.where((key, "receiver")), "receiver", wrong)
    root = _root(reader, document, receivers, known)
    return Telling(receivers, Policy(root, windows, inhibitions, escalations, rotas))


def _root(reader: Reader, document: Document, receivers: Mapping[str, Chosen], known: _Known) -> Route | None:
    if document.values.get("routes") is None:
        if len(receivers) > 1:
            reader.mistake(
                *document.where(("receivers",)),
                "routes",
                "is missing; with several receivers it says who is told: {receiver: NAME}",
            )
        return Route(receiver=next(iter(receivers))) if len(receivers) == 1 else None
    route = reader.read(Route, document, ("routes",))
    if route is not None:
        if route.receiver is None:
            what = "is missing; the first route takes what no other takes"
            reader.mistake(*document.where(("routes", "receiver")), "routes.receiver", what)
        known.check(reader, document, ("routes",), route)
    return route


def _known(
    document: Document,
    receivers: Mapping[str, Chosen],
    windows: Sequence[Window],
    escalations: Sequence[Escalation],
    rotas: Sequence[Rota],
) -> _Known:
    return _Known(
        {
            "receiver": receiver_names(document, receivers),
            "window": frozenset(one.name for one in windows),
            "escalation": frozenset(one.name for one in escalations),
            "rota": frozenset(one.name for one in rotas),
        }
    )


def receiver_names(document: Document, receivers: Mapping[str, Chosen]) -> frozenset[str]:
    """The names that stand in the main file, also of receivers that were not read because of other mistakes."""
    listed = document.values.get("receivers") or []
    written = {str(values.get("name")) for values in listed if isinstance(values, dict)} if isinstance(listed, list) else set()
    return frozenset(written | set(receivers))


def _listed(reader: Reader, document: Document, key: str, model: type[Section]) -> list[Section]:
    """A section that is a list; each entry with a name of its own, where they have names."""
    written = document.values.get(key) or []
    if not isinstance(written, list):
        reader.mistake(*document.where((key,)), key, "must be a list")
        return []
    found: list[Section] = []
    for index, values in enumerate(written):
        one = reader.read(model, document, (key, index), values)
        name = getattr(one, "name", None)
        if name is not None and any(getattr(other, "name", None) == name for other in found):
            reader.mistake(*document.where((key, index)), f"{key}[{index}].name", f"{name!r} stands here a second time")
        found += [one] if one is not None else []
    return found


def _receivers(reader: Reader, document: Document) -> dict[str, Chosen]:
    found: dict[str, Chosen] = {}
    listed = document.values.get("receivers") or []
    if not isinstance(listed, list):
        reader.mistake(*document.where(("receivers",)), "receivers", "must be a list: `- {name: ops-slack, type: slack, url: …}`")
        return found
    for index, values in enumerate(listed):
        place = ("receivers", index)
        chosen = reader.chosen("notifiers", document, place, values, skip=("name",))
        name = values.get("name") if isinstance(values, dict) else None
        receiver = reader.read(Receiver, document, place, {} if name is None else {"name": name})
        if receiver is None or chosen is None:
            continue
        if receiver.name in found:
            reader.mistake(*document.where(place), f"receivers[{index}].name", f"{receiver.name!r} stands here a second time")
        found[receiver.name] = chosen
    return found
