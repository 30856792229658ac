"""Messages about one group that all come late become one, so that nobody reads "firing" of what is over. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, get_args

from gwanje.tell.notifiers.base import FIRING, AlertInMessage, Notification
from gwanje.tell.words import Language, word

NOTICE: Final = "notice"
"""The reason of what has no life of its own."""
ALONE: Final = ("digest", "test")
"""Reasons of messages that say something of their own: they are told one by one."""
_LOUDEST: Final = ("first", "new alerts", "severity rose", "was muted")


def combined(messages: Sequence[Notification]) -> Notification:
    """One message in the place of several about one group, oldest first: of each alert the last word.

    Its key is that of the newest: the other side may have taken an older one already, and would leave this one out.
    """
    newest = messages[-1]
    if len(messages) == 1:
        return newest
    if newest.reason == NOTICE:
        return _notices(messages)
    alerts: dict[str, AlertInMessage] = {}
    for message in messages:
        alerts |= {alert.episode: alert for alert in message.alerts}
    firing_first = sorted(alerts.values(), key=lambda alert: alert.state != FIRING)  # a title speaks of the first of them
    whole = replace(newest, alerts=tuple(firing_first))
    if whole.resolved:
        return replace(whole, reason="resolved")
    # What somebody has not heard of yet is louder than a later word, such as that another alert of the group was taken over.
    reasons = {message.reason for message in messages}
    return replace(whole, reason=next((loud for loud in _LOUDEST if loud in reasons), whole.reason))


def _notices(messages: Sequence[Notification]) -> Notification:
    """The newest, and how often each of the others was said before it."""
    *earlier, newest = messages
    title: dict[str, str] = {}
    text: dict[str, str] = {}
    languages: tuple[Language, ...] = get_args(Language)
    for language in languages:
        if language in newest.title:
            said = Counter(one.title.get(language, "") for one in earlier)
            counted = ", ".join(f"{what} ({count})" for what, count in said.items())
            title[language] = f"{newest.title[language]} {word('more', language).format(count=len(earlier))}"
            text[language] = f"{newest.text.get(language, '')}\n{word('told late', language)}: {counted}".strip()
    return replace(newest, title=title, text=text)
