"""What AWS sends: SNS envelopes with their signature, and in them CloudWatch alarms and EventBridge events.

Signing follows the Amazon SNS developer guide ("Verifying the signatures of Amazon SNS messages"): the fields of a message,
name and value a line each, in the order of their names, signed with RSA over SHA-1 (version 1) or SHA-256 (version 2).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gwanje.errors import BadInput

_AMAZON: Final = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")
_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - what version 1 is signed with; a topic may be set to version 2
_EC2: Final = "EC2 Instance State-change Notification"
_RUNNING: Final = frozenset({"pending", "running"})


class Envelope(msgspec.Struct, rename="pascal"):
    """A message of SNS as it is posted."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: datetime
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")


@dataclass(frozen=True, slots=True)
class CloudAlert:
    """What a CloudWatch alarm or an EventBridge event says, in one form."""

    source: str
    """`cloudwatch` or `eventbridge`."""
    name: str
    labels: Mapping[str, str]
    at: datetime
    firing: bool | None
    """None where it says neither: CloudWatch had too little data."""
    before: str
    """The state before, in the sender's word; empty where it does not say."""
    now: str
    description: str
    reason: str
    link: str
    value: float | None = None
    threshold: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


def envelope(body: bytes) -> Envelope:
    """The envelope of a body. Raises BadInput for what is none, or whose certificate or link does not lie at Amazon's."""
    try:
        found = msgspec.json.decode(body, type=Envelope)
    except msgspec.DecodeError as error:
        raise BadInput(f"the body is no message of SNS: {error}") from error
    if found.type not in _SIGNED:
        raise BadInput(f"{found.type!r} is no type of message that SNS has", where="Type")
    if not _AMAZON.match(found.signing_cert_url) or not found.signing_cert_url.endswith(".pem"):
        raise BadInput("the certificate does not lie at an SNS address", where="SigningCertURL")
    if found.subscribe_url and not _AMAZON.match(found.subscribe_url):
        raise BadInput("the link does not lead to an SNS address", where="SubscribeURL")
    return found


def verify(body: bytes, found: Envelope, certificate: bytes) -> None:
    """Raises BadInput unless the body was signed with the key of this certificate (PEM)."""
    written: dict[str, Any] = msgspec.json.decode(body)
    lines = [f"{name}\n{written[name]}\n" for name in _SIGNED[found.type] if written.get(name) is not None]
    algorithm = _HASHES.get(found.signature_version)
    if algorithm is None:
        raise BadInput("the signature's version is neither 1 nor 2", where="SignatureVersion")
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadInput("the certificate holds no RSA key", where="SigningCertURL")
        signature = base64.b64decode(found.signature, validate=True)
        key.verify(signature, "".join(lines).encode(), padding.PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadInput("the signature does not belong to this message", where="Signature") from error


def cloud_alert(message: bytes | str) -> CloudAlert:
    """The CloudWatch alarm or EventBridge event that a message holds. Raises BadInput for what is neither."""
    try:
        plain = msgspec.json.decode(message)
    except msgspec.DecodeError as error:
        raise BadInput(f"the message is not JSON: {error}", where="Message") from error
    try:
        if isinstance(plain, dict) and "AlarmName" in plain:
            return _alarm_from_sns(plain)
        if isinstance(plain, dict) and plain.get("detail-type") == "CloudWatch Alarm State Change":
            return _alarm_from_events(plain)
        if isinstance(plain, dict) and plain.get("detail-type") == _EC2:
            return _instance(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"the message lacks what such a message has: {error!r}", where="Message") from error
    raise BadInput(f"neither a CloudWatch alarm nor a state change of EC2, but {_shape(plain)}", where="Message")


def _alarm_from_sns(plain: Mapping[str, Any]) -> CloudAlert:
    trigger: Mapping[str, Any] = plain.get("Trigger") or {}
    dimensions = {one["name"]: str(one["value"]) for one in trigger.get("Dimensions") or ()}
    arn = str(plain.get("AlarmArn", ""))
    region = arn.split(":")[3] if arn.count(":") >= 3 else str(plain.get("Region", ""))
    name = str(plain["AlarmName"])
    operator, threshold = _operator(str(trigger.get("ComparisonOperator", ""))), trigger.get("Threshold")
    return CloudAlert(
        source="cloudwatch",
        name=name,
        labels={**_place(str(plain.get("AWSAccountId", "")), region), **dimensions},
        at=_time(str(plain["StateChangeTime"])),
        firing=_fires(str(plain["NewStateValue"])),
        before=str(plain.get("OldStateValue", "")),
        now=str(plain["NewStateValue"]),
        description=str(plain.get("AlarmDescription") or ""),
        reason=str(plain.get("NewStateReason", "")),
        link=_alarm_link(region, name),
        threshold="" if threshold is None else f"{operator} {repr(float(threshold)).removesuffix('.0')}",
        details={"metric": f"{trigger.get('Namespace', '')}/{trigger.get('MetricName', '')}".strip("/")},
    )


def _alarm_from_events(plain: Mapping[str, Any]) -> CloudAlert:
    detail: Mapping[str, Any] = plain["detail"]
    state, before = detail["state"], detail.get("previousState") or {}
    region, name = str(plain.get("region", "")), str(detail["alarmName"])
    return CloudAlert(
        source="cloudwatch",
        name=name,
        labels=_place(str(plain.get("account", "")), region),
        at=_time(str(state.get("timestamp") or plain["time"])),
        firing=_fires(str(state["value"])),
        before=str(before.get("value", "")),
        now=str(state["value"]),
        description=str((detail.get("configuration") or {}).get("description") or ""),
        reason=str(state.get("reason", "")),
        link=_alarm_link(region, name),
    )


def _instance(plain: Mapping[str, Any]) -> CloudAlert:
    detail: Mapping[str, Any] = plain["detail"]
    region, instance, state = str(plain.get("region", "")), str(detail["instance-id"]), str(detail["state"])
    return CloudAlert(
        source="eventbridge",
        name="EC2 instance not running",
        labels={**_place(str(plain.get("account", "")), region), "instance_id": instance},
        at=_time(str(plain["time"])),
        firing=state not in _RUNNING,
        before="",
        now=state,
        description=f"EC2 instance {instance} is {state}",
        reason=str(plain["detail-type"]),
        link=f"https://{region}.console.aws.amazon.com/ec2/home?region={region}#InstanceDetails:instanceId={instance}",
    )


def _place(account: str, region: str) -> dict[str, str]:
    return {name: value for name, value in (("account", account), ("region", region)) if value}


def _fires(state: str) -> bool | None:
    return {"ALARM": True, "OK": False}.get(state)


def _time(written: str) -> datetime:
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError(f"the time {written!r} has no zone")
    return at


def _operator(name: str) -> str:
    return {
        "GreaterThanThreshold": ">",
        "GreaterThanOrEqualToThreshold": ">=",
        "LessThanThreshold": "<",
        "LessThanOrEqualToThreshold": "<=",
    }.get(name, "?")


def _alarm_link(region: str, name: str) -> str:
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{name}" if region else ""


def _shape(plain: Any) -> str:
    return (
        f"an object with {', '.join(sorted(map(str, plain))[:5]) or 'nothing'}"
        if isinstance(plain, dict)
        else type(plain).__name__
    )
