"""Rules whose text changed: which open alerts the new text would not have found where the old one did.

Such an alert is no missing data: nobody looks for it any more, so it ends with `rule changed`. Whether a text changed is
known by its digest, which state keeps with the alerts that were judged by it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gwanje.judge.lifecycle import Instance
from gwanje.judge.rules.label_sets import digest, possible
from gwanje.judge.rules.spec import Rule
from gwanje.judge.trouble import RULE_ERROR
from gwanje.keep.state import alerts
from gwanje.keep.state.base import State
from gwanje.watch.sheet import instance_of

_TIMES: Final = 20
"""At so many earlier times one rule is asked at most; an alert that was seen before all of them is kept."""

Given = Callable[[Rule, datetime], Awaitable[Collection[str] | None]]
"""The identities that a rule gives as of a time; None where that cannot be said."""


@dataclass(frozen=True, slots=True)
class Reworded:
    """What came of looking at changed rules: alerts that are nobody's any more, and the texts by which the others go on."""

    lost: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)


async def reworded(rules: Sequence[Rule], state: State, given: Given) -> Reworded:
    """Look at rules that are about to be judged for the first time since they were read."""
    known, standing = await asyncio.to_thread(_kept, state)
    texts = {rule.name: digest(rule) for rule in rules}
    changed = [rule for rule in rules if standing.get(rule.name) and known.get(rule.name, texts[rule.name]) != texts[rule.name]]
    lost: set[str] = set()
    for rule in changed:
        lost |= await _lost(rule, standing[rule.name], given)
    return Reworded(frozenset(lost), {name: text for name, text in texts.items() if known.get(name) != text})


async def _lost(rule: Rule, standing: Sequence[Instance], given: Given) -> set[str]:
    impossible = {one.fingerprint for one in standing if not possible(rule, one.labels)}
    if rule.severity is not None:
        return impossible  # what such a query leaves out is good, unless it cannot be in it
    seen: dict[datetime, set[str]] = defaultdict(set)
    for one in standing:
        seen[one.seen_at].add(one.fingerprint)
    lost = impossible
    for at in sorted(seen, reverse=True)[:_TIMES]:
        found = await given(rule, at)
        lost |= set() if found is None else seen[at] - set(found)
    return lost


def _kept(state: State) -> tuple[Mapping[str, str], Mapping[str, list[Instance]]]:
    standing: dict[str, list[Instance]] = defaultdict(list)
    with state.read() as connection:
        known = alerts.rule_texts(connection)
        for row in alerts.open_instances(connection):
            if row["rule"] != RULE_ERROR.name:
                standing[row["rule"]].append(instance_of(row))
    return known, standing
