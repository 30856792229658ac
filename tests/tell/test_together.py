"""Files and page as one: names belong to files, nothing counts by halves, and routes of the page come first."""

from __future__ import annotations

from typing import Any

from gwanje.config import Chosen, dump
from gwanje.tell.policy import Policy, Telling
from gwanje.tell.routes import targets
from gwanje.tell.spec import Route
from gwanje.tell.together import NOBODY, namers, problems, together
from gwanje.tell.windows import Window
from gwanje.tell.written import read

OPS = Chosen("notifiers", "webhook", None)
FILES = Telling({"ops": OPS}, Policy(Route(receiver="ops"), windows=[Window(name="nights")], absent=frozenset({"later"})))
CRITICAL = {"severity": "critical", "rule": "r"}


def _page(*settings: tuple[str, dict[str, Any]]) -> dict[tuple[str, str], Any]:
    return {(kind, values["name"]): read(kind, dump(values)).setting for kind, values in settings}


def _rota(name: str, receiver: str = "mine", otherwise: str | None = None) -> tuple[str, dict[str, Any]]:
    values = {"name": name, "starts": "2026-01-05", "people": [{"name": "kim", "receiver": receiver}]}
    return "rota", values if otherwise is None else {**values, "otherwise": otherwise}


MINE = ("receiver", {"name": "mine", "type": "webhook", "url": "https://x.example"})


def test_what_the_page_says_counts_beside_the_files_and_its_routes_are_asked_first() -> None:
    page = _page(MINE, _rota("night"), ("route", {"name": "worst", "match": 'severity="critical"', "receiver": "mine"}))
    found = together(FILES, page)
    assert (list(found.telling.receivers), list(found.of_page), found.aside) == (["ops", "mine"], ["mine"], {})
    root = found.telling.policy.root
    assert root is not None
    assert [one.receiver for one in targets(root, CRITICAL)] == ["mine"]
    assert [one.receiver for one in targets(root, {"severity": "warning", "rule": "r"})] == ["ops"]


def test_without_routes_in_the_files_what_no_route_of_the_page_takes_goes_to_nobody() -> None:
    page = _page(MINE, ("route", {"name": "worst", "match": 'severity="critical"', "receiver": "mine"}))
    policy = together(Telling({}, Policy()), page).telling.policy
    assert policy.root is not None
    assert [one.receiver for one in targets(policy.root, {"severity": "warning", "rule": "r"})] == [NOBODY]
    assert NOBODY in policy.absent


def test_a_name_of_a_file_is_set_aside_also_of_a_receiver_that_has_no_address_yet() -> None:
    page = _page(("window", {"name": "nights"}), ("receiver", {**MINE[1], "name": "later"}))
    found = together(FILES, page)
    assert set(found.aside) == {("window", "nights"), ("receiver", "later")}
    assert list(found.telling.policy.windows) == list(FILES.policy.windows)


def test_what_names_something_that_is_gone_is_set_aside_and_so_is_what_names_that() -> None:
    page = _page(_rota("night"), ("escalation", {"name": "up", "steps": [{"after": "1m", "duty": "night"}]}))
    page |= _page(("route", {"name": "all", "receiver": "ops", "escalate": "up"}), _rota("day", "ops"))
    found = together(FILES, page)
    assert found.aside == {
        ("rota", "night"): "no receiver named 'mine'; known: later, ops",
        ("escalation", "up"): "no rota named 'night'; known: day",
        ("route", "all"): "no escalation named 'up'; known: none",
    }
    assert [one.name for one in found.telling.policy.rotas] == ["day"]


def test_layers_that_come_back_to_themselves_are_told() -> None:
    page = _page(MINE, _rota("a", otherwise="b"), _rota("b", otherwise="a"))
    assert problems(FILES, page, ("rota", "b")) == [("otherwise", "the layers below 'b' come back to it")]
    assert problems(FILES, _page(MINE, _rota("a", otherwise="c")), ("rota", "a")) == [
        ("otherwise", "no rota named 'c'; known: a")
    ]


def test_who_names_a_setting_is_known_also_from_inside_a_route() -> None:
    inside = {"name": "r", "receiver": "ops", "routes": [{"duty": "night", "mute": ["quiet"]}]}
    page = _page(MINE, _rota("night"), ("window", {"name": "quiet"}), ("route", inside))
    assert namers(page, ("receiver", "mine")) == [("rota", "night")]
    assert namers(page, ("window", "quiet")) == [("route", "r")]
    assert namers(page, ("route", "r")) == []
