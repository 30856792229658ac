"""The rules and settings that count: the folder's files and what people wrote on the page, for tools that look at both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gwanje import kinds
from gwanje.app.folder import Folder
from gwanje.keep.sealing import Sealing
from gwanje.keep.state.base import State
from gwanje.tell.policy import Telling
from gwanje.watch.policybook import Policybook
from gwanje.watch.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class InForce:
    """Rules, receivers and who is told what and when."""

    rules: Rulebook
    telling: Policybook

    def of_page(self) -> list[str]:
        """What of it people wrote on the page: `route all`, `rule hot`."""
        settings = [f"{kind} {name}" for kind, name in self.telling.page if (kind, name) not in self.telling.aside]
        return [*settings, *(f"rule {rule.name}" for rule in self.rules if rule.name not in self.rules.files)]

    def aside(self) -> list[tuple[str, str]]:
        """What of the page does not count, and why."""
        settings = [(f"{kind} {name}", str(why)) for (kind, name), why in self.telling.aside.items()]
        return [*settings, *((f"rule {name}", str(why)) for name, why in self.rules.aside.items())]


def of_state(folder: Folder, state: State) -> InForce:
    """What counts now."""
    found = InForce(
        Rulebook(folder.rules, folder.rule_places),
        Policybook(Telling(folder.receivers, folder.policy), Sealing(folder.path).open, folder.settings),
    )
    found.rules.read(state)
    found.telling.read(state)
    return found


def read(folder: Folder) -> InForce:
    """The same of a folder whose state is not open here; the database itself lets several processes in.

    Where there is no database yet, nothing stands on the page, and none is made. May raise what the database raises.
    """
    if folder.state.name == "sqlite" and not _database(folder.path).is_file():
        return InForce(Rulebook(folder.rules, folder.rule_places), Policybook(Telling(folder.receivers, folder.policy)))
    state: State = folder.state.create(kinds.World(folder.path))
    try:
        return of_state(folder, state)
    finally:
        state.close()


def _database(folder: Path) -> Path:
    return folder / "state" / "state.db"
