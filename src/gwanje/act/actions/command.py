"""A program on this machine. Its arguments are handed over as they are; there is no shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field, field_validator

from gwanje import config, kinds, processors
from gwanje.act.actions.base import Task, filled
from gwanje.because import Because
from gwanje.config import Duration
from gwanje.errors import Rejected

_SAID: Final = 400
_READ: Final = 64 * 1024


class Settings(config.Settings):
    """A program on this machine, run without a shell."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """The program by its full path, and its arguments: `[/usr/bin/systemctl, restart, "{service}"]`. `{label}` is filled in."""
    timeout: Duration = timedelta(seconds=30)
    """After so long it is ended."""

    @field_validator("command")
    @classmethod
    def _full_path(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command[0].startswith("/") or "{" in command[0]:
            raise ValueError(f"{command[0]!r} must be the program's full path, with nothing filled in")
        return command


def create(settings: Settings, world: kinds.World) -> Command:
    return Command(settings)


class Command:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def would(self, task: Task) -> str:
        return " ".join(self._arguments(task))

    async def do(self, task: Task) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._arguments(task),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            )
        except OSError as error:
            sentence = f"the program could not be started: {error.strerror}"
            raise Rejected(Because(sentence, "program_not_started", error=str(error.strerror))) from error
        processors.go_everywhere(process.pid)
        try:
            async with asyncio.timeout(self._settings.timeout.total_seconds()):
                said = await _read(process.stdout)
                code = await process.wait()
        except TimeoutError:
            seconds = self._settings.timeout.total_seconds()
            sentence = f"the program took longer than {seconds:g} s and was ended"
            raise Rejected(Because(sentence, "program_too_long", seconds=seconds)) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code:
            sentence = f"the program ended with {code}: {said}" if said else f"the program ended with {code}"
            raise Rejected(Because(sentence, "program_failed", status=code, said=said))
        return said or Because("done", "program_ended_well")

    def _arguments(self, task: Task) -> list[str]:
        """Each argument filled in by itself: whatever a label holds, it stays one argument."""
        return [self._settings.command[0], *(_argument(one, task) for one in self._settings.command[1:])]


def _argument(written: str, task: Task) -> str:
    """The argument filled in. Raises Rejected where a label would make an option of it, which nobody wrote down."""
    argument = filled(written, task)
    if argument.startswith("-") and not written.startswith("-"):
        sentence = f"{argument[:100]!r} (from {written!r}) would be read as an option; it is not passed on"
        raise Rejected(Because(sentence, "would_be_option", argument=argument[:100], written=written))
    return argument


async def _read(stream: asyncio.StreamReader | None) -> str:
    """The beginning of what it says, in one line; the rest is read and let go."""
    if stream is None:
        return ""
    kept = b""
    while chunk := await stream.read(_READ):
        kept = (kept + chunk)[:_READ]
    return " ".join(kept.decode("utf-8", errors="replace").split())[:_SAID]
