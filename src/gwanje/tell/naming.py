"""What names what: a route its receivers, rotas, windows and escalations, a step its receiver, a rota its people's. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gwanje.config import Place, Settings
from gwanje.tell.duty import Rota
from gwanje.tell.escalation import Escalation
from gwanje.tell.spec import Route

Naming = tuple[Place, str, str]
"""Where inside a setting something is named, what it must be (`receiver`, `window`, `rota`, `escalation`), and its name."""


def named(setting: Settings) -> Iterator[Naming]:
    """Everything that a setting names; a window names nothing."""
    match setting:
        case Rota():
            for index, person in enumerate(setting.people):
                yield ("people", index, "receiver"), "receiver", person.receiver
            if setting.otherwise is not None:
                yield ("otherwise",), "rota", setting.otherwise
        case Escalation():
            for index, step in enumerate(setting.steps):
                yield from _who(("steps", index), step.receiver, step.duty)
        case Route():
            yield from _by_route(setting, ())


def _by_route(route: Route, place: Place) -> Iterator[Naming]:
    yield from _who(place, route.receiver, route.duty)
    if route.escalate is not None:
        yield (*place, "escalate"), "escalation", route.escalate
    for key, windows in (("mute", route.mute), ("active", route.active)):
        for index, window in enumerate(windows or ()):
            yield (*place, key, index), "window", window
    for index, inner in enumerate(route.routes):
        yield from _by_route(inner, (*place, "routes", index))


def _who(place: Place, receiver: str | None, duty: str | None) -> Iterator[Naming]:
    if receiver is not None:
        yield (*place, "receiver"), "receiver", receiver
    if duty is not None:
        yield (*place, "duty"), "rota", duty
