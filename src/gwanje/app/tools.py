"""Tools: they speak to the process that holds the folder over its socket, and open the folder themselves when none runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from gwanje.app import lock
from gwanje.errors import GwanjeError
from gwanje.wire.exposition.encode import series_name


def collect(path: Path, pipeline: str, *, anyway: bool = False) -> int:
    """Run a pipeline now; 1 when it did not succeed. One that is paused only `anyway`."""
    if lock.is_held(path):
        given = {**({"pipeline": pipeline} if pipeline else {}), **({"anyway": "true"} if anyway else {})}
        answer = asyncio.run(ask(path, "POST", "/collect", given))
    else:
        from gwanje.app import alone

        answer = alone.collect(path, pipeline, anyway=anyway)
    rows, latency = answer["rows"] or 0, answer["latency_ms"] or 0.0
    print(f"{answer['pipeline']}: {answer['outcome']}, {rows} rows, {latency:.0f} ms {answer['error']}".rstrip())
    return 0 if answer["outcome"] == "succeeded" else 1


def query(path: Path, expression: str, time: str) -> int:
    """Ask in PromQL and print one line a series."""
    if lock.is_held(path):
        given = {"query": expression, **({"time": time} if time else {})}
        data = asyncio.run(ask(path, "GET", "/api/v1/query", given))["data"]
    else:
        from gwanje.app import alone

        data = alone.query(path, expression, time)
    for line in _lines(data):
        print(line)
    return 0


def backup(path: Path, to: Path) -> int:
    """Make a backup in a new folder and say what is in it."""
    to = to.absolute()
    if lock.is_held(path):
        contents = asyncio.run(ask(path, "POST", "/api/v1/backup", {"to": str(to)}))["contents"]
    else:
        from gwanje.app import alone

        contents = alone.backup(path, to)
    print(f"{to} holds {', '.join(contents)}")
    return 0


async def ask(
    path: Path, method: str, where: str, given: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Ask the running process over its socket. The answer is empty where it says nothing but that it is done."""
    with lock.socket_path(path) as address:
        timeout = aiohttp.ClientTimeout(total=timedelta(minutes=10).total_seconds())
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(address), timeout=timeout) as session:
            try:
                async with session.request(method, f"http://localhost{where}", params=given, json=body) as response:
                    status = response.status
                    answer: dict[str, Any] = json.loads(await response.read() or b"{}")
            except (OSError, aiohttp.ClientError) as error:
                raise GwanjeError(f"the process that holds {path} does not answer: {error}") from error
    if status >= HTTPStatus.BAD_REQUEST:
        problem = answer["error"]
        raise GwanjeError(problem if isinstance(problem, str) else " ".join(filter(None, (problem["what"], problem["todo"]))))
    return answer


def _lines(data: Mapping[str, Any]) -> list[str]:
    """One line a series, from the API's answer."""
    if data["resultType"] in {"scalar", "string"}:
        return [str(data["result"][1])]
    if data["resultType"] == "vector":
        return [f"{_series(row['metric'])} {row['value'][1]}" for row in data["result"]]
    return [f"{_series(row['metric'])} {value} @{at:.3f}" for row in data["result"] for at, value in row["values"]]


def _series(labels: Mapping[str, str]) -> str:
    rest = {name: value for name, value in labels.items() if name != "__name__"}
    return series_name(labels.get("__name__", ""), rest) or "{}"
