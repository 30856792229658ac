"""What the API and the page need of the rest of the house, handed over once by whoever wires a process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from gwanje.carry.ingest import Ingest
from gwanje.carry.updates.base import Updates
from gwanje.collect.pipelines.spec import Prepared
from gwanje.collect.schedule import Schedule
from gwanje.collect.scrape.loop import Scraper
from gwanje.errors import Rejected
from gwanje.judge.rules.places import Inventory
from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule
from gwanje.keep.events.base import Events
from gwanje.keep.samples.base import Queryable
from gwanje.keep.sealing import Sealing
from gwanje.keep.state.base import State
from gwanje.model import to_ms
from gwanje.show.dashboards.files import Named
from gwanje.show.queries import Queries
from gwanje.tell.policy import Policy
from gwanje.watch.book import Evaluation
from gwanje.watch.policybook import Policybook
from gwanje.watch.recorder import Recorded
from gwanje.watch.rulebook import Rulebook
from gwanje.watch.why import Why
from gwanje.wire.otlp.names import SPELLED, Spelling

OwnSamples = Callable[[], Mapping[str, float]]
"""Figures of one room by metric name, labels in exposition form."""


def _nothing(_rule: str) -> Sequence[Why]:
    return ()


async def _ready() -> str:
    return ""


async def _no_backup(_to: Path) -> Sequence[str]:
    raise Rejected("this process keeps nothing that could be copied; run gwanje backup where the stores are")


@dataclass(frozen=True, slots=True)
class Rooms:
    """One process's stores, loops and settings, as the doors of HTTP see them."""

    samples: Queryable
    events: Events
    state: State
    updates: Updates
    ingest: Ingest
    rules: Sequence[Rule]
    pipelines: Sequence[Prepared]
    schedule: Schedule
    now: Callable[[], datetime]
    url: str
    hosts: frozenset[str]
    """Names under which this server may be asked for, beside addresses and localhost."""
    started: datetime
    rulebook: Rulebook = field(default_factory=Rulebook)
    """The same rules, with where each was written."""
    own: Sequence[OwnSamples] = field(default_factory=tuple)
    ready: Callable[[], Awaitable[str]] = _ready
    """Empty when everything answers, else a sentence that says what does not."""
    backup: Callable[[Path], Awaitable[Sequence[str]]] = _no_backup
    """Copies the folder and its stores into a new folder, and says what is in the copy."""
    latest: Callable[[], Mapping[str, Evaluation]] = dict
    """What each rule found when it was last evaluated, by the rule's name; nothing of rules that were not yet."""
    why: Callable[[str], Sequence[Why]] = _nothing
    """Of each label set of a rule, by the rule's name, why its last evaluation came to what it came to."""
    inventory: Inventory = field(default_factory=Inventory)
    """Groups of hosts, and the thresholds that files set apart."""
    otlp_promoted: Mapping[str, str] = field(default_factory=dict)
    """Attributes of OpenTelemetry's resources that every series of them carries, with the label's name."""
    otlp_spelling: Spelling = SPELLED
    """How OpenTelemetry's names are taken over."""
    dashboards: Sequence[Named] = ()
    """The ready dashboards and the folder's own, by name."""
    scraper: Scraper | None = None
    """What is scraped; None in a process that scrapes nothing."""
    policybook: Policybook = field(default_factory=Policybook)
    """Who can be told, and who is told what and when."""
    sealing: Sealing | None = None
    """Seals the secrets of receivers of the page; None in a process that keeps none."""
    sns_topics: frozenset[str] = frozenset()
    """Topics of Amazon SNS that may tell alerts, by ARN; without any, that door is shut."""
    http: aiohttp.ClientSession | None = None
    """Asks outside where a door must; None in a process that asks nobody."""
    recordings: Sequence[Recording] = ()
    recorded: Callable[[], Mapping[str, Recorded]] = dict
    """How each recording rule went last, by its metric's name."""
    longest_silence: timedelta = timedelta(days=90)
    body_bytes: int = 32 << 20
    bodies_in_flight: int = 8
    query_seconds: float = 30.0
    queries: Queries = field(default_factory=Queries)
    """Counts the queries that are asked over HTTP."""

    @property
    def policy(self) -> Policy:
        """Who is told what and when, now."""
        return self.policybook.policy

    def now_ms(self) -> int:
        return to_ms(self.now())

    def own_samples(self) -> dict[str, float]:
        """Every room's figures together."""
        together: dict[str, float] = {}
        for one in self.own:
            together.update(one())
        return together
