"""A folder of configuration as typed values: what every process and `gwanje check` start from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, IPvAnyNetwork

from gwanje import config, kinds
from gwanje.act import spec as act
from gwanje.act.spec import Declared as DeclaredAction
from gwanje.app.machine import Agent, Log
from gwanje.collect.pipelines import spec as collect
from gwanje.collect.pipelines.spec import Declared
from gwanje.collect.scrape import spec as scrape
from gwanje.collect.scrape.spec import DeclaredJob
from gwanje.collect.statsd.settings import Statsd
from gwanje.config import Chosen, Document, Duration, Reader
from gwanje.judge.rules import files as judge
from gwanje.judge.rules import places, recording
from gwanje.judge.rules.places import Inventory
from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule
from gwanje.show.dashboards import files as boards
from gwanje.show.dashboards.files import Named
from gwanje.tell import policy as tell
from gwanje.tell import storm
from gwanje.tell.flapping import Limits as Flapping
from gwanje.tell.of_files import OfFile, of_files
from gwanje.tell.policy import Policy
from gwanje.tell.together import Place as SettingPlace
from gwanje.watch.reports import Heartbeat, Summary
from gwanje.wire.otlp.names import Strategy

_ADDRESS = re.compile(r"^(?P<host>\[[0-9a-fA-F:]+\]|[^:\s]+):(?P<port>\d{1,5})$")


def _address(text: str) -> str:
    match = _ADDRESS.match(text)
    if not match or int(match["port"]) > 65535:
        raise ValueError(f"{text!r} is not an address; write host:port, such as 127.0.0.1:8080")
    return text


def _external(text: str) -> str:
    if text and not re.match(r"^https?://[^/\s]+", text):
        raise ValueError(f"{text!r} is not an address people can open; write http://host:port or https://host")
    return text.rstrip("/")


class Limits(config.Settings):
    """What one request may ask for."""

    body_bytes: int = Field(default=32 << 20, ge=1024)
    """Largest body of an ingest request, in bytes as sent."""

    bodies_in_flight: int = Field(default=8, ge=1)
    """How many ingest bodies are worked on at once; one more is answered 503 with Retry-After."""

    query_seconds: float = Field(default=30.0, gt=0)
    """Longest time a query may take."""


class Otlp(config.Settings):
    """How OpenTelemetry's metrics become series.

    What is sent as deltas is summed up, and goes on after a restart from what is stored: in a remote store from what it shows of
    the last hour. What it cannot say, and exponential histograms, begin at zero again, which `rate` and `increase` take for a
    reset; a sum that may fall begins at zero again, too.
    """

    promoted: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=lambda: {"host.name": "host"})
    """Attributes of a resource that all its series carry, and the label of each; the others stand on `target_info` only."""

    translation_strategy: Strategy = "UnderscoreEscapingWithSuffixes"
    """How names are taken over, in Prometheus's words: `UnderscoreEscapingWithSuffixes` makes `http_duration_seconds` of
    `http.duration` in `s`, `NoUTF8EscapingWithSuffixes` makes `http.duration_seconds`; `UnderscoreEscapingWithoutSuffixes` and
    `NoTranslation` are the same without unit and `_total`."""


class Sns(config.Settings):
    """Alerts that Amazon SNS posts: CloudWatch alarms and state changes of EC2."""

    topics: tuple[str, ...] = ()
    """Topics that are let in, by ARN. Their messages need no key, because they are signed; subscriptions are confirmed."""


class Main(config.Settings):
    """`gwanje.yaml`: the one file of settings. Every key may be left out."""

    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8080"
    """Where the page and the API answer, as host:port."""

    url: Annotated[str, AfterValidator(_external)] = ""
    """How people reach the page, for links in messages: `https://gwanje.example.org`. Empty: `http://` and `listen`."""

    hosts: tuple[str, ...] = ()
    """Names under which the page may be asked for, beside addresses, `localhost` and the name in `url`; others are refused."""

    samples: dict[str, Any] = Field(default_factory=lambda: {"type": "local"})
    """The store of samples: a `type` and its settings."""

    events: dict[str, Any] = Field(default_factory=lambda: {"type": "duckdb"})
    """The store of events: a `type` and its settings."""

    events_retention: Duration = timedelta(days=30)
    """How long events and runs are kept."""

    history_retention: Duration = timedelta(days=365)
    """How long alerts that are over, their messages and the audit trail are kept."""

    state: dict[str, Any] = Field(default_factory=lambda: {"type": "sqlite"})
    """The database of everything small that must be right: a `type` and its settings."""

    transport: dict[str, Any] = Field(default_factory=lambda: {"type": "direct"})
    """How batches travel from the agent and the pipelines to the stores: a `type` and its settings."""

    updates: dict[str, Any] = Field(default_factory=lambda: {"type": "memory"})
    """How changes reach the processes that stream them: a `type` and its settings."""

    agent: Agent = Agent()
    """The agent for this machine."""

    statsd: Statsd | None = None
    """The door for StatsD and DogStatsD; shut without this section."""

    targets: list[dict[str, Any]] = Field(default_factory=list)
    """What is scraped: jobs, each with a `name`, its targets and how they are asked. Prometheus's own spelling is understood."""

    log: Log = Log()
    """The program's own log."""

    limits: Limits = Limits()
    """What one request may ask for."""

    otlp: Otlp = Otlp()
    """How OpenTelemetry's metrics become series."""

    receivers: list[dict[str, Any]] = Field(default_factory=list)
    """Who is told: each with a `name`, a `type` and that kind's settings."""

    routes: dict[str, Any] | None = None
    """Which alerts go to which receiver; may be left out where there is one receiver."""

    sns: Sns = Sns()
    """The door for messages of Amazon SNS; shut without topics."""

    windows: list[dict[str, Any]] = Field(default_factory=list)
    """Stretches of the calendar: nights, weekends, holidays; with `match`, planned maintenance."""

    inhibit: list[dict[str, Any]] = Field(default_factory=list)
    """Alerts that speak for others: while one fires, the others are not told."""

    escalations: list[dict[str, Any]] = Field(default_factory=list)
    """Who else is told when nobody takes an alert over."""

    duty: list[dict[str, Any]] = Field(default_factory=list)
    """Rotas: people who take turns."""

    heartbeat: Heartbeat | None = None
    """An alert that always fires, for a check elsewhere."""

    summary: Summary | None = None
    """What happened the day before, in one message."""

    flapping: Flapping = Flapping()
    """When an alert counts as coming and going."""

    page_reaches: tuple[IPvAnyNetwork, ...] = ()
    """Networks, beside the public internet, that addresses entered on the page may lead to: `[10.0.0.0/8, 127.0.0.1/32]`."""

    messages_a_minute: Annotated[int, Field(ge=1, le=10_000)] = storm.MOST
    """So many messages a minute for one receiver; the rest is one digest."""

    actions: list[dict[str, Any]] = Field(default_factory=list)
    """What is done about alerts without asking anybody; what does not stand here is never done."""

    longest_silence: Duration = timedelta(days=90)
    """How long a silence may last."""

    rules: list[dict[str, Any]] = Field(default_factory=list)
    """Rules, beside those of `rules/*.yaml`."""

    groups: dict[str, list[str]] = Field(default_factory=dict)
    """Groups of hosts, for thresholds: names, or regular expressions that match a whole name: `web: [web-1, "web-.*"]`."""

    thresholds: list[dict[str, Any]] = Field(default_factory=list)
    """Thresholds of a group of hosts, a host or a container, where they differ from the rule's own."""

    ready_recordings: bool = True
    """Whether the ready recording rules run: `host_cpu_used_ratio`, `container_memory_used_ratio` and their like."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Everything that a folder says, read and checked."""

    path: Path
    main: Main
    samples: Chosen
    events: Chosen
    state: Chosen
    transport: Chosen
    updates: Chosen
    probes: Mapping[str, Chosen]
    receivers: Mapping[str, Chosen]
    receivers_without_address: Sequence[str]
    policy: Policy
    settings: Mapping[SettingPlace, OfFile]
    """Receivers, routes, windows, rotas and escalations as they are written, by kind and name."""
    rules: Sequence[Rule]
    rule_places: Mapping[str, tuple[str, int]]
    """File and line of each rule, by its name."""
    inventory: Inventory
    actions: Sequence[DeclaredAction]
    recordings: Sequence[Recording]
    pipelines: Sequence[Declared]
    scrapes: Sequence[DeclaredJob]
    dashboards: Sequence[Named]

    @property
    def url(self) -> str:
        """How people reach the page, without a slash at the end."""
        return self.main.url or f"http://{self.main.listen}"


def read(path: Path, **variables: str) -> Folder:
    """Read a folder. `variables` win over the environment. Raises ConfigErrors with every mistake of every file at once."""
    reader = Reader(path, {**config.environment(path), **variables})
    document = reader.document(config.MAIN_FILE)
    main = reader.read(Main, document) or Main()
    written = {**main.model_dump(include=set(_SINGLE)), **document.values}  # also where `main` itself could not be read
    stores = {key: reader.chosen(family, document, (key,), written[key]) for key, family in _SINGLE.items()}
    probes = _probes(reader, document, main)
    telling = tell.read(reader, document)
    receivers = {name: chosen for name, chosen in telling.receivers.items() if _has_address(chosen)}
    actions = act.read(reader, document)
    absent = [name for name in telling.receivers if name not in receivers]
    written_rules = judge.read(reader, document)
    inventory = places.read(reader, document, written_rules.rules)
    names = {"receiver": tell.receiver_names(document, telling.receivers)}
    pipelines = collect.read_all(reader, lambda name: tell.unknown(names, "receiver", name))
    scrapes = scrape.read(reader, document)
    dashboards = boards.read(reader)
    reader.finish()
    return Folder(
        path=path,
        main=main,
        probes=probes,
        receivers=receivers,
        receivers_without_address=absent,
        policy=replace(
            telling.policy,
            flapping=main.flapping,
            messages_a_minute=main.messages_a_minute,
            absent=frozenset(absent),
            root=telling.policy.root if receivers else None,
        ),
        settings=of_files(document, telling.receivers),
        rules=written_rules.rules,
        rule_places=written_rules.places,
        inventory=inventory,
        actions=actions,
        recordings=_recordings(main, written_rules.recordings),
        pipelines=pipelines,
        scrapes=scrapes,
        dashboards=dashboards,
        **{key: store for key, store in stores.items() if store},
    )


def _recordings(main: Main, own: Sequence[Recording]) -> Sequence[Recording]:
    """The folder's own recording rules, and the ready ones whose names are free."""
    taken = {one.record for one in own}
    return (*(one for one in recording.ready() if main.ready_recordings and one.record not in taken), *own)


_SINGLE = {"samples": "samples", "events": "events", "state": "state", "transport": "transports", "updates": "updates"}


def _probes(reader: Reader, document: Document, main: Main) -> dict[str, Chosen]:
    found = {
        name: reader.chosen("probes", document, ("agent", "probes", name), {"type": name, **settings})
        for name, settings in main.agent.probes.items()
    }
    return {name: one for name, one in found.items() if one}


def _has_address(receiver: Chosen) -> bool:
    """A pack names receivers whose addresses come from the environment; a kind says what it needs and is still empty."""
    return not getattr(receiver.settings, "absent", ())


def available_kinds() -> dict[str, list[str]]:
    """Every family and the words it knows here."""
    return {family: kinds.names(family) for family in kinds.FAMILIES}
