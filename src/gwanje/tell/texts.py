"""How a message is written: its title, and for each alert its lines and links, in the receiver's language and time zone.

Pure. A kind only lays this out in the marks of its service and cuts it where the service does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from gwanje import config
from gwanje.tell.notifiers.base import RESOLVED, AlertInMessage, Notification
from gwanje.tell.template import Template, filled
from gwanje.tell.words import Language, spoken, word
from gwanje.zones import Zone

COLOURS: Final[Mapping[str, str]] = {
    "critical": "#d93026",
    "warning": "#e8a33d",
    "info": "#3d7de8",
    "resolved": "#2e9e5b",
    "ended": "#8a8f98",
}
"""A colour for each tone. Colour never says it alone: the title does, too."""
_UNSAID: Final = frozenset({"first", "resolved", "notice"})
"""Reasons that the title says without naming them."""


class Speech(config.Settings):
    """What the settings of every receiver share: how it is spoken to, and what it needs before it can be."""

    needs: ClassVar[Sequence[str]] = ("url",)
    """Settings that may be empty while a receiver is not set up yet; then it is left out."""

    own_connections: ClassVar[bool] = False
    """Whether it connects by itself and not by `world.http` or within `world.reach`: then its addresses cannot be checked, and
    it is set up in files alone.
    """

    elsewhere: ClassVar[Sequence[str]] = ()
    """Settings, beside those of every receiver, that say nothing of where its secrets are sent: on the page they change while
    kept secrets stay. After any other change those are written again, so that nobody sends them somewhere else unseen.
    """

    language: Language = "ko"
    """Language of the messages: `ko` or `en`."""
    timezone: Zone = "UTC"
    """Time zone of the times in messages: `Asia/Seoul`."""
    template: Template = Template()
    """Own words for the `title` and the `body` of messages."""

    @property
    def absent(self) -> Sequence[str]:
        """What is needed and still empty."""
        return [name for name in self.needs if not _plain(getattr(self, name))]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing a message says of an alert: `Value`, `20.0 %`."""

    name: str
    text: str
    short: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Part:
    """One alert as people read it."""

    tone: str
    """`critical`, `warning`, `info`, `resolved` or `ended`; a key of `COLOURS`."""
    title: str
    summary: str
    lines: Sequence[Line]
    link: str
    links: Sequence[Link]
    """Where it is opened, acknowledged and silenced, as far as that makes sense."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Text:
    """A whole message as people read it."""

    tone: str
    title: str
    """One line that says it all on a locked phone."""
    body: str
    """What stands below the title: a notice, a digest's counts, a receiver's own words; may be empty."""
    parts: Sequence[Part]
    more: str
    """How many alerts are not told one by one; empty where all are."""

    @property
    def plain(self) -> str:
        """Everything below the title without marks, a line for each thing."""
        return "\n\n".join([*filter(None, [self.body]), *map(plain_part, self.parts), *filter(None, [self.more])])

    @property
    def links(self) -> Sequence[Link]:
        """The links of the first alert: what a message with few buttons offers."""
        return self.parts[0].links if self.parts else ()


def write(notification: Notification, speech: Speech, *, most: int = 20) -> Text:
    """Word a notification; at most so many alerts are told one by one."""
    shown = notification.alerts[:most]
    parts = tuple(_part(alert, notification, speech) for alert in shown)
    rest = len(notification.alerts) - len(shown)
    more = word("more", speech.language).format(count=rest) if rest else ""
    text = Text(_tone_of(notification), _title(notification, speech.language), _body(notification, speech.language), parts, more)
    return _reworded(text, notification, speech)


def cut(text: str, most: int) -> str:
    """The text in at most so many characters, with a sign where some are left out."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def plain_part(part: Part) -> str:
    """One alert without marks."""
    lines = [part.title, *(f"{line.name}: {line.text}" for line in part.lines)]
    return "\n".join([*lines, *(f"{link.name}: {link.url}" for link in part.links)])


def in_language(texts: Mapping[str, str], language: Language, otherwise: str = "") -> str:
    """The text in a language, else in any."""
    return texts.get(language) or next(iter(texts.values()), otherwise)


# --- the title -----------------------------------------------------------------------------------------------------------


def _title(notification: Notification, language: Language) -> str:
    if notification.title:
        return in_language(notification.title, language)
    if notification.reason == "digest":
        return f"[{word('digest', language)}] {_counts(notification, language)}"
    if not notification.alerts:
        return word(notification.reason, language)
    first = notification.alerts[0]
    reason = "" if notification.reason in _UNSAID else f" ({word(_reason(notification), language)})"
    rest = len(notification.alerts) - 1
    more = f" {word('more', language).format(count=rest)}" if rest else ""
    return f"[{_state(first, language)}] {first.rule}{_at(first)}{more}{reason}: {_summary(first, language)}"


def _reason(notification: Notification) -> str:
    """Why it is told; what was muted says by what."""
    muted = notification.alerts[0].was_muted if notification.reason == "was muted" else ""
    return muted or notification.reason


def _state(alert: AlertInMessage, language: Language) -> str:
    if alert.state != RESOLVED:
        return word(alert.severity, language)
    return word(alert.ended_because if alert.ended_because in {"resolved", "expired"} else "ended", language)


def _at(alert: AlertInMessage) -> str:
    place = alert.labels.get("container") or alert.labels.get("host")
    return f" · {place}" if place else ""


def _counts(notification: Notification, language: Language) -> str:
    counts = {"firing": 0, "resolved": 0, **notification.counts}
    worst = ", ".join(f"{word(name, language)} {counts[name]}" for name in ("critical", "warning", "info") if counts.get(name))
    return word("digest of", language).format(**counts) + (f" ({worst})" if worst else "")


# --- what stands below ---------------------------------------------------------------------------------------------------


def _body(notification: Notification, language: Language) -> str:
    return in_language(notification.text, language)


def _part(alert: AlertInMessage, notification: Notification, speech: Speech) -> Part:
    over = alert.state == RESOLVED
    title = f"{_state(alert, speech.language)} · {alert.rule}"
    if over and alert.ended_because not in {"resolved", "expired"}:
        title += f" ({word(alert.ended_because, speech.language)})"
    until = alert.ended if over and alert.ended else notification.decided
    return Part(
        tone=_tone(alert),
        title=title,
        summary=_summary(alert, speech.language),
        lines=_lines(alert, until, notification.reason, speech),
        link=alert.link,
        links=_links(alert, speech.language),
        at=until,
    )


def _lines(alert: AlertInMessage, until: datetime, reason: str, speech: Speech) -> list[Line]:
    language = speech.language
    lines = [
        ("what", _summary(alert, language), False),
        ("cause", in_language(alert.cause, language), False),
        ("where", where(alert.labels), True),
        ("state", _change(alert, reason, language), True),
        ("value", alert.value_text, True),
        ("threshold", alert.threshold, True),
        ("since", moment(alert.since, speech.timezone), True),
        ("duration", spoken(until - alert.since, language), True),
        ("rule", alert.rule, True),
        ("acknowledged", _taken(alert, language), False),
        ("runbook", alert.annotations.get("runbook") or alert.annotations.get("runbook_url") or "", False),
    ]
    return [Line(word(name, language), text, short) for name, text, short in lines if text.strip()]


def moment(at: datetime, zone: str) -> str:
    """A time as people write it, with its zone: `2026-03-01 18:00:00 KST`."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def where(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "-"


def _change(alert: AlertInMessage, reason: str, language: Language) -> str:
    """State before and now: `ok → critical`. Before a reminder or a rise it is not known here, so only now is said."""
    now = word(alert.severity, language)
    if alert.state != RESOLVED:
        return f"{word('normal', language)} → {now}" if reason == "first" else now
    return f"{now} → {word('normal' if alert.ended_because == 'resolved' else alert.ended_because or 'ended', language)}"


def _taken(alert: AlertInMessage, language: Language) -> str:
    if not alert.acknowledged_by:
        return ""
    said = word("taken", language).format(who=alert.acknowledged_by)
    return f"{said}: {alert.acknowledged_because}" if alert.acknowledged_because else said


def _links(alert: AlertInMessage, language: Language) -> list[Link]:
    named = (("open", alert.link), ("acknowledge", alert.acknowledge_link), ("silence", alert.silence_link))
    return [Link(word(name, language), url) for name, url in named if url]


def _summary(alert: AlertInMessage, language: Language) -> str:
    return in_language(alert.summary, language, alert.rule)


def _tone(alert: AlertInMessage) -> str:
    if alert.state != RESOLVED:
        return str(alert.severity)
    return "resolved" if alert.ended_because == "resolved" else "ended"


def _tone_of(notification: Notification) -> str:
    """The worst that fires; else how the first ended; a notice is information."""
    firing = [alert.severity for alert in notification.alerts if alert.state != RESOLVED]
    if firing:
        return str(min(firing, key=lambda severity: severity.rank))
    return _tone(notification.alerts[0]) if notification.alerts else "info"


# --- a receiver's own words ----------------------------------------------------------------------------------------------


def _reworded(text: Text, notification: Notification, speech: Speech) -> Text:
    """The text by the receiver's templates; one that cannot be filled leaves what it would replace."""
    if not (speech.template.title or speech.template.body):
        return text
    known = _known(text, notification, speech)
    title = " ".join(filled(speech.template.title, known).split()) or text.title
    body = filled(speech.template.body, known)
    return Text(text.tone, title, body, (), "") if body else Text(text.tone, title, text.body, text.parts, text.more)


def _known(text: Text, notification: Notification, speech: Speech) -> Mapping[str, Any]:
    """What a template knows."""
    return {
        "title": text.title,
        "text": text.plain,
        "reason": notification.reason,
        "resolved": notification.resolved,
        "receiver": notification.receiver,
        "group": dict(notification.group),
        "alerts": [_known_alert(alert, notification, speech) for alert in notification.alerts],
    }


def _known_alert(alert: AlertInMessage, notification: Notification, speech: Speech) -> Mapping[str, Any]:
    return {
        "rule": alert.rule,
        "severity": str(alert.severity),
        "state": alert.state,
        "summary": _summary(alert, speech.language),
        "labels": dict(alert.labels),
        "value": alert.value_text,
        "threshold": alert.threshold,
        "cause": in_language(alert.cause, speech.language),
        "since": moment(alert.since, speech.timezone),
        "ended": moment(alert.ended, speech.timezone) if alert.ended else "",
        "duration": spoken((alert.ended or notification.decided) - alert.since, speech.language),
        "annotations": dict(alert.annotations),
        "link": alert.link,
        "acknowledge_link": alert.acknowledge_link,
        "silence_link": alert.silence_link,
    }


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
