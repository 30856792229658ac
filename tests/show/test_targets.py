"""What is scraped, as Prometheus's API says it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gwanje.app import folder as folders
from gwanje.app.house import open_house
from gwanje.collect.scrape.loop import REPORT, Watched
from gwanje.collect.scrape.pages import Pages, own_series
from gwanje.collect.scrape.target import targets_of
from gwanje.keep.state.people import Scope
from gwanje.show.api.application import application
from gwanje.show.live import Live

from .conftest import Site

CONFIGURATION = """
url: http://watch.example.org:8080
targets:
  - name: node
    interval: 30s
    targets: ["127.0.0.1:9100"]
    params: {token: [s3cret]}
  - name: web
    targets: ["web-1:80"]
"""
AT = 1_700_000_000_000


@pytest.fixture
async def scraped(tmp_path: Path) -> AsyncIterator[Site]:
    (tmp_path / "gwanje.yaml").write_text(CONFIGURATION, encoding="utf-8")
    async with open_house(folders.read(tmp_path)) as house:
        for pool in house.scraper.pools:
            chosen = targets_of(pool.job, [{"__address__": address, "__meta_x": "y"} for address in pool.job.targets])
            pool.dropped = [(("__address__", "gone:1"),)]
            for target in chosen.active:
                pool.watched[target.identity] = Watched(target, Pages(pool.job, target.labels), own_series(target.labels, REPORT))
        rooms = house.rooms()
        live = Live(rooms)
        yield Site(house, live, application(rooms, live))


async def test_targets_are_told_with_their_health(scraped: Site) -> None:
    node = next(iter(scraped.house.scraper.pools[0].watched.values()))
    node.health, node.last_error, node.last_scrape_ms, node.last_seconds = "down", "answered 503", AT, 0.25
    async with scraped.with_key(Scope.READ) as client:
        data = (await client.get("/api/v1/targets")).json()["data"]
    assert data["activeTargets"][0] == {
        "discoveredLabels": {
            "__address__": "127.0.0.1:9100",
            "__meta_x": "y",
            "__metrics_path__": "/metrics",
            "__param_token": "***",
            "__scheme__": "http",
            "__scrape_interval__": "30s",
            "__scrape_timeout__": "10s",
            "job": "node",
        },
        "labels": {"instance": "127.0.0.1:9100", "job": "node"},
        "scrapePool": "node",
        "scrapeUrl": "http://127.0.0.1:9100/metrics?token=***",
        "globalUrl": "http://watch.example.org:9100/metrics?token=***",
        "lastError": "answered 503",
        "lastScrape": "2023-11-14T22:13:20Z",
        "lastScrapeDuration": 0.25,
        "health": "down",
        "scrapeInterval": "30s",
        "scrapeTimeout": "10s",
    }
    web = data["activeTargets"][1]
    assert (web["health"], web["lastScrape"], web["lastError"]) == ("unknown", "0001-01-01T00:00:00Z", "")
    assert data["droppedTargetCounts"] == {"node": 1, "web": 1}
    assert data["droppedTargets"][0] == {"discoveredLabels": {"__address__": "gone:1"}, "scrapePool": "node"}


@pytest.mark.parametrize(
    ("asked", "active", "dropped"),
    [
        pytest.param({"state": "active"}, 2, 0, id="only those that are scraped"),
        pytest.param({"state": "dropped"}, 0, 2, id="only those that are not"),
        pytest.param({"state": "any", "scrapePool": "web"}, 1, 1, id="of one job"),
    ],
)
async def test_targets_can_be_narrowed(scraped: Site, asked: dict[str, str], active: int, dropped: int) -> None:
    async with scraped.with_key(Scope.READ) as client:
        data = (await client.get("/api/v1/targets", params=asked)).json()["data"]
    assert (len(data["activeTargets"]), len(data["droppedTargets"])) == (active, dropped)


async def test_what_pages_say_of_their_metrics_is_metadata(scraped: Site) -> None:
    for pool in scraped.house.scraper.pools:
        next(iter(pool.watched.values())).pages.take(b"# HELP a_b Words.\n# TYPE a_b gauge\na_b 1\n", AT)
    async with scraped.with_key(Scope.READ) as client:
        data = (await client.get("/api/v1/metadata", params={"metric": "a_b"})).json()["data"]
    assert data == {"a_b": [{"type": "gauge", "help": "Words.", "unit": ""}]}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({}, 1, id="everything"),
        pytest.param({"metric": "a_b"}, 1, id="its metric"),
        pytest.param({"metric": "other"}, 0, id="another metric"),
        pytest.param({"match_target": '{instance="nowhere"}'}, 0, id="another target"),
        pytest.param({"limit": "0"}, 0, id="none"),
    ],
)
async def test_what_a_target_says_of_its_metrics_is_told_with_the_target(scraped: Site, asked: dict[str, str], said: int) -> None:
    watched = next(iter(scraped.house.scraper.pools[0].watched.values()))
    watched.pages.take(b"# HELP a_b Words.\n# TYPE a_b gauge\na_b 1\n", AT)
    async with scraped.with_key(Scope.READ) as client:
        data = (await client.get("/api/v1/targets/metadata", params=asked)).json()["data"]
    named = {} if "metric" in asked else {"metric": "a_b"}
    target = dict(watched.target.labels)
    assert data == [{"target": target, **named, "type": "gauge", "help": "Words.", "unit": ""}] * said
