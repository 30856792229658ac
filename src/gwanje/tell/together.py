"""Who can be told, and who is told what and when: what the files say and what people wrote on the page, as one. Pure.

A name belongs to the file that uses it. What the page says and what cannot count is set aside with the reason, and with it
what names that: nothing is told by halves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gwanje.because import Because
from gwanje.config import Chosen, Settings, dotted
from gwanje.tell.duty import Rota, circle
from gwanje.tell.escalation import Escalation
from gwanje.tell.naming import named
from gwanje.tell.policy import Policy, Telling, unknown
from gwanje.tell.spec import NamedRoute, Route
from gwanje.tell.windows import Window
from gwanje.tell.written import RECEIVER, ROUTE

NOBODY: Final = ""
"""The receiver of what no route of the page takes, where the files have no routes."""

Place = tuple[str, str]
"""Kind and name of a setting."""


@dataclass(frozen=True, slots=True)
class Together:
    """What counts. `aside` says of what is set aside why it is."""

    telling: Telling
    of_page: Mapping[str, Chosen] = field(default_factory=dict)
    """The receivers that people wrote on the page."""
    aside: Mapping[Place, str] = field(default_factory=dict)


def together(files: Telling, page: Mapping[Place, Settings | Chosen]) -> Together:
    """Everything of the files, and of the page what can count beside it."""
    own = names_of(files)
    aside: dict[Place, str] = {(kind, name): _taken(kind) for kind, name in page if name in own[kind]}
    counting = {place: setting for place, setting in page.items() if place not in aside}
    while wrong := _first_wrong(files, counting):
        place, why = wrong
        aside[place] = why
        del counting[place]
    receivers = {name: one for (kind, name), one in counting.items() if kind == RECEIVER and isinstance(one, Chosen)}
    return Together(Telling({**files.receivers, **receivers}, _joined(files.policy, list(counting.values()))), receivers, aside)


def overrules(page: Mapping[Place, Settings | Chosen], place: Place) -> str:
    """What of the files never comes to its turn because of a setting of the page; empty where nothing is kept from it."""
    setting = page.get(place)
    if not isinstance(setting, NamedRoute) or setting.match or setting.continue_:
        return ""
    sentence = "it takes every alert; the routes after it, and those of the files, are not asked"
    return Because(sentence, "route_takes_all")


def namers(page: Mapping[Place, Settings | Chosen], place: Place) -> list[Place]:
    """What of the page names a setting of the page."""
    return sorted(other for other, setting in page.items() if other != place and place in _named_by(setting))


def names_of(files: Telling) -> dict[str, frozenset[str]]:
    """The names that the files use, by what they name; also of receivers that are not set up yet."""
    policy = files.policy
    return {
        "receiver": frozenset(files.receivers) | policy.absent,
        "window": frozenset(one.name for one in policy.windows),
        "escalation": frozenset(one.name for one in policy.escalations),
        "rota": frozenset(one.name for one in policy.rotas),
        ROUTE: frozenset(),
    }


def problems(files: Telling, page: Mapping[Place, Settings | Chosen], place: Place) -> list[tuple[str, str]]:
    """What is wrong with one setting of the page beside everything else: the key, and what."""
    setting = page[place]
    if not isinstance(setting, Settings):
        return []
    known = _known(names_of(files), page)
    found = [(dotted(inside), unknown(known, what, name)) for inside, what, name in named(setting)]
    found = [(key, wrong) for key, wrong in found if wrong]
    rotas = [*files.policy.rotas, *(one for one in page.values() if isinstance(one, Rota))]
    if isinstance(setting, Rota) and circle(rotas, setting.name):
        sentence = f"the layers below {setting.name!r} come back to it"
        found.append(("otherwise", Because(sentence, "layers_come_back", name=setting.name)))
    return found


def _taken(kind: str) -> str:
    return Because(f"gwanje.yaml has a {kind} of this name, which counts; this one is kept", "setting_of_file_counts")


def _named_by(setting: Settings | Chosen) -> set[Place]:
    return {(what, name) for _, what, name in named(setting)} if isinstance(setting, Settings) else set()


def _known(own: Mapping[str, frozenset[str]], page: Iterable[Place]) -> dict[str, frozenset[str]]:
    names: dict[str, set[str]] = defaultdict(set)
    for kind, name in page:
        names[kind].add(name)
    return {kind: known | names[kind] for kind, known in own.items()}


def _first_wrong(files: Telling, page: Mapping[Place, Settings | Chosen]) -> tuple[Place, str] | None:
    found = ((place, problems(files, page, place)) for place in page)
    return next(((place, wrong[0][1]) for place, wrong in found if wrong), None)


def _joined(policy: Policy, page: Sequence[Settings | Chosen]) -> Policy:
    root, absent = policy.root, policy.absent
    routes = tuple(one for one in page if isinstance(one, NamedRoute))
    if routes and root is None:
        root, absent = Route(receiver=NOBODY), absent | {NOBODY}
    if routes and root is not None:
        root = root.model_copy(update={"routes": (*routes, *root.routes)})
    return replace(
        policy,
        root=root,
        absent=absent,
        windows=(*policy.windows, *(one for one in page if isinstance(one, Window))),
        rotas=(*policy.rotas, *(one for one in page if isinstance(one, Rota))),
        escalations=(*policy.escalations, *(one for one in page if isinstance(one, Escalation))),
    )
