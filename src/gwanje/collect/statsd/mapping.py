"""Mapping rules, as statsd_exporter has them: what a StatsD name becomes. Pure: names in, names and labels out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from gwanje.config import Duration, Settings
from gwanje.model import METRIC
from gwanje.wire.statsd.decode import BadLine, Kind

if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Iterable, Sequence

    from gwanje.wire.columns import Labels
    from gwanje.wire.statsd.decode import Meaning

DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DEFAULT_QUANTILES: Final = (0.5, 0.9, 0.99)

_READY: Final = "ready"
_NOT_OF_NAMES: Final = re.compile(r"[^a-zA-Z0-9_]")
_TEMPLATE: Final = re.compile(r"\$(?:\{(\d+)\}|(\d+))")
_OWN_LABELS: Final = frozenset((METRIC, "quantile", "le"))


class Mapping(Settings):
    """What becomes of the StatsD names that it matches. Globs are tried before regular expressions, each in the order given."""

    match: str = Field(min_length=1)
    """Which names: `jobs.*.done`, where `*` is one part between dots; or a regular expression."""

    match_type: Literal["glob", "regex"] = "glob"
    """How `match` is read."""

    match_metric_type: Literal["counter", "gauge", "observer", "timer", "set"] | None = None
    """Only lines of this type; `timer` is another word for `observer`: timers, histograms and distributions."""

    name: str = ""
    """The metric's name; `$1` is what the first `*` or group matched. Needed unless the action is `drop`."""

    labels: dict[str, str] = Field(default_factory=dict)
    """Labels put on each series; `$1` is filled in as in `name`."""

    honor_labels: bool = False
    """Whether a tag that was sent wins over a label of the same name here."""

    action: Literal["map", "drop"] = "map"
    """`drop`: lines that match are counted and go no further."""

    ttl: Duration | None = None
    """How long after its last line a series ends; the section's `ttl` unless set, 0: never."""

    observer_type: Literal["summary", "histogram"] | None = None
    """What timers, histograms and distributions become; the section's `observer_type` unless set."""

    buckets: tuple[float, ...] | None = None
    """Upper bounds of a histogram's buckets, rising; in seconds for timers."""

    quantiles: tuple[float, ...] | None = None
    """Quantiles of a summary, between 0 and 1."""

    scale: float = 1.0
    """By which every value is multiplied."""

    help: str = ""
    """Passed over; there so that mappings of statsd_exporter can be taken as they are."""

    @model_validator(mode="before")
    @classmethod
    def _as_statsd_exporter_writes_it(cls, values: object) -> object:
        """`timer_type`, and the options of summaries and histograms in sections of their own."""
        if not isinstance(values, dict):
            return values
        flat = dict(values)
        for section in ("summary_options", "histogram_options"):
            options = flat.pop(section, None) or {}
            flat |= {key: options[key] for key in ("quantiles", "buckets") if key in options}
        if "timer_type" in flat:
            flat.setdefault("observer_type", flat.pop("timer_type"))
        if isinstance(flat.get("quantiles"), list):
            flat["quantiles"] = [one.get("quantile") if isinstance(one, dict) else one for one in flat["quantiles"]]
        return flat

    @field_validator("buckets")
    @classmethod
    def _buckets(cls, buckets: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return checked_buckets(buckets) if buckets is not None else None

    @field_validator("quantiles")
    @classmethod
    def _quantiles(cls, quantiles: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return checked_quantiles(quantiles) if quantiles is not None else None

    @model_validator(mode="after")
    def _whole(self) -> Mapping:
        if self.action == "map" and not self.name:
            raise ValueError("`name` is missing; name the metric, or write `action: drop`")
        groups = pattern_of(self).groups
        asked = [int(one or other) for text in (self.name, *self.labels.values()) for one, other in _TEMPLATE.findall(text)]
        if asked and max(asked) > groups:
            raise ValueError(f"${max(asked)} is asked for, but `match` {self.match!r} has {groups} places that vary")
        if bad := _OWN_LABELS & self.labels.keys():
            raise ValueError(f"{min(bad)!r} cannot be set as a label; give it another name")
        return self


_NO_RULE: Final = Mapping.model_construct()


def checked_buckets(buckets: tuple[float, ...]) -> tuple[float, ...]:
    if not buckets or list(buckets) != sorted(set(buckets)):
        raise ValueError("buckets must be numbers that rise: [0.1, 0.5, 1]")
    return buckets


def checked_quantiles(quantiles: tuple[float, ...]) -> tuple[float, ...]:
    if not all(0 <= one <= 1 for one in quantiles):
        raise ValueError("quantiles lie between 0 and 1: [0.5, 0.99]")
    return tuple(sorted(set(quantiles)))


def pattern_of(rule: Mapping) -> re.Pattern[str]:
    """The rule's `match` compiled. Raises ValueError for a bad one."""
    if rule.match_type == "glob":
        return re.compile(_of_glob(rule.match))
    try:
        return re.compile(rule.match)
    except re.error as error:
        raise ValueError(f"{rule.match!r} is no regular expression: {error}") from error


def _of_glob(glob: str) -> str:
    return r"\A" + "([^.]*)".join(map(re.escape, glob.split("*"))) + r"\Z"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a rule says nothing."""

    ttl: timedelta = timedelta(hours=1)
    observer_type: Literal["summary", "histogram"] = "summary"
    buckets: tuple[float, ...] = DEFAULT_BUCKETS
    quantiles: tuple[float, ...] = DEFAULT_QUANTILES


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a line belongs to: a series, and how it is kept."""

    metric: str
    labels: abc.Mapping[str, str]
    ttl_ms: int
    """0: it never ends."""
    scale: float = 1.0
    buckets: tuple[float, ...] = ()
    """Of an observer that becomes a histogram; empty for a summary."""
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapper:
    """Tries rules in their order."""

    rules: Sequence[Mapping] = ()
    defaults: Defaults = field(default_factory=Defaults)
    _tried: list[tuple[Mapping, re.Pattern[str]]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        globs_first = sorted(self.rules, key=lambda rule: rule.match_type == "regex")
        self._tried.extend((rule, pattern_of(rule)) for rule in globs_first)

    def mapped(self, meaning: Meaning) -> Mapped | None:
        """What becomes of a line; None when a rule drops it. Raises BadLine for tags that cannot be labels."""
        found = self._found(meaning)
        tags = _labels(meaning.tags)
        if found is None:
            return self._kept(None, as_name(meaning.name), tags, meaning.kind)
        rule, match = found
        if rule.action == "drop":
            return None
        written = {as_name(name): _filled(text, match) for name, text in rule.labels.items()}
        labels = {**written, **tags} if rule.honor_labels else {**tags, **written}
        return self._kept(rule, as_name(_filled(rule.name, match)), labels, meaning.kind)

    def _found(self, meaning: Meaning) -> tuple[Mapping, re.Match[str]] | None:
        kinds = {meaning.kind.value, "timer"} if meaning.kind is Kind.OBSERVER else {meaning.kind.value}
        for rule, pattern in self._tried:
            if rule.match_metric_type is None or rule.match_metric_type in kinds:
                match = pattern.search(meaning.name)
                if match:
                    return rule, match
        return None

    def _kept(self, rule: Mapping | None, metric: str, labels: abc.Mapping[str, str], kind: Kind) -> Mapped:
        own = rule or _NO_RULE
        ttl = self.defaults.ttl if own.ttl is None else own.ttl
        kept = Mapped(metric, {name: text for name, text in labels.items() if text}, ttl // timedelta(milliseconds=1), own.scale)
        if kind is not Kind.OBSERVER:
            return kept
        if (own.observer_type or self.defaults.observer_type) == "histogram":
            return replace(kept, buckets=own.buckets or self.defaults.buckets)
        return replace(kept, quantiles=self.defaults.quantiles if own.quantiles is None else own.quantiles)


def as_name(text: str) -> str:
    """A text as Prometheus takes names: other signs become `_`, and one stands before a digit at the start."""
    name = _NOT_OF_NAMES.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


def _labels(tags: Labels) -> dict[str, str]:
    labels = {as_name(name): value for name, value in tags}
    if bad := _OWN_LABELS & labels.keys():
        raise BadLine("bad_tag", f"the tag {min(bad)!r} means something of its own; give it another name")
    return labels


def _filled(template: str, match: re.Match[str]) -> str:
    return _TEMPLATE.sub(lambda place: match[int(place[1] or place[2])] or "", template)


def ready_names() -> list[str]:
    """The words that `use` knows."""
    files = resources.files(__package__ or "").joinpath(_READY).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


@cache
def ready(name: str) -> Sequence[Mapping]:
    """The rules that come with the program under a word."""
    text = resources.files(__package__ or "").joinpath(_READY, f"{name}.yaml").read_text(encoding="utf-8")
    return tuple(Mapping.model_validate(one) for one in yaml.safe_load(text)["mappings"])


def all_ready(names: Iterable[str]) -> Sequence[Mapping]:
    return [rule for name in names for rule in ready(name)]
