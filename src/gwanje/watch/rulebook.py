"""The rules that count: those of the folder's files and those that people wrote on the page, as one list.

A name belongs to the file that uses it: a rule of the page with the name of a file's is kept and set aside, and counts
again when the file gives the name up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import overload

import structlog

from gwanje.because import Because
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.written import read as read_text
from gwanje.keep.said import PageRule
from gwanje.keep.state import page_rules
from gwanje.keep.state.base import State
from gwanje.written import all_wrong

log = structlog.get_logger(__name__)


class Rulebook(Sequence[Rule]):
    """Rules by name, in the order of the files, then of the names. `read` takes over what changed; each view of it is whole.

    `adapted` makes of a written rule the one that is evaluated here. Any thread may read and look.
    """

    def __init__(
        self,
        files: Iterable[Rule] = (),
        places: Mapping[str, tuple[str, int]] | None = None,
        adapted: Callable[[Rule], Rule] = lambda rule: rule,
    ) -> None:
        self.files: Mapping[str, Rule] = {rule.name: rule for rule in files}
        """The rules of files as they are written."""
        self.places = places or {}
        """File and line of each."""
        self._adapted = adapted
        self._stamp: page_rules.Stamp = ((), frozenset())
        self._reading = threading.Lock()
        self.rules: tuple[Rule, ...] = tuple(adapted(rule) for rule in self.files.values())
        """Every rule that has its name for itself, also those that are switched off. Another tuple after each change."""
        self.aside: Mapping[str, str] = {}
        """Rules of the page that are not judged, and why."""

    def read(self, state: State) -> None:
        """Take over what people changed since the last time."""
        with self._reading, state.read() as connection:
            stamp = page_rules.stamp(connection)
            if stamp != self._stamp:
                self._take_over(page_rules.every(connection), page_rules.off(connection))
                self._stamp = stamp

    def _take_over(self, written: Sequence[PageRule], off: frozenset[str]) -> None:
        before = {rule.name: rule for rule in self.rules}
        aside: dict[str, str] = {}
        found = [self._adapted(rule if name not in off else _off(rule)) for name, rule in self.files.items()]
        for one in written:
            rule, wrong = self._of_page(one)
            if rule is not None:
                found.append(rule)
            else:
                aside[one.name] = wrong
                if one.name not in self.aside:
                    log.warning("a rule of the page is not judged", rule=one.name, reason=str(wrong))
        # A rule that says the same stays the same object: what is remembered of it goes on.
        self.rules = tuple(before[rule.name] if before.get(rule.name) == rule else rule for rule in found)
        self.aside = aside

    def _of_page(self, one: PageRule) -> tuple[Rule | None, str]:
        if one.name in self.files:
            place = self.said(one.name)
            sentence = f"{place} has a rule of this name; it counts, and this one is kept"
            return None, Because(sentence, "rule_of_file_counts", place=place)
        text = read_text(one.text)
        if text.rule is None:
            return None, all_wrong(text.mistakes)
        return self._adapted(text.rule if one.enabled else _off(text.rule)), ""

    def said(self, name: str) -> str:
        """Where a file's rule stands: `rules/disks.yaml:12`."""
        file, line = self.places.get(name, ("a file", 0))
        return f"{file}:{line}" if line else file

    @overload
    def __getitem__(self, index: int) -> Rule: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Rule]: ...
    def __getitem__(self, index: int | slice) -> Rule | Sequence[Rule]:
        return self.rules[index]

    def __len__(self) -> int:
        return len(self.rules)


def _off(rule: Rule) -> Rule:
    return rule.model_copy(update={"enabled": False})
