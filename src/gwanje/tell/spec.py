"""Receivers and routes as they are written."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from gwanje.because import Because
from gwanje.config import Duration, Settings
from gwanje.tell.matchers import Matchers


class Route(Settings):
    """Who is told of which alerts, and how often. What is not set comes from the route around it."""

    receiver: str | None = None
    """The receiver of what this route takes; in the first route it must be set."""
    duty: str | None = None
    """The rota whose person on duty is told; where nobody is, `receiver` is."""
    match: Matchers = ()
    """Which alerts it takes, by labels, `rule` and `severity`: `severity="critical", host=~"web-.*"`; without any, all."""
    group_by: tuple[str, ...] | None = None
    """Labels (and `rule`) that make a group: alerts of one group are told in one message. First: `[rule, host]`."""
    group_wait: Duration | None = None
    """How long a new group waits for more alerts. Not set: `0s` with a critical alert, `30s` without."""
    group_interval: Duration | None = None
    """At least so long between messages about changes of one group; a new critical alert does not wait for it. First: `1m`."""
    repeat_interval: Duration | None = None
    """How often what still fires unchanged is told again. First: `4h`."""
    mute: tuple[str, ...] | None = None
    """Windows in which nobody is told by this route: what still fires at their end is told then."""
    active: tuple[str, ...] | None = None
    """Windows outside of which nobody is told by this route."""
    escalate: str | None = None
    """The escalation that is followed while an alert fires and nobody acknowledged it."""
    routes: tuple[Route, ...] = ()
    """Routes inside this one; the first that matches takes the alert, and this route what none of them takes."""
    continue_: bool = Field(default=False, alias="continue")
    """Whether the routes after this one may take the alert too."""

    @field_validator("repeat_interval")
    @classmethod
    def _repeat(cls, interval: timedelta | None) -> timedelta | None:
        if interval is not None and interval < timedelta(minutes=1):
            raise ValueError(Because("the shortest repeat_interval is 1m", "interval_too_short", seconds=60))
        return interval

    @property
    def by_calendar(self) -> bool:
        """Whether windows keep anybody from being told by it, or by a route inside it."""
        return bool(self.mute or self.active) or any(inner.by_calendar for inner in self.routes)


class NamedRoute(Route):
    """A route that people wrote on the page: it is asked before those of the files."""

    name: str = Field(min_length=1, max_length=100)
    """The name by which people know it."""


class Receiver(Settings):
    """What all receivers share; the other keys belong to their `type`."""

    name: str = Field(max_length=90, pattern=r"^[\w.@ -]+$")
    """The name by which routes know it: letters, digits, spaces and `. _ - @`."""
