"""When nobody evaluated rules, hour by hour."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gwanje.app.clock import now
from gwanje.keep.state.people import Scope
from gwanje.model import to_ms
from gwanje.show.watching import missed

from .conftest import Site

STEP = 300_000
NOON = to_ms(datetime(2026, 3, 1, 12, tzinfo=UTC))
METRIC = "gwanje_rounds_total"


def test_what_was_not_seen_is_counted_in_the_hour_in_which_it_lay() -> None:
    steps = range(NOON + STEP, NOON + 24 * STEP + 1, STEP)
    seen = [at for at in steps if not NOON + 11 * STEP < at <= NOON + 15 * STEP]
    assert missed(steps, seen, ZoneInfo("Asia/Seoul")) == [
        {"at": NOON, "seconds": 300},
        {"at": NOON + 12 * STEP, "seconds": 900},
    ]
    half_past = missed(steps, seen, ZoneInfo("Asia/Kolkata"))
    assert half_past == [{"at": NOON + 6 * STEP, "seconds": 1200}]


async def test_hours_in_which_it_ran_are_known_and_those_before_are_not_and_what_is_to_come_is_not_told(site: Site) -> None:
    at = now()
    for ago in range(118, -1, -2):
        await site.store((METRIC, {"job": "gwanje"}, 200.0 - ago, ago * 60))
    hour = 3_600_000
    until = to_ms(at) + 5 * hour
    asked = {"from": to_ms(at) - 6 * hour, "to": until}
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/statistics/unjudged", params=asked)).json()
        later = (await client.get("/api/v1/statistics/unjudged", params={"from": until, "to": until + hour})).json()
    assert later["hours"] == []
    assert found["to"] <= to_ms(at) < found["to"] + STEP
    assert sum(one["seconds"] for one in found["hours"]) in range(235 * 60, 251 * 60)
    assert max(one["at"] for one in found["hours"]) < to_ms(at) - 2 * hour + STEP


async def test_a_process_that_lives_and_completes_no_round_looks_at_nothing(site: Site) -> None:
    """It hangs from 70 to 30 minutes ago, and its figures come all the time; beside it, another one never has the turn."""
    at = now()
    for ago in range(116, -1, -4):
        completed = 116 - (70 if 30 <= ago <= 70 else ago)
        await site.store((METRIC, {"job": "gwanje", "host": "web-1"}, float(completed), ago * 60))
        await site.store((METRIC, {"job": "gwanje", "host": "web-2"}, 7.0, ago * 60))
    asked = {"from": to_ms(at) - 100 * 60_000, "to": to_ms(at)}
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/statistics/unjudged", params=asked)).json()
    assert sum(one["seconds"] for one in found["hours"]) in range(25 * 60, 36 * 60)
