"""N5, N2: of what people said is away nothing is raised; what stood open of it ends by their word, and not as resolved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Departure
from gwanje.keep.state import departures, stories
from gwanje.keep.state.base import State
from gwanje.model import to_ms
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.away import away
from gwanje.watch.round import Places, Round

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HIGH: dict[str, Any] = {"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", "interval": "5s"}
DOWN: dict[str, Any] = {"name": "down", "expr": "up == 0", "severity": "critical", "interval": "5s"}


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def _said(scope: str, name: str, seconds: float, until: float, *, removed: bool = False) -> Departure:
    return Departure(f"{scope} {name}", scope, name, _at(seconds), _at(until), removed, "kim", "reboot", _at(seconds))


class Site:
    """Two hosts, rules on them, and a person who says what goes away."""

    def __init__(self, state: State, *rules: dict[str, Any]) -> None:
        self.state = state
        self.samples = MemorySamples()
        read = [Rule.model_validate(rule) for rule in rules]
        places = Places(groups={"webs": ["web-.*"]})
        policy = Policy(Route(receiver="ops"))
        self.round = Round(read, self.samples, state, policy, None, clock=lambda: NOW, places=places)

    async def look(self, seconds: float, *hosts: str, metric: str = "cpu", value: float = 0.95) -> None:
        for host in hosts:
            self.samples.append(metric, {"host": host}, value, to_ms(_at(seconds)))
        await self.round.once(_at(seconds))

    def say(self, said: Departure) -> None:
        with self.state.write() as connection:
            departures.put(connection, said)

    def take_back(self, said: Departure, seconds: float) -> None:
        with self.state.write() as connection:
            assert departures.take_back(connection, said.id, _at(seconds), "kim")

    def open(self) -> list[str]:
        with self.state.read() as connection:
            return sorted(one.labels["host"] for one in stories.open_episodes(connection))

    def ended(self) -> list[tuple[str, str | None]]:
        with self.state.read() as connection:
            every = stories.episode_page(connection, stories.Wanted(state="ended")).episodes
            return sorted((one.labels["host"], one.ended_because) for one in every)

    def told(self) -> list[tuple[str, str, list[str]]]:
        with self.state.read() as connection:
            rows = connection.exec_driver_sql("SELECT message FROM outbox ORDER BY id").scalars()
            return [alerts_of(row) for row in rows]


def alerts_of(row: Any) -> tuple[str, str, list[str]]:
    """What a message says of its first alert: its reason, why that is over, and which hosts there are."""
    import json

    message = json.loads(row) if isinstance(row, str) else row
    every = message["alerts"]
    return message["reason"], every[0]["ended_because"], sorted(one["labels"]["host"] for one in every)


async def test_n5_a_planned_stop_raises_nothing_though_another_still_says_that_it_is_down(state: State) -> None:
    site = Site(state, DOWN)
    site.say(_said("host", "web-1", 0, 100))
    for seconds in range(0, 60, 5):
        await site.look(seconds, "web-1", "web-2", metric="up", value=0.0)
    assert site.open() == ["web-2"]
    (why,) = [one for one in site.round.why("down") if one.labels["host"] == "web-1"]
    assert (why.found, why.said) == ("stale", "departed as expected, said by kim: reboot")


async def test_n5_what_does_not_come_back_in_time_is_told(state: State) -> None:
    site = Site(state, HIGH | {"no_data": "alert"})
    await site.look(0, "web-1", value=0.1)
    site.say(_said("host", "web-1", 5, 400))
    for seconds in range(5, 400, 5):
        await site.look(seconds)
    assert site.open() == []
    await site.look(400)
    await site.look(405)
    assert site.open() == ["web-1"]


async def test_n5_what_is_back_is_judged_again(state: State) -> None:
    site = Site(state, HIGH)
    said = _said("host", "web-1", 0, 3600)
    site.say(said)
    await site.look(0, "web-1")
    assert site.open() == []
    site.take_back(said, 5)
    await site.look(5, "web-1")
    assert site.open() == ["web-1"]


async def test_n5_a_group_goes_with_all_its_hosts_and_an_unknown_one_with_none(state: State) -> None:
    site = Site(state, HIGH)
    site.say(_said("group", "webs", 0, 100))
    site.say(_said("group", "that is in no file any more", 0, 100))
    await site.look(0, "web-1", "web-2", "db-1")
    assert site.open() == ["db-1"]


async def test_n2_a_removed_host_ends_its_alerts_by_that_word_and_those_who_were_told_hear_it(state: State) -> None:
    site = Site(state, HIGH)
    await site.look(0, "web-1", "web-2")
    site.say(_said("host", "web-1", 1, 86_400, removed=True))
    await site.look(5, "web-1", "web-2")
    assert (site.open(), site.ended()) == (["web-2"], [("web-1", "host removed")])
    for seconds in range(10, 330, 5):
        await site.look(seconds, "web-2")
    reason, because, hosts = site.told()[-1]
    assert (reason, because, hosts) == ("resolved", "host removed", ["web-1"])


async def test_n2_a_removed_host_that_speaks_again_later_is_judged(state: State) -> None:
    site = Site(state, HIGH)
    site.say(_said("host", "web-1", 0, 86_400, removed=True))
    await site.look(5, "web-1")
    assert site.open() == []
    await site.look(605, "web-1")
    assert site.open() == ["web-1"]


@pytest.mark.parametrize(
    ("name", "labels", "meant"),
    [
        pytest.param("web-1/nginx", {"host": "web-1", "container": "nginx"}, True, id="that container"),
        pytest.param("web-1/nginx", {"host": "web-2", "container": "nginx"}, False, id="its like on another host"),
        pytest.param("web-1/nginx", {"host": "web-1"}, False, id="not the host"),
        pytest.param("nginx", {"host": "web-2", "container": "nginx"}, True, id="on every host"),
        pytest.param("ngin.", {"host": "web-2", "container": "nginx"}, False, id="names are no patterns"),
    ],
)
def test_n5_a_container_is_meant_by_its_name(name: str, labels: dict[str, str], meant: bool) -> None:  # noqa: FBT001 - a column of the table
    found = away([_said("container", name, 0, 10)], {}, NOW)
    assert [one.takes(labels) for one in found.silent] == [meant]


def test_n5_a_departure_holds_from_its_beginning_and_no_longer_at_its_end() -> None:
    said = _said("host", "web-1", 10, 20)
    assert [len(away([said], {}, _at(seconds)).departed) for seconds in (9, 10, 19, 20)] == [0, 1, 1, 0]
