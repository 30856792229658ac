"""Who else is told when nobody takes an alert over. Pure: told the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import Field, model_validator

from gwanje.because import Because
from gwanje.config import Duration, Settings


class Step(Settings):
    """One step: so long after the first alert was told, somebody else is told, too."""

    after: Duration
    """How long after the beginning: `10m`."""
    receiver: str | None = None
    """Who is told."""
    duty: str | None = None
    """Instead of a receiver: whoever is on duty in this rota."""

    @model_validator(mode="after")
    def _one(self) -> Step:
        if (self.receiver is None) == (self.duty is None):
            sentence = "needs either `receiver` or `duty`, and not both"
            raise ValueError(Because(sentence, "either_of_both", one="receiver", other="duty"))
        return self


class Escalation(Settings):
    """Steps that are taken while a group of alerts fires and nobody acknowledged all of it."""

    name: str = Field(min_length=1, max_length=100)
    """The name by which routes know it."""
    steps: tuple[Step, ...] = Field(min_length=1)
    """The steps, by time."""
    pause_while_muted: bool = True
    """Whether time in which the alerts are muted does not count."""

    @model_validator(mode="after")
    def _rising(self) -> Escalation:
        times = [step.after for step in self.steps]
        if times != sorted(times):
            raise ValueError(Because("the steps must stand by time, the earliest first", "steps_by_time"))
        return self


@dataclass(frozen=True, slots=True)
class Clock:
    """How far an escalation is. It belongs to a group: another alert in it does not begin it anew."""

    since: datetime
    paused: timedelta = timedelta()
    """How much time did not count."""
    stopped: datetime | None = None
    """Since when it stands still."""
    taken: int = 0
    """How many steps were taken."""


def step(clock: Clock | None, escalation: Escalation, now: datetime, *, open_: bool, muted: bool) -> Clock | None:
    """The clock at this moment; None when there is nothing to escalate.

    `open_`: something of the group was told, fires, and nobody acknowledged it. `muted`: all of that is muted now.
    """
    if not open_:
        return None
    clock = clock or Clock(since=now)
    if muted and escalation.pause_while_muted:
        return replace(clock, stopped=clock.stopped or now)
    if clock.stopped is not None:
        clock = replace(clock, paused=clock.paused + (now - clock.stopped), stopped=None)
    if muted:
        return clock
    passed = now - clock.since - clock.paused
    return replace(clock, taken=max(clock.taken, sum(one.after <= passed for one in escalation.steps)))
