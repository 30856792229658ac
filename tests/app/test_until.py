"""Times behind `--until`, as people write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gwanje.app.until import instant
from gwanje.errors import GwanjeError

SEOUL = ZoneInfo("Asia/Seoul")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("18:00", "2026-03-01T18:00+09:00", id="today"),
        pytest.param("9:30", "2026-03-02T09:30+09:00", id="tomorrow, when it has passed today"),
        pytest.param("12:00", "2026-03-02T12:00+09:00", id="now is not until now"),
        pytest.param("2h30m", "2026-03-01T14:30+09:00", id="from now on"),
        pytest.param("2026-03-05T18:00:00Z", "2026-03-06T03:00+09:00", id="a whole time"),
        pytest.param("2026-03-05 18:00", "2026-03-05T18:00+09:00", id="in the zone of whoever says it"),
    ],
)
def test_a_time_is_read_as_it_is_meant(text: str, at: str) -> None:
    assert instant(text, NOON) == datetime.fromisoformat(at)


@pytest.mark.parametrize("text", ["25:00", "tomorrow", "18:60", "-2h"])
def test_what_is_no_time_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(GwanjeError, match="write 18:00, 2h or"):
        instant(text, NOON)
