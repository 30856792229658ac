"""Alerts as people see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gwanje.app.clock import now
from gwanje.keep.state import alerts as kept
from gwanje.keep.state import stories
from gwanje.show import alerts
from gwanje.show.standing import Asked, standing

from .conftest import Site
from .test_history import row


async def test_n6_while_the_evaluator_is_down_its_open_alerts_are_unknown_and_do_not_resolve(site: Site) -> None:
    rooms = site.house.rooms()
    with site.house.state.write() as connection:
        rows = [
            row("1", began=now(), minutes=None, source="rule"),
            row("2", began=now(), minutes=None, source="api"),
            row("3", source="rule"),
        ]
        kept.begin_episodes(connection, rows)
        kept.put_judged_at(connection, now())
    later = replace(rooms, now=lambda: now() + timedelta(minutes=1))
    assert {one.id: one.state for one in standing(rooms, Asked()).alerts} == {"1": "firing", "2": "firing"}
    assert {one.id: one.state for one in standing(later, Asked()).alerts} == {"1": "unknown", "2": "firing"}
    assert {one.id: one.state for one in alerts.page(later, stories.Wanted())["episodes"]}["3"] == "resolved"
    with site.house.state.write() as connection:
        kept.put_judged_at(connection, later.now())
    assert {one.state for one in standing(later, Asked()).alerts} == {"firing"}


async def test_an_alert_that_came_without_a_threshold_has_none(site: Site) -> None:
    with site.house.state.write() as connection:
        kept.begin_episodes(connection, [row("1", began=now(), minutes=None, operator="", threshold=0.0)])
    assert [one.threshold for one in standing(site.house.rooms(), Asked()).alerts] == [None]
