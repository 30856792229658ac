"""The paths of Prometheus's HTTP API beside its queries: rules and alerts, metadata and what a server says of itself.

Grafana's data source, its alert list and promtool ask for them. What Prometheus knows and this program does not is left out
of an answer, never made up.
"""

from __future__ import annotations

from fastapi import APIRouter

from gwanje.keep.state.people import Scope
from gwanje.show.api.gate import needs
from gwanje.show.api.prometheus import language, metadata, rules, status, targets
from gwanje.show.rooms import Rooms


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["prometheus"], dependencies=[needs(Scope.READ)])
    for one in (rules, targets, metadata, language, status):
        router.include_router(one.routes(rooms))
    return router
