"""Lines → series held in memory → samples at each flush. Pure, and told the time; sockets and clocks are the door's.

What comes is bounded: so many series, each with an end after its last line. Beyond that a line is refused and counted, with an
example, and nothing that was taken before is lost.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gwanje.collect.statsd import kept
from gwanje.model import STALE, Sample
from gwanje.wire.statsd.decode import LONGEST, BadLine, Kind, ignored, is_passing, meaning_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gwanje.collect.statsd.kept import Kept
    from gwanje.collect.statsd.mapping import Mapped, Mapper
    from gwanje.wire.statsd.decode import Meaning

AGAIN_MS: Final = 15_000
"""How often a series is told that has not changed: often enough that no query takes it for gone."""

_WAYS: Final = 2
"""How many spellings of a series are remembered on average."""
_LONGEST_WAY: Final = 512
"""Bytes of one; a longer one is read each time."""
_Identity = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Series:
    """What one metric with one set of labels holds."""

    mapped: Mapped
    kind: str
    value: Kept
    size: int
    """How many series of the store it is."""
    changed: bool = True
    seen_ms: int = 0
    told_ms: int = 0
    told: tuple[kept.Part, ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    """From a spelling to its series: None drops what comes."""

    series: Series | None
    factor: float = 1.0
    weight: float = 1.0


@dataclass(slots=True)
class Refused:
    """Why lines were not taken, and one of them for each reason."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def add(self, line: bytes, bad: BadLine) -> None:
        self.counts[bad.reason] += 1
        self.examples.setdefault(bad.reason, (line[:200], str(bad)))

    def news(self) -> dict[str, tuple[bytes, str]]:
        """The first line refused for each reason since the last call, and what is wrong with it."""
        found, self.examples = self.examples, {}
        return found


class Aggregation:
    """Holds what came. Called from one thread at a time."""

    def __init__(self, mapper: Mapper, *, most_series: int) -> None:
        self._mapper = mapper
        self._most = most_series
        self._series: dict[_Identity, Series] = {}
        self._ways: dict[tuple[bytes, bytes], _Way] = {}
        self._kinds: dict[str, Counter[str]] = {}
        self._size = 0
        self._before_ms = 0
        self._counts: Counter[str] = Counter()
        self.refused = Refused()

    def take(self, packet: bytes) -> None:
        """Take every line of a packet; of a bad one nothing, and of its neighbours everything."""
        taken = 0
        ways = self._ways
        for line in packet.split(b"\n"):
            name, _, rest = line.partition(b":")
            value, _, suffix = rest.partition(b"|")
            way = ways.get((name, suffix))
            if way is None or b":" in value:
                self._take_slowly(line.strip(b" \r\t"))
                continue
            if way.series is None:
                self._counts["dropped"] += 1
                continue
            try:
                way.series.value.take(value, way.factor, way.weight)
            except BadLine as bad:
                self.refused.add(line, bad)
                continue
            way.series.changed = True
            taken += 1
        self._counts["taken"] += taken

    def flush(self, now_ms: int) -> list[Sample]:
        """What is to be stored now: what changed, what is to be told again, and the end of what is over."""
        samples: list[Sample] = []
        for series in self._series.values():
            series.seen_ms = now_ms if series.changed else series.seen_ms
        over = [identity for identity, series in self._series.items() if _is_over(series, now_ms)]
        for identity in over:
            samples += self._ended(identity, now_ms)
        for series in self._series.values():
            if series.changed or now_ms - series.told_ms >= AGAIN_MS:
                samples += self._told(series, now_ms)
        if over:
            self._ways.clear()
        self._before_ms = now_ms
        return samples

    def own_samples(self) -> Mapping[str, float]:
        """Figures of what passed here."""
        refused = dict(self.refused.counts)  # in one step: this is asked from another thread than `take`
        passed = ("event", "service_check", "dropped")
        return {
            "gwanje_statsd_series": float(self._size),
            "gwanje_statsd_lines_total": float(self._counts["taken"]),
            **{f'gwanje_statsd_lines_ignored_total{{reason="{one}"}}': float(self._counts[one]) for one in passed},
            **{f'gwanje_statsd_lines_refused_total{{reason="{one}"}}': float(count) for one, count in refused.items()},
        }

    # --- lines -----------------------------------------------------------------------------------------------------------

    def _take_slowly(self, line: bytes) -> None:
        """A line that is spelled as none before it."""
        if not line:
            return
        if what := ignored(line):
            self._counts[what] += 1
            return
        try:
            if len(line) > LONGEST:
                raise BadLine("too_long", f"a line of {len(line)} bytes, {LONGEST} are allowed")  # noqa: TRY301 - counted where all are
            name, _, rest = line.partition(b":")
            for value, suffix in values_of(name, rest):
                self._take_one(name, value, suffix)
        except BadLine as bad:
            self.refused.add(line, bad)

    def _take_one(self, name: bytes, value: bytes, suffix: bytes) -> None:
        way = self._ways.get((name, suffix))
        fresh = way is None
        if way is None:
            way = self._way(meaning_of(name, suffix), value)
        if way.series is None:
            self._counts["dropped"] += 1
        else:
            way.series.value.take(value, way.factor, way.weight)
            way.series.changed = True
            self._counts["taken"] += 1
        if fresh and not is_passing(suffix) and len(name) + len(suffix) <= _LONGEST_WAY:
            if len(self._ways) > _WAYS * self._most:
                self._ways.clear()
            self._ways[name, suffix] = way

    def _way(self, meaning: Meaning, value: bytes) -> _Way:
        mapped = self._mapper.mapped(meaning)
        if mapped is None:
            return _Way(None)
        identity = mapped.metric, tuple(sorted(mapped.labels.items()))
        series = self._series.get(identity)
        kind = _kind_of(meaning, mapped)
        if series is None:
            series = self._begun(identity, mapped, kind, value)
        elif series.kind != kind:
            raise BadLine("other_type", f"{mapped.metric} is a {series.kind} already and cannot be a {kind} too")
        return _Way(series, meaning.factor * mapped.scale, 1 / meaning.rate)

    def _begun(self, identity: _Identity, mapped: Mapped, kind: str, value: bytes) -> Series:
        other = next((one for name in _names(mapped.metric, kind) for one in self._kinds.get(name, ()) if one != kind), "")
        if other:
            raise BadLine("other_type", f"{mapped.metric} is of a {other} already and cannot be of a {kind} too")
        held = _made(kind, mapped)
        size = len(tuple(held.flushed(0)))
        if self._size + size > self._most:
            raise BadLine("series_limit", f"{self._most} series are held already (setting `statsd.max_series`)")
        _made(kind, mapped).take(value, 1.0, 1.0)  # a series does not begin with what cannot be taken
        self._size += size
        series = self._series[identity] = Series(mapped, kind, held, size)
        for name in _names(mapped.metric, kind):
            self._kinds.setdefault(name, Counter())[kind] += 1
        return series

    # --- samples ---------------------------------------------------------------------------------------------------------

    def _told(self, series: Series, now_ms: int) -> Iterator[Sample]:
        told = tuple(series.value.flushed(now_ms))
        if not series.told and self._before_ms:
            # A counter that begins within the time that is asked about began at zero: else its first value counts for nothing.
            zeros = (part for part in told if part[3])
            yield from (_sample(series, (*part[:2], 0.0, True), self._before_ms + 1) for part in zeros)
        series.told, series.told_ms = told, now_ms
        series.changed = not series.value.settled
        yield from (_sample(series, part, now_ms) for part in told)

    def _ended(self, identity: _Identity, now_ms: int) -> Iterator[Sample]:
        series = self._series.pop(identity)
        self._size -= series.size
        for name in _names(series.mapped.metric, series.kind):
            self._kinds[name][series.kind] -= 1
            if not self._kinds[name][series.kind]:
                del self._kinds[name]
        yield from (_sample(series, (*part[:2], STALE, False), now_ms) for part in series.told)


def _is_over(series: Series, now_ms: int) -> bool:
    return 0 < series.mapped.ttl_ms <= now_ms - series.seen_ms


def _kind_of(meaning: Meaning, mapped: Mapped) -> str:
    if meaning.kind is not Kind.OBSERVER:
        return meaning.kind.value
    return "histogram" if mapped.buckets else "summary"


def _made(kind: str, mapped: Mapped) -> Kept:
    match kind:
        case Kind.COUNTER:
            return kept.Counter()
        case Kind.GAUGE:
            return kept.Gauge()
        case Kind.SET:
            return kept.Unique()
        case "histogram":
            return kept.Histogram(mapped.buckets)
        case _:
            return kept.Summary(mapped.quantiles)


def _names(metric: str, kind: str) -> tuple[str, ...]:
    """Every name that a metric takes."""
    parts = {"histogram": ("", "_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}.get(kind, ("",))
    return tuple(metric + part for part in parts)


def _sample(series: Series, part: kept.Part, at_ms: int) -> Sample:
    behind, label, value, _ = part
    labels = series.mapped.labels if label is None else {**series.mapped.labels, label[0]: label[1]}
    return Sample(series.mapped.metric + behind, labels, value, at_ms)
