"""What keeps an alert from being told, by whose word, and from when until when: as its story says it and is read again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from gwanje.because import Because
from gwanje.model import from_ms, to_ms

SILENCED: Final = "silenced"
INHIBITED: Final = "inhibited"
MAINTENANCE: Final = "maintenance"
MUTE_WINDOW: Final = "mute window"
FLAPPING: Final = "flapping"
_KINDS: Final = (SILENCED, INHIBITED, MAINTENANCE, MUTE_WINDOW, FLAPPING)

_LONGEST: Final = 200
_OVER: Final = "_over"


@dataclass(frozen=True, slots=True)
class Muter:
    """What mutes an alert. A mute window keeps one receiver from hearing of it, everything else keeps all."""

    what: str
    """`silenced`, `maintenance`, `inhibited`, `flapping` or `mute window`."""
    name: str = ""
    """The silence's id, the window's name, or the episode of the alert that speaks for this one."""
    who: str = ""
    """Who made the silence."""
    why: str = ""
    """The silence's comment, or what the alert that speaks for this one is about."""
    until: datetime | None = None
    """When it will end, as far as that was known when it began."""
    receiver: str = ""
    """The only receiver that is meant, of a mute window."""

    @property
    def known_by(self) -> tuple[str, str, str]:
        """It is the same one whatever becomes of its end or its comment."""
        return self.what, self.name, self.receiver


@dataclass(frozen=True, slots=True)
class Muted:
    """One stretch in which an alert was muted; `ends` is None while it is."""

    muter: Muter
    begins: datetime
    ends: datetime | None


class Line(Protocol):
    """A line of a story."""

    @property
    def at(self) -> datetime: ...
    @property
    def reason(self) -> Mapping[str, Any] | None: ...


def words(muters: Iterable[Muter]) -> tuple[str, ...]:
    """What mutes, each once."""
    return tuple(dict.fromkeys(one.what for one in muters))


def changes(before: Iterable[Muter], after: Iterable[Muter]) -> list[Because]:
    """What a story says when other things mute an alert than before."""
    was, now = {one.known_by: one for one in before}, {one.known_by: one for one in after}
    ended = [_ended(one) for known_by, one in was.items() if known_by not in now]
    return ended + [_began(one) for known_by, one in now.items() if known_by not in was]


def mutings(story: Iterable[Line], over: datetime | None) -> list[Muted]:
    """The stretches that a story (oldest line first) tells of. With the alert, which is `over` then, the last ones end too."""
    found: dict[tuple[str, str, str], Muted] = {}
    done: list[Muted] = []
    for line in story:
        code = line.reason["code"] if line.reason else ""
        what = code.removesuffix(_OVER).replace("_", " ")
        if line.reason is None or what not in _KINDS:
            continue
        muter = _read(what, line.reason["values"])
        if not code.endswith(_OVER):
            found.setdefault(muter.known_by, Muted(muter, line.at, None))
        elif begun := found.pop(muter.known_by, None):
            done.append(Muted(begun.muter, begun.begins, line.at))
    rest = [Muted(one.muter, one.begins, over) for one in found.values()]
    return sorted([*done, *rest], key=lambda one: one.begins)


def _began(muter: Muter) -> Because:
    until = f" until {muter.until:%Y-%m-%d %H:%M %Z}" if muter.until else ""
    match muter.what:
        case "silenced":
            sentence = f"silenced by {muter.who}{until}: {muter.why}"
        case "maintenance":
            sentence = f"maintenance {muter.name}{until}"
        case "inhibited":
            sentence = f"{muter.why} speaks for it"
        case "mute window":
            sentence = f"{muter.receiver} is not told, by the window {muter.name}{until}"
        case _:
            sentence = "it flaps"
    return Because(sentence[:_LONGEST], _code(muter), **_values(muter))


def _ended(muter: Muter) -> Because:
    match muter.what:
        case "silenced":
            sentence = f"the silence by {muter.who} is over"
        case "maintenance":
            sentence = f"the maintenance {muter.name} is over"
        case "inhibited":
            sentence = f"{muter.why} speaks for it no longer"
        case "mute window":
            sentence = f"{muter.receiver} may be told again, by the window {muter.name}"
        case _:
            sentence = "it flaps no longer"
    return Because(sentence[:_LONGEST], _code(muter) + _OVER, **_values(muter))


def _code(muter: Muter) -> str:
    return muter.what.replace(" ", "_")


def _values(muter: Muter) -> dict[str, Any]:
    texts = {"name": muter.name, "who": muter.who, "why": muter.why[:_LONGEST], "receiver": muter.receiver}
    said: dict[str, Any] = {name: text for name, text in texts.items() if text}
    return {**said, "until": to_ms(muter.until)} if muter.until else said


def _read(what: str, values: Mapping[str, Any]) -> Muter:
    until = values.get("until")
    name, who, why, receiver = (str(values.get(key, "")) for key in ("name", "who", "why", "receiver"))
    return Muter(what, name, who, why, from_ms(until) if until else None, receiver)
