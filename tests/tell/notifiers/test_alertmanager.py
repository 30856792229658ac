"""A real Alertmanager takes what is told, and knows what fires and what is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gwanje import kinds
from gwanje.tell.notifiers import alertmanager
from gwanje.testing.notifiers import FIRING_ALERT, MESSAGES, RESOLVED_ALERT, notification
from tests.engines import metrics


@pytest.mark.engine("prometheus-alertmanager")
async def test_a_real_alertmanager_knows_what_fires_and_what_is_over(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    since = now - timedelta(minutes=5)
    firing = replace(FIRING_ALERT, since=since, link="http://g.example/alerts/1")
    over = replace(RESOLVED_ALERT, since=since, ended=now)
    with metrics.alertmanager(tmp_path) as address:
        async with aiohttp.ClientSession() as http:
            told = alertmanager.create(
                alertmanager.Settings.model_validate({"url": address, "language": "en"}), kinds.World(Path(), http)
            )
            await told.send(replace(notification(firing), decided=now))
            (known,) = await _alerts(http, address)
            assert known["labels"] == {"alertname": "fail rate high", "severity": "critical", "source": "shop", "host": "web-1"}
            assert (known["annotations"]["summary"], known["generatorURL"]) == ("Fail rate 20.0 %", "http://g.example/alerts/1")
            await told.send(replace(notification(over, reason="resolved"), decided=now))
            assert await _alerts(http, address) == []


@pytest.mark.engine("prometheus-alertmanager")
async def test_a_real_alertmanager_takes_every_sort_of_message(tmp_path: Path) -> None:
    with metrics.alertmanager(tmp_path) as address:
        async with aiohttp.ClientSession() as http:
            told = alertmanager.create(alertmanager.Settings.model_validate({"url": address}), kinds.World(Path(), http))
            for _, message in MESSAGES:
                assert (await told.send(message)).status == 200


async def _alerts(http: aiohttp.ClientSession, address: str) -> list[dict[str, Any]]:
    async with http.get(f"{address}/api/v2/alerts") as answer:
        alerts: list[dict[str, Any]] = await answer.json()
        return alerts
