"""Targets that a web server names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gwanje.collect.discovery.http import Http, Settings, create
from gwanje.http import open_session
from gwanje.kinds import World
from gwanje.testing.web import Behaviour, WebServer


def says(*addresses: str, **more: Any) -> Behaviour:
    body = json.dumps([{"targets": list(addresses), "labels": {"rack": "7"}}])
    return Behaviour(**{"body": body, "content_type": "application/json", **more})


@pytest.fixture
async def site() -> AsyncIterator[WebServer]:
    async with WebServer(behaviour=says("a:1")) as server:
        yield server


@pytest.fixture
async def asked(site: WebServer, tmp_path: Path) -> AsyncIterator[Http]:
    async with open_session() as session:
        settings = Settings.model_validate({"url": f"{site.url}/sd?token=s3cret", "refresh_interval": "1s", "bearer_token": "k"})
        hurried = settings.model_copy(update={"refresh_interval": timedelta(milliseconds=500)})
        yield create(hurried, World(tmp_path, http=session))


async def test_it_asks_again_and_tells_changes(site: WebServer, asked: Http) -> None:
    changes = asked.changes()
    async with asyncio.timeout(30):
        (first,) = await anext(changes)
        site.behaviour = says("b:1")
        (second,) = await anext(changes)
    assert dict(first) == {"__address__": "a:1", "rack": "7", "__meta_url": f"{site.url}/sd?token=***"}
    assert second["__address__"] == "b:1"
    headers = site.requests[0].headers
    assert (headers["Authorization"], headers["X-Prometheus-Refresh-Interval-Seconds"]) == ("Bearer k", "0.5")


@pytest.mark.parametrize(
    ("behaviour", "trouble"),
    [
        pytest.param(says("b:1", status=500), "answered 500", id="an error"),
        pytest.param(says("b:1", content_type="text/plain"), "not application/json", id="another type"),
        pytest.param(says(body="[{]"), "no answer that can be read (JSONDecodeError)", id="no JSON"),
        pytest.param(says(body='{"targets": []}'), "no list of {targets, labels}", id="another form"),
        pytest.param(says("b:1", fail_every=1, fail_by_drop=True), "the connection was dropped", id="no answer"),
    ],
)
async def test_while_there_is_no_good_answer_the_last_one_stays(
    site: WebServer, asked: Http, behaviour: Behaviour, trouble: str
) -> None:
    changes = asked.changes()
    async with asyncio.timeout(30):
        await anext(changes)
        site.behaviour = behaviour
        waiting = asyncio.ensure_future(anext(changes))
        while not asked.trouble:  # a request that came later tells that the one before was judged
            await site.next_request()
        assert trouble in asked.trouble
        assert "s3cret" not in asked.trouble
        assert not waiting.done()
        site.behaviour = says("c:1")
        assert (await waiting)[0]["__address__"] == "c:1"
    assert asked.trouble == ""


async def test_link_local_addresses_are_not_asked(tmp_path: Path) -> None:
    async with open_session() as session:
        asked = create(Settings.model_validate({"url": "http://169.254.169.254/sd"}), World(tmp_path, http=session))
        assert await asked._ask() is None
    assert "169.254.169.254 is link-local" in asked.trouble
