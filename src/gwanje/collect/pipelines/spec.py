"""A pipeline as its user declares it: one YAML file in `pipelines/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import Field, field_validator, model_validator

from gwanje import config, kinds
from gwanje.collect.pipelines.timetable import Timetable
from gwanje.collect.sources.base import Source
from gwanje.zones import Zone

FOLDER = "pipelines"

NameCheck = Callable[[str], str]
"""What is wrong with a name; empty where nothing is."""


def _any_name(_name: str) -> str:
    return ""


class Title(config.Settings):
    """The name that people read, by language."""

    ko: str = ""
    """In Korean."""
    en: str = ""
    """In English."""


class Told(config.Settings):
    """Who is told how a run ended. Each run is a message of its own."""

    receiver: str
    """Who gets it: the name of a receiver of `gwanje.yaml`."""


class Pipeline(config.Settings):
    """One pipeline: what it asks, and when."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}$")
    """What it is known by: letters, digits, `_`, `.`, `-`. Used in commands, labels and rules."""
    title: Title = Title()
    """The name that people read on the page, `{ko: …, en: …}`; the pipeline's name where it is left out."""
    source: Mapping[str, Any]
    """Where the records come from: `type` names the kind, beside it stand that kind's settings."""
    schedule: str = ""
    """When it runs: cron (`*/5 * * * *`, a sixth in front for seconds) or a steady beat (`every 30s`). Empty: when asked."""
    zone: Zone = "UTC"
    """The time zone in which `schedule` is meant: `Asia/Seoul`."""
    catch_up: bool = False
    """Whether, after a pause, the latest tick that passed meanwhile is made up for; the ones before it never are."""
    retries: int = Field(default=0, ge=0, le=10)
    """How often a fetch is tried again within its run when that may help. Only the last try counts as the fetch."""
    timeout: config.Duration = timedelta(minutes=5)
    """How long a run's fetch may take with all its retries; after that it has failed."""
    on_success: Told | None = None
    """Who is told when a run ended well: `{receiver: ops-slack}`. Left out: nobody."""
    on_failure: Told | None = None
    """Who is told when a run failed with all its retries; one that was broken off by a stop tells nothing."""

    @field_validator("schedule")
    @classmethod
    def _is_a_schedule(cls, schedule: str) -> str:
        return Timetable.read(schedule).text

    @field_validator("timeout")
    @classmethod
    def _lasts(cls, timeout: timedelta) -> timedelta:
        if timeout <= timedelta():
            raise ValueError("must be longer than 0s")
        return timeout

    @model_validator(mode="after")
    def _ever_comes(self) -> Pipeline:
        Timetable.read(self.schedule, self.zone)
        return self

    @property
    def timetable(self) -> Timetable:
        """When it runs, ready to be asked."""
        return Timetable.read(self.schedule, self.zone)

    def titles(self) -> dict[str, str]:
        """The title in both languages; the name where none was given."""
        return {"ko": self.title.ko or self.title.en or self.name, "en": self.title.en or self.name}


@dataclass(frozen=True, slots=True)
class Declared:
    """A pipeline that was read without a mistake, with its source chosen."""

    pipeline: Pipeline
    source: config.Chosen

    def prepare(self, world: kinds.World) -> Prepared:
        """Make its source, inside the loop that `world.http` belongs to."""
        return Prepared(self.pipeline, self.source.name, self.source.create(world))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pipeline that can run. `kind` is the word of its source, and the label `source` of its samples."""

    pipeline: Pipeline
    kind: str
    source: Source

    @property
    def name(self) -> str:
        return self.pipeline.name


def read_all(reader: config.Reader, receiver: NameCheck = _any_name) -> Sequence[Declared]:
    """Every pipeline of the folder, in the order of the files; mistakes stay with the reader, each at its file and line.

    `receiver` says what is wrong with the name of somebody who is to be told.
    """
    read: dict[str, Declared] = {}
    for document in reader.documents(FOLDER):
        declared = _read(reader, document, receiver)
        if declared is None:
            continue
        name = declared.pipeline.name
        if name in read:
            reader.mistake(
                *document.where(("name",)), "name", f"another pipeline is already named {name!r}; give this one a name of its own"
            )
        read[name] = declared
    return tuple(read.values())


def _read(reader: config.Reader, document: config.Document, receiver: NameCheck) -> Declared | None:
    pipeline = reader.read(Pipeline, document)
    source = reader.chosen("sources", document, ("source",)) if "source" in document.values else None
    for key in ("on_success", "on_failure"):
        told = document.values.get(key)
        name = told.get("receiver") if isinstance(told, dict) else None
        if isinstance(name, str) and (wrong := receiver(name)):
            place = (key, "receiver")
            reader.mistake(*document.where(place), config.dotted(place), wrong)
    return Declared(pipeline, source) if pipeline and source else None
