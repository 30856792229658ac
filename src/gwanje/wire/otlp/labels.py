"""The labels of a key: what its point says, what stands above the point, and what of the resource is promoted."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gwanje.errors import BadInput
from gwanje.model import METRIC
from gwanje.wire.otlp import message as messages
from gwanje.wire.otlp import names
from gwanje.wire.otlp.owners import DIGEST_BYTES
from gwanje.wire.otlp.parts import BOUNDED, ENDINGS, TARGET
from gwanje.wire.remote_write.decode import checked

if TYPE_CHECKING:
    from gwanje.wire.columns import Labels
    from gwanje.wire.otlp.names import Spelling
    from gwanje.wire.otlp.owners import Head

_NAMESPACE, _SERVICE, _INSTANCE = "service.namespace", "service.name", "service.instance.id"
_IDENTITY = (_NAMESPACE, _SERVICE, _INSTANCE)


@dataclass(frozen=True, slots=True)
class Naming:
    """Makes the labels of a request's keys, and reads each of its resources once."""

    heads: Mapping[bytes, Head]
    promoted: Mapping[str, str]
    spelling: Spelling
    _said: dict[bytes, dict[str, str]] = field(default_factory=dict)

    def of(self, key: bytes) -> Labels:
        """Make and check the labels of a key. Raises BadInput."""
        head, part, rest = self.heads[key[:DIGEST_BYTES]], key[DIGEST_BYTES : DIGEST_BYTES + 1], key[DIGEST_BYTES + 1 :]
        given = self.said(head.resource)
        of_resource = {label: given[name] for name, label in self.promoted.items() if given.get(name)}
        if part == TARGET:
            # What is promoted stands here, too: an agent's key may write what carries its own host only.
            more = names.labels((pair for pair in given.items() if pair[0] not in _IDENTITY), self.spelling)
            return checked({**more, **of_resource, **_identity(given), METRIC: "target_info"}.items())
        bound: dict[str, str] = {}
        if part in BOUNDED:
            bound[BOUNDED[part]] = _number(struct.unpack("<d", rest[:8])[0])
            rest = rest[8:]
        of_point = names.labels(messages.of_point(rest), self.spelling)
        return checked({**of_resource, **of_point, **self._above(head, part, given), **bound}.items())

    def said(self, resource: bytes) -> dict[str, str]:
        """What a resource says of itself. Raises BadInput."""
        if resource not in self._said:
            self._said[resource] = dict(messages.of_resource(resource))
        return self._said[resource]

    def says_more(self, resource: bytes) -> bool:
        """Whether a resource says who it is, and something beside."""
        try:
            given = self.said(resource)
        except BadInput:
            return False  # its series are refused by their labels
        return any(given.get(one) for one in (_SERVICE, _INSTANCE)) and any(given[one] for one in given.keys() - set(_IDENTITY))

    def _above(self, head: Head, part: bytes, given: Mapping[str, str]) -> dict[str, str]:
        """What no attribute of a point may say otherwise."""
        try:
            name, unit, schema = head.name.decode(), head.unit.decode(), head.schema.decode()
        except UnicodeDecodeError as error:
            raise BadInput("a metric whose name or unit is not UTF-8") from error
        metric = names.metric_name(name, unit, self.spelling, counter=head.counter, gauge=head.gauge)
        if not metric:
            raise BadInput(f"the metric {name[:200]!r} has no name that can be kept; use letters and digits")
        return {**self._of_scope(head.scope, schema), **_identity(given), METRIC: metric + ENDINGS[part]}

    def _of_scope(self, message: bytes, schema: str) -> dict[str, str]:
        name, version, attributes = messages.of_scope(message)
        said = {f"otel_scope_{label}": value for label, value in names.labels(attributes, self.spelling).items()}
        own = {"otel_scope_name": name, "otel_scope_version": version, "otel_scope_schema_url": schema}
        return {**said, **{label: value for label, value in own.items() if value}}


def _identity(given: Mapping[str, str]) -> dict[str, str]:
    """`job` and `instance` of a resource."""
    service = given.get(_SERVICE, "")
    job = f"{given[_NAMESPACE]}/{service}" if service and given.get(_NAMESPACE) else service
    said = {"job": job, "instance": given.get(_INSTANCE, "")}
    return {label: value for label, value in said.items() if value}


def _number(value: float) -> str:
    """As Prometheus's clients write a bound: 0.5, 1, +Inf."""
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
