"""Doors for alerts of other programs: a plain one of our own, and AWS's by SNS and EventBridge."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import aiohttp
import structlog
from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gwanje.config import Duration
from gwanje.errors import BadInput
from gwanje.judge import lifecycle
from gwanje.judge.rules.threshold import Threshold
from gwanje.keep.said import OutsideAlert
from gwanje.keep.state.people import Scope, Who
from gwanje.model import Severity
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms
from gwanje.watch.outside import take
from gwanje.wire import aws

_LEVELS: Final = {
    "critical": Severity.CRITICAL,
    "error": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
    "warning": Severity.WARNING,
    "warn": Severity.WARNING,
    "info": Severity.INFO,
}
_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_FRESH: Final = timedelta(hours=1)
"""How old a message of SNS may be; older ones are somebody's copies."""
_CERTIFICATES: Final = 20
_CERTIFICATE_BYTES: Final = 64 * 1024

log = structlog.get_logger(__name__)


class Told(BaseModel):
    """One alert of another program, in the fewest words. Sent again with `resolved: true`, it is over."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    level: Annotated[str, Field(max_length=20)] = "warning"
    """`critical` (also `error`, `fatal`), `warning` or `info`."""
    message: Annotated[str, Field(min_length=1, max_length=4000)]
    """What is wrong, in a sentence."""
    name: Annotated[str, Field(max_length=200)] = ""
    """What kind of alert it is; the metric unless set. With the labels it is its identity."""
    metric: Annotated[str, Field(max_length=200)] = ""
    value: float | None = None
    threshold: float | str | None = None
    """What the value is compared with: `0.9` or `>= 0.9`."""
    labels: dict[str, str] = Field(default_factory=dict)
    host: Annotated[str, Field(max_length=255)] = ""
    at: AwareDatetime | None = None
    """Since when; now unless set."""
    resolved: bool = False
    expires_in: Duration = timedelta(hours=1)
    """When it is not said again for so long, it is expired: told as such, not as resolved."""
    link: Annotated[str, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _known(self) -> Told:
        if self.level.lower() not in _LEVELS:
            raise ValueError(f"{self.level!r} is no level; send critical, warning or info")
        if not (self.name or self.metric):
            raise ValueError("send `name` or `metric`, by which the alert is known again")
        return self


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alerts"])
    certificates = _Certificates(rooms)

    @router.post("/api/v1/alerts", status_code=202)
    async def tell(told: Told | list[Told], who: Who = needs(Scope.INGEST)) -> Response:
        """Alerts of another program. 202 means that they are kept and survive a kill; they are told within a second."""
        listed = told if isinstance(told, list) else [told]
        kept = [_of(one, rooms.now(), who) for one in listed]
        await asyncio.to_thread(take, rooms.state, rooms.updates, kept)
        return answer({"alerts": [one.fingerprint for one in kept]}, 202)

    @router.post("/api/v1/eventbridge", status_code=202)
    async def eventbridge(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """An event that EventBridge sends by an API destination: a CloudWatch alarm or a state change of EC2."""
        del who
        return await _take(rooms, aws.cloud_alert(await request.body()))

    @router.post("/api/v1/sns", status_code=202)
    async def sns(request: Request) -> Response:
        """A message of SNS, known by its signature. Open only for the topics in `sns.topics`; a subscription is confirmed."""
        if not rooms.sns_topics:
            return problem(404, "no topic is let in", where="sns.topics", todo="name the topic's ARN in gwanje.yaml")
        body = await request.body()
        found = aws.envelope(body)
        if found.topic_arn not in rooms.sns_topics:
            return problem(403, f"the topic {found.topic_arn!r} is not let in", where="TopicArn", todo="name it in sns.topics")
        if abs(rooms.now() - found.timestamp) > _FRESH:
            raise BadInput("the message is more than an hour old", where="Timestamp")
        aws.verify(body, found, await certificates.of(found.signing_cert_url))
        if found.type == "SubscriptionConfirmation":
            await certificates.visit(found.subscribe_url)
            log.info("subscribed to a topic", topic=found.topic_arn)
        if found.type != "Notification":
            return Response(status_code=202)
        return await _take(rooms, aws.cloud_alert(found.message))

    return router


class _Certificates:
    """Signing certificates by their address, which was checked to be Amazon's."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._known: OrderedDict[str, bytes] = OrderedDict()

    async def of(self, url: str) -> bytes:
        if url not in self._known:
            self._known[url] = await self.visit(url)
            while len(self._known) > _CERTIFICATES:
                self._known.popitem(last=False)
        return self._known[url]

    async def visit(self, url: str) -> bytes:
        """What stands at an address of Amazon's. Raises BadInput when it cannot be had."""
        session: aiohttp.ClientSession | None = self._rooms.http
        if session is None:
            raise BadInput("this process asks nobody outside", where=url)
        try:
            async with session.get(url, allow_redirects=False) as found:
                found.raise_for_status()
                return await found.content.read(_CERTIFICATE_BYTES)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BadInput(f"Amazon's address could not be asked ({type(error).__name__})", where=url) from error


async def _take(rooms: Rooms, said: aws.CloudAlert) -> Response:
    told = _of_cloud(said, rooms.now())
    if told is None:
        log.info("a cloud alarm that says nothing", alarm=said.name, state=said.now)
        return answer({"alerts": []}, 202)
    await asyncio.to_thread(take, rooms.state, rooms.updates, [told])
    return answer({"alerts": [told.fingerprint]}, 202)


def _of(told: Told, now: datetime, who: Who) -> OutsideAlert:
    rule = told.name or told.metric
    labels = {_LABEL.sub("_", name): value for name, value in told.labels.items() if value and name != "severity"}
    if told.metric:
        labels.setdefault("metric", told.metric)
    if told.host:
        labels.setdefault("host", told.host)
    threshold = told.threshold
    return OutsideAlert(
        fingerprint=lifecycle.fingerprint(rule, labels),
        source="api",
        rule=rule,
        labels=labels,
        severity=_LEVELS[told.level.lower()],
        starts_at=min(told.at or now, now),
        renewed_at=now,
        ends_at=now if told.resolved else None,
        expires_at=None if told.resolved else now + told.expires_in,
        value=told.value,
        threshold=str(Threshold(">=", threshold)) if isinstance(threshold, float) else (threshold or "")[:60],
        annotations={"message": told.message, "sent_by": who.name},
        url=told.link,
    )


def _of_cloud(said: aws.CloudAlert, now: datetime) -> OutsideAlert | None:
    if said.firing is None:
        return None
    labels = {_LABEL.sub("_", name): value for name, value in said.labels.items()}
    told: dict[str, Any] = {
        "description": said.description,
        "reason": said.reason,
        "previous_state": said.before,
        "current_state": said.now,
        **said.details,
    }
    return OutsideAlert(
        fingerprint=lifecycle.fingerprint(said.name, labels),
        source=said.source,
        rule=said.name[:200],
        labels=labels,
        severity=Severity.CRITICAL,
        starts_at=min(said.at, now),
        renewed_at=now,
        ends_at=None if said.firing else min(said.at, now),
        value=said.value,
        threshold=said.threshold,
        annotations={name: text for name, text in told.items() if text},
        url=said.link,
    )
