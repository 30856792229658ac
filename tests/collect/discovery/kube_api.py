"""A stand-in of a Kubernetes API: lists in pages, watches, and what it forgets."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer


class KubeApi:
    """Objects by path. `put` and `remove` reach everybody who watches; `forget` makes every version before now too old."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.status = 200
        self.page = 2
        self._objects: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._events: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._version = self._oldest = 1
        self._news = asyncio.Condition()
        self._ended = 0
        self._came = asyncio.Event()
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self._server = TestServer(application)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end_watches()
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def next_request(self) -> None:
        """Wait until somebody asks."""
        self._came.clear()
        await self._came.wait()

    async def put(self, path: str, one: Mapping[str, Any]) -> None:
        name = one["metadata"]["name"]
        await self._tell(path, "MODIFIED" if name in self._objects[path] else "ADDED", one)
        self._objects[path][name] = {**one}

    async def remove(self, path: str, name: str) -> None:
        await self._tell(path, "DELETED", self._objects[path].pop(name))

    async def forget(self) -> None:
        self._version += 1
        self._oldest = self._version
        await self.end_watches()

    async def end_watches(self) -> None:
        """End every answer to a watch, as an API does every few minutes."""
        async with self._news:
            self._ended += 1
            self._news.notify_all()

    async def tell(self, path: str, sort: str, one: Mapping[str, Any]) -> None:
        """An event as it is."""
        async with self._news:
            self._version += 1
            self._events[path].append((self._version, json.dumps({"type": sort, "object": one})))
            self._news.notify_all()

    async def _tell(self, path: str, sort: str, one: Mapping[str, Any]) -> None:
        versioned = {**one, "metadata": {**one["metadata"], "resourceVersion": str(self._version + 1)}}
        await self.tell(path, sort, versioned)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self._came.set()
        if self.status != 200:
            return web.json_response({"kind": "Status"}, status=self.status)
        return await self._watch(request) if "watch" in request.query else self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        items = [one for _, one in sorted(self._objects[request.path].items())]
        begin = int(request.query.get("continue", "0"))
        metadata = {"resourceVersion": str(self._version)}
        if begin + self.page < len(items):
            metadata["continue"] = str(begin + self.page)
        return web.json_response({"items": items[begin : begin + self.page], "metadata": metadata})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        seen, ended = int(request.query["resourceVersion"]), self._ended
        if seen < self._oldest:
            return web.json_response({"kind": "Status"}, status=410)
        response = web.StreamResponse()
        await response.prepare(request)
        while ended == self._ended:
            for version, event in self._events[request.path]:
                if version > seen:
                    seen = version
                    await response.write(event.encode() + b"\n")
            async with self._news:
                if ended == self._ended and all(version <= seen for version, _ in self._events[request.path]):
                    await self._news.wait()
        return response
