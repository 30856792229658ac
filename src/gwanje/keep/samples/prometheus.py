"""A store that speaks Prometheus's protocols: remote write to write, the HTTP API to ask. PromQL goes through unchanged.

Prometheus with `--web.enable-remote-write-receiver`, VictoriaMetrics, Mimir, Thanos and their like. What such a store counts as
a duplicate, how old a sample may be and how soon it is seen is its own matter.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import numpy as np
from pydantic import Field, field_validator

from gwanje import config, kinds
from gwanje.errors import BadInput, BadQuery, GwanjeError, QueryLimit, Rejected, RetryLater
from gwanje.http import SessionThread, post_body, read_limited, without_secrets
from gwanje.keep.samples.base import Answer, Appended, Columns, Labels, Matrix, Scalar, Text, Vector
from gwanje.wire.names import escaped
from gwanje.wire.remote_write.decode import PROTOCOL
from gwanje.wire.remote_write.encode import HEADERS, body_of

_Series = tuple[Labels, list[tuple[int, float]]]

_EVERY_SERIES: Final = '{__name__!=""}'
_KNOWN_KEYS: Final = 1_000_000
_NEVER: Final = ("too old sample", "out of bounds", "out of order sample", "duplicate sample for timestamp")
"""What Prometheus says, in some versions with status 500, of samples that it will never take."""


class Settings(config.Settings):
    """A Prometheus-compatible store elsewhere: remote write to write, its HTTP API to ask."""

    url: str
    """Where it is: `http://prometheus:9090`. `/api/v1/write` and `/api/v1/query` are beneath it unless set below."""
    write_url: str = ""
    """Where to write, when it is not `/api/v1/write` beneath `url`."""
    authorization: config.Secret | None = None
    """Value of the `Authorization` header: `Bearer …` or `Basic …`."""
    tenant: str = ""
    """Value of `X-Scope-OrgID`, for stores of several tenants."""
    timeout: config.Duration = timedelta(seconds=30)
    """How long one request may take."""
    answer_bytes: int = Field(default=256 << 20, ge=1024)
    """Largest answer of a query, in bytes."""

    @field_validator("url", "write_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("is not an address; write http://host:port")
        if "@" in urlsplit(url).netloc:
            raise ValueError("holds a user; write it as `authorization: Basic …`, so that it is never shown")
        return url.rstrip("/")


def create(settings: Settings, _world: kinds.World) -> RemoteSamples:
    return RemoteSamples(settings)


class RemoteSamples:
    """Keeps the promise of `Samples` as far as the other side keeps it.

    Every call goes through one loop in a thread of its own, so that callers on several loops share the connections, and a large
    answer is read beside them. RetryLater is raised while the other side does not take a batch: whoever holds it, holds on to it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._there = SessionThread("remote samples", timeout=settings.timeout)
        self._good: set[tuple[str, bytes]] = set()
        self._counts: Counter[str] = Counter()

    # --- the promise -----------------------------------------------------------------------------------------------------

    async def append(self, batch: Columns, now_ms: int) -> Appended:
        return await self._there.hop(self._append(batch))

    async def instant(self, query: str, at_ms: int) -> Answer:
        return _answer(await self._there.hop(self._ask("query", {"query": query, "time": _seconds(at_ms)})))

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        asked = {"query": query, "start": _seconds(start_ms), "end": _seconds(end_ms), "step": _seconds(step_ms)}
        answer = _answer(await self._there.hop(self._ask("query_range", asked)))
        if not isinstance(answer, Matrix):
            raise Rejected(f"{self._shown} answered a range query with no matrix")
        return answer

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        asked = {"match[]": list(matchers) or [_EVERY_SERIES], **_between(start_ms, end_ms)}
        return [_labels(one) for one in (await self._there.hop(self._ask("series", asked)))["data"]]

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        asked = {"match[]": list(matchers) or [_EVERY_SERIES], **_between(start_ms, end_ms)}
        return sorted((await self._there.hop(self._ask("labels", asked)))["data"])

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        asked = {"match[]": list(matchers) or [_EVERY_SERIES], **_between(start_ms, end_ms)}
        return sorted((await self._there.hop(self._ask(f"label/{escaped(name)}/values", asked, method="GET")))["data"])

    def own_samples(self) -> Mapping[str, float]:
        names = ("appended_samples", "refused_samples", "writes", "failed_writes", "queries")
        return {f"gwanje_store_remote_{name}_total": float(self._counts[name]) for name in names}

    async def close(self) -> None:
        await self._there.close()

    # --- writing ---------------------------------------------------------------------------------------------------------

    async def _append(self, batch: Columns) -> Appended:
        told = _Told()
        good = [i for i, key in enumerate(batch.keys) if self._is_readable(batch, key, int(batch.counts[i]), told)]
        if batch.protocol == PROTOCOL and batch.body and len(good) == len(batch.keys):
            problem = await self._post(batch.body) if len(batch.times) else ""
            if not problem:
                told.accepted = len(batch.times)
            else:
                await self._write(_series(batch, good), told, problem)
        else:
            await self._write(_series(batch, good), told)
        self._counts["appended_samples"] += told.accepted
        self._counts["refused_samples"] += told.refused.total()
        return Appended(told.accepted, refused=dict(told.refused), problem=told.problem)

    async def _write(self, series: Sequence[_Series], told: _Told, problem: str = "") -> None:
        """Write series; what is refused is halved until the refused ones stand alone, so that their neighbours are kept."""
        count = sum(len(samples) for _, samples in series)
        if not count:
            return
        problem = problem or await self._post(body_of(series))
        if not problem:
            told.accepted += count
        elif len(series) == 1:
            told.refuse("refused_by_store", problem, count)
        else:
            middle = len(series) // 2
            for half in (series[:middle], series[middle:]):
                await self._write(half, told)

    def _is_readable(self, batch: Columns, key: bytes, count: int, told: _Told) -> bool:
        if (batch.protocol, key) in self._good:
            return True
        try:
            batch.labels_of(key)
        except BadInput as error:
            told.refuse("bad_labels", str(error), count)
            return False
        if len(self._good) >= _KNOWN_KEYS:
            self._good.clear()
        self._good.add((batch.protocol, key))
        return True

    async def _post(self, body: bytes) -> str:
        """Empty when it was taken, else why it never will be. Raises RetryLater when it may be later."""
        self._counts["writes"] += 1
        url = self._settings.write_url or f"{self._settings.url}/api/v1/write"
        try:
            return await post_body(self._there.session, url, body, {**HEADERS, **self._headers()}, never=_NEVER)
        except RetryLater:
            self._counts["failed_writes"] += 1
            raise

    # --- asking ----------------------------------------------------------------------------------------------------------

    async def _ask(self, path: str, asked: Mapping[str, Any], *, method: str = "POST") -> Any:
        """`data`, and the notes beside it. Raises BadQuery, QueryLimit, and RetryLater when there is none."""
        self._counts["queries"] += 1
        url = f"{self._settings.url}/api/v1/{path}"
        form: dict[str, Any] = {"params" if method == "GET" else "data": _pairs(asked)}
        try:
            async with self._there.session.request(method, url, headers=self._headers(), **form) as answer:
                body = await read_limited(answer, self._settings.answer_bytes)
                status = answer.status
        except BadInput as error:
            raise QueryLimit(f"{self._shown}: {error} (setting `answer_bytes`)") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RetryLater(f"{self._shown} cannot be asked ({type(error).__name__}); is it running?") from error
        return self._said(body, status)

    def _said(self, body: bytes, status: int) -> Any:
        try:
            said = json.loads(body)
        except ValueError:
            said = {}
        if said.get("status") == "success":
            return said
        raise self._error(status, said.get("error") or body[:300].decode(errors="replace"))

    def _error(self, status: int, reason: str) -> GwanjeError:
        if status in {400, 404}:
            return BadQuery(f"{self._shown}: {reason}")
        if status == 422:
            return QueryLimit(f"{self._shown}: {reason}") if "limit" in reason or "too many" in reason else BadQuery(reason)
        return RetryLater(f"{self._shown} answered {status}: {reason}", status=status)

    @property
    def _shown(self) -> str:
        return without_secrets(self._settings.url)

    def _headers(self) -> dict[str, str]:
        settings = self._settings
        headers = {"X-Scope-OrgID": settings.tenant} if settings.tenant else {}
        if settings.authorization is not None:
            headers["Authorization"] = settings.authorization.get_secret_value()
        return headers


@dataclass(slots=True)
class _Told:
    """What became of a batch so far."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    problem: str = ""

    def refuse(self, reason: str, problem: str, count: int) -> None:
        self.refused[reason] += count
        self.problem = self.problem or problem


def _series(batch: Columns, indexes: Sequence[int]) -> list[_Series]:
    edges = np.concatenate([[0], np.cumsum(batch.counts)]).tolist()
    times, values = batch.times.tolist(), batch.values.tolist()
    return [
        (batch.labels_of(batch.keys[i]), list(zip(times[start:end], values[start:end], strict=True)))
        for i, start, end in ((i, edges[i], edges[i + 1]) for i in indexes)
    ]


def _answer(said: Mapping[str, Any]) -> Answer:
    """An answer with its notes; some stores write null where there are none."""
    return replace(_found(said["data"]), warnings=tuple(said.get("warnings") or ()), infos=tuple(said.get("infos") or ()))


def _found(data: Mapping[str, Any]) -> Answer:
    result = data["result"]
    match data["resultType"]:
        case "vector":
            at_ms = _ms(result[0]["value"][0]) if result else 0
            values = np.array([float(one["value"][1]) for one in result], np.float64)
            return Vector([_labels(one["metric"]) for one in result], values, at_ms)
        case "matrix":
            counts = [len(one["values"]) for one in result]
            pairs = [pair for one in result for pair in one["values"]]
            return Matrix(
                [_labels(one["metric"]) for one in result],
                np.cumsum([0, *counts]).astype(np.int64),
                np.array([_ms(at) for at, _ in pairs], np.int64),
                np.array([float(value) for _, value in pairs], np.float64),
            )
        case "scalar":
            return Scalar(float(result[1]), _ms(result[0]))
        case _:
            return Text(str(result[1]), _ms(result[0]))


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted(metric.items()))


def _between(start_ms: int, end_ms: int) -> dict[str, str]:
    return {"start": _seconds(start_ms), "end": _seconds(end_ms)}


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _pairs(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, one) for name, value in asked.items() for one in (value if isinstance(value, list) else [value])]
