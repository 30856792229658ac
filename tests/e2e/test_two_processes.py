"""Two real programs on one database: what is said at one is seen at the other, and what one must do one does."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.engines import databases
from tests.engines.metrics import prometheus

from .program import USER, Program, command, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine("postgresql")]


def _made(program: Program, url: str, *, samples: str = "{type: local}", agent: str = "{interval: 5s}") -> None:
    """A folder whose state lies at `url`."""
    made = command("init", program.folder)
    assert made.returncode == 0, made.stderr
    state = f"{{type: postgresql, url: {url!r}}}"
    main = f"listen: 127.0.0.1:${{PORT}}\nstate: {state}\nsamples: {samples}\nagent: {agent}\n"
    (program.folder / "gwanje.yaml").write_text(main, encoding="utf-8")


@contextmanager
def _stream(program: Program, topic: str) -> Iterator[queue.Queue[str]]:
    """The lines of a stream of events, as they come."""
    lines: queue.Queue[str] = queue.Queue()
    ends = threading.Event()
    client = httpx.Client(base_url=program.url, cookies=program._cookies, timeout=30)

    def read() -> None:
        with client.stream("GET", "/api/v1/stream", params={"topics": topic}) as answer:
            for line in answer.iter_lines():
                lines.put(line)
                if ends.is_set():
                    return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        ends.set()  # the stream beats twice a second
        thread.join(10)
        client.close()


def _until(lines: queue.Queue[str], wanted: str) -> str:
    while wanted not in (line := lines.get(timeout=60)):
        pass
    return line


def test_what_is_acknowledged_at_one_reaches_the_stream_of_the_other(start: Callable[..., Program]) -> None:
    with databases.postgresql() as url:
        here, there = start("here"), start("there")
        _made(here, url)
        # Nothing else tells that page to look again: it evaluates nothing, and its agent is asleep.
        _made(there, url, agent="{interval: 1h}")
        here.start()
        here.first_user()
        there.start()
        there.sign_in(USER)
        key = here.key("ingest")
        told = {"name": "disk broken", "message": "it clicks", "level": "critical", "host": "web-1"}
        answer = httpx.post(f"{here.url}/api/v1/alerts", json=told, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
        (alert,) = wait_until(lambda: there.get("/api/v1/episodes", rule=told["name"])["episodes"], 60, "the alert")
        with _stream(there, f"alert:{alert['id']}") as lines:
            _until(lines, "event: alert")
            assert '"acknowledged":null' in _until(lines, "data:")
            taken = httpx.post(
                f"{here.url}/api/v1/acknowledgements",
                json={"episodes": [alert["id"]], "why": "I look at it"},
                headers={"Origin": here.url},
                cookies=here._cookies,
            )
            assert taken.status_code == HTTPStatus.OK, taken.text
            assert "data:" in _until(lines, "I look at it")


def _holders(url: str) -> dict[str, str]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = {name.split()[0]: holder for name, holder in connection.execute(text("SELECT name, holder FROM leases"))}
    engine.dispose()
    return found


@pytest.mark.engine("prometheus")
def test_of_two_on_one_store_of_samples_one_records_and_looks_and_the_other_takes_over(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    with databases.postgresql() as url, prometheus(tmp_path / "prometheus") as samples:
        both = [start("a"), start("b")]
        for program in both:
            _made(program, url, samples=f"{{type: prometheus, url: {samples!r}}}", agent="{interval: 1s, host: same}")
        both[0].start()
        both[0].first_user()
        turns = {"recording", "agent", "evaluation"}
        first = wait_until(lambda: (found := _holders(url)).keys() >= turns and found, 60, "turns")
        both[1].start()
        both[1].sign_in(USER)
        looks = 'count(node_load1{host="same"})'
        wait_until(lambda: both[1].value(looks) == 1, 60, "one look at the host")
        own = 'count(process_start_time_seconds{job="gwanje"})'
        wait_until(lambda: both[1].value(own) == 2, 60, "figures of both")
        now = _holders(url)
        assert {name: now[name] for name in turns} == {name: first[name] for name in turns}
        both[0].kill()
        wait_until(lambda: all(_holders(url)[name] != first[name] for name in turns), 60, "the other's turn")
        before = both[1].value("max(timestamp(node_load1))")
        assert before is not None
        wait_until(lambda: (both[1].value("max(timestamp(node_load1))") or 0) > before, 60, "looks of the other")
        assert "refused for good" not in both[0].log + both[1].log
