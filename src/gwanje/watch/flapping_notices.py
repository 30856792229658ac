"""How flapping is told: one notice for a receiver at a time, however many alerts come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gwanje.config import format_duration
from gwanje.model import to_ms
from gwanje.tell.flapping import Flap, Limits, Word
from gwanje.tell.muted import FLAPPING
from gwanje.watch.notices import Notice

_NAMED: Final = 10
"""So many alerts a notice names."""
_TITLES: Final = {
    Word.BEGAN: ("{what}: 오락가락합니다", "{what} is flapping"),
    Word.GOES_ON: ("{what}: 아직 오락가락합니다", "{what} is still flapping"),
    Word.OVER: ("{what}: 다시 안정되었습니다", "{what} is stable again"),
}
_SEVERAL: Final = ("오락가락하는 알림 {count}건", "{count} alerts that come and go")
_MORE: Final = ("그 밖에 {count}건", "and {count} more")
_SUMMARY: Final = ("지난 {passed} 동안 {count}번 바뀌었습니다.", "It changed {count} times in the last {passed}.")
_OFTEN: Final = ("{within} 동안 {changes}번 넘게 바뀌었습니다.", "It changed more than {changes} times in {within}.")
_QUIET: Final = (
    "{stable} 동안 바뀌지 않을 때까지 따로 알리지 않습니다.",
    "It is not told by itself until stable for {stable}.",
)
_AGAIN: Final = ("따로 다시 알립니다.", "It is told by itself again.")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One word on one alert."""

    identity: str
    flap: Flap
    """As it was before."""
    word: Word
    count: int
    """How often it changed since the word before."""


def notice(receiver: str, said: Sequence[Spoken], limits: Limits, at: datetime) -> Notice:
    """What a receiver hears at a time of the alerts that come and go."""
    first, *others = ordered = sorted(said, key=_title)
    key = f"{FLAPPING}:{first.identity}:{to_ms(at)}:{receiver}"[:120]
    if not others:
        return Notice(key, receiver, _both(_title(first)), _both(_text(first, limits, at)))
    lines = [_title(one) for one in ordered[:_NAMED]]
    if len(said) > _NAMED:
        lines.append(_filled(_MORE, count=len(said) - _NAMED))
    if any(one.word is not Word.OVER for one in said):
        lines.append(_filled(_QUIET, stable=format_duration(limits.stable_for)))
    return Notice(
        key,
        receiver,
        _both(_filled(_SEVERAL, count=len(said))),
        {"ko": "\n".join(ko for ko, _ in lines), "en": "\n".join(en for _, en in lines)},
    )


def _title(one: Spoken) -> tuple[str, str]:
    where = one.flap.labels.get("host", "")
    return _filled(_TITLES[one.word], what=f"{one.flap.rule} · {where}" if where else one.flap.rule)


def _text(one: Spoken, limits: Limits, at: datetime) -> tuple[str, str]:
    if one.word is Word.OVER:
        return _AGAIN
    if one.word is Word.GOES_ON and one.flap.told_at is not None:
        changed = _filled(_SUMMARY, count=one.count, passed=format_duration(at - one.flap.told_at))
    else:
        changed = _filled(_OFTEN, changes=limits.changes, within=format_duration(limits.within))
    quiet = _filled(_QUIET, stable=format_duration(limits.stable_for))
    return f"{changed[0]} {quiet[0]}", f"{changed[1]} {quiet[1]}"


def _filled(texts: tuple[str, str], **values: object) -> tuple[str, str]:
    return texts[0].format(**values), texts[1].format(**values)


def _both(texts: tuple[str, str]) -> Mapping[str, str]:
    return dict(zip(("ko", "en"), texts, strict=True))
