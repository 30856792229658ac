"""The overview and what streams of it."""

from __future__ import annotations

import asyncio

import msgspec

from gwanje.app.clock import now
from gwanje.keep.state.people import Scope
from gwanje.model import to_ms
from gwanje.show.live import Stream

from .conftest import Site

HOST = {"host": "web-1", "instance": "web-1", "job": "node"}


async def a_host(site: Site, *, ages: tuple[float, ...] = (10, 5, 0)) -> None:
    seconds = now().timestamp()
    await site.store(
        *(("node_time_seconds", HOST, seconds - age, age) for age in ages),
        *(("node_cpu_seconds_total", {**HOST, "cpu": "0", "mode": "idle"}, 1000 - age * 0.25, age) for age in ages),
        *(("node_cpu_seconds_total", {**HOST, "cpu": "0", "mode": "user"}, 1000 - age * 0.75, age) for age in ages),
        ("node_memory_MemTotal_bytes", HOST, 1000.0, ages[-1]),
        ("node_memory_MemAvailable_bytes", HOST, 250.0, ages[-1]),
        *(("node_filesystem_size_bytes", {**HOST, **one}, 100.0, ages[-1]) for one in FILESYSTEMS),
        ("node_filesystem_avail_bytes", {**HOST, **FILESYSTEMS[0]}, 90.0, ages[-1]),
        ("node_filesystem_avail_bytes", {**HOST, **FILESYSTEMS[1]}, 20.0, ages[-1]),
    )


FILESYSTEMS = ({"mountpoint": "/", "device": "a", "fstype": "ext4"}, {"mountpoint": "/var", "device": "b", "fstype": "xfs"})


async def test_a_host_is_shown_with_its_figures_and_its_fullest_file_system(site: Site) -> None:
    await a_host(site)
    (host,) = (await site.live.overview()).hosts
    assert (host.host, host.state, host.memory_used_ratio) == ("web-1", "ok", 0.75)
    assert host.cpu_used_ratio is not None
    assert abs(host.cpu_used_ratio - 0.75) < 1e-6
    assert (host.filesystem_fullest, host.filesystem_used_ratio) == ("/var", 0.8)
    assert (host.swap_used_ratio, host.load1) == (None, None)


async def test_a_host_that_fell_silent_is_shown_as_no_data_and_does_not_vanish(site: Site) -> None:
    await a_host(site, ages=(1210, 1205, 1200))
    (host,) = (await site.live.overview()).hosts
    assert (host.host, host.state, host.cpu_used_ratio) == ("web-1", "no_data", None)
    assert abs(to_ms(now()) - (host.last_seen or 0) - 1_200_000) < 60_000


async def test_a_host_nobody_knows_is_not_found(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        assert (await client.get("/api/v1/hosts/nowhere")).status_code == 404


async def test_one_host_comes_with_everything_about_it(site: Site) -> None:
    await a_host(site)
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/hosts/web-1")).json()
    assert [one["mountpoint"] for one in found["filesystems"]] == ["/", "/var"]
    assert {one["metric_of"] for one in found["thresholds"]} == {"cpu", "memory", "filesystem"}
    assert found["memory_used_ratio"] == 0.75


async def test_a_stream_begins_with_a_full_look_and_goes_on_when_something_changed(site: Site) -> None:
    running = asyncio.create_task(site.live.run())
    try:
        stream = site.live.stream(frozenset({"overview"}))
        name, data = await anext(stream)
        assert (name, msgspec.json.decode(data)["numbers"]["hosts"]) == ("overview", 0)
        await a_host(site)
        async with asyncio.timeout(30):
            async for name, data in stream:
                if name == "overview" and msgspec.json.decode(data)["numbers"]["hosts"] == 1:
                    break
        await stream.aclose()
    finally:
        running.cancel()
    assert site.live.streams == 0


async def test_stopping_ends_every_stream(site: Site) -> None:
    stream = site.live.stream(frozenset({"fetches"}))
    waiting = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    site.live.stop()
    async with asyncio.timeout(30):
        assert await waiting is None


async def test_a_stream_that_does_not_keep_up_is_ended_and_holds_no_more_than_its_bound() -> None:
    stream = Stream(frozenset())
    for _ in range(1000):
        stream.put(("tick", b"{}"))
    assert stream.ended
    assert stream.queue.qsize() <= stream.queue.maxsize
