"""What another Prometheus scrapes to take series over: the newest samples of what it names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.keep.promql import matchers
from gwanje.keep.samples.base import Sweeping, Vector
from gwanje.keep.state.people import Scope
from gwanje.show.api.gate import needs
from gwanje.show.api.parameters import Given
from gwanje.show.api.query import in_prometheus_form, selectors_given
from gwanje.show.rooms import Rooms
from gwanje.wire.exposition.newest import QUOTED, UNQUOTED, Newest, page


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["query"], dependencies=[needs(Scope.READ)])

    @router.get("/federate")
    async def federate(request: Request) -> Response:
        """The newest sample of every series that one of the selectors in `match[]` takes, as a page to be scraped.

        Series without a sample in the last five minutes are left out. Scrape it with `honor_labels: true`. Times are those of the
        samples; a remote store does not say them, and who scrapes puts in its own. Names beyond letters, digits and `_` are
        quoted for who says that it reads them so, as Prometheus 3 does.
        """
        quoted = "escaping=allow-utf-8" in request.headers.get("accept", "").replace(" ", "")
        return await in_prometheus_form(rooms, request, partial(_newest, rooms), answered=partial(_answered, quoted=quoted))

    return router


class _Seen(NamedTuple):
    """The newest values of one selector's series, and when they were; without times where the store does not say them."""

    values: Vector
    seconds: Vector | None


async def _newest(rooms: Rooms, given: Given) -> list[_Seen]:
    selectors = tuple(dict.fromkeys(selectors_given(given)))
    store, at_ms = rooms.samples, rooms.now_ms()
    if isinstance(store, Sweeping):
        swept = await store.sweep(selectors, at_ms)
        return [_Seen(swept.answer(place), swept.ages(place)) for place in range(len(selectors))]
    for selector in selectors:
        matchers(selector)  # any other query would be answered, too
    return [_Seen(cast("Vector", await store.instant(selector, at_ms)), None) for selector in selectors]


async def _answered(seen: list[_Seen], _given: Given, *, quoted: bool) -> Response:
    text = await asyncio.to_thread(_written, seen, quoted=quoted)
    return Response(text, headers={"Content-Type": QUOTED if quoted else UNQUOTED, "Cache-Control": "no-store"})


def _written(seen: Sequence[_Seen], *, quoted: bool) -> str:
    """A series that several selectors take stands once."""
    return page({one.labels: one for values, seconds in seen for one in _of(values, seconds)}.values(), quoted=quoted)


def _of(values: Vector, seconds: Vector | None) -> Iterator[Newest]:
    times = repeat(None) if seconds is None else (round(second * 1000) for second in seconds.values.tolist())
    return map(Newest, values.labels, values.values.tolist(), times)
