"""What becomes of values: counters, gauges, sets, summaries and histograms. Pure, and told the time."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Protocol

from gwanje.wire.statsd.decode import BadLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Part = tuple[str, tuple[str, str] | None, float, bool]
"""What is behind the metric's name, a label of its own, the value, and whether it only ever grows."""

WINDOW_MS: Final = 600_000
"""How far back a summary's quantiles reach; its count and sum never forget."""

_WINDOW_PARTS: Final = 5
_GAMMA: Final = 1.02
_LOG_GAMMA: Final = math.log(_GAMMA)
_LEAST, _MOST = 1e-9, 1e12
_LARGEST_SET: Final = 100_000


class Kept(Protocol):
    """The value of one series, or of the few series that a summary or a histogram is.

    `take` adds one value as it was sent and raises BadLine or ValueError; then nothing was changed. `flushed` gives what is to
    be told at an instant; it is called after every interval in which something was taken, and now and then otherwise.
    """

    def take(self, text: bytes, factor: float, weight: float) -> None: ...

    def flushed(self, now_ms: int) -> Iterator[Part]: ...

    @property
    def settled(self) -> bool:
        """Whether the next flush would say the same if nothing came."""
        ...


class Counter:
    """The sum of what was sent; never goes down."""

    settled = True

    def __init__(self) -> None:
        self._total = 0.0

    def take(self, text: bytes, factor: float, weight: float) -> None:
        value = number(text) * factor * weight
        if value < 0:
            raise BadLine("negative_counter", f"{text.decode(errors='replace')!r} would make a counter go down; use a gauge")
        self._total += value

    def flushed(self, now_ms: int) -> Iterator[Part]:
        yield "", None, self._total, True


class Gauge:
    """The last value; `+` or `-` before a number changes it by so much."""

    settled = True

    def __init__(self) -> None:
        self._value = 0.0

    def take(self, text: bytes, factor: float, weight: float) -> None:
        value = number(text) * factor
        self._value = self._value + value if text[:1] in (b"+", b"-") else value

    def flushed(self, now_ms: int) -> Iterator[Part]:
        yield "", None, self._value, False


class Unique:
    """How many different values came since the last flush."""

    def __init__(self) -> None:
        self._values: set[bytes] = set()
        self._told = 0

    def take(self, text: bytes, factor: float, weight: float) -> None:
        if len(self._values) >= _LARGEST_SET and text not in self._values:
            raise BadLine("set_limit", f"more than {_LARGEST_SET} different values between two flushes")
        self._values.add(text)

    @property
    def settled(self) -> bool:
        return self._told == len(self._values)

    def flushed(self, now_ms: int) -> Iterator[Part]:
        self._told = len(self._values)
        self._values = set()
        yield "", None, float(self._told), False


class Histogram:
    """Counts of values up to each bound, as Prometheus's classic histograms."""

    settled = True

    def __init__(self, buckets: Sequence[float]) -> None:
        self._bounds = [bound for bound in buckets if bound != math.inf]
        self._labels = [("le", _written(bound)) for bound in self._bounds] + [("le", "+Inf")]
        self._counts = [0.0] * len(self._labels)
        self._sum = 0.0

    def take(self, text: bytes, factor: float, weight: float) -> None:
        value = number(text) * factor
        self._counts[bisect_left(self._bounds, value)] += weight
        self._sum += value * weight

    def flushed(self, now_ms: int) -> Iterator[Part]:
        total = 0.0
        for label, count in zip(self._labels, self._counts, strict=True):
            total += count
            yield "_bucket", label, total, True
        yield "_sum", None, self._sum, True
        yield "_count", None, total, True


class Summary:
    """Count and sum of all values, and quantiles of those of the last ten minutes, true to one in a hundred of the value."""

    settled = True

    def __init__(self, quantiles: Sequence[float]) -> None:
        self._quantiles = [(one, ("quantile", _written(one))) for one in quantiles]
        self._parts: dict[int, dict[int, float]] = {}
        self._newest: dict[int, float] = {}
        self._count = 0.0
        self._sum = 0.0

    def take(self, text: bytes, factor: float, weight: float) -> None:
        value = number(text) * factor
        place = _bin(value)
        self._newest[place] = self._newest.get(place, 0.0) + weight
        self._count += weight
        self._sum += value * weight

    def flushed(self, now_ms: int) -> Iterator[Part]:
        part = now_ms * _WINDOW_PARTS // WINDOW_MS
        _add(self._newest, self._parts.setdefault(part, {}))
        self._newest = {}
        self._parts = {one: counts for one, counts in self._parts.items() if one > part - _WINDOW_PARTS}
        together: dict[int, float] = {}
        for counts in self._parts.values():
            _add(counts, together)
        bins = sorted(together.items())
        for quantile, label in self._quantiles:
            yield "", label, _quantile(bins, quantile), False
        yield "_sum", None, self._sum, True
        yield "_count", None, self._count, True


def number(text: bytes) -> float:
    """A value as it is sent. Raises BadLine for everything that is no finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or b"_" in text:
        raise BadLine("bad_value", f"{text[:80].decode(errors='replace')!r} is no number")
    return value


def _add(counts: Mapping[int, float], into: dict[int, float]) -> None:
    for place, count in counts.items():
        into[place] = into.get(place, 0.0) + count


def _bin(value: float) -> int:
    """The number of the bin that holds a value; each is two in a hundred wider than the one before; 0 holds what is tiny."""
    size = min(abs(value), _MOST)
    if size < _LEAST:
        return 0
    place = math.ceil(math.log(size / _LEAST) / _LOG_GAMMA) + 1
    return place if value > 0 else -place


def _middle(place: int) -> float:
    if not place:
        return 0.0
    size = _LEAST * _GAMMA ** (abs(place) - 1) * 2 / (1 + _GAMMA)
    return size if place > 0 else -size


def _quantile(bins: Sequence[tuple[int, float]], quantile: float) -> float:
    """NaN where nothing came, as Prometheus's summaries say it."""
    wanted = quantile * sum(count for _, count in bins)
    seen = 0.0
    for place, count in bins:
        seen += count
        if seen >= wanted:
            return _middle(place)
    return _middle(bins[-1][0]) if bins else math.nan


def _written(value: float) -> str:
    return "+Inf" if value == math.inf else repr(value).removesuffix(".0")
