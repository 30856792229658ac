"""How soon people hear of one breach among 100,000 instances that are judged all the time, beside Prometheus and Alertmanager.

1,000 rules (critical, `for: 0s`) look at 100 series each. A process of its own sends new samples of them all the time. One
series of each rule is ours: one after the other, in random pauses, gets a breaching sample, and a good one again once its message
came. Measured is the time from the answer to the breaching sample until the message stands at the receiver.

    python benchmarks/breaches.py [--rules 1000] [--instances 100] [--rate 50000] [--breaches 500] [--sides gwanje,prometheus]
                                  [--peer-interval 1s]

Both sides get the same bodies by remote write, have the same rules, and tell the same receiver, one group a rule and host.
gwanje judges such rules twice a second unless told otherwise. Prometheus judges them each `--peer-interval`, in ten groups,
which it works on side by side; Alertmanager waits for nothing (`group_wait: 0s`, `group_interval: 1s`). A side takes two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import http
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np
from alerting import Bodies, Receiver, now_ms
from servers import Server, alertmanager, gwanje, prometheus

from gwanje.keep.samples.base import Labels
from gwanje.model import Sample
from gwanje.wire.remote_write.encode import HEADERS, encode

GOOD: Final = 0.1
BAD: Final = 1.0
LABEL: Final = "series"
BODY: Final = 10_000
WARM_UP: Final = 20.0
"""Seconds of load before the first breach, so that every series has been seen and every rule judged many times."""
GROUPS: Final = 10
"""In so many groups Prometheus evaluates, side by side."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side came to. Seconds of processor and resident bytes are those of all its programs, while breaches came."""

    name: str
    told: Sequence[float]
    seconds: float
    cpu_seconds: float
    resident: int
    at_most: int


def metric(rule: int) -> str:
    return f"bench_{rule:04d}"


def labels(rule: int, instance: int) -> Labels:
    host = f"host-{instance:03d}"
    return (("__name__", metric(rule)), ("host", host), ("job", "bench"), (LABEL, f"{rule}-{instance}"))


# --- the two sides -------------------------------------------------------------------------------------------------------


@contextmanager
def ours(folder: Path, asked: argparse.Namespace, hook: str) -> Iterator[tuple[str, Sequence[Server]]]:
    rules = "rules:\n" + "".join(
        f'  - {{name: "bench {rule:04d}", expr: {metric(rule)}, critical: ">= 0.9"}}\n' for rule in range(asked.rules)
    )
    settings = (
        f"receivers: [{{name: hook, type: webhook, url: '{hook}'}}]\n"
        "routes: {receiver: hook, group_by: [rule, host]}\nmessages_a_minute: 10000\n"
    )
    with gwanje(folder, {"gwanje.yaml": settings, "rules/bench.yaml": rules}) as server:
        yield f"http://127.0.0.1:{server.port}", [server]


@contextmanager
def theirs(folder: Path, asked: argparse.Namespace, hook: str) -> Iterator[tuple[str, Sequence[Server]]]:
    telling = (
        "route: {receiver: hook, group_by: [alertname, host], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}\n"
        f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook}', send_resolved: true}}]}}]\n"
    )
    with alertmanager(folder, telling) as second:
        every = asked.peer_interval
        settings = (
            f"global: {{evaluation_interval: {every}}}\nrule_files: [rules.yml]\n"
            f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{second.port}']}}]}}]}}\n"
        )
        rules = "groups:\n" + "".join(_group(number, asked.rules) for number in range(GROUPS))
        with prometheus(folder, {"prometheus.yml": settings, "rules.yml": rules}) as first:
            yield f"http://127.0.0.1:{first.port}", [first, second]


def _group(number: int, rules: int) -> str:
    own = [
        f'      - {{alert: "bench {rule:04d}", expr: {metric(rule)} >= 0.9, labels: {{severity: critical}}}}\n'
        for rule in range(number, rules, GROUPS)
    ]
    return f"  - name: group {number}\n    rules:\n" + "".join(own)


SIDES: Final = {"gwanje": ours, "prometheus": theirs}


# --- what is sent --------------------------------------------------------------------------------------------------------


async def load(url: str, headers: Mapping[str, str], asked: argparse.Namespace) -> None:
    """Send samples of every series but the last of each rule, again and again at the wanted rate, until ended."""
    every = [labels(rule, instance) for instance in range(asked.instances - 1) for rule in range(asked.rules)]
    parts = [Bodies(every[start : start + BODY], now_ms()) for start in range(0, len(every), BODY)]
    sizes = [len(every[start : start + BODY]) for start in range(0, len(every), BODY)]
    noise = np.random.default_rng(1)
    due = time.monotonic()
    async with aiohttp.ClientSession(headers={**HEADERS, **headers}) as session:
        while True:
            for bodies, size in zip(parts, sizes, strict=True):
                body = bodies.at(now_ms(), noise.uniform(GOOD, 2 * GOOD, size))
                async with session.post(url, data=body) as answer:
                    if answer.status != 204:
                        print(answer.status, (await answer.text())[:200], file=sys.stderr)
                due += size / asked.rate
                await asyncio.sleep(max(due - time.monotonic(), 0))


async def breached(url: str, headers: Mapping[str, str], receiver: Receiver, asked: argparse.Namespace) -> list[float]:
    """Seconds from the answer to each breaching sample until its message came."""
    answered: dict[str, float] = {}
    moments = np.random.default_rng(2)
    async with aiohttp.ClientSession(headers={**HEADERS, **headers}) as session, asyncio.TaskGroup() as under_way:
        for number in range(asked.breaches):
            rule = number % asked.rules
            name = f"{rule}-{asked.instances - 1}"
            await write(session, url, asked, [rule], BAD)
            answered[name] = time.monotonic()
            under_way.create_task(_ended(receiver, name, partial(write, session, url, asked, [rule], GOOD)))
            await asyncio.sleep(float(moments.uniform(0.02, 0.2)))
    return [receiver.came[name] - at for name, at in answered.items()]


async def write(session: aiohttp.ClientSession, url: str, asked: argparse.Namespace, rules: Sequence[int], value: float) -> None:
    """One sample of our own series of these rules."""
    at = now_ms()
    own = [dict(labels(rule, asked.instances - 1)) for rule in rules]
    samples = [Sample(one.pop("__name__"), one, value, at) for one in own]
    body = encode(samples).body
    while True:
        async with session.post(url, data=body) as answer:
            if answer.status != http.HTTPStatus.SERVICE_UNAVAILABLE:  # asked to come again later, as every sender does
                answer.raise_for_status()
                return
        await asyncio.sleep(0.1)


async def _ended(receiver: Receiver, name: str, end: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(60):
        while name not in receiver.came:  # noqa: ASYNC110 - the receiver only notes times
            await asyncio.sleep(0.05)
    await end()


# --- one side, and both --------------------------------------------------------------------------------------------------


async def measured(side: str, asked: argparse.Namespace) -> Figures:
    receiver = Receiver(LABEL)
    with tempfile.TemporaryDirectory() as folder:
        async with receiver.open():
            with SIDES[side](Path(folder), asked, receiver.url) as (url, servers):
                headers = servers[0].headers
                to = f"{url}/api/v1/write"
                async with aiohttp.ClientSession(headers={**HEADERS, **headers}) as session:
                    await write(session, to, asked, range(asked.rules), GOOD)
                own = [sys.executable, __file__, *sys.argv[1:], "--load", to, headers.get("Authorization", "")]
                loading = await asyncio.create_subprocess_exec(*own)
                try:
                    await asyncio.sleep(WARM_UP)
                    began, used = time.monotonic(), sum(server.cpu_seconds() for server in servers)
                    told = await breached(to, headers, receiver, asked)
                    seconds = time.monotonic() - began
                    cpu = sum(server.cpu_seconds() for server in servers) - used
                finally:
                    loading.terminate()
                    await loading.wait()
                name = " and ".join(server.name for server in servers)
                resident, at_most = (sum(server.memory(which) for server in servers) for which in ("VmRSS", "VmHWM"))
    if receiver.others:
        print(f"{name} told of {receiver.others} alerts that are none of these", file=sys.stderr)
    return Figures(name, told, seconds, cpu, resident, at_most)


def row(found: Figures) -> str:
    p50, p99 = np.percentile(found.told, [50, 99]) * 1000
    return (
        f"| {found.name} | {p50:.0f} | {p99:.0f} | {max(found.told) * 1000:.0f} | {found.cpu_seconds / found.seconds:.2f} "
        f"| {found.resident >> 20} MB | {found.at_most >> 20} MB |"
    )


def main() -> None:
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("rules", 1000), ("instances", 100), ("rate", 50_000), ("breaches", 500)):
        reading.add_argument(f"--{name}", type=int, default=usual)
    reading.add_argument("--sides", default=",".join(SIDES))
    reading.add_argument("--peer-interval", default="1s")
    reading.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    asked = reading.parse_args()
    if asked.load:
        url, key = asked.load
        asyncio.run(load(url, {"Authorization": key} if key else {}, asked))
        return
    if asked.breaches > asked.rules:
        reading.error("each rule breaches once: --breaches can be no more than --rules")
    print(
        f"{asked.rules} rules with {asked.instances} instances each, {asked.rate:,} samples a second, {asked.breaches} breaches, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before\n"
    )
    print("| program | median ms | p99 ms | longest ms | CPU s a second | resident | at most |\n|---|---|---|---|---|---|---|")
    for side in asked.sides.split(","):
        print(row(asyncio.run(measured(side, asked))), flush=True)


if __name__ == "__main__":
    main()
