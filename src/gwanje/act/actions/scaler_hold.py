"""A size is held: what a scaler scales stays at it, or is made no smaller or no larger, until the time is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from gwanje import config, kinds
from gwanje.act.actions.base import ACTION, Task, by_action, filled
from gwanje.act.scaling.holding import replaced
from gwanje.config import Duration, format_duration
from gwanje.errors import Rejected
from gwanje.keep.said import Hold
from gwanje.keep.state import holds
from gwanje.keep.state.base import State
from gwanje.keep.state.holds import LONGEST_NAME


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
        return f"{self._what(filled(self._settings.scaler, task))} for {format_duration(self._settings.lasts)}"

    async def do(self, task: Task) -> str:
        scaler = filled(self._settings.scaler, task)
        if not 0 < len(scaler) <= LONGEST_NAME:
            raise Rejected(f"{self._settings.scaler!r} comes to {scaler[:40]!r}, which is no scaler's name")
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
                    raise Rejected(f"{one.who} holds {scaler} until {one.ends_at:%Y-%m-%d %H:%M} UTC; only a person ends that")
            for one in before:
                holds.end(connection, one, task.at, said.who)
            holds.put(connection, said)
        return f"{self._what(scaler)} until {until:%Y-%m-%d %H:%M} UTC"

    def _what(self, scaler: str) -> str:
        if self._settings.size is not None:
            return f"hold {scaler} at {self._settings.size}"
        return f"scale {scaler} no further {self._settings.stop}"
