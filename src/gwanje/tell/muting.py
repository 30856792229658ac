"""What keeps an alert from being told now: a silence, planned maintenance, another alert, its own flapping. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from gwanje.because import Because
from gwanje.keep.said import Acknowledgement, Silence
from gwanje.model import Severity
from gwanje.tell.inhibition import Inhibition, inhibited
from gwanje.tell.matchers import Matcher, matches, parse_matchers
from gwanje.tell.told import Alert
from gwanje.tell.windows import Window, maintained

SILENCED: Final = "silenced"
INHIBITED: Final = "inhibited"
MAINTENANCE: Final = "maintenance"


@dataclass(frozen=True, slots=True)
class Muting:
    """Everything that may mute at one time."""

    silences: Sequence[Silence] = ()
    windows: Sequence[Window] = ()
    inhibitions: Sequence[Inhibition] = ()

    def of(self, alerts: Iterable[Alert], now: datetime) -> Mapping[str, tuple[str, ...]]:
        """What mutes each alert that fires, by its episode; nothing of those that nothing mutes."""
        firing = [alert for alert in alerts if alert.firing]
        matchers = [matchers_of(silence.matchers) for silence in self.silences if silence.holds(now)]
        spoken_for = inhibited(firing, self.inhibitions) if self.inhibitions else frozenset()
        planned = [window for window in self.windows if window.match]
        if not matchers and not spoken_for and not planned:
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for alert in firing:
            labels = alert.routed_by
            whys = (
                SILENCED if any(matches(one, labels) for one in matchers) else "",
                MAINTENANCE if planned and maintained(planned, labels, now) else "",
                INHIBITED if alert.episode in spoken_for else "",
            )
            if any(whys):
                found[alert.episode] = tuple(filter(None, whys))
        return found


def over(taken: Acknowledgement, severity: Severity | None, now: datetime) -> str:
    """Why an acknowledgement ends now; empty while it holds. `severity` is the alert's, None when the alert is over."""
    if severity is None:
        return Because("the alert is over", "alert_over")
    if taken.until is not None and taken.until <= now:
        return Because("its time is over", "time_over")
    if severity.rank < taken.severity.rank:
        return Because(f"the alert is {severity} now", "alert_worse", severity=str(severity))
    return ""


@lru_cache(maxsize=4096)
def matchers_of(written: str) -> tuple[Matcher, ...]:
    """The matchers of a silence as it is kept."""
    return parse_matchers(written)
