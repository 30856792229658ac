"""Doors for alerts of other programs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from gwanje.app.clock import now
from gwanje.keep.said import OutsideAlert
from gwanje.keep.state import outside, stories
from gwanje.keep.state.people import Scope
from gwanje.show.api.application import application

from .conftest import ADDRESS, Site

TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:alarms"
CERTIFICATE = "https://sns.ap-northeast-2.amazonaws.com/SimpleNotificationService-1.pem"
ALARM = {
    "AlarmName": "db cpu",
    "AlarmDescription": "the database is busy",
    "AWSAccountId": "123456789012",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": "2026-03-01T09:00:00.000+0000",
    "Region": "Asia Pacific (Seoul)",
    "AlarmArn": "arn:aws:cloudwatch:ap-northeast-2:123456789012:alarm:db cpu",
    "OldStateValue": "OK",
    "Trigger": {
        "MetricName": "CPUUtilization",
        "Namespace": "AWS/RDS",
        "Dimensions": [{"name": "DBInstanceIdentifier", "value": "orders"}],
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 80.0,
    },
}
EC2 = {
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2026-03-01T09:00:00Z",
    "region": "ap-northeast-2",
    "detail": {"instance-id": "i-0abc", "state": "stopped"},
}


def _kept(site: Site) -> list[OutsideAlert]:
    with site.house.state.read() as connection:
        return outside.every(connection)


async def test_the_fewest_words_make_an_alert_and_its_end(site: Site) -> None:
    said = {"level": "error", "message": "loss is rising", "metric": "loss", "value": 3.5, "threshold": 2, "host": "gpu-1"}
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await client.post("/api/v1/alerts", json=said)
        assert answer.status_code == 202
        await site.house.round.once(now())
        with site.house.state.read() as connection:
            (episode,) = [one for one in stories.open_episodes(connection) if one.rule == "loss"]
        assert (episode.severity, episode.value, episode.threshold, episode.host) == ("critical", 3.5, 2.0, "gpu-1")
        assert episode.summary["ko"] == "loss is rising"
        await client.post("/api/v1/alerts", json={**said, "resolved": True})
        await site.house.round.once(now() + timedelta(seconds=1))
        story = (await client.get(f"/api/v1/episodes/{episode.id}")).json()
    assert story["ended_because"] == "resolved"


@pytest.mark.parametrize("wrong", [{"message": "x"}, {"name": "x"}, {"name": "x", "message": "x", "level": "loud"}, []])
async def test_what_is_no_alert_is_refused_and_nothing_of_it_is_kept(site: Site, wrong: Any) -> None:
    async with site.with_key(Scope.INGEST) as client:
        sent = [{"name": "good", "message": "x"}, wrong]
        assert (await client.post("/api/v1/alerts", json=sent)).status_code == 422
    assert _kept(site) == []


async def test_a_key_that_only_reads_tells_nothing(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        assert (await client.post("/api/v1/alerts", json={"name": "x", "message": "x"})).status_code == 403
        assert (await client.post("/api/v1/eventbridge", json=EC2)).status_code == 403
        assert (await client.post("/api/v2/alerts", json=[])).status_code == 403


async def test_eventbridge_tells_that_an_instance_stopped_and_runs_again(site: Site) -> None:
    async with site.with_key(Scope.INGEST) as client:
        assert (await client.post("/api/v1/eventbridge", json=EC2)).status_code == 202
        (told,) = _kept(site)
        assert (told.labels["instance_id"], told.annotations["current_state"]) == ("i-0abc", "stopped")
        detail = {"instance-id": "i-0abc", "state": "running"}
        await client.post("/api/v1/eventbridge", json={**EC2, "time": "2026-03-01T09:05:00Z", "detail": detail})
        assert _kept(site)[0].ends_at == datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
        refused = await client.post("/api/v1/eventbridge", json={"detail-type": "Something else"})
    assert (refused.status_code, refused.json()["error"]["where"]) == (400, "Message")


# --- SNS -----------------------------------------------------------------------------------------------------------------


@dataclass
class Amazon:
    """Stands in for SNS: signs messages, and serves its certificate and the links that confirm."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    visited: list[str] = field(default_factory=list)

    def message(self, text: str, **given: str) -> dict[str, str]:
        said = {
            "Type": "Notification",
            "MessageId": "1",
            "TopicArn": TOPIC,
            "Message": text,
            "Timestamp": now().isoformat(),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
            **given,
        }
        names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        lines = "".join(f"{name}\n{said[name]}\n" for name in names if name in said)
        algorithm = hashes.SHA256() if said["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303 - SNS's version 1
        signature = self.key.sign(lines.encode(), padding.PKCS1v15(), algorithm)
        return {**said, "Signature": base64.b64encode(signature).decode()}

    def certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), 1, now(), now() + timedelta(days=1))
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    @asynccontextmanager
    async def get(self, url: str, **_how: Any) -> Any:
        self.visited.append(url)
        yield _Answer(self.certificate())


@dataclass
class _Answer:
    body: bytes

    def raise_for_status(self) -> None:
        pass

    @property
    def content(self) -> _Answer:
        return self

    async def read(self, _most: int) -> bytes:
        return self.body


@dataclass
class Cloud:
    """The site's application with one topic let in."""

    amazon: Amazon
    client: httpx.AsyncClient

    async def post(self, said: Mapping[str, str]) -> httpx.Response:
        return await self.client.post("/api/v1/sns", content=json.dumps(said))


@pytest.fixture
def cloud(site: Site) -> Cloud:
    amazon = Amazon()
    rooms = replace(site.house.rooms(), sns_topics=frozenset({TOPIC}), http=cast(Any, amazon))
    transport = httpx.ASGITransport(app=application(rooms, site.live), raise_app_exceptions=False)
    return Cloud(amazon, httpx.AsyncClient(transport=transport, base_url=ADDRESS))


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_cloudwatch_alarm_comes_by_sns(site: Site, cloud: Cloud, version: str) -> None:
    answer = await cloud.post(cloud.amazon.message(json.dumps(ALARM), SignatureVersion=version, Subject="ALARM: db cpu"))
    assert answer.status_code == 202
    (told,) = _kept(site)
    assert (told.source, told.rule, told.threshold) == ("cloudwatch", "db cpu", ">= 80")
    assert told.labels == {"account": "123456789012", "region": "ap-northeast-2", "DBInstanceIdentifier": "orders"}
    assert told.annotations["previous_state"] == "OK"
    assert told.annotations["reason"] == "Threshold Crossed"
    await cloud.post(cloud.amazon.message(json.dumps({**ALARM, "NewStateValue": "INSUFFICIENT_DATA"})))
    assert _kept(site)[0].ends_at is None, "too little data is not resolved"
    await cloud.post(cloud.amazon.message(json.dumps({**ALARM, "NewStateValue": "OK"})))
    assert _kept(site)[0].ends_at is not None


async def test_a_subscription_is_confirmed_for_a_topic_that_is_let_in(cloud: Cloud) -> None:
    link = "https://sns.ap-northeast-2.amazonaws.com/?Action=ConfirmSubscription&Token=x"
    said = cloud.amazon.message("confirm", Type="SubscriptionConfirmation", Token="x", SubscribeURL=link)
    assert (await cloud.post(said)).status_code == 202
    assert cloud.amazon.visited == [CERTIFICATE, link]


async def test_nothing_passes_that_amazon_did_not_sign(site: Site, cloud: Cloud) -> None:
    good = cloud.amazon.message(json.dumps(ALARM))
    other = cloud.amazon.message(json.dumps(ALARM), TopicArn="arn:aws:sns:x:1:others")
    for said, status, where in (
        ({**good, "Message": json.dumps({**ALARM, "AlarmName": "other"})}, 400, "Signature"),
        ({**good, "SigningCertURL": "https://sns.evil.example/x.pem"}, 400, "SigningCertURL"),
        ({**good, "SigningCertURL": "https://sns.x.amazonaws.com.evil.example/x.pem"}, 400, "SigningCertURL"),
        ({**good, "SignatureVersion": "3"}, 400, "SignatureVersion"),
        (cloud.amazon.message(json.dumps(ALARM), Timestamp="2020-01-01T00:00:00Z"), 400, "Timestamp"),
        (other, 403, "TopicArn"),
    ):
        refused = await cloud.post(said)
        assert (refused.status_code, refused.json()["error"]["where"]) == (status, where)
    assert _kept(site) == []
    assert set(cloud.amazon.visited) <= {CERTIFICATE}


async def test_without_topics_the_door_is_shut(site: Site) -> None:
    async with site.client() as client:
        assert (await client.post("/api/v1/sns", content=b"{}")).status_code == 404
