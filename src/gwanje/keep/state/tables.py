"""The tables of state. Times are milliseconds in the database and aware datetimes in Python."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from gwanje.model import from_ms, to_ms

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as milliseconds since the epoch: the same in every engine, and sortable."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_ms(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_ms(value)


class Value(TypeDecorator[float]):
    """A measured value. What is not finite is kept as none, because not every engine can keep it."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return value if value is not None and math.isfinite(value) else None


def _number() -> Column[int]:
    # SQLite numbers rows by itself only for INTEGER, not BIGINT.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


# --- who may do what -----------------------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _number(),
    Column("name", String(100), nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("address", String(64), nullable=False),
)

keys = Table(
    "keys",
    metadata,
    _number(),
    Column("name", String(100), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("host", String(255)),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

invitations = Table(
    "invitations",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

audit = Table(
    "audit",
    metadata,
    _number(),
    Column("at", Instant, nullable=False, index=True),
    Column("who", String(120), nullable=False),
    Column("what", String(60), nullable=False),
    Column("target", String(255), nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Column("address", String(64), nullable=False),
)

# --- alerts --------------------------------------------------------------------------------------------------------------

instances = Table(
    "instances",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("rule", String(200), nullable=False, index=True),
    Column("labels", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("severity", String(20)),
    Column("since", Instant, nullable=False),
    Column("pending_since", Instant),
    Column("good_since", Instant),
    Column("seen_at", Instant, nullable=False),
    Column("episode", ForeignKey("episodes.id"), nullable=False),
    Column("value", Value),
    Column("fired_at", Instant),
    Column("last_seen", String(200), nullable=False, server_default=""),
)
"""Only those with an open episode: an instance that is ok has nothing to remember."""

episodes = Table(
    "episodes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("fingerprint", String(32), nullable=False, index=True),
    Column("rule", String(200), nullable=False, index=True),
    Column("labels", JSON, nullable=False),
    Column("host", String(255), index=True),
    Column("annotations", JSON, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("severity", String(20), nullable=False),
    Column("began_at", Instant, nullable=False, index=True),
    Column("fired_at", Instant),
    Column("ended_at", Instant, index=True),
    Column("ended_because", String(40)),
    Column("value", Value),
    Column("peak", Value),
    Column("operator", String(4), nullable=False),
    Column("threshold", Double, nullable=False),
    Column("query", Text, nullable=False),
    Column("unit", String(30), nullable=False),
    Column("for_ms", BigInteger, nullable=False),
    Column("source", String(40), nullable=False, server_default="rule"),
    Column("cause", JSON),
    Column("muted", JSON),
    Column("was_muted", String(200)),
    Column("threshold_from", String(300)),
)
"""`muted` lists what keeps an open alert from being told now; `was_muted` says what did so before it was told."""

transitions = Table(
    "transitions",
    metadata,
    _number(),
    Column("episode", ForeignKey("episodes.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("before", String(20), nullable=False),
    Column("after", String(20), nullable=False),
    Column("severity", String(20)),
    Column("value", Value),
    Column("because", String(200), nullable=False),
    Column("reason", JSON),
)
"""`because` is the sentence, `reason` its code and values; a sentence that has no code has none."""

# --- telling -------------------------------------------------------------------------------------------------------------

groups = Table(
    "groups",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("receiver", String(100), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("told_at", Instant),
    Column("told", JSON, nullable=False),
    Column("more", JSON),
)

silences = Table(
    "silences",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
    Column("comment", Text, nullable=False),
    Column("created_by", String(120), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("episode", String(32), primary_key=True),
    Column("who", String(120), nullable=False),
    Column("at", Instant, nullable=False),
    Column("why", Text, nullable=False),
    Column("until", Instant),
    Column("severity", String(20), nullable=False),
)
"""Who took an alert over, while that holds: gone with its end, a higher severity or its time-out."""

flaps = Table(
    "flaps",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("rule", String(200), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("changes", JSON, nullable=False),
    Column("since", Instant),
    Column("told_at", Instant),
)

storms = Table(
    "storms",
    metadata,
    Column("receiver", String(100), primary_key=True),
    Column("sent", JSON, nullable=False),
    Column("held", JSON, nullable=False),
    Column("since", Instant),
)

LONGEST_REFERENCE = 200
outbox = Table(
    "outbox",
    metadata,
    _number(),
    Column("key", String(120), nullable=False, unique=True),
    Column("receiver", String(100), nullable=False),
    Column("group_key", String(64), nullable=False, index=True),
    Column("reason", String(40), nullable=False),
    Column("message", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    Column("claimed_by", String(64)),
    Column("claimed_until", Instant),
    Column("tries", Integer, nullable=False, default=0),
    Column("done_at", Instant),
    Column("error", Text, nullable=False, default=""),
    Column("reference", String(LONGEST_REFERENCE)),
    Index("ix_outbox_receiver_state_id", "receiver", "state", "id"),
    Index("ix_outbox_receiver_group_key_state_id", "receiver", "group_key", "state", "id"),
)
"""`reference` is what the receiver named the message, where later messages of its group need that name."""

outbox_episodes = Table(
    "outbox_episodes",
    metadata,
    Column("outbox_id", ForeignKey("outbox.id"), primary_key=True),
    Column("episode", String(32), primary_key=True),
    Index("ix_outbox_episodes_episode_outbox_id", "episode", "outbox_id"),
)
"""Which episodes a message tells, so that an episode's messages are found without reading every message."""

attempts = Table(
    "attempts",
    metadata,
    _number(),
    Column("outbox_id", ForeignKey("outbox.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("status", Integer),
    Column("latency_ms", Double, nullable=False),
    Column("error", Text, nullable=False),
)

accepted = Table(
    "accepted",
    metadata,
    Column("outbox_id", ForeignKey("outbox.id"), primary_key=True),
    Column("addressee", String(64), primary_key=True),
)
"""Of a message that is under way: the digests of those who have it, of several; and when something was asked for its group."""

# --- what people and other programs say about alerts ----------------------------------------------------------------------

thresholds = Table(
    "thresholds",
    metadata,
    _number(),
    Column("rule", String(200), nullable=False),
    Column("scope", String(20), nullable=False),
    Column("name", String(255), nullable=False),
    Column("warning", String(60)),
    Column("critical", String(60)),
    Column("clear", String(60)),
    Column("changed_by", String(120), nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("rule", "scope", "name"),
)
"""Thresholds of one group of hosts, host or container, where they differ from the rule's own."""

outside = Table(
    "outside",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("source", String(40), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("severity", String(20), nullable=False),
    Column("value", Value),
    Column("threshold", String(60), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("expires_at", Instant),
    Column("renewed_at", Instant, nullable=False),
    Column("url", Text, nullable=False),
)
"""Alerts as other programs said them last. `ends_at` is their word that it is over, `expires_at` the end of their silence."""

deeds = Table(
    "deeds",
    metadata,
    _number(),
    Column("action", String(100), nullable=False),
    Column("target", String(255), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("episode", String(32), nullable=False, index=True),
    Column("labels", JSON, nullable=False),
    Column("because", Text, nullable=False),
    Column("reason", JSON),
    Column("dry", Boolean, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("claimed_by", String(64)),
    Column("decided_at", Instant, nullable=False, index=True),
    Column("ended_at", Instant),
    Column("result", Text, nullable=False),
    Column("result_reason", JSON),
)
"""What is done about alerts without asking anybody. `because` and `reason` are as those of `transitions`; so are `result` and
`result_reason`."""

departures = Table(
    "departures",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("scope", String(20), nullable=False),
    Column("name", String(255), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
    Column("removed", Boolean, nullable=False),
    Column("who", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("said_at", Instant, nullable=False),
)
"""What is away on purpose, and what was."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Instant, nullable=False),
)
"""What one process at a time does, and who does it."""

# --- rules that people wrote on the page ---------------------------------------------------------------------------------

page_rules = Table(
    "page_rules",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("text", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_by", String(120), nullable=False),
    Column("changed_at", Instant, nullable=False),
)
"""Their YAML as it was written. What each said before stands in the audit trail."""

rules_off = Table(
    "rules_off",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("changed_by", String(120), nullable=False),
    Column("changed_at", Instant, nullable=False),
)
"""Rules of the folder's files that somebody switched off on the page."""

page_settings = Table(
    "page_settings",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("text", Text, nullable=False),
    Column("sealed", JSON, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_by", String(120), nullable=False),
    Column("changed_at", Instant, nullable=False),
)
"""Who can be told, and when, as people wrote it on the page. Secrets stand in `sealed` alone, encrypted."""

# --- pipelines -----------------------------------------------------------------------------------------------------------

runs = Table(
    "runs",
    metadata,
    _number(),
    Column("pipeline", String(200), nullable=False),
    Column("partition", String(64), nullable=False),
    Column("trigger", String(20), nullable=False),
    Column("asked_by", String(120), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("state", String(20), nullable=False),
    Column("claimed_by", String(64)),
    Column("claimed_until", Instant),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("outcome", String(20)),
    Column("tries", Integer, nullable=False, default=0),
    Column("status", Integer),
    Column("rows", Integer),
    Column("bytes", BigInteger),
    Column("latency_ms", Double),
    Column("error", Text),
    UniqueConstraint("pipeline", "partition"),
    Index("ix_runs_state_asked_at", "state", "asked_at"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("pipeline", String(200), primary_key=True),
    Column("who", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("settles_at", Instant),
)
"""Pipelines whose ticks are no runs for now. `settles_at` stands where the pause is over and its first run is awaited."""

# --- sizes ---------------------------------------------------------------------------------------------------------------

holds = Table(
    "holds",
    metadata,
    _number(),
    Column("scaler", String(200), nullable=False, index=True),
    Column("size", Integer),
    Column("stopped", String(10), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("who", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("said_at", Instant, nullable=False),
    Column("ended_at", Instant, index=True),
    Column("ended_by", String(120), nullable=False),
)
"""Sizes that people and actions want kept, and those that are over."""

# --- processes on one state -----------------------------------------------------------------------------------------------

changes = Table(
    "changes",
    metadata,
    Column("process", String(64), primary_key=True),
    Column("topic", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)
"""How often each process said that something of a topic changed, so that the others look again."""

# --- settings made by people or by the program itself --------------------------------------------------------------------

settings = Table(
    "settings",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("write_only", Boolean, nullable=False, default=False),
)
