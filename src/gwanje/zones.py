"""Time zones as people write them."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from gwanje.because import Because


def zone_named(name: str) -> tzinfo:
    """The zone of a name such as `Asia/Seoul`. Raises ValueError for one that this machine does not know."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(Because(f"{name!r} is not a time zone; write Asia/Seoul or UTC", "no_zone", text=name)) from error


def _checked(name: str) -> str:
    zone_named(name)
    return name


Zone = Annotated[str, AfterValidator(_checked)]
"""The name of a time zone, as a setting."""
