"""Dashboards over HTTP."""

from __future__ import annotations

import pytest

from gwanje.keep.state.people import Role, Scope

from .conftest import Site

PATHS = ("/api/v1/dashboards", "/api/v1/dashboards/hosts")


async def test_the_ready_dashboards_and_the_folders_own_are_listed(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as client:
        listed = (await client.get("/api/v1/dashboards")).json()["dashboards"]
    assert {one["name"]: one["from"] for one in listed} == {
        "collection": "folder",
        "containers": "ready",
        "gwanje": "ready",
        "hosts": "ready",
        "targets": "ready",
    }
    assert listed[0] == {
        "name": "collection",
        "title": {"ko": "수집", "en": "Collection"},
        "tags": ["collection"],
        "from": "folder",
    }


async def test_a_dashboard_is_given_whole(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        given = (await client.get("/api/v1/dashboards/collection")).json()
    assert (given["name"], given["from"], given["span_seconds"]) == ("collection", "folder", 3600)
    assert [panel["title"]["en"] for panel in given["panels"]][:4] == [
        "Fail rate of the last 15 minutes",
        "Latency p95",
        "Success and failure",
        "Requests per minute",
    ]
    assert all(isinstance(query["instant"], bool) for panel in given["panels"] for query in panel["queries"])


async def test_one_that_is_not_there_is_answered_with_those_that_are(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        response = await client.get("/api/v1/dashboards/none")
    assert response.status_code == 404
    assert response.json()["error"]["todo"] == "known: collection, containers, gwanje, hosts, targets"


@pytest.mark.parametrize("path", PATHS)
async def test_who_may_not_read_sees_no_dashboard(site: Site, path: str) -> None:
    async with site.client() as nobody:
        assert (await nobody.get(path)).status_code == 401
    async with site.with_key(Scope.INGEST) as sender:
        assert (await sender.get(path)).status_code == 403
