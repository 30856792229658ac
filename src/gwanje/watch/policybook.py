"""Who can be told, and who is told what and when: of the folder's files and of the page, as one, taken over while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import structlog

from gwanje.because import Because, worded
from gwanje.config import Chosen, Settings
from gwanje.errors import GwanjeError
from gwanje.keep.said import PageSetting
from gwanje.keep.state import page_settings
from gwanje.keep.state.base import State
from gwanje.tell.of_files import OfFile
from gwanje.tell.policy import Policy, Telling
from gwanje.tell.together import Place, Together, together
from gwanje.tell.written import Kept, Text, read
from gwanje.written import all_wrong

log = structlog.get_logger(__name__)

Opening = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Sealed secrets → secrets. Raises GwanjeError."""


def _cannot_open(sealed: Mapping[str, str]) -> Mapping[str, str]:
    if sealed:
        raise GwanjeError(Because("this process opens no secrets", "opens_no_secrets"))
    return sealed


class Policybook:
    """Receivers and policy by name. `read` takes over what changed; each view of it is whole. Any thread may read and look."""

    def __init__(
        self,
        files: Telling | Policy | None = None,
        opening: Opening = _cannot_open,
        as_written: Mapping[Place, OfFile] = MappingProxyType({}),
    ) -> None:
        self.files = files if isinstance(files, Telling) else Telling({}, files or Policy())
        """What the files say."""
        self.as_written = as_written
        """The same as it is written there, for people to look at."""
        self._opening = opening
        self._stamp: page_settings.Stamp = ()
        self._reading = threading.Lock()
        self.now = Together(self.files)
        """What counts. Another object after each change."""
        self.page: Mapping[Place, Settings | Chosen] = {}
        """What the page says and can be read, also what is set aside."""
        self.aside: Mapping[Place, str] = {}
        """What of the page does not count, and why."""

    @property
    def policy(self) -> Policy:
        return self.now.telling.policy

    @property
    def receivers(self) -> Mapping[str, Chosen]:
        return self.now.telling.receivers

    def read(self, state: State) -> None:
        """Take over what people changed since the last time."""
        with self._reading, state.read() as connection:
            stamp = page_settings.stamp(connection)
            if stamp != self._stamp:
                self._take_over(page_settings.every(connection))
                self._stamp = stamp

    def kept(self, setting: PageSetting) -> Kept:
        """What of a setting a changed text goes on with. Raises GwanjeError when its secrets cannot be opened."""
        return Kept(read(setting.kind, setting.text).values, self._opening(setting.sealed))

    def written(self, setting: PageSetting) -> Text:
        """What a setting says, with its secrets. Raises GwanjeError when they cannot be opened."""
        return read(setting.kind, setting.text, self.kept(setting) if setting.sealed else None)

    def _take_over(self, every: Sequence[PageSetting]) -> None:
        page: dict[Place, Settings | Chosen] = {}
        unread: dict[Place, str] = {}
        for one in every:
            setting, wrong = self._of_page(one)
            if setting is not None:
                page[one.kind, one.name] = setting
            else:
                unread[one.kind, one.name] = wrong
        # A receiver that says the same stays the same object: whoever speaks for it goes on.
        before = self.page
        self.page = {place: before[place] if before.get(place) == setting else setting for place, setting in page.items()}
        self.now = together(self.files, self.page)
        aside = {**self.now.aside, **unread}
        for (kind, name), why in aside.items():
            if (kind, name) not in self.aside:
                log.warning("a setting of the page does not count", kind=kind, name=name, reason=str(why))
        self.aside = aside

    def _of_page(self, one: PageSetting) -> tuple[Settings | Chosen | None, str]:
        try:
            text = self.written(one)
        except GwanjeError as error:
            return None, worded(error.said, str(error))
        except Exception as error:  # noqa: BLE001 - one kind's mistake must not stop what the others say; a text may hold a secret
            kind = type(error).__name__
            return None, Because(f"its kind failed with {kind}", "kind_failed", error=kind)
        return text.setting, all_wrong(text.mistakes)
