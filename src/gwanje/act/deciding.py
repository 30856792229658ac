"""Whether something is done about an alert now, and if not, why not. Pure: told the time.

Nothing is done where nobody knows (no data), nothing about what people said they do not want to hear of (muted) or have taken
over (acknowledged); one target at a time, with pauses, so often an hour, and not for ever when it does not help.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gwanje.act.spec import Action
from gwanje.because import Because
from gwanje.keep.state.stories import Episode
from gwanje.model import Severity, to_ms

_HOUR: Final = timedelta(hours=1)
_FIRING: Final = "firing"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An alert as actions see it. `quiet` says why nothing may be done about it; empty where something may."""

    episode: str
    rule: str
    labels: Mapping[str, str]
    severity: Severity
    firing_since: datetime
    quiet: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done or is under way: `ended_at` is None until it is over."""

    action: str
    target: str
    episode: str
    decided_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do now, and why."""

    action: str
    target: str
    episode: str
    labels: Mapping[str, str]
    because: str
    dry: bool


def decide(actions: Sequence[Action], troubles: Iterable[Trouble], past: Sequence[Done], now: datetime) -> list[Deed]:
    """What is to be done now. `past` is what was done lately or is under way, and everything that was done about these alerts."""
    decided: list[Deed] = []
    known = list(past)
    for trouble in sorted(troubles, key=lambda one: (one.severity.rank, one.firing_since, one.episode)):
        for action in actions:
            if not wants(action, trouble, now) or refusal(action, trouble, known, now):
                continue
            target = trouble.labels.get(action.target, "")
            tries = sum(one.action == action.name and one.episode == trouble.episode for one in known)
            because = _because(trouble, tries + 1, action.stop_after)
            decided.append(Deed(action.name, target, trouble.episode, trouble.labels, because, action.dry_run))
            known.append(Done(action.name, target, trouble.episode, now, None))
    return decided


def _because(trouble: Trouble, count: int, most: int) -> Because:
    sentence = f"{trouble.rule} fires since {trouble.firing_since:%H:%M:%S} UTC, try {count} of {most}"
    since = to_ms(trouble.firing_since)
    return Because(sentence, "action_on_alert", rule=trouble.rule, since=since, count=count, most=most)


def wants(action: Action, trouble: Trouble, now: datetime) -> bool:
    """Whether this action answers this alert."""
    return (
        trouble.rule in action.rules
        and trouble.severity.rank <= action.severity.rank
        and action.labels.items() <= trouble.labels.items()
        and now - trouble.firing_since >= action.after
    )


def refusal(action: Action, trouble: Trouble, past: Sequence[Done], now: datetime) -> str:
    """Why it is not done now although it is wanted; empty where it is."""
    target = trouble.labels.get(action.target, "")
    there = [one for one in past if one.target == target]
    own = [one for one in past if one.action == action.name]
    whys = (
        trouble.quiet,
        "" if target else f"the alert has no label {action.target!r}",
        "something is being done there" if any(one.ended_at is None for one in there) else "",
        "it was done a short while ago" if any(_lately(action, one, now) for one in own if one.target == target) else "",
        f"it was done {action.stop_after} times and did not help"
        if sum(one.episode == trouble.episode for one in own) >= action.stop_after
        else "",
        f"it was done {action.most_an_hour} times within an hour"
        if sum(now - one.decided_at < _HOUR for one in own) >= action.most_an_hour
        else "",
    )
    return next(filter(None, whys), "")


def moot(episode: Episode | None, *, somebody_on_it: bool) -> str:
    """Why what was decided about an alert is not done any more: it may have waited behind another deed, or through a restart."""
    if episode is None or episode.ended_at is not None:
        return Because("the alert is over", "alert_over")
    return quiet(episode, "somebody" if somebody_on_it else "")


def quiet(episode: Episode, on_it: str) -> str:
    """Why nothing is done about an alert that is not over; empty where nothing keeps from it. `on_it` is who acknowledged it."""
    if episode.state != _FIRING:
        return Because(f"nobody knows: it is {episode.state}", "nobody_knows", state=episode.state)
    if episode.muted:
        muted = ", ".join(episode.muted)
        return Because(muted, "muted_meanwhile", muted=muted)
    return Because(f"{on_it} is on it", "on_it", who=on_it) if on_it else ""


def _lately(action: Action, one: Done, now: datetime) -> bool:
    return one.ended_at is not None and now - one.ended_at < action.cool_down
