"""The generic webhook: the contract, and Alertmanager's payload."""

from pathlib import Path

import aiohttp
import pytest

from gwanje import kinds
from gwanje.tell.notifiers import webhook
from gwanje.tell.texts import Speech
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, HttpNotifierContract, Make, far_end, notification


class TestWebhookKeepsThePromise(HttpNotifierContract):
    pages = True

    @pytest.fixture
    def make(self) -> Make:
        return lambda url, http: webhook.create(webhook.Settings.model_validate({"url": url}), kinds.World(Path(), http))


def test_the_body_is_alertmanagers_version_4() -> None:
    assert webhook.payload(notification(FIRING_ALERT, RESOLVED_ALERT), Speech(language="en")) == {
        "version": "4",
        "groupKey": "g1",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ops",
        "groupLabels": {"rule": "fail rate high"},
        "commonLabels": {"alertname": "fail rate high", "severity": "critical", "source": "shop", "host": "web-1"},
        "commonAnnotations": {"runbook": "https://wiki.example/fail-rate", "threshold": ">= 20.0 %"},
        "externalURL": "",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "fail rate high", "severity": "critical", "source": "shop", "host": "web-1"},
                "annotations": {
                    "runbook": "https://wiki.example/fail-rate",
                    "summary": "Fail rate 20.0 %",
                    "value": "20.0 %",
                    "threshold": ">= 20.0 %",
                },
                "startsAt": "2026-03-01T09:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": "aa" * 16,
            },
            {
                "status": "resolved",
                "labels": {"alertname": "fail rate high", "severity": "critical", "source": "shop", "host": "web-1"},
                "annotations": {
                    "runbook": "https://wiki.example/fail-rate",
                    "summary": "Fail rate 0.0 %",
                    "value": "0.0 %",
                    "threshold": ">= 20.0 %",
                    "ended_because": "resolved",
                },
                "startsAt": "2026-03-01T09:00:00Z",
                "endsAt": "2026-03-01T09:03:12Z",
                "generatorURL": "",
                "fingerprint": "aa" * 16,
            },
        ],
    }


def test_all_over_is_resolved() -> None:
    assert webhook.payload(notification(RESOLVED_ALERT), Speech(language="en"))["status"] == "resolved"


async def test_d2_the_idempotency_key_and_the_authorization_travel_as_headers() -> None:
    settings = {"authorization": "Bearer t0ken"}
    async with far_end() as end, aiohttp.ClientSession() as http:
        made = webhook.create(webhook.Settings.model_validate({"url": end.url, **settings}), kinds.World(Path(), http))
        await made.send(notification())
    assert end.got_headers[0]["Idempotency-Key"] == "k1"
    assert end.got_headers[0]["Authorization"] == "Bearer t0ken"
