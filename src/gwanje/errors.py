"""The tree of errors. Whoever raises says if trying again helps; whoever catches decides.

Every message tells what happened, where, and what to do, in one sentence that can be shown to a user.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta


class GwanjeError(Exception):
    """Any failure that this program describes itself.

    `said` is the sentence without the place. Where it is a `Because`, whoever shows it words it in the reader's language.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.said = message


class RetryLater(GwanjeError):
    """The other side cannot now; the same call may succeed later.

    `after` is the pause the other side asked for, None where it named none.
    """

    def __init__(self, message: str, *, after: timedelta | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.after = after
        self.status = status


class Rejected(GwanjeError):
    """The other side will never take this; trying again does not help."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class BadInput(GwanjeError):
    """What came in cannot be read. `where` points at the place: an offset, a line, a series."""

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{message} ({where})" if where else message)
        self.said = message
        self.where = where


class TooLarge(BadInput):
    """What came in is over a limit that protects everybody else; the message names the limit."""


class NotFound(GwanjeError):
    """What was asked for by name or id is not there."""


class Outdated(BadInput):
    """A change of what was changed by others since it was read; nothing of it was taken over."""


class BadQuery(GwanjeError):
    """A query that cannot be answered: it does not parse, or asks for what is not supported."""


class QueryLimit(GwanjeError):
    """A query that was stopped because it touched more than its limit; the message names the limit."""


class StoreFull(GwanjeError):
    """The store cannot write (disk full, read-only); what was accepted before is kept."""


class Damaged(GwanjeError):
    """A file of a store does not hold what its checksum says; names the file, the offset and what to do."""


class InUse(GwanjeError):
    """Another process holds this folder."""


class UnknownKind(GwanjeError):
    """No kind of that name in the family."""

    def __init__(self, family: str, name: str, *, known: Iterable[str]) -> None:
        super().__init__(f"no {family} kind named {name!r}; known kinds: {', '.join(sorted(known))}")
        self.family = family
        self.name = name
        self.known = sorted(known)


class MissingDriver(GwanjeError):
    """A kind whose driver is not installed; the message holds the command that installs it."""

    def __init__(self, family: str, name: str, *, module: str, install: str) -> None:
        super().__init__(f"{family} kind {name!r} needs the Python package of {module!r}: run {install}")
        self.install = install


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in the configuration: `file` as the user knows it, `line` from 1 (0: the whole file)."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key + ': ' if self.key else ''}{self.message}"


class ConfigErrors(GwanjeError):
    """Every mistake of a configuration folder, at once."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line, mistake.key)))
        count = len(self.mistakes)
        head = "1 mistake in the configuration" if count == 1 else f"{count} mistakes in the configuration"
        super().__init__("\n".join([f"{head}:", *(f"  {mistake}" for mistake in self.mistakes)]))
