"""A scrape job as the configuration says it, also in Prometheus's own spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from gwanje import config, kinds
from gwanje.collect.discovery.base import Discovery, Text
from gwanje.collect.scrape.relabel import Step
from gwanje.config import Chosen, Document, Duration, Reader, Secret

PLACE: Final = "targets"
"""The key of `gwanje.yaml` under which jobs stand."""

_SPELLED: Final = {
    "job_name": "name",
    "scrape_interval": "interval",
    "scrape_timeout": "timeout",
    "metrics_path": "path",
    "relabel_configs": "relabel",
    "metric_relabel_configs": "metric_relabel",
    "tls_config": "tls",
    "body_size_limit": "body_bytes",
}
"""What Prometheus calls our keys."""
_DISCOVERIES: Final = {
    "static_configs": "static",
    "file_sd_configs": "file",
    "http_sd_configs": "http",
    "kubernetes_sd_configs": "kubernetes",
}
_BYTES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class BasicAuth(config.Settings):
    """A name and a password for the target."""

    username: str = ""
    """The name."""

    password: Secret | None = None
    """The password."""

    password_file: str = ""
    """A file that holds the password instead, as an absolute path; read again for each scrape."""


class Authorization(config.Settings):
    """What to send in the `Authorization` header."""

    type: str = Field(default="Bearer", pattern=r"^[A-Za-z0-9-]+$")
    """The word before the key."""

    credentials: Secret | None = None
    """The key; without one the header is not sent."""

    credentials_file: str = ""
    """A file that holds the key instead, as an absolute path; read again for each scrape."""


class Tls(config.Settings):
    """How a target's certificate is checked, and with which one we come."""

    ca_file: str = ""
    """Certificates to trust instead of the system's: a PEM file, as an absolute path."""

    cert_file: str = ""
    """Our own certificate: a PEM file, as an absolute path."""

    key_file: str = ""
    """The key of our own certificate: a PEM file, as an absolute path."""

    server_name: str = ""
    """The name the certificate must be for; empty: the name that is asked."""

    insecure_skip_verify: bool = False
    """Trust any certificate. Whoever stands in between can then read and change everything."""


class Job(config.Settings):
    """Targets that are scraped alike. Prometheus's own spelling of a `scrape_configs` entry is understood, too."""

    name: str = Field(min_length=1)
    """The `job` label of its series."""

    interval: Duration = timedelta(seconds=15)
    """How often each target is scraped."""

    timeout: Duration | None = None
    """How long a scrape may take; 10 s unless set, and never longer than the interval."""

    scheme: Literal["http", "https"] = "http"
    """How targets are asked."""

    path: str = Field(default="/metrics", pattern=r"^/")
    """The path of the page."""

    params: Mapping[str, tuple[Text, ...]] = Field(default_factory=dict)
    """Parameters of the URL, each with its values."""

    basic_auth: BasicAuth | None = None
    """A name and a password for the targets."""

    authorization: Authorization | None = None
    """What to send in the `Authorization` header."""

    bearer_token: Secret | None = None
    """Short for `authorization` with these credentials."""

    tls: Tls = Tls()
    """How a target's certificate is checked."""

    follow_redirects: bool = True
    """Whether a redirect is followed; keys go to the target's own origin only."""

    link_local: bool = False
    """Whether targets may have link-local addresses, under which clouds hand out keys; refused unless set."""

    honor_labels: bool = False
    """Whether a label of the page wins over the target's; else the page's becomes `exported_…`."""

    honor_timestamps: bool = True
    """Whether times on the page count; else every sample is of the scrape's own time."""

    sample_limit: int = Field(default=0, ge=0)
    """Most samples of a page, after relabelling; a page with more fails as a whole. 0: no limit but 1,000,000."""

    label_limit: int = Field(default=0, ge=0)
    """Most labels of a series; a page with one that has more fails. 0: no limit."""

    label_name_length_limit: int = Field(default=0, ge=0)
    """Longest name of a label; a page with a longer one fails. 0: no limit."""

    label_value_length_limit: int = Field(default=0, ge=0)
    """Longest value of a label; a page with a longer one fails. 0: no limit."""

    target_limit: int = Field(default=0, ge=0)
    """Most targets; while there are more, all of them fail. 0: no limit."""

    body_bytes: int = Field(default=64 << 20, ge=1)
    """Largest page, unpacked; a larger one fails."""

    targets: tuple[str, ...] = ()
    """Where targets listen, each as `host:port`; short for a `static` one under `discover`."""

    labels: Mapping[str, Text] = Field(default_factory=dict)
    """Labels for every series of `targets`."""

    discover: tuple[dict[str, Any], ...] = ()
    """Where further targets come from: each a `type` and its settings."""

    relabel: tuple[Step, ...] = ()
    """Steps over the labels of a target before it is scraped: they choose, name and redirect it."""

    metric_relabel: tuple[Step, ...] = ()
    """Steps over the labels of each scraped series, before it is sent on."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Job:
        if self.interval <= timedelta():
            raise ValueError("the interval must be longer than nothing")
        if self.timeout is not None and not timedelta() < self.timeout <= self.interval:
            raise ValueError("the timeout must be longer than nothing and no longer than the interval")
        ways = (self.basic_auth, self.authorization, self.bearer_token)
        if sum(bool(way) for way in ways) > 1:
            raise ValueError("set one of `basic_auth`, `authorization` and `bearer_token`")
        return self

    @property
    def longest(self) -> timedelta:
        """How long a scrape may take."""
        return self.timeout or min(self.interval, timedelta(seconds=10))


@dataclass(frozen=True, slots=True)
class DeclaredJob:
    """A job with the discoveries it names, not yet made."""

    job: Job
    discover: Sequence[Chosen]

    def discoveries(self, world: kinds.World) -> list[Discovery]:
        return [chosen.create(world) for chosen in self.discover]


def read(reader: Reader, document: Document) -> list[DeclaredJob]:
    """The jobs under `targets`; mistakes are noted."""
    written = document.values.get(PLACE) or []
    found: list[DeclaredJob] = []
    names: set[str] = set()
    for at, values in enumerate(written if isinstance(written, list) else []):
        place = (PLACE, at)
        job = reader.read(Job, document, place, in_our_words(values))
        if job is None:
            continue
        if job.name in names:
            reader.mistake(*document.where(place), config.dotted(place), f"a second job named {job.name!r}; name it otherwise")
        names.add(job.name)
        entries = [*_own(job), *job.discover]
        chosen = [reader.chosen("discovery", document, place, entry) for entry in entries]
        found.append(DeclaredJob(job, [one for one in chosen if one]))
    return found


def in_our_words(values: Any) -> Any:
    """A job, where Prometheus's spelling is replaced by ours."""
    if not isinstance(values, Mapping):
        return values
    ours: dict[str, Any] = {_SPELLED.get(str(key), str(key)): value for key, value in values.items() if key not in _DISCOVERIES}
    theirs = [
        {**entry, "type": kind} if isinstance(entry, Mapping) else entry
        for key, kind in _DISCOVERIES.items()
        for entry in values.get(key) or ()
    ]
    if token_file := ours.pop("bearer_token_file", None):
        ours["authorization"] = {"credentials_file": token_file}
    if theirs:
        ours["discover"] = [*theirs, *(ours.get("discover") or ())]
    if isinstance(size := ours.get("body_bytes"), str) and (read := re.fullmatch(r"(\d+)\s*([KMG]?)i?B?", size)):
        ours["body_bytes"] = int(read[1]) * _BYTES[read[2]]
    return ours


def _own(job: Job) -> list[dict[str, Any]]:
    return [{"type": "static", "targets": list(job.targets), "labels": dict(job.labels)}] if job.targets else []
