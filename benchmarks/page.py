"""What the page is like while 10,000 alerts fire at once: how soon each view is there, what it is sent, what it costs the server.

    python benchmarks/page.py [--alerts 10000] [--seconds 10] [--screens FOLDER]

Starts the real program with one rule over so many series, of which one in two hundred is critical, and a second rule with three
alerts; writes every series anew each five seconds; opens the views in Chromium as somebody on duty does (a browser of an empty
cache each time), and ends everything. "There" is when the view's own content stands on the screen, which starts the clock at the
navigation; what is sent a second is what the stream brought while the view stood open.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from playwright.sync_api import sync_playwright
from servers import Server, gwanje

from gwanje.model import Sample
from gwanje.wire.remote_write.encode import HEADERS, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

PASSWORD = "correct horse battery"  # noqa: S105 - of a server that lives as long as this script
CHROMIUM = "/usr/bin/chromium"
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SITE = {
    "rules": [
        {
            "name": "disk fills",
            "expr": "disk_used",
            "warning": ">= 0.8",
            "critical": ">= 0.95",
            "unit": "ratio",
            "max_instances": 20_000,
        },
        {"name": "memory high", "expr": "memory_used", "critical": ">= 0.9", "unit": "ratio"},
    ],
}
VIEWS = {
    "overview": ("/", "ol.alerts > li >> nth=0"),
    "alerts": ("/alerts", "ol.alerts > li >> nth=0"),
    "critical": ("/alerts?severity=critical", "ol.alerts > li >> nth=0"),
    "one host": ("/alerts?host=web-00777", "ol.alerts > li >> nth=0"),
    "story": ("/alerts/{episode}", ".story > li >> nth=0"),
    "silences": ("/silences", ".tabs"),
}


def samples(count: int) -> list[Sample]:
    """Every series now; values wander a little, and none crosses a threshold by it."""
    at_ms = time.time_ns() // 1_000_000
    wander = (at_ms // 1000 % 10) / 1000
    full = [Sample("disk_used", {"host": f"web-{n:05d}"}, (0.96 if n % 200 == 7 else 0.85) + wander, at_ms) for n in range(count)]
    return [*full, *(Sample("memory_used", {"host": f"db-{n}"}, 0.93 + wander, at_ms) for n in range(3))]


@contextmanager
def written(server: Server, count: int) -> Iterator[None]:
    """Write every series each five seconds, until the end of the block."""
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            status, said = server.ask("POST", "/api/v1/write", encode(samples(count)).body, dict(HEADERS))
            if status >= 300:
                print(f"a write was refused: {status} {said[:200]!r}", flush=True)
            over.wait(5)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def fire(server: Server, count: int) -> float:
    """Seconds until all of them fire."""
    began = time.monotonic()
    while time.monotonic() - began < 300:
        _, body = server.ask("GET", "/metrics")
        found = [line for line in body.decode().splitlines() if line.startswith('gwanje_alerts{state="firing"}')]
        if sum(float(line.rsplit(" ", 1)[1]) for line in found) >= count:
            return time.monotonic() - began
        time.sleep(1)
    raise SystemExit("the alerts did not fire within five minutes")


def signed_in(server: Server, browser: Browser) -> Any:
    """A person on duty, whose session is kept for later browsers."""
    command = [sys.executable, "-m", "gwanje.cli", "user", "create", "--name", "kim", "--role", "operator", str(server.folder)]
    subprocess.run(command, input=PASSWORD, capture_output=True, text=True, check=True)
    context = browser.new_context(base_url=f"http://127.0.0.1:{server.port}")
    answer = context.request.post("/api/session", data={"name": "kim", "password": PASSWORD})
    if not answer.ok:
        raise SystemExit(answer.text())
    state = context.storage_state()
    context.close()
    return state


class Sent:
    """Bytes that a page was sent, unpacked, as the browser counts them."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.dataReceived", self._received)

    def _received(self, event: dict[str, Any]) -> None:
        self.bytes += event["dataLength"]


def look(server: Server, browser: Browser, state: Any, which: tuple[str, str], asked: argparse.Namespace) -> None:
    """Open one view on one screen and say what it took."""
    name, size = which
    path, there = VIEWS[name]
    if "{episode}" in path:
        _, body = server.ask("GET", "/api/v1/episodes?state=open&limit=1")
        path = path.format(episode=json.loads(body)["episodes"][0]["id"])
    context = browser.new_context(base_url=f"http://127.0.0.1:{server.port}", storage_state=state, viewport=SIZES[size])
    page = context.new_page()
    sent = Sent(page)
    cpu, began = server.cpu_seconds(), time.monotonic()
    page.goto(f"{path}{'&' if '?' in path else '?'}lang=en", wait_until="commit")
    page.locator(there).wait_for(timeout=30_000)
    first, first_bytes = time.monotonic() - began, sent.bytes
    page.wait_for_timeout(1000)
    before, began = sent.bytes, time.monotonic()
    page.wait_for_timeout(asked.seconds * 1000)
    rate = (sent.bytes - before) / (time.monotonic() - began)
    rows = page.locator("ol.alerts > li").count()
    if asked.screens:
        page.screenshot(path=Path(asked.screens) / f"bench-{name.replace(' ', '-')}-{size}.png")
    cpu = server.cpu_seconds() - cpu
    context.close()
    print(
        f"{name:10} {size:6} there after {first:6.2f} s  sent {first_bytes / 1024:8.0f} KiB  then {rate / 1024:8.1f} KiB/s  "
        f"rows {rows:5}  server cpu {cpu:6.1f} s  memory {server.memory() >> 20} MiB",
        flush=True,
    )


def main() -> None:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--alerts", type=int, default=10_000)
    reading.add_argument("--seconds", type=float, default=10)
    reading.add_argument("--screens", default="")
    asked = reading.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "gwanje"
        own.mkdir()
        (own / "gwanje.yaml").write_text(yaml.safe_dump(SITE), encoding="utf-8")
        with gwanje(Path(folder)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            state = signed_in(server, browser)
            print(f"without alerts: memory {server.memory() >> 20} MiB", flush=True)
            with written(server, asked.alerts):
                print(f"{asked.alerts} alerts fire after {fire(server, asked.alerts):.1f} s", flush=True)
                for name in VIEWS:
                    for size in SIZES:
                        look(server, browser, state, (name, size), asked)
            print(f"most memory {server.memory('VmHWM') >> 20} MiB", flush=True)
            browser.close()


if __name__ == "__main__":
    main()
