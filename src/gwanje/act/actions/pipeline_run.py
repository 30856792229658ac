"""A pipeline is run now, besides its schedule."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from gwanje import config, kinds
from gwanje.act.actions.base import Task, by_action, filled, known_pipeline
from gwanje.because import Because
from gwanje.config import Duration
from gwanje.errors import Rejected
from gwanje.keep.state import pauses, runs
from gwanje.keep.state.base import State
from gwanje.keep.state.runs import Run

BY_ACTION: Final = "action"
_LOOK_SECONDS: Final = 0.25
_ERROR: Final = 400
"""So many characters of a run's error stand with the deed; all of it stands with the run."""


class Settings(config.Settings):
    """Run a pipeline now."""

    pipeline: str = "{pipeline}"
    """Which pipeline; `{label}` is filled in from the alert."""
    anyway: bool = False
    """Run it even while it is paused."""
    waits: Duration = timedelta(seconds=30)
    """How long its end is waited for, so that it stands with the action; the run goes on after that."""


def create(settings: Settings, world: kinds.World) -> PipelineRun:
    return PipelineRun(settings, world.state, world.pipelines)


class PipelineRun:
    def __init__(self, settings: Settings, state: State, pipelines: frozenset[str]) -> None:
        self._settings = settings
        self._state = state
        self._pipelines = pipelines

    def would(self, task: Task) -> str:
        name = filled(self._settings.pipeline, task)
        return Because(f"run {name}", "run_pipeline", name=name)

    async def do(self, task: Task) -> str:
        pipeline = known_pipeline(self._settings.pipeline, task, self._pipelines)
        number = await asyncio.to_thread(self._ask, pipeline, task)
        run = await self._end_of(number)
        if run is None:
            sentence = f"run {number} of {pipeline} has not ended yet; it goes on"
            return Because(sentence, "run_goes_on", number=str(number), name=pipeline)
        if run.outcome != runs.SUCCEEDED:
            raise Rejected(_ended_badly(run))
        sentence = f"run {number} of {pipeline} succeeded, {run.rows} rows"
        return Because(sentence, "run_succeeded", number=str(number), name=pipeline, rows=run.rows)

    def _ask(self, pipeline: str, task: Task) -> int:
        """Ask for the run. The same deed asks for the same run, however often it is tried."""
        with self._state.write() as connection:
            pause = pauses.one(connection, pipeline)
            if pause is not None and pause.holds(task.at) and not self._settings.anyway:
                sentence = f"{pipeline} is paused by {pause.who}: {pause.why}"
                raise Rejected(Because(sentence, "pipeline_is_paused", name=pipeline, who=pause.who, why=pause.why))
            return runs.ask(
                connection, pipeline=pipeline, partition=task.key, trigger=BY_ACTION, asked_by=by_action(task), now=task.at
            )

    async def _end_of(self, number: int) -> Run | None:
        looks = max(1, round(self._settings.waits.total_seconds() / _LOOK_SECONDS))
        for look in range(looks):
            if look:
                await asyncio.sleep(_LOOK_SECONDS)
            run = await asyncio.to_thread(self._get, number)
            if run is not None and run.ended:
                return run
        return None

    def _get(self, number: int) -> Run | None:
        with self._state.read() as connection:
            return runs.get(connection, number)


def _ended_badly(run: Run) -> Because:
    sentence = ": ".join(filter(None, (f"run {run.id} of {run.pipeline} {run.outcome}", run.error)))
    error = (run.error or "")[:_ERROR]
    return Because(sentence, "run_ended", number=str(run.id), name=run.pipeline, outcome=str(run.outcome), error=error)
