"""`gwanje pause`, `resume`, `scale` and `depart`: a person's word on a pipeline, a size or a host, whether gwanje runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gwanje.app import lock, tools
from gwanje.app.clock import now
from gwanje.app.until import instant
from gwanje.errors import GwanjeError
from gwanje.model import from_ms

_DEPARTURES = "/api/v1/departures"


def pause(path: Path, name: str, until: str, because: str) -> int:
    """Pause a pipeline and say until when."""
    end = _at(until)
    if lock.is_held(path):
        body = {"why": because, **({"until": end.isoformat()} if end else {})}
        asyncio.run(tools.ask(path, "PUT", _of_pipeline(name), {}, body))
    else:
        from gwanje.app import alone

        alone.pause(path, name, because, end)
    print(f"{name} is paused {f'until {_told(end)}' if end else f'until: gwanje resume {name}'}")
    return 0


def resume(path: Path, name: str) -> int:
    """Have a pipeline go on."""
    if lock.is_held(path):
        asyncio.run(tools.ask(path, "DELETE", _of_pipeline(name), {}))
    else:
        from gwanje.app import alone

        alone.resume(path, name)
    print(f"{name} goes on")
    return 0


def hold(path: Path, name: str, *, size: int | None, stop: str, start: str, until: str, because: str) -> int:
    """Hold a size until a time."""
    starts_at = _at(start)
    end = _at(until, starts_at)
    if end is None:
        raise GwanjeError("a hold has an end: give --until, as in --until 18:00 or --until 2h")
    if lock.is_held(path):
        times = {"ends_at": end.isoformat(), **({"starts_at": starts_at.isoformat()} if starts_at else {})}
        body = {"size": size, "stop": stop or None, "why": because, **times}
        answer = asyncio.run(tools.ask(path, "PUT", _of_scaler(name), {}, body))
    else:
        from gwanje.app import alone

        answer = alone.hold(path, name, size=size, stop=stop, span=(starts_at, end), why=because)
    for one in answer["replaced"]:
        print(f"took the place of: {_line(one)}")
    _print(answer)
    return 0


def release(path: Path, name: str) -> int:
    """End the hold that counts now."""
    if lock.is_held(path):
        asyncio.run(tools.ask(path, "DELETE", _of_scaler(name), {}))
    else:
        from gwanje.app import alone

        alone.release(path, name)
    print(f"{name} is held no longer")
    return 0


def holds(path: Path, name: str) -> int:
    """Say what is held, now and later."""
    if lock.is_held(path):
        _print(asyncio.run(tools.ask(path, "GET", _of_scaler(name), {})))
    else:
        from gwanje.app import alone

        _print(alone.holds(path, name))
    return 0


def depart(path: Path, name: str, *, scope: str, until: str, removed: bool, because: str) -> int:
    """Say that something goes away on purpose, until a time or for good."""
    end = _at(until)
    if (end is None) != removed:
        raise GwanjeError("say either until when it is away, as in --for 2h, or that it does not come back: --removed")
    if lock.is_held(path):
        body = {"scope": scope, "name": name, "why": because, "removed": removed}
        asyncio.run(tools.ask(path, "POST", _DEPARTURES, {}, {**body, **({"ends_at": end.isoformat()} if end else {})}))
    else:
        from gwanje.app import alone

        alone.depart(path, scope, name, because, end)
    print(f"{scope} {name} is away until {_told(end)}" if end else f"{scope} {name} was removed")
    return 0


def back(path: Path, name: str, *, scope: str) -> int:
    """It is back, or never went: every word that it is away ends."""
    if lock.is_held(path):
        said = asyncio.run(tools.ask(path, "GET", _DEPARTURES, {}))["departures"]
    else:
        from gwanje.app import alone

        said = alone.departures_of(path)
    ids = [one["id"] for one in said if (one["scope"], one["name"]) == (scope, name)]
    if not ids:
        raise GwanjeError(f"nobody said that the {scope} {name!r} is away")
    for id_ in ids:
        if lock.is_held(path):
            asyncio.run(tools.ask(path, "DELETE", f"{_DEPARTURES}/{id_}", {}))
        else:
            from gwanje.app import alone

            alone.back(path, id_)
    print(f"{scope} {name} is back")
    return 0


def _of_pipeline(name: str) -> str:
    return f"/api/v1/pipelines/{quote(name, safe='')}/pause"


def _of_scaler(name: str) -> str:
    return f"/api/v1/scaling/{quote(name)}/hold"


def _print(answer: Mapping[str, Any]) -> None:
    print(f"now: {_line(answer['hold'])}" if answer["hold"] else f"now: nobody holds {answer['scaler']}")
    for one in answer["planned"]:
        print(f"from {_told(from_ms(one['starts_at']))}: {_line(one)}")


def _line(hold: Mapping[str, Any]) -> str:
    what = f"held at {hold['size']}" if hold["stop"] is None else f"no scaling {hold['stop']}"
    return f"{what} by {hold['by']} until {_told(from_ms(hold['ends_at']))}: {hold['why']}"


def _at(text: str, begins: datetime | None = None) -> datetime | None:
    return instant(text, (begins or now()).astimezone()) if text else None


def _told(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
