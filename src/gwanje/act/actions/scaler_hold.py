"""A size is held: what a scaler scales stays at it, or is made no smaller or no larger, until the time is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from gwanje import config, kinds
from gwanje.act.actions.base import ACTION, Task, by_action, filled
from gwanje.act.scaling.holding import replaced
from gwanje.because import Because
from gwanje.config import Duration, format_duration
from gwanje.errors import Rejected
from gwanje.keep.said import Hold
from gwanje.keep.state import holds
from gwanje.keep.state.base import State
from gwanje.keep.state.holds import LONGEST_NAME
from gwanje.model import to_ms


class Settings(config.Settings):
    """Hold a size. What a person holds stays as the person said it."""

    scaler: str = "{scaler}"
    """Which scaler; `{label}` is filled in from the alert."""
    size: int | None = Field(default=None, ge=0, le=1_000_000)
    """The size to stay at; or, instead of it, `stop`."""
    stop: Literal["in", "out"] | None = None
    """The direction that stops: `in` makes nothing smaller meanwhile, `out` nothing larger."""
    lasts: Duration = timedelta(hours=1)
    """How long, unless a person ends it before."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Settings:
        if (self.size is None) == (self.stop is None):
            raise ValueError("needs either `size` or `stop`")
        if self.lasts <= timedelta():
            raise ValueError("`lasts` must be longer than 0s")
        return self


def create(settings: Settings, world: kinds.World) -> ScalerHold:
    return ScalerHold(settings, world.state)


class ScalerHold:
    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state

    def would(self, task: Task) -> str:
        what, lasts = self._what(filled(self._settings.scaler, task)), self._settings.lasts
        return Because(f"{what} for {format_duration(lasts)}", "hold_for", what=what, seconds=lasts.total_seconds())

    async def do(self, task: Task) -> str:
        scaler = filled(self._settings.scaler, task)
        if not 0 < len(scaler) <= LONGEST_NAME:
            sentence = f"{self._settings.scaler!r} comes to {scaler[:40]!r}, which is no scaler's name"
            raise Rejected(Because(sentence, "no_scalers_name", written=self._settings.scaler, name=scaler[:40]))
        return await asyncio.to_thread(self._hold, scaler, task)

    def _hold(self, scaler: str, task: Task) -> str:
        until = task.at + self._settings.lasts
        said = Hold(
            scaler, self._settings.size, self._settings.stop or "", task.at, until, by_action(task), task.because, task.at
        )
        with self._state.write() as connection:
            before = replaced(holds.of_scaler(connection, scaler), said)
            for one in before:
                if not one.who.startswith(ACTION):
                    raise Rejected(_held_by(one))
            for one in before:
                holds.end(connection, one, task.at, said.who)
            holds.put(connection, said)
        what = self._what(scaler)
        return Because(f"{what} until {until:%Y-%m-%d %H:%M} UTC", "hold_until", what=what, until=to_ms(until))

    def _what(self, scaler: str) -> Because:
        size, stop = self._settings.size, self._settings.stop
        if size is not None:
            return Because(f"hold {scaler} at {size}", "hold_at", name=scaler, size=size)
        return Because(f"scale {scaler} no further {stop}", "hold_direction", name=scaler, stop=stop)


def _held_by(one: Hold) -> Because:
    sentence = f"{one.who} holds {one.scaler} until {one.ends_at:%Y-%m-%d %H:%M} UTC; only a person ends that"
    return Because(sentence, "held_by", who=one.who, name=one.scaler, until=to_ms(one.ends_at))
