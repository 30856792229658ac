"""An OTLP request → columns: gauges, sums, histograms as classic buckets, summaries as quantiles, resources as `target_info`.

A key is a digest of what stands above a point (resource, scope, metric), which number of the point it is, and the bytes of the
point's attributes. Labels are made of it for keys that nobody knows yet.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.errors import BadInput, TooLarge
from gwanje.model import METRIC, STALE_NAN_BITS
from gwanje.wire.columns import Columns
from gwanje.wire.otlp import abouts, names
from gwanje.wire.otlp import message as messages
from gwanje.wire.otlp.exponential import SCALES, classic
from gwanje.wire.remote_write.decode import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.wire.columns import Labels
    from gwanje.wire.otlp.running import Running

PROTOCOL = "otlp"
PROMOTED: Mapping[str, str] = {"host.name": "host"}
"""Attributes of a resource that every series of it carries unless told otherwise, and the label's name."""

_DIGEST = 16
_MOST_KEY_BYTES = 128 << 20
_MOST_METRICS = 100_000
_NO_VALUE = 1
_DELTA, _CUMULATIVE = 1, 2
_LATE = "deltas that came after later ones"
_NAMESPACE, _SERVICE, _INSTANCE = "service.namespace", "service.name", "service.instance.id"
_IDENTITY = (_NAMESPACE, _SERVICE, _INSTANCE)

_VALUE, _SUM, _COUNT, _BUCKET, _QUANTILE, _TARGET = b"v", b"s", b"c", b"b", b"q", b"t"
"""Which number of a point a sample is; a bucket's bound and a quantile follow as eight bytes."""
_ENDINGS = {_VALUE: "", _SUM: "_sum", _COUNT: "_count", _BUCKET: "_bucket", _QUANTILE: ""}
_BOUNDED = {_BUCKET: "le", _QUANTILE: "quantile"}
_INFINITY = _BUCKET + struct.pack("<d", float("inf"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold. They protect everybody else from one sender."""

    samples: int = 500_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """What of a request can be stored, and what cannot."""

    columns: Columns
    points: int = 0
    """All data points of the request."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Data points by the reason, in words."""


def decode(
    request: bytes,
    running: Running,
    promoted: Mapping[str, str] = PROMOTED,
    limits: Limits | None = None,
) -> Decoded:
    """Read a whole request in protobuf. Raises TooLarge over a limit and BadInput for anything that is no such request.

    Deltas are added to `running`. Exemplars and start times are passed over.
    """
    resources = messages.resources(request)
    reading = _Reading(running, (limits or Limits()).samples)
    _check_metrics(resources)
    owners = _Owners.of(resources)
    for read in (_gauges, _sums, _histograms, _summaries, _exponentials):
        read(owners, reading)
    labels = _Labels(owners.heads, promoted)
    _targets(owners, reading, labels)
    columns = Columns(
        protocol=PROTOCOL,
        body=request,
        keys=reading.keys,
        counts=np.ones(len(reading.keys), np.int64),
        times=_joined(reading.times, np.int64),
        values=_joined(reading.values, np.float64),
        labels_of=labels.of,
        abouts=abouts.of_metrics(owners.metrics),
    )
    return Decoded(columns, reading.points, dict(+reading.refused))


def _check_metrics(resources: Any) -> None:
    """Raises TooLarge for more than can be looked at one by one."""
    scopes = resources.field("scopes").values
    for what, found in (("resources", resources), ("scopes", scopes), ("metrics", scopes.field("metrics").values)):
        if len(found) > _MOST_METRICS:
            raise TooLarge(f"the request has {len(found)} {what}, {_MOST_METRICS} are allowed; send smaller requests")


# --- what stands above a point -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Head:
    """All that the series of one metric of one scope of one resource share."""

    resource: bytes
    scope: bytes = b""
    schema: bytes = b""
    name: bytes = b""
    unit: bytes = b""
    counter: bool = False
    gauge: bool = False


@dataclass(slots=True)
class _Owners:
    """Every metric of a request, by its place in the request."""

    metrics: Any
    digests: list[bytes]
    heads: dict[bytes, _Head]
    resource_of: NDArray[np.int64]
    """The resource of each metric."""
    resources: list[bytes]
    newest: NDArray[np.int64]
    """The newest time of each resource's points, in nanoseconds; 0 without one."""

    @classmethod
    def of(cls, resources: Any) -> _Owners:
        scopes = resources.field("scopes")
        metrics = scopes.values.field("metrics")
        raw = resources.field("resource").to_pylist()
        scope_of = _repeated(metrics)
        resource_of = _repeated(scopes)
        heads, digests = _heads(raw, resource_of, scopes.values, scope_of, metrics.values)
        newest = np.zeros(len(raw), np.int64)
        return cls(metrics.values, digests, heads, resource_of[scope_of], raw, newest)


def _heads(
    resources: list[bytes], resource_of: NDArray[np.int64], scopes: Any, scope_of: NDArray[np.int64], metrics: Any
) -> tuple[dict[bytes, _Head], list[bytes]]:
    """The head of every metric by its digest, and the digests in the order of the metrics."""
    of_resources = [_digest(b"", resource) for resource in resources]
    above = [
        (resources[i], scope, schema, _digest(of_resources[i], scope, schema))
        for i, scope, schema in zip(
            resource_of.tolist(), scopes.field("scope").to_pylist(), scopes.field("schema").to_pylist(), strict=True
        )
    ]
    heads: dict[bytes, _Head] = {}
    digests = []
    gauges = metrics.field("gauge").is_valid().to_pylist()
    counters = metrics.field("sum").field("monotonic").fill_null(False).to_pylist()
    named = zip(metrics.field("name").to_pylist(), metrics.field("unit").to_pylist(), strict=True)
    for i, (name, unit), gauge, counter in zip(scope_of.tolist(), named, gauges, counters, strict=True):
        resource, scope, schema, digest = above[i]
        digest = _digest(digest, name, unit, b"g" if gauge else b"c" if counter else b"")
        heads[digest] = _Head(resource, scope, schema, name, unit, counter, gauge)
        digests.append(digest)
    heads.update((of, _Head(resource)) for of, resource in zip(of_resources, resources, strict=True))
    return heads, digests


def _digest(above: bytes, *texts: bytes) -> bytes:
    """Short, and another for everything else: keys stay small however much a resource says of itself."""
    lengths = struct.pack(f"<{len(texts)}Q", *map(len, texts))
    return blake2b(b"".join((above, lengths, *texts)), digest_size=_DIGEST).digest()


def _repeated(lists: Any) -> NDArray[np.int64]:
    """For each element the list that it stands in."""
    return np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))


# --- points ------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    running: Running
    most: int
    keys: list[bytes] = field(default_factory=list)
    times: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    key_bytes: int = 0
    points: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def make_room(self, sizes: NDArray[np.int64], samples: NDArray[np.int64]) -> None:
        """Raises TooLarge when so many samples of points, their keys that long, are too many."""
        self.key_bytes += int((sizes.astype(np.float64) * samples).sum())
        if len(self.keys) + int(samples.sum()) > self.most:
            raise TooLarge(f"the request has more than the {self.most} samples that are allowed; send fewer points")
        if self.key_bytes > _MOST_KEY_BYTES:
            raise TooLarge(f"the attributes take more than the {_MOST_KEY_BYTES} bytes that are allowed; send fewer points")

    def add(self, keys: Sequence[bytes], times_ns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        self.keys += keys
        self.times.append(times_ns // 1_000_000)
        self.values.append(values)


@dataclass(slots=True)
class _Points:
    """All points of one sort, one after another."""

    rows: Any
    owner: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    silent: NDArray[np.bool_]
    """Where a point says that its series stopped."""
    keep: NDArray[np.bool_]
    prefixes: list[bytes]
    attributes: list[bytes]
    late: set[int] = field(default_factory=set)
    """Points whose deltas came after later ones."""

    @classmethod
    def of(cls, sort: str, owners: _Owners, reading: _Reading) -> _Points:
        points = owners.metrics.field(sort).field("points")
        rows, owner = points.values, _repeated(points)
        reading.points += len(owner)
        if len(owner) > reading.most:
            raise TooLarge(f"the request has more than the {reading.most} points that are allowed; send fewer")
        # What is later than a signed number can say is too far ahead for every store.
        times = np.minimum(rows.field("time").to_numpy(), np.uint64(1 << 62)).astype(np.int64)
        silent = (rows.field("flags").to_numpy() & _NO_VALUE).astype(np.bool_)
        prefixes = list(map(owners.digests.__getitem__, owner.tolist()))
        return cls(rows, owner, times, silent, np.ones(len(owner), np.bool_), prefixes, _slices(rows.field("attributes")))

    def refuse(self, where: NDArray[np.bool_], why: str, reading: _Reading) -> None:
        reading.refused[why] += int((where & self.keep).sum())
        self.keep &= ~where

    def kept(self, owners: _Owners) -> list[int]:
        """The numbers of the points that are kept, which is now certain."""
        kept = np.flatnonzero(self.keep)
        resources = owners.resource_of[self.owner[kept]]
        np.maximum.at(owners.newest, resources, self.times_ns[kept])
        return kept.tolist()

    def sizes(self) -> NDArray[np.int64]:
        return np.array(list(map(len, self.attributes)), np.int64) + _DIGEST + 1 + 8


def _slices(attributes: Any) -> list[bytes]:
    """The attribute messages of each point, joined."""
    of_points, joined = attributes.offsets.to_numpy(), attributes.values
    if not len(joined):
        return [b""] * (len(of_points) - 1)
    _, cuts, data = joined.buffers()
    ends = np.frombuffer(cuts, np.int32)[of_points].tolist()
    text = data.to_pybytes() if data else b""
    return [text[start:end] for start, end in pairwise(ends)]


@dataclass(slots=True)
class _Rows:
    """Samples of points, in the order in which they were found."""

    points: Sequence[int]
    parts: Sequence[bytes]
    values: NDArray[np.float64]


def _add(points: _Points, rows: _Rows, delta: NDArray[np.bool_] | None, reading: _Reading) -> None:
    """Take samples over; `delta` says which of the points are differences."""
    at = np.array(rows.points, np.int64)
    prefixes, attributes = points.prefixes, points.attributes
    keys = [prefixes[i] + part + attributes[i] for i, part in zip(rows.points, rows.parts, strict=True)]
    times, values = points.times_ns[at], rows.values.astype(np.float64)
    silent = points.silent[at]
    late = None
    if delta is not None and (deltas := np.flatnonzero(delta[at] & ~silent)).size:
        totals, counted = reading.running.totals([keys[i] for i in deltas.tolist()], times[deltas], values[deltas])
        values[deltas] = totals
        late = deltas[~counted]
    values.view(np.uint64)[silent] = STALE_NAN_BITS
    if late is not None and late.size:
        points.late.update(at[late].tolist())
        stay = np.ones(len(keys), np.bool_)
        stay[late] = False
        keys, times, values = [key for key, stays in zip(keys, stay.tolist(), strict=True) if stays], times[stay], values[stay]
    reading.add(keys, times, values)


def _gauges(owners: _Owners, reading: _Reading) -> None:
    points = _Points.of("gauge", owners, reading)
    _numbers(points, None, owners, reading)


def _sums(owners: _Owners, reading: _Reading) -> None:
    points = _Points.of("sum", owners, reading)
    _numbers(points, _deltas("sum", points, owners, reading), owners, reading)
    reading.refused[_LATE] += len(points.late)


def _numbers(points: _Points, delta: NDArray[np.bool_] | None, owners: _Owners, reading: _Reading) -> None:
    whole, decimal = points.rows.field("as_int"), points.rows.field("as_double")
    is_whole, is_decimal = _valid(whole), _valid(decimal)
    points.refuse(~is_whole & ~is_decimal & ~points.silent, "points without a value", reading)
    values = np.where(is_whole, _filled(whole), _filled(decimal))
    if delta is not None:
        points.refuse(delta & ~np.isfinite(values) & ~points.silent, "deltas that are no finite number", reading)
    kept = points.kept(owners)
    reading.make_room(points.sizes(), points.keep.astype(np.int64))
    _add(points, _Rows(kept, [_VALUE] * len(kept), values[kept]), delta, reading)


def _deltas(sort: str, points: _Points, owners: _Owners, reading: _Reading) -> NDArray[np.bool_]:
    """Which points are differences; those that do not say it are refused."""
    temporality = owners.metrics.field(sort).field("temporality").fill_null(0).to_numpy()[points.owner]
    unknown = (temporality != _DELTA) & (temporality != _CUMULATIVE)
    points.refuse(unknown, "points that are neither delta nor cumulative", reading)
    delta: NDArray[np.bool_] = temporality == _DELTA
    return delta


def _histograms(owners: _Owners, reading: _Reading) -> None:
    points = _Points.of("histogram", owners, reading)
    delta = _deltas("histogram", points, owners, reading)
    rows = points.rows
    sums = rows.field("sum")
    points.refuse(
        delta & _valid(sums) & ~np.isfinite(_filled(sums)) & ~points.silent, "deltas that are no finite number", reading
    )
    reading.make_room(points.sizes(), np.diff(rows.field("bounds").offsets.to_numpy()).astype(np.int64) + 3)
    buckets, sound = _buckets(rows)
    points.refuse(~sound, "histograms whose bounds do not rise, or do not fit their buckets", reading)
    kept = points.kept(owners)
    chosen = points.keep[np.array(buckets.points, np.int64)]
    owners_of_buckets = np.array(buckets.points, np.int64)[chosen].tolist()
    bounds = [part for part, stays in zip(buckets.parts, chosen.tolist(), strict=True) if stays]
    _add(points, _Rows(owners_of_buckets, bounds, buckets.values[chosen]), delta, reading)
    _totals(points, kept, delta, reading)
    reading.refused[_LATE] += len(points.late)


def _totals(points: _Points, kept: list[int], delta: NDArray[np.bool_] | None, reading: _Reading) -> None:
    """The last bucket, the count, and the sum where there is one."""
    sums, counts = points.rows.field("sum"), points.rows.field("count").to_numpy()
    with_sum = np.flatnonzero(points.keep & _valid(sums))
    for found in (
        _Rows(kept, [_INFINITY] * len(kept), counts[kept]),
        _Rows(kept, [_COUNT] * len(kept), counts[kept]),
        _Rows(with_sum.tolist(), [_SUM] * len(with_sum), _filled(sums)[with_sum]),
    ):
        _add(points, found, delta, reading)


def _buckets(rows: Any) -> tuple[_Rows, NDArray[np.bool_]]:
    """Every bucket but the last with the count up to its bound, and which points are sound."""
    counts, bounds = rows.field("buckets"), rows.field("bounds")
    count_starts, bound_starts = (lists.offsets.to_numpy().astype(np.int64) for lists in (counts, bounds))
    how_many, limits = np.diff(count_starts), bounds.values.to_numpy()
    per_point = np.diff(bound_starts)
    sound = (how_many == per_point + 1) | ((how_many == 0) & (per_point == 0))
    owner = np.repeat(np.arange(len(rows)), per_point)
    bad = ~np.isfinite(limits)
    if len(limits):
        # NaN compares false, so that it is not taken for rising.
        bad[1:] |= ~(limits[1:] > limits[:-1]) & (owner[1:] == owner[:-1])
    sound[owner[bad]] = False
    up_to = np.concatenate((np.zeros(1, np.uint64), np.cumsum(counts.values.to_numpy())))
    firsts = count_starts[:-1][owner]
    places = firsts + np.arange(len(limits)) - bound_starts[:-1][owner] + 1
    values = up_to[np.minimum(places, len(up_to) - 1)] - up_to[firsts]
    return _Rows(owner.tolist(), _parts(_BUCKET, limits), values.astype(np.float64)), sound


def _parts(part: bytes, bounds: NDArray[np.float64]) -> list[bytes]:
    data = bounds.astype("<f8").tobytes()
    return [part + data[at : at + 8] for at in range(0, len(data), 8)]


def _summaries(owners: _Owners, reading: _Reading) -> None:
    points = _Points.of("summary", owners, reading)
    rows, quantiles = points.rows, points.rows.field("quantiles")
    owner = _repeated(quantiles)
    reading.make_room(points.sizes(), np.diff(quantiles.offsets.to_numpy()).astype(np.int64) + 2)
    kept = points.kept(owners)
    parts = _parts(_QUANTILE, quantiles.values.field("quantile").to_numpy())
    for found in (
        _Rows(owner.tolist(), parts, quantiles.values.field("value").to_numpy()),
        _Rows(kept, [_COUNT] * len(kept), rows.field("count").to_numpy()),
        _Rows(kept, [_SUM] * len(kept), rows.field("sum").to_numpy()),
    ):
        _add(points, found, None, reading)


def _exponentials(owners: _Owners, reading: _Reading) -> None:
    points = _Points.of("exponential", owners, reading)
    rows, positive = points.rows, points.rows.field("positive")
    delta = _deltas("exponential", points, owners, reading)
    points.refuse(delta, "exponential histograms as deltas; send cumulative ones, or explicit bounds", reading)
    negative = np.diff(rows.field("negative").field("counts").offsets.to_numpy()) > 0
    points.refuse(negative, "exponential histograms with values below zero", reading)
    scales = rows.field("scale").to_numpy()
    points.refuse((scales < SCALES[0]) | (scales > SCALES[-1]), "exponential histograms of an unknown scale", reading)
    starts, all_counts = positive.field("counts").offsets.to_numpy(), positive.field("counts").values.to_numpy()
    reading.make_room(points.sizes(), np.where(points.keep, np.diff(starts).astype(np.int64) + 4, 0))
    kept = points.kept(owners)
    offsets, zeros = positive.field("offset").fill_null(0).to_numpy(), rows.field("zeros").to_numpy()
    numbers, parts, values = list[int](), list[bytes](), [np.empty(0)]
    for i in kept:
        bounds, up_to = classic(int(scales[i]), int(offsets[i]), all_counts[starts[i] : starts[i + 1]], int(zeros[i]))
        numbers += [i] * len(bounds)
        parts += _parts(_BUCKET, bounds)
        values.append(up_to)
    _add(points, _Rows(numbers, parts, np.concatenate(values)), None, reading)
    _totals(points, kept, None, reading)


def _targets(owners: _Owners, reading: _Reading, labels: _Labels) -> None:
    """One `target_info` for each resource that says more of itself than who it is."""
    for resource, newest in zip(owners.resources, owners.newest.tolist(), strict=True):
        if newest and labels.says_more(resource):
            key = _digest(b"", resource) + _TARGET
            reading.add([key], np.array([newest], np.int64), np.ones(1))


def _valid(column: Any) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return found


def _filled(column: Any) -> NDArray[np.float64]:
    found: NDArray[np.float64] = column.fill_null(0).to_numpy().astype(np.float64)
    return found


def _joined(parts: Sequence[NDArray[Any]], of: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, of)


# --- labels ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Labels:
    """Makes the labels of a request's keys, and reads each of its resources once."""

    heads: Mapping[bytes, _Head]
    promoted: Mapping[str, str]
    _said: dict[bytes, dict[str, str]] = field(default_factory=dict)

    def of(self, key: bytes) -> Labels:
        """Make and check the labels of a key. Raises BadInput."""
        head, part, rest = self.heads[key[:_DIGEST]], key[_DIGEST : _DIGEST + 1], key[_DIGEST + 1 :]
        given = self.said(head.resource)
        of_resource = {label: given[name] for name, label in self.promoted.items() if given.get(name)}
        if part == _TARGET:
            # What is promoted stands here, too: an agent's key may write what carries its own host only.
            more = names.labels(pair for pair in given.items() if pair[0] not in _IDENTITY)
            return checked({**more, **of_resource, **_identity(given), METRIC: "target_info"}.items())
        bound: dict[str, str] = {}
        if part in _BOUNDED:
            bound[_BOUNDED[part]] = _number(struct.unpack("<d", rest[:8])[0])
            rest = rest[8:]
        of_point = names.labels(messages.of_point(rest))
        return checked({**of_resource, **of_point, **_above(head, part, given), **bound}.items())

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


def _above(head: _Head, part: bytes, given: Mapping[str, str]) -> dict[str, str]:
    """What no attribute of a point may say otherwise."""
    try:
        name, unit, schema = head.name.decode(), head.unit.decode(), head.schema.decode()
    except UnicodeDecodeError as error:
        raise BadInput("a metric whose name or unit is not UTF-8") from error
    metric = names.metric_name(name, unit, counter=head.counter, gauge=head.gauge)
    if not metric:
        raise BadInput(f"the metric {name[:200]!r} has no name that can be kept; use letters and digits")
    return {**_of_scope(head.scope, schema), **_identity(given), METRIC: metric + _ENDINGS[part]}


def _of_scope(message: bytes, schema: str) -> dict[str, str]:
    name, version, attributes = messages.of_scope(message)
    said = {f"otel_scope_{label}": value for label, value in names.labels(attributes).items()}
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
