"""What people say about alerts: silences and acknowledgements. Checked, kept, and written into the audit trail."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from gwanje.because import Because
from gwanje.carry.updates.base import Update
from gwanje.config import format_duration
from gwanje.errors import BadInput, NotFound
from gwanje.keep.said import Acknowledgement, Silence
from gwanje.keep.state import acknowledgements, alerts, history, people, silences, stories
from gwanje.model import Severity, to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.standing import matching
from gwanje.tell.matchers import Matcher, parse_matchers

TOPIC: Final = "alerts"
_LONGEST_TEXT: Final = 2000
_SKEW: Final = timedelta(minutes=5)
"""How far a beginning may lie behind us: clocks of those who ask differ."""


@dataclass(frozen=True, slots=True)
class By:
    """Who says it, and from where."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class SilenceAsked:
    """A silence as somebody wants it. `id` names the one that is changed; without it a new one is made."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    comment: str
    id: str = ""
    author: str = ""
    """Who says it where that is not the one who asks, such as the user of amtool."""


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says who takes alerts over: why, and how long it holds at most."""

    why: str
    lasts: timedelta | None
    by: By


@dataclass(frozen=True, slots=True)
class Taking:
    """An open alert as far as taking it over needs it."""

    id: str
    state: str
    severity: Severity
    value: float | None


def save_silence(rooms: Rooms, asked: SilenceAsked, by: By) -> Silence:
    """Make or change a silence.

    As Alertmanager does: when what it matches or its beginning changed while it held, the old one ends and a new one begins.
    Raises BadInput for what makes no sense, NotFound for an id that is not known.
    """
    now = rooms.now()
    _check(asked, now, rooms.longest_silence)
    with rooms.state.write() as connection:
        before = silences.one(connection, asked.id) if asked.id else None
        if asked.id and before is None:
            raise NotFound(_no_silence(asked.id))
        silence = Silence(
            id=str(uuid.uuid4()),
            matchers=", ".join(map(str, asked.matchers)),
            starts_at=asked.starts_at,
            ends_at=asked.ends_at,
            comment=asked.comment,
            created_by=(asked.author or by.name)[:120],
            created_at=now,
            updated_at=now,
        )
        if before is not None and _same_life(before, silence, now):
            silence = replace(silence, id=before.id, starts_at=before.starts_at, created_at=before.created_at)
        elif before is not None and before.ends_at > now:
            silences.put(connection, _ended(before, now))
        silences.put(
            connection, replace(silence, starts_at=silence.starts_at if silence.id == asked.id else max(silence.starts_at, now))
        )
        what = "silence changed" if before else "silence made"
        people.note(connection, now, by.name, what, silence.id, before=_plain(before), after=_plain(silence), address=by.address)
    rooms.updates.publish(Update(TOPIC))
    return silence


def end_silence(rooms: Rooms, id_: str, by: By) -> Silence:
    """End a silence now; one that did not begin yet never will. Raises NotFound."""
    now = rooms.now()
    with rooms.state.write() as connection:
        before = silences.one(connection, id_)
        if before is None:
            raise NotFound(_no_silence(id_))
        after = _ended(before, now) if before.ends_at > now else before
        silences.put(connection, after)
        people.note(
            connection, now, by.name, "silence ended", id_, before=_plain(before), after=_plain(after), address=by.address
        )
    rooms.updates.publish(Update(TOPIC))
    return after


def acknowledge(rooms: Rooms, episodes: Sequence[str], word: Word) -> list[str]:
    """Take open alerts over: no repeats and no escalation until they end, get worse, or the time is over.

    Returns the episodes; raises NotFound when one of them is not open.
    """
    now = rooms.now()
    _check_word(word)
    wanted = list(dict.fromkeys(episodes))
    with rooms.state.write() as connection:
        known = {one.id: one for one in stories.fired_or_named(connection, wanted, fired=False) if one.ended_at is None}
        if missing := next((id_ for id_ in wanted if id_ not in known), None):
            raise NotFound(Because(f"there is no open alert {missing!r}; what is over needs nobody", "no_open_alert"))
        _take(connection, [known[id_] for id_ in wanted], word, now)
        for id_ in wanted:
            after = {"why": word.why}
            people.note(connection, now, word.by.name, "alert acknowledged", id_, after=after, address=word.by.address)
    for id_ in wanted:
        rooms.updates.publish(Update(TOPIC, id_))
    return wanted


def acknowledge_matching(rooms: Rooms, matchers: Sequence[Matcher], word: Word) -> int:
    """Take every open alert over that matchers match now, as `acknowledge` does; returns how many. Raises NotFound for none."""
    now = rooms.now()
    _check_word(word)
    with rooms.state.write() as connection:
        found = matching(connection, matchers)
        if not found:
            raise NotFound(Because("no open alert matches; what is over needs nobody", "none_matches"))
        _take(connection, [Taking(row["id"], row["state"], Severity(row["severity"]), row["value"]) for row in found], word, now)
        said = ", ".join(map(str, matchers))
        after = {"matchers": said, "alerts": len(found), "why": word.why}
        people.note(connection, now, word.by.name, "alerts acknowledged", said[:255], after=after, address=word.by.address)
    rooms.updates.publish(Update(TOPIC))
    return len(found)


def give_back(rooms: Rooms, episode: str, by: By) -> None:
    """End an acknowledgement before its time: repeats and escalation go on. Raises NotFound when there is none."""
    now = rooms.now()
    with rooms.state.write() as connection:
        found = stories.episode(connection, episode)
        if found is None or not acknowledgements.drop(connection, [episode]):
            raise NotFound(Because(f"the alert {episode!r} is not acknowledged", "not_acknowledged"))
        alerts.add_transitions(connection, [history.aside(found, now, _given_back(by.name))])
        people.note(connection, now, by.name, "acknowledgement ended", episode, address=by.address)
    rooms.updates.publish(Update(TOPIC, episode))


def state_of(silence: Silence, now: datetime) -> str:
    """`pending`, `active` or `expired`, as Alertmanager calls them."""
    return "pending" if silence.starts_at > now else "active" if silence.ends_at > now else "expired"


def matchers_of(silence: Silence) -> tuple[Matcher, ...]:
    return parse_matchers(silence.matchers)


def _check(asked: SilenceAsked, now: datetime, longest: timedelta) -> None:
    if not asked.matchers:
        none = Because("a silence needs a matcher; without one it would mute everything", "matcher_needed")
        raise BadInput(none, where="matchers")
    if all(matcher.matches({}) for matcher in asked.matchers):
        every = "at least one matcher must not match the empty value; this silence would mute everything"
        raise BadInput(Because(every, "matches_everything"), where="matchers")
    if asked.ends_at <= asked.starts_at:
        raise BadInput(Because("the end must lie after the beginning", "ends_before_start"), where="ends_at")
    if asked.ends_at <= now:
        raise BadInput(Because("the end lies in the past", "ends_in_the_past"), where="ends_at")
    if asked.ends_at - max(asked.starts_at, now - _SKEW) > longest:
        sentence = f"a silence lasts at most {format_duration(longest)} (`longest_silence`)"
        raise BadInput(Because(sentence, "silence_too_long", seconds=longest.total_seconds()), where="ends_at")
    if not asked.comment.strip():
        why = Because("say in the comment why, for whoever looks at three in the morning", "why_needed")
        raise BadInput(why, where="comment")
    if len(asked.comment) > _LONGEST_TEXT:
        raise BadInput(too_long("the comment", _LONGEST_TEXT), where="comment")


def _check_word(word: Word) -> None:
    if word.lasts is not None and word.lasts <= timedelta():
        raise BadInput(Because("an acknowledgement lasts longer than 0s", "lasts_nothing"), where="for")
    if len(word.why) > _LONGEST_TEXT:
        raise BadInput(too_long("the reason", _LONGEST_TEXT), where="why")


def _take(connection: Connection, taken: Sequence[stories.Episode | Taking], word: Word, now: datetime) -> None:
    until = None if word.lasts is None else now + word.lasts
    who = word.by.name[:120]
    sentence = f"acknowledged by {word.by.name}" + (f": {word.why}" if word.why else "")
    said = Because(sentence, "acknowledged", who=word.by.name, why=word.why[:200])
    acknowledgements.put_all(connection, [Acknowledgement(one.id, who, now, word.why, until, one.severity) for one in taken])
    alerts.add_transitions(connection, [history.aside(one, now, said) for one in taken])


def too_long(what: str, most: int) -> Because:
    """What is said of a text over its limit."""
    return Because(f"{what} is longer than {most} characters", "text_too_long", count=most)


def _no_silence(id_: str) -> Because:
    return Because(f"there is no silence {id_!r}", "no_silence")


def _given_back(who: str) -> Because:
    return Because(f"acknowledgement ended by {who}", "acknowledgement_ended_by", who=who)


def _same_life(before: Silence, after: Silence, now: datetime) -> bool:
    """Whether a change leaves the silence the same one: what it mutes is the same, and it is not over."""
    return (
        before.ends_at > now
        and before.matchers == after.matchers
        and (before.starts_at <= now or before.starts_at == after.starts_at)
    )


def _ended(silence: Silence, now: datetime) -> Silence:
    return replace(silence, starts_at=min(silence.starts_at, now), ends_at=now, updated_at=now)


def _plain(silence: Silence | None) -> dict[str, Any] | None:
    if silence is None:
        return None
    return {name: to_ms(value) if isinstance(value, datetime) else value for name, value in asdict(silence).items()}
