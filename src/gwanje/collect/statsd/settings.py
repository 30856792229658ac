"""The section `statsd` of `gwanje.yaml`."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from gwanje import config
from gwanje.collect.statsd.mapping import (
    DEFAULT_BUCKETS,
    DEFAULT_QUANTILES,
    Defaults,
    Mapper,
    Mapping,
    all_ready,
    checked_buckets,
    checked_quantiles,
    ready_names,
)
from gwanje.config import Duration

_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[0-9.]+|localhost):(?P<port>\d{1,5})")


class Statsd(config.Settings):
    """The door for StatsD and DogStatsD, over UDP and TCP. `statsd: {}` opens it on this machine; without the section it is shut.

    A counter, gauge or set becomes a metric of its own name, dots and other signs as `_`; milliseconds become seconds.
    Tags become labels.
    """

    listen: str = "127.0.0.1:8125"
    """Where lines are taken, as address:port, UDP and TCP alike."""

    tcp: bool = True
    """Whether lines are taken over TCP too."""

    allow: tuple[str, ...] = ()
    """Addresses and networks that may send: `10.0.0.0/8`. Needed where `listen` is not of this machine alone."""

    flush: Duration = timedelta(seconds=1)
    """How often what came becomes samples."""

    max_series: int = Field(default=50_000, ge=1)
    """Series that are held at once; lines of further ones are refused and counted."""

    connections: int = Field(default=256, ge=1)
    """TCP connections at once; one more is closed."""

    ttl: Duration = timedelta(hours=1)
    """How long after its last line a series ends; 0: never."""

    observer_type: Literal["summary", "histogram"] = "summary"
    """What timers, histograms and distributions become where no mapping says it."""

    buckets: tuple[float, ...] = DEFAULT_BUCKETS
    """Upper bounds of the buckets of histograms, rising; in seconds for timers."""

    quantiles: tuple[float, ...] = DEFAULT_QUANTILES
    """Quantiles of summaries: of the last ten minutes, true to one in a hundred of the value."""

    mappings: tuple[Mapping, ...] = ()
    """What names become, as in statsd_exporter's mapping file."""

    use: tuple[str, ...] = ()
    """Ready mappings, tried after your own: `airflow`."""

    @field_validator("listen")
    @classmethod
    def _listen(cls, text: str) -> str:
        match = _ADDRESS.fullmatch(text)
        if not match or int(match["port"]) > 65535:
            raise ValueError(f"{text!r} is not an address; write address:port, such as 127.0.0.1:8125")
        if match["host"] != "localhost":
            ipaddress.ip_address(match["host"].strip("[]"))
        return text

    @field_validator("allow")
    @classmethod
    def _allow(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for one in networks:
            ipaddress.ip_network(one, strict=False)
        return networks

    @field_validator("flush")
    @classmethod
    def _flush(cls, flush: timedelta) -> timedelta:
        if flush < timedelta(milliseconds=100):
            raise ValueError("the shortest is 100ms")
        return flush

    @field_validator("buckets")
    @classmethod
    def _buckets(cls, buckets: tuple[float, ...]) -> tuple[float, ...]:
        return checked_buckets(buckets)

    @field_validator("quantiles")
    @classmethod
    def _quantiles(cls, quantiles: tuple[float, ...]) -> tuple[float, ...]:
        return checked_quantiles(quantiles)

    @field_validator("use", mode="before")
    @classmethod
    def _use(cls, names: object) -> object:
        return [names] if isinstance(names, str) else names

    @field_validator("use")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in ready_names():
                raise ValueError(f"no ready mapping named {name!r}; known ones: {', '.join(ready_names())}")
        return names

    @model_validator(mode="after")
    def _open_to_some(self) -> Statsd:
        if not self.allow and not self.is_local:
            raise ValueError(f"{self.listen} can be reached from outside; say in `allow` who may send, or listen on 127.0.0.1")
        return self

    @property
    def host(self) -> str:
        """The address without its port."""
        host = self.listen.rpartition(":")[0].strip("[]")
        return "127.0.0.1" if host == "localhost" else host

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    def mapper(self) -> Mapper:
        """The rules in the order in which they are tried."""
        defaults = Defaults(self.ttl, self.observer_type, self.buckets, self.quantiles)
        return Mapper((*self.mappings, *all_ready(self.use)), defaults)
