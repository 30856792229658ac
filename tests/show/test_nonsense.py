"""Whatever nonsense is asked, the answer is never a mistake of ours: no 500 for any path of the API."""

from __future__ import annotations

import json
import random
import re
from typing import Any
from urllib.parse import quote

import httpx

from gwanje.keep.state.people import Scope

from .conftest import Site

LEFT_OUT = frozenset(
    {
        "/api/v1/stream",
        "/api/v1/exceedances/stream",
        "/api/v1/backup",
        "/collect",
        "/api/session",
        "/api/first-user",
    }
)
"""Two never end, the others do something."""
NAMES = (
    "query", "time", "start", "end", "step", "timeout", "limit", "match[]", "match", "name", "metric", "limit_per_metric",
    "match_target", "state", "scrapePool", "type", "rule_name[]", "rule_group[]", "file[]", "exclude_alerts", "group_limit",
    "group_next_token", "from", "to", "before", "rule", "host", "severity", "pipeline", "outcome", "q", "hours", "filter",
    "receiver", "active", "silenced", "inhibited", "unprocessed", "precision", "db", "bucket",
)  # fmt: skip
VALUES = (
    *("", "0", "1", "-1", "1e308", "-1e308", "NaN", "Inf", "99999999999999999999", "1_0", "0x10", "true", "maybe", "5m", "-5m"),
    *("2026-01-01T00:00:00Z", "2026-01-01", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00+23:59", "1969-12-31T00:00:00-12:00"),
    *("up", "up{", "up[5m", "sum(", "{", "{}", '{a="b"}', '{a=~"("}', '{a=~"(a+)+$"}', "up @ 1e20", "1/0", '"', "''", "\\"),
    *("up offset 99999y", "rate(up[1s])", "time()", "histogram_fraction(NaN, 1, up)", "limit_ratio(2, up)", "rate(up[5m:1s])"),
    *('label_replace(up,"a","$1","b","(")', 'count_values("", up)', "topk(1e30, up)", "up[99999d:1ms]", "-" * 300 + "1"),
    *("\x00", "한글", "\U0001f525", "%", "../../etc/passwd", "a" * 5000, "(" * 500, "firing", "alert", "inactive", "any"),
)
TYPES = (
    "", "application/json", "application/x-protobuf", "application/x-www-form-urlencoded", "text/plain",
    "multipart/form-data",
)  # fmt: skip
ENCODINGS = ("", "gzip", "snappy", "identity", "br")
PIECES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1e300,
    2**80,
    "",
    "x",
    "2026-01-01T00:00:00Z",
    "NaN",
    "\x00",
    "한글",
    [],
    {},
    [[]],
    [{}],
    {"": None},
)
KEYS = (
    "labels", "annotations", "status", "alerts", "startsAt", "endsAt", "matchers", "name", "value", "isRegex", "isEqual",
    "comment", "createdBy", "id", "episode", "until", "resourceMetrics", "scopeMetrics", "metrics", "gauge", "dataPoints",
    "asInt", "timeUnixNano", "attributes", "key", "metric", "values", "timestamps", "detail", "Message", "Type",
)  # fmt: skip


def _json(chance: random.Random, depth: int = 4) -> Any:
    sort = chance.random() if depth else 1.0
    if sort < 0.5:
        return {chance.choice(KEYS): _json(chance, depth - 1) for _ in range(chance.randrange(5))}
    return [_json(chance, depth - 1) for _ in range(chance.randrange(4))] if sort < 0.7 else chance.choice(PIECES)


def _body(chance: random.Random) -> bytes:
    match chance.randrange(4):
        case 0:
            return json.dumps(_json(chance)).encode()
        case 1:
            return chance.randbytes(chance.randrange(60))
        case 2:
            return "&".join(f"{quote(chance.choice(NAMES))}={quote(chance.choice(VALUES))}" for _ in range(3)).encode()
        case _:
            return f"{chance.choice(VALUES)},{chance.choice(KEYS)}={chance.choice(VALUES)} {chance.choice(VALUES)}\n".encode()


async def test_no_nonsense_is_a_mistake_of_ours(site: Site) -> None:
    await site.store(("up", {"host": "a"}, 1.0, 5), ("wait_bucket", {"le": "+Inf"}, 1.0, 5))
    chance = random.Random(4)  # noqa: S311 -- the same nonsense each time
    asked = [
        (path, method.upper()) for path, methods in (await site.paths()).items() for method in methods if path not in LEFT_OUT
    ]
    wrong = []
    async with site.with_key(*Scope) as client:
        for path, method in asked * 12:
            whole = re.sub(r"\{\w+\}", lambda _: quote(chance.choice(VALUES) or "x", safe=""), path)
            given = httpx.QueryParams([(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(6))])
            body = _body(chance) if method != "GET" else b""
            headers = {"Content-Type": chance.choice(TYPES), "Content-Encoding": chance.choice(ENCODINGS)}
            answer = await client.request(
                method, whole, params=given, content=body, headers={name: value for name, value in headers.items() if value}
            )
            if answer.status_code == 500:
                wrong.append((method, whole[:80], str(given), body[:200], headers))
    assert wrong == []
