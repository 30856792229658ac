"""Every panel of every dashboard has data, asked as a Grafana asks, of the real application."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from gwanje.app.clock import now
from gwanje.collect.agent import Agent
from gwanje.keep.state.people import Scope
from gwanje.model import to_ms
from gwanje.show.dashboards.grafana import translate
from gwanje.show.metrics import OWN
from tests.show.conftest import Site

from .asking import Grafana, answered, samples

NAMES = ("collection", "containers", "gwanje", "hosts", "targets")


def of(site: Site, name: str) -> dict[str, Any]:
    return translate.dashboard(next(one for one in site.house.rooms().dashboards if one.name == name))


async def empty_panels(site: Site, name: str) -> list[str]:
    """The titles of panels in which a query gets nothing; each variable is asked for and has a value."""
    exported = of(site, name)
    async with site.with_key(Scope.READ) as client:
        asker = Grafana(client, to_ms(now()) / 1000)
        variables = {}
        for variable in exported["templating"]["list"]:
            if variable["type"] == "query":
                assert await asker.label_values(variable["definition"]), variable["definition"]
                variables[variable["name"]] = variable["allValue"]
        asked = [(panel["title"], target) for panel in exported["panels"] for target in panel["targets"]]
        return [f"{title}: {target['expr']}" for title, target in asked if not await asker.target(target, variables)]


@pytest.mark.parametrize("name", NAMES)
async def test_every_query_of_every_panel_has_data(site: Site, name: str) -> None:
    await site.store(*samples())
    assert await empty_panels(site, name) == []


async def test_all_dashboards_of_a_folder_are_asked_here(site: Site) -> None:
    assert tuple(one.name for one in site.house.rooms().dashboards) == NAMES


EVERYWHERE = re.compile("CPU|Memory|Hosts|start")
"""Panels of the hosts that every machine fills; not every one has a disk or a network of its own."""


async def test_the_hosts_are_shown_after_the_agents_first_looks(site: Site) -> None:
    probe = site.house.folder.probes["host"].create(site.house.world)
    often = timedelta(seconds=1)
    agent = Agent({"host": probe}, site.house.transport, host="web-1", instance="web-1", interval=often)
    running = asyncio.create_task(agent.run())
    try:
        async with asyncio.timeout(60):
            await shown(site)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def shown(site: Site) -> None:
    """Ask until every panel that every machine fills has a value."""
    targets = [
        {**target, "instant": True, "range": False}
        for panel in of(site, "hosts")["panels"]
        for target in panel["targets"]
        if EVERYWHERE.search(panel["title"])
    ]
    assert len(targets) >= 8
    async with site.with_key(Scope.READ) as client:
        for target in targets:
            while not await Grafana(client, to_ms(now()) / 1000).target(target, {"host": ".*"}):  # noqa: ASYNC110 - what is stored tells nobody
                await asyncio.sleep(0.2)


async def test_save_and_test_of_the_data_source_goes_well(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        data = answered(await client.post("/api/v1/query", data={"query": "1+1", "time": "4"}))
        assert (data["resultType"], data["result"]) == ("scalar", [4, "2"])
        assert answered(await client.get("/api/v1/status/buildinfo"))["version"]
        assert "groups" in answered(await client.get("/api/v1/rules"))


async def test_the_dashboard_of_the_program_itself_asks_for_metrics_that_it_has(site: Site) -> None:
    text = " ".join(
        query.expr for one in site.house.rooms().dashboards for panel in one.dashboard.panels for query in panel.queries
    )
    asked = {re.sub("_bucket$", "", name) for name in re.findall(r"\b(?:gwanje|process)_\w+", text)}
    assert asked
    assert asked <= OWN.keys()
