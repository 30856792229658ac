"""What discovery found → what is scraped: labels, URL and times of a target. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from gwanje.collect.discovery.base import ADDRESS
from gwanje.collect.scrape.relabel import relabelled
from gwanje.collect.scrape.spec import Job
from gwanje.config import format_duration, parse_duration

_SCHEME: Final = "__scheme__"
_PATH: Final = "__metrics_path__"
_INTERVAL: Final = "__scrape_interval__"
_TIMEOUT: Final = "__scrape_timeout__"
_PARAM: Final = "__param_"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One page to scrape. Two with the same labels and URL are one."""

    job: str
    labels: Labels
    """Those that its series carry, sorted."""
    url: str
    interval: timedelta
    timeout: timedelta
    discovered: Labels
    """Its labels before relabelling."""

    @property
    def identity(self) -> tuple[Labels, str]:
        return self.labels, self.url

    def offset(self, interval_ms: int) -> int:
        """When within each interval it is scraped: always the same, and spread out over all targets."""
        digest = hashlib.blake2b(repr(self.identity).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % interval_ms


@dataclass(frozen=True, slots=True)
class Choice:
    """What of everything that was found is scraped, what relabelling dropped, and what cannot be scraped."""

    active: Sequence[Target]
    dropped: Sequence[Labels]
    wrong: Sequence[str]
    """Why, in a sentence for each."""


def targets_of(job: Job, found: Sequence[Mapping[str, str]]) -> Choice:
    """Relabel what was found, and read from the labels what to ask."""
    before = [_with_defaults(job, labels) for labels in found]
    active: dict[tuple[Labels, str], Target] = {}
    dropped: list[Labels] = []
    wrong: list[str] = []
    for discovered, labels in zip(before, relabelled(before, job.relabel), strict=True):
        if labels is None:
            dropped.append(_sorted(discovered))
            continue
        try:
            target = _target(job, _sorted(discovered), labels)
        except ValueError as error:
            wrong.append(f"{discovered.get(ADDRESS, '')}: {error}")
        else:
            active.setdefault(target.identity, target)
    return Choice(list(active.values()), dropped, wrong)


def _with_defaults(job: Job, labels: Mapping[str, str]) -> dict[str, str]:
    """The job's own settings as labels, where what was found does not say otherwise."""
    defaults = {
        "job": job.name,
        _INTERVAL: format_duration(job.interval),
        _TIMEOUT: format_duration(job.longest),
        _PATH: job.path,
        _SCHEME: job.scheme,
        **{_PARAM + name: values[0] for name, values in job.params.items() if values},
    }
    return {**defaults, **{name: value for name, value in labels.items() if value}}


def _target(job: Job, discovered: Labels, labels: Mapping[str, str]) -> Target:
    address = labels.get(ADDRESS, "")
    if not address:
        raise ValueError("no address is left after relabelling")
    if set(address) & set("/?#@ \t\r\n"):
        raise ValueError(f"{address!r} is not an address; write host:port")
    interval, timeout = parse_duration(labels.get(_INTERVAL, "")), parse_duration(labels.get(_TIMEOUT, ""))
    if not timedelta() < timeout <= interval:
        raise ValueError("the timeout must be longer than nothing and no longer than the interval")
    public = {name: value for name, value in labels.items() if not name.startswith("__")}
    return Target(job.name, _sorted({"instance": address, **public}), _url(job, address, labels), interval, timeout, discovered)


def _url(job: Job, address: str, labels: Mapping[str, str]) -> str:
    scheme = labels.get(_SCHEME, "http")
    if scheme not in {"http", "https"}:
        raise ValueError(f"{scheme!r} is no scheme; write http or https")
    params = {name: list(values) for name, values in job.params.items()}
    for label, value in labels.items():
        if label.startswith(_PARAM):
            name = label.removeprefix(_PARAM)
            params[name] = [value, *params.get(name, [])[1:]]
    query = urlencode(sorted(params.items()), doseq=True)
    path = quote(labels.get(_PATH, ""), safe="/%:@!$&'()*+,;=~-._")
    return f"{scheme}://{address}{path}{'?' + query if query else ''}"


def _sorted(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
