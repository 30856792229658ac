"""A pipeline is paused: none of its ticks becomes a run, until the time is over or a person has it go on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pydantic import field_validator

from gwanje import config, kinds
from gwanje.act.actions.base import Task, by_action, filled, known_pipeline
from gwanje.because import Because
from gwanje.config import Duration, format_duration
from gwanje.keep.said import Pause
from gwanje.keep.state import pauses
from gwanje.keep.state.base import State
from gwanje.model import to_ms


class Settings(config.Settings):
    """Pause a pipeline. One that is paused already stays as it is, so that nobody's word is changed."""

    pipeline: str = "{pipeline}"
    """Which pipeline; `{label}` is filled in from the alert."""
    lasts: Duration = timedelta(hours=1)
    """How long, unless a person has it go on before."""

    @field_validator("lasts")
    @classmethod
    def _lasts(cls, lasts: timedelta) -> timedelta:
        if lasts <= timedelta():
            raise ValueError("must be longer than 0s")
        return lasts


def create(settings: Settings, world: kinds.World) -> PipelinePause:
    return PipelinePause(settings, world.state, world.pipelines)


class PipelinePause:
    def __init__(self, settings: Settings, state: State, pipelines: frozenset[str]) -> None:
        self._settings = settings
        self._state = state
        self._pipelines = pipelines

    def would(self, task: Task) -> str:
        name, lasts = filled(self._settings.pipeline, task), self._settings.lasts
        return Because(f"pause {name} for {format_duration(lasts)}", "pause_for", name=name, seconds=lasts.total_seconds())

    async def do(self, task: Task) -> str:
        pipeline = known_pipeline(self._settings.pipeline, task, self._pipelines)
        return await asyncio.to_thread(self._pause, pipeline, task)

    def _pause(self, pipeline: str, task: Task) -> str:
        until = task.at + self._settings.lasts
        with self._state.write() as connection:
            before = pauses.one(connection, pipeline)
            if before is not None and before.holds(task.at):
                return Because(f"{pipeline} was paused by {before.who} already", "paused_already", name=pipeline, who=before.who)
            pauses.put(connection, Pause(pipeline, by_action(task), task.because, task.at, until))
        return Because(
            f"paused {pipeline} until {until:%Y-%m-%d %H:%M} UTC", "pipeline_paused", name=pipeline, until=to_ms(until)
        )
