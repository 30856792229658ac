"""What a container engine says over its socket: names, images, limits and events. Docker and Podman speak the same."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from gwanje.errors import GwanjeError
from gwanje.model import Event, FieldValue

_ACTIONS = ("start", "die", "oom", "destroy", "health_status")
_LARGEST_ANSWER = 64 * 1024 * 1024
_SHORT = 12

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Container:
    """A running container as the engine knows it."""

    id: str
    name: str
    image: str


@dataclass(frozen=True, slots=True)
class Details:
    """What stays the same from a container's start to its end."""

    pid: int
    started_at: float
    """Seconds since 1970."""
    own_network: bool
    """False where it shares the host's interfaces or another container's."""


def short(container_id: str) -> str:
    """The twelve characters that the engine's own tools print."""
    return container_id[:_SHORT]


class Engine:
    """Asks one engine. Every call waits at most `timeout` seconds for each piece of the answer and raises GwanjeError."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        self.path = path
        self._timeout = timeout

    def running(self) -> list[Container]:
        """Every container that runs now."""
        return self._understood(_containers, self._ok("/containers/json"))

    def details(self, container_id: str) -> Details | None:
        """None when the container has ended meanwhile."""
        status, body = self._get(f"/containers/{quote(container_id)}/json")
        return None if status == HTTPStatus.NOT_FOUND else self._understood(_details, self._checked(status, body))

    def events(self, since_ms: int, until_ms: int) -> list[Event]:
        """What happened to containers between two instants of the past, both included; the engine keeps a few hundred."""
        wanted = {"type": ["container"], "event": list(_ACTIONS)}
        query = urlencode({"since": _instant(since_ms), "until": _instant(until_ms), "filters": json.dumps(wanted)})
        return self._understood(_events, self._ok(f"/events?{query}"))

    def _ok(self, path: str) -> bytes:
        return self._checked(*self._get(path))

    def _checked(self, status: int, body: bytes) -> bytes:
        if status != HTTPStatus.OK:
            raise self._broken(f"HTTP status {status}")
        return body

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = _UnixConnection(str(self.path), self._timeout)
        try:
            connection.request("GET", path, headers={"Host": "engine"})
            answer = connection.getresponse()
            body = answer.read(_LARGEST_ANSWER + 1)
        except (OSError, HTTPException) as error:
            raise self._broken(error or repr(error)) from error
        finally:
            connection.close()
        if len(body) > _LARGEST_ANSWER:
            raise self._broken(f"more than {_LARGEST_ANSWER} bytes")
        return answer.status, body

    def _understood(self, read: Callable[[bytes], T], body: bytes) -> T:
        try:
            return read(body)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._broken(f"cannot read its answer: {error!r}") from error

    def _broken(self, why: object) -> GwanjeError:
        return GwanjeError(f"the container engine at {self.path} does not answer as it should: {why}")


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _containers(body: bytes) -> list[Container]:
    return [
        Container(one["Id"], (one.get("Names") or [short(one["Id"])])[0].lstrip("/"), one.get("Image") or "")
        for one in json.loads(body)
    ]


def _details(body: bytes) -> Details | None:
    read = json.loads(body)
    state, mode = read["State"], (read.get("HostConfig") or {}).get("NetworkMode") or ""
    if not state.get("Pid"):
        return None
    own_network = mode != "host" and not mode.startswith(("container:", "ns:"))
    return Details(int(state["Pid"]), _seconds(state["StartedAt"]), own_network)


def _events(body: bytes) -> list[Event]:
    return [_event(json.loads(line)) for line in body.splitlines() if line.strip()]


def _event(read: Mapping[str, Any]) -> Event:
    """The engine's event with an id that is the same however often it is asked for."""
    action, _, more = read["Action"].partition(": ")
    attributes, container_id = read["Actor"].get("Attributes") or {}, read["Actor"]["ID"]
    at_ns = read.get("timeNano") or read["time"] * 1_000_000_000
    fields: dict[str, FieldValue] = {
        "action": "health" if action == "health_status" else action,
        "name": attributes.get("name", short(container_id)),
        "image": attributes.get("image", ""),
        "container_id": container_id,
    }
    if more:
        fields["health"] = more
    exit_code = attributes.get("exitCode", attributes.get("containerExitCode"))
    if exit_code is not None:
        fields["exit_code"] = int(exit_code)
    return Event(f"container:{container_id}:{at_ns}:{fields['action']}", at_ns // 1_000_000, "container", fields)


def _instant(ms: int) -> str:
    """Seconds and nanoseconds, as the engines read them."""
    return f"{ms // 1000}.{ms % 1000:03}000000"


def _seconds(text: str) -> float:
    """RFC 3339 with nanoseconds, of which Python reads six digits."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()
