"""Recording rules: a query whose answer is kept as a metric of its own. Pure: the answer in, series and values out."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

import yaml
from pydantic import Field, field_validator

from gwanje.config import Duration, Settings
from gwanje.judge.rules.evaluate import RuleError
from gwanje.judge.rules.looks import checked_query
from gwanje.judge.rules.spec import checked_labels
from gwanje.keep.samples.base import Answer, Labels, Scalar, Vector
from gwanje.model import METRIC
from gwanje.wire.names import checked_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_READY: Final = "ready.yaml"


class Recording(Settings):
    """A query that is asked again and again, and the metric that its answers become."""

    record: str
    """The metric's name: `host_cpu_used_ratio`."""
    expr: str
    """PromQL that gives one value for each series of the metric."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels put on each series, over those that the answer has."""
    interval: Duration = timedelta(seconds=5)
    """How often it is asked, at multiples of this time."""

    @field_validator("record")
    @classmethod
    def _record(cls, name: str) -> str:
        return checked_metric(name)

    @field_validator("expr")
    @classmethod
    def _expr(cls, text: str) -> str:
        return checked_query(text)

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: dict[str, str]) -> dict[str, str]:
        return checked_labels(labels)

    @field_validator("interval")
    @classmethod
    def _interval(cls, interval: timedelta) -> timedelta:
        if interval < timedelta(seconds=1):
            raise ValueError("the shortest interval is 1s")
        return interval


def recorded(recording: Recording, answer: Answer) -> dict[Labels, float]:
    """The series that an answer becomes. Raises RuleError when it cannot become any, or two of them would be one."""
    match answer:
        case Scalar(value):
            return {_series(recording, ()): value}
        case Vector(labels, values):
            found = {_series(recording, one): float(value) for one, value in zip(labels, values, strict=True)}
            if len(found) < len(labels):
                raise RuleError(f"{recording.record}: two results have the same labels; add a label that tells them apart")
            return found
        case _:
            raise RuleError(f"{recording.record}: `expr` gives neither a number nor one value for each series")


@cache
def ready() -> Sequence[Recording]:
    """The recording rules that every folder has: plain names for what the agent and the exporters count."""
    text = resources.files(__package__ or "").joinpath(_READY).read_text(encoding="utf-8")
    return tuple(Recording.model_validate(one) for one in yaml.safe_load(text)["rules"])


def _series(recording: Recording, labels: Labels) -> Labels:
    own: Mapping[str, str] = {**dict(labels), **recording.labels, METRIC: recording.record}
    return tuple(sorted((name, value) for name, value in own.items() if value))
