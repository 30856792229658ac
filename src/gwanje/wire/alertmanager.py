"""Alertmanager's API, version 2, as JSON: alerts that are posted, and matchers of silences.

The shapes follow Alertmanager's OpenAPI description (api/v2/openapi.yaml of its repository).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from gwanje.errors import BadInput

ALERTNAME: Final = "alertname"
"""The label under which Alertmanager's world carries a rule's name."""
_MOST: Final = 10_000


class PostedAlert(msgspec.Struct, rename="camel"):
    """One alert of a POST to `/api/v2/alerts`. Without an end it ends when its sender falls silent."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = msgspec.field(name="generatorURL", default="")


class PostedMatcher(msgspec.Struct, rename="camel"):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class PostedSilence(msgspec.Struct, rename="camel"):
    """The body of a POST to `/api/v2/silences`; with an id, that one is changed."""

    matchers: list[PostedMatcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class MatcherWords:
    """A matcher as gwanje writes it: label, operator, value."""

    label: str
    operator: str
    value: str


def alerts(body: bytes) -> list[PostedAlert]:
    """The alerts of a body. Raises BadInput that says which place cannot be read."""
    try:
        found = msgspec.json.decode(body, type=list[PostedAlert])
    except msgspec.DecodeError as error:
        raise BadInput(f"the body is no list of alerts: {error}") from error
    if len(found) > _MOST:
        raise BadInput(f"at most {_MOST} alerts at once; send several bodies")
    for index, alert in enumerate(found):
        if not alert.labels.get(ALERTNAME):
            raise BadInput("an alert needs the label `alertname`", where=f"[{index}].labels")
        for at in (alert.starts_at, alert.ends_at):
            if at is not None and at.tzinfo is None:
                raise BadInput("a time needs its zone, such as Z", where=f"[{index}]")
    return found


def silence(body: bytes) -> PostedSilence:
    """The silence of a body. Raises BadInput."""
    try:
        found = msgspec.json.decode(body, type=PostedSilence)
    except msgspec.DecodeError as error:
        raise BadInput(f"the body is no silence: {error}") from error
    if found.starts_at.tzinfo is None or found.ends_at.tzinfo is None:
        raise BadInput("a time needs its zone, such as Z", where="startsAt, endsAt")
    return found


def matcher_words(matcher: PostedMatcher) -> MatcherWords:
    """Alertmanager's matcher in our words: `alertname` is `rule` here."""
    operator = ("=" if matcher.is_equal else "!") + ("~" if matcher.is_regex else "" if matcher.is_equal else "=")
    return MatcherWords("rule" if matcher.name == ALERTNAME else matcher.name, operator, matcher.value)


def matcher_plain(label: str, operator: str, value: str) -> Mapping[str, Any]:
    """Our matcher as Alertmanager shows it."""
    name = ALERTNAME if label == "rule" else label
    return {"name": name, "value": value, "isRegex": operator.endswith("~"), "isEqual": operator.startswith("=")}


def unset(instant: datetime) -> bool:
    """Whether this is Go's zero time, by which senders say that there is none."""
    return instant.year <= 1
