"""The settings of the agent and of the log: what `gwanje up` and `gwanje agent` both read. Light, for the agent."""

from __future__ import annotations

import platform
from datetime import timedelta
from typing import Any

from pydantic import Field

from gwanje import config
from gwanje.config import Duration


class Agent(config.Settings):
    """The agent that `gwanje up` runs for its own machine."""

    host: str = Field(default_factory=platform.node, min_length=1)
    """The `host` label of this machine's series; the machine's own name unless set."""

    interval: Duration = timedelta(seconds=5)
    """How often every probe looks."""

    probes: dict[str, dict[str, Any]] = Field(default_factory=lambda: {"host": dict[str, Any](), "container": dict[str, Any]()})
    """Which probes look, each with its settings; `{}` turns the agent off."""


class Log(config.Settings):
    """The program's own log: JSON lines in a file that is rotated, and readable lines on the terminal."""

    level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """The least level that is written: debug, info, warning or error."""

    file: str = "logs/gwanje.log"
    """The file, inside the folder unless the path is absolute; empty: none."""

    size_mb: int = Field(default=20, ge=1)
    """Size in megabytes at which the file is rotated; five old ones are kept."""
