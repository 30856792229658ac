"""Messages about one group that all come late become one, so that nobody reads "firing" of what is over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gwanje.tell.notifiers.base import AlertInMessage, Notification

ALONE: Final = ("digest", "notice", "test")
"""Reasons of messages that say something of their own: they are told one by one."""


def combined(messages: Sequence[Notification]) -> Notification:
    """One message in the place of several about one group, oldest first: of each alert the last word.

    Its key is that of the newest: the other side may have taken an older one already, and would leave this one out.
    """
    newest = messages[-1]
    if len(messages) == 1:
        return newest
    alerts: dict[str, AlertInMessage] = {}
    for message in messages:
        alerts |= {alert.episode: alert for alert in message.alerts}
    whole = replace(newest, alerts=tuple(alerts.values()))
    if whole.resolved:
        return replace(whole, reason="resolved")
    # Who was told nothing before reads of a group that is new to them.
    return replace(whole, reason="first") if any(message.reason == "first" for message in messages) else whole
