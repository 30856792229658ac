"""The same questions to a real Prometheus and to us, about the same samples: expressions made of all parts of the language.

Prometheus 2 closes windows on the left and follows counters below zero in another order; the instants asked for
lie between samples, and the counters begin high, so that it makes no difference.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from gwanje.errors import BadQuery
from gwanje.keep.promql import instant, range_
from gwanje.keep.promql.conformance.memory import Memory
from gwanje.keep.samples.base import Labels
from gwanje.show.api.json import pieces
from gwanje.wire.remote_write.encode import body_of
from tests.engines.metrics import prometheus
from tests.keep.promql.beside import difference

BEGIN_MS = 1_700_000_000_000
STEP_MS = 15_000
AT_MS = BEGIN_MS + 100 * STEP_MS + 7_001

SELECTORS = ("c_total", 'c_total{host="a"}', 'g{host!="b"}', "g", 'g{code=~"[24]..|"}', "nosuch", "b_bucket")
OVER_TIME: tuple[str, ...] = (
    "rate",
    "increase",
    "irate",
    "delta",
    "idelta",
    "deriv",
    "changes",
    "resets",
    "avg_over_time",
    "sum_over_time",
)
OVER_TIME += ("min_over_time", "max_over_time", "count_over_time", "last_over_time", "stddev_over_time", "stdvar_over_time")
OVER_TIME += ("present_over_time", "absent_over_time")
EACH: tuple[str, ...] = (
    "abs",
    "ceil",
    "exp",
    "floor",
    "ln",
    "log2",
    "log10",
    "sgn",
    "sqrt",
    "round",
    "-",
    "absent",
    "timestamp",
    "scalar",
    "sin",
    "tanh",
)
EACH += (
    "hour",
    "minute",
    "day_of_week",
    "days_in_month",
    "month",
    "year",
    "day_of_year",
    "deg",
    "sort_desc",
    "vector(scalar",
    "atan",
)
AGGREGATES = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile(0.3,", "topk(2,", "count_values('v',")
GROUPINGS = ("", "by (host) ", "without (code) ", "by (code, nosuch) ", "without () ")
OPERATORS = ("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<=", "> bool", "and", "or", "unless", "atan2")


def samples() -> dict[Labels, list[tuple[int, float]]]:
    numbers = np.random.default_rng(7)
    found = {}
    for host in "abc":
        for code in ("200", "404", "500"):
            times = [BEGIN_MS + step * STEP_MS + int(numbers.integers(0, 900)) for step in range(120)]
            steps = numbers.integers(0, 50, len(times))
            counter = 10_000 + np.cumsum(steps).astype(float)
            counter[60:] -= 7_000 if host == "b" else 0
            found["c_total", code, host] = list(zip(times, counter.tolist(), strict=True))
            found["g", code, host] = list(zip(times, numbers.normal(0, 9, len(times)).round(2).tolist(), strict=True))
        for bound, share in (("0.1", 0.2), ("0.5", 0.7), ("+Inf", 1.0)):
            times = [BEGIN_MS + step * STEP_MS for step in range(120)]
            found["b_bucket", bound, host] = [(at, 9000 + share * place * 10) for place, at in enumerate(times)]
    named = {"c_total": "code", "g": "code", "b_bucket": "le"}
    rows = {
        (("__name__", name), *sorted({named[name]: own, "host": host}.items())): held for (name, own, host), held in found.items()
    }
    return {labels: held for labels, held in rows.items() if ("code", "500") not in labels or ("host", "c") not in labels}


def questions(count: int) -> list[str]:
    choice = random.Random(3).choice  # noqa: S311 -- the same questions each time
    made = [
        "histogram_quantile(0.6, rate(b_bucket[5m]))",
        "histogram_quantile(0.9, sum by (le) (rate(b_bucket[7m])))",
        "predict_linear(g[9m], 600)",
        "quantile_over_time(0.3, g[9m])",
        "clamp(g, -3, 4)",
        'label_replace(g, "to", "$1-x", "host", "(.)")',
        'label_join(g, "to", "-", "host", "code")',
        "g @ 1700000900.5 - g offset 4m",
        "rate(c_total[4m] @ end() offset 1m)",
        "max_over_time(rate(c_total[2m])[8m:37s])",
        "g * on (host, code) group_left () c_total",
        'sum by (host) (g) / ignoring (code) group_right () g{host="a"}',
        "time() - timestamp(g)",
        "bottomk by (host) (1, g)",
        "1 + 2 * 3 ^ 2 % 5",
    ]

    def vector(depth: int) -> str:
        kind = choice(("select", "over", "each", "aggregate", "binary")) if depth else choice(("select", "over"))
        match kind:
            case "over":
                return f"{choice(OVER_TIME)}({choice(SELECTORS)}[{choice(('47s', '3m', '12m'))}]{choice(('', ' offset 2m'))})"
            case "each":
                function = choice(EACH)
                return f"{function}({vector(depth - 1)}{')' * function.count('(')})"
            case "aggregate":
                operator, grouping = choice(AGGREGATES), choice(GROUPINGS)
                word, _, parameter = operator.partition("(")
                return f"{word} {grouping}({parameter}{vector(depth - 1)})"
            case "binary":
                left, right = vector(depth - 1), choice((vector(depth - 1), "2.5"))
                operator = choice(OPERATORS)
                return f"({left}) {operator if right != '2.5' or operator not in {'and', 'or', 'unless'} else '*'} ({right})"
            case _:
                return choice(SELECTORS)

    return made + [vector(3) for _ in range(count)]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Memory]]:
    memory = Memory()
    memory.append({labels: dict(held) for labels, held in samples().items()})
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus(folder) as url, httpx.Client(base_url=url, timeout=30) as client:
        sent = client.post("/api/v1/write", content=body_of(samples().items()), headers={"Content-Encoding": "snappy"})
        assert sent.is_success, sent.text
        yield client, memory


@pytest.mark.engine("prometheus")
@pytest.mark.parametrize("whole", [pytest.param(False, id="instant"), pytest.param(True, id="range")])
def test_the_same_questions_have_the_same_answers(beside: tuple[httpx.Client, Memory], whole: bool) -> None:  # noqa: FBT001 -- a table's cell
    client, memory = beside
    answered, refused = 0, []
    for query in questions(250):
        given = {"query": query, "time": f"{AT_MS / 1000:.3f}"}
        if whole:
            start = AT_MS - 20 * 61_000
            given = {"query": query, "start": f"{start / 1000:.3f}", "end": f"{AT_MS / 1000:.3f}", "step": "61"}
        theirs = client.post("/api/v1/query_range" if whole else "/api/v1/query", data=given).json()
        try:
            ours = range_(query, start, AT_MS, 61_000, memory.fetch) if whole else instant(query, AT_MS, memory.fetch)
        except BadQuery:
            refused.append((query, theirs["status"]))
            continue
        assert theirs["status"] == "success", f"{query}: {theirs}"
        assert difference(json.loads(b"".join(pieces(ours)))["data"], theirs["data"]) == "", query
        answered += 1
    assert [query for query, status in refused if status != "error"] == []
    assert answered > 150
