"""Times as people write them behind `--until` and `--from`. Pure: told the time, in the zone that people mean."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from gwanje.config import parse_duration
from gwanje.errors import GwanjeError


def instant(text: str, now: datetime) -> datetime:
    """The next 18:00 for `18:00`, in two hours for `2h`, or an RFC 3339 time, which is in `now`'s zone where it names none.

    GwanjeError says what is allowed.
    """
    if clock := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text):
        today = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)
    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise GwanjeError(f"{text!r} is no time; write 18:00, 2h or 2026-11-21T18:00:00+09:00") from None
    return read if read.tzinfo else read.replace(tzinfo=now.tzinfo)
