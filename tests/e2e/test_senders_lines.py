"""The client libraries that people use write lines into the real program: InfluxDB's, StatsD's and DogStatsD's."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import statsd  # type: ignore[import-untyped] # it brings no types
from datadog.dogstatsd.base import DogStatsd
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions

from gwanje.errors import BadInput
from gwanje.wire.columns import Columns
from gwanje.wire.influx.decode import decode
from gwanje.wire.influx.keys import read, split

from .program import Program, free_port, wait_until

pytestmark = [pytest.mark.e2e]

STATSD = """
listen: 127.0.0.1:${{PORT}}
statsd:
  listen: 127.0.0.1:{port}
  use: airflow
  mappings:
    - {{match: jobs.*.took, name: jobs_took_seconds, labels: {{queue: $1}}, observer_type: histogram, buckets: [0.1, 1]}}
"""


def written(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "gwanje.yaml").write_text(text, encoding="utf-8")


def equal(program: Program, expected: dict[str, float]) -> None:
    """Wait until each query has its value."""
    for query, value in expected.items():
        wait_until(lambda query=query, value=value: program.value(query) == value, 60, f"{query} = {value}")


def test_influxdbs_client_library_writes_in_batches(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    written(program.folder, "listen: 127.0.0.1:${PORT}\n")
    program.start()
    program.first_user()
    now_ns = time.time_ns()
    point: Any = Point  # its methods have no types
    with InfluxDBClient(url=program.url, token=program.key("ingest"), org="any", enable_gzip=True) as client:
        client.write_api(write_options=SYNCHRONOUS).write("any", record=point("room").tag("name", "a b,c=d").field("warm", 21.5))
        with client.write_api(write_options=WriteOptions(batch_size=500, flush_interval=1_000)) as writer:
            for number in range(2_000):
                made = point("load").tag("host", f"web-{number % 4}").field("one", number).field("up", True).field("note", "text")
                writer.write("any", record=made.time(now_ns - (2_000 - number) * 1_000_000))
    equal(
        program,
        {
            'room_warm{name="a b,c=d"}': 21.5,
            "sum(load_one)": 1996 + 1997 + 1998 + 1999,
            "sum(count_over_time(load_one[1h]))": 2_000,
            "sum(load_up)": 4,
            'count({__name__=~"load_.*"})': 8,
        },
    )


def test_statsds_client_libraries_write_over_udp_and_tcp(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    port = free_port()
    written(program.folder, STATSD.format(port=port))
    program.start()
    program.first_user()
    over_udp, over_tcp = statsd.StatsClient("127.0.0.1", port), statsd.TCPStatsClient("127.0.0.1", port, timeout=10)
    for client, way in ((over_udp, "udp"), (over_tcp, "tcp")):
        client.incr(f"hits.{way}", 3)
        client.gauge(f"depth.{way}", 10)
        client.gauge(f"depth.{way}", -4, delta=True)
        client.timing(f"jobs.{way}.took", 250)
        client.set(f"users.{way}", "kim")
        with client.pipeline() as pipe:
            pipe.incr(f"hits.{way}", 2)
            pipe.timing(f"jobs.{way}.took", 50)
    over_udp.incr("airflow.operator_successes_BashOperator")
    over_udp.timing("airflow.dag.sales.load.duration", 1500)
    over_udp.close()
    over_tcp.close()
    dog = DogStatsd(host="127.0.0.1", port=port, constant_tags=["env:prod"], disable_telemetry=True)
    dog.increment("dog.hits", 2, tags=["host:web-1"])
    dog.distribution("dog.size", 7, tags=["host:web-1"])
    dog.event("started", "all is well")
    dog.service_check("db", DogStatsd.OK)
    dog.flush()
    dog.close_socket()
    expected = {
        **{f"hits_{way}": 5.0 for way in ("udp", "tcp")},
        **{f"depth_{way}": 6.0 for way in ("udp", "tcp")},
        **{f'jobs_took_seconds_bucket{{queue="{way}",le="0.1"}}': 1.0 for way in ("udp", "tcp")},
        **{f'jobs_took_seconds_count{{queue="{way}"}}': 2.0 for way in ("udp", "tcp")},
        **{f"max_over_time(users_{way}[1m])": 1.0 for way in ("udp", "tcp")},
        'airflow_operator_successes{operator="BashOperator",job="statsd"}': 1.0,
        'airflow_task_duration_count{dag_id="sales",task_id="load"}': 1.0,
        'dog_hits{env="prod",host="web-1"}': 2.0,
        'dog_size_sum{env="prod",host="web-1"}': 7.0,
        'gwanje_statsd_lines_ignored_total{reason="event"}': 1.0,
        'gwanje_statsd_lines_ignored_total{reason="service_check"}': 1.0,
        "sum(gwanje_statsd_lines_refused_total) or vector(0)": 0.0,
        "gwanje_statsd_kernel_dropped_packets_total": 0.0,
    }
    equal(program, expected)


# --- what InfluxDB itself makes of a line -------------------------------------------------------------------------------------

INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
"""

LINES = {
    "plain": (b"plain,host=a value=1.5 1700000000000000000", "ns"),
    "no tags": (b"bare value=1 1700000000000000000", "ns"),
    "exponent": (b"expo value=-1.25e-3 1700000000000000000", "ns"),
    "integer": (b"whole value=-12i 1700000000000000000", "ns"),
    "booleans": (b"truth a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE 1700000000000000000", "ns"),
    "strings": (b'said a=1,b="two, three=4 five",c="\\"quoted\\"",d=6 1700000000000000000', "ns"),
    "escapes in a measurement": (rb"a\,b\ c,host=a value=1 1700000000000000000", "ns"),
    "escapes in a tag": (rb"tags,na\ me=a\,b\ c\=d value=1 1700000000000000000", "ns"),
    "escapes in a field": (rb"fields,host=a o\ n\,e\=x=1 1700000000000000000", "ns"),
    "a backslash of its own": (rb"slash,path=C:\Users value=1 1700000000000000000", "ns"),
    "quotes in a tag": (b'quoted,host="a" value=1 1700000000000000000', "ns"),
    "tags out of order": (b"order,z=1,a=2,m=3 value=1 1700000000000000000", "ns"),
    "microseconds": (b"micro value=1 1700000000123456", "u"),
    "milliseconds": (b"milli value=1 1700000000123", "ms"),
    "seconds": (b"second value=1 1700000000", "s"),
    "minutes": (b"minute value=1 28333333", "m"),
    "hours": (b"hour value=1 472222", "h"),
    "before the epoch": (b"early value=1 -1000000000", "ns"),
    "a hash within": (b"hash,host=#1 value=1 1700000000000000000", "ns"),
    "other letters": ("weather,city=서울 value=1 1700000000000000000".encode(), "ns"),
    "more blanks": (b"blanks,host=a   value=1   1700000000000000000", "ns"),
    "no field": (b"nothing,host=a 1700000000000000000", "ns"),
    "no value": (b"nothing,host=a value= 1700000000000000000", "ns"),
    "a word for a value": (b"nothing,host=a value=hello 1700000000000000000", "ns"),
    "an open string": (b'nothing,host=a value="hello 1700000000000000000', "ns"),
    "no tag's name": (b"nothing,=a value=1 1700000000000000000", "ns"),
    "a time with a dot": (b"nothing value=1 1700000000.5", "ns"),
    "an integer with a dot": (b"nothing value=1.5i 1700000000000000000", "ns"),
    "an integer too large": (b"nothing value=9223372036854775808i 1700000000000000000", "ns"),
    "not a number": (b"nothing value=nan 1700000000000000000", "ns"),
}

Points = set[tuple[str, tuple[tuple[str, str], ...], int, float]]


@contextmanager
def influxd(folder: Path) -> Iterator[str]:
    port = free_port()
    (folder / "influxdb.conf").write_text(INFLUXD.format(folder=folder, port=port, backup=free_port()), encoding="utf-8")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["influxd", "-config", f"{folder}/influxdb.conf"], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), 60, "influxd is ready")
        httpx.post(f"{url}/query", params={"q": "CREATE DATABASE lines"}).raise_for_status()
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ping").status_code == HTTPStatus.NO_CONTENT
    except httpx.TransportError:
        return False


def theirs(url: str) -> Points:
    """Every number that InfluxDB holds: measurement and field, tags, time and value."""
    answer = httpx.get(f"{url}/query", params={"db": "lines", "epoch": "ms", "q": "SELECT * FROM /.*/ GROUP BY *"}).json()
    found: Points = set()
    for series in answer["results"][0].get("series", ()):
        tags = tuple(sorted((name, value) for name, value in series.get("tags", {}).items() if value))
        for at_ms, *values in series["values"]:
            for field, value in zip(series["columns"][1:], values, strict=True):
                if isinstance(value, int | float):
                    found.add((f"{series['name']} {field}", tags, at_ms, float(value)))
    return found


def ours(line: bytes, precision: str) -> tuple[Points, bool]:
    """The same of what is read here, and whether all of it is taken."""
    decoded = decode(line, precision)
    columns = decoded.columns
    samples = zip(columns.keys, columns.times.tolist(), columns.values.tolist(), strict=True)
    points = {(*_names(key), at_ms, value) for key, at_ms, value in samples if _has_labels(columns, key)}
    return points, not decoded.refused and len(points) == len(columns.keys)


def _has_labels(columns: Columns, key: bytes) -> bool:
    try:
        return bool(columns.labels_of(key))
    except BadInput:
        return False


def _names(key: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Measurement, field and tags before names are made Prometheus's."""
    head, field = split(key, b" ")
    measurement, *tags = split(head, b",")
    pairs = (tuple(read(part, key) for part in split(tag, b"=")) for tag in tags)
    return f"{read(measurement, key)} {read(field, key)}", tuple(sorted((name, value) for name, value in pairs))


@pytest.mark.engine("influxd")
def test_influxdb_makes_the_same_points_of_the_same_lines(tmp_path: Path) -> None:
    differing: dict[str, Any] = {}
    with influxd(tmp_path) as url:
        before: Points = set()
        for name, (line, precision) in LINES.items():
            answer = httpx.post(f"{url}/write", params={"db": "lines", "precision": precision}, content=line)
            after = theirs(url)
            taken = (after - before, answer.status_code == HTTPStatus.NO_CONTENT)
            if ours(line, precision) != taken:
                differing[name] = (ours(line, precision), taken, answer.text)
            before = after
    assert before
    assert differing == {}
