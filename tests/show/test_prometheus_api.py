"""The rest of Prometheus's HTTP API: rules, alerts, metadata, status, and what Grafana's data source asks in its turn."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gwanje.app import folder as folders
from gwanje.app import packs
from gwanje.app.clock import now
from gwanje.app.house import open_house
from gwanje.keep.state import alerts as kept
from gwanje.keep.state.people import Scope
from gwanje.model import to_ms
from gwanje.show.api.application import application
from gwanje.show.live import Live
from tests.wire.version_2 import Sent

from .conftest import Site
from .test_write import VERSION_2

COUNTER, GAUGE = 1, 2

CPU = {
    "name": "cpu high",
    "expr": "cpu",
    "critical": ">= 0.9",
    "interval": "5s",
    "clear_for": "30s",
    "labels": {"team": "infra"},
    "annotations": {"summary": {"ko": "{{ labels.host }} {{ value }}", "en": "CPU of {{ labels.host }}"}, "runbook": "reboot"},
    "unit": "ratio",
}
MEMORY = {"name": "memory high", "expr": "1 - free # of all", "warning": "> 0.8", "for": "1m", "interval": "5s"}
DISK = {"name": "disk full", "expr": "disk", "warning": ">= 0.85", "critical": ">= 0.9", "interval": "10s"}
FAILS = {
    "name": "fail rate",
    "ratio": {"failed": 'f_total{outcome="failed"}', "total": "f_total", "over": "15m", "by": ["pipeline"]},
    "critical": ">= 0.2",
    "interval": "5s",
}
TEXT = {"name": "no number", "expr": '"a"', "critical": "> 0", "interval": "5s"}
CLOCK = {"name": "clock", "expr": "time()", "critical": "< 1234567890", "interval": "5s"}
BAND = {"name": "band", "expr": "volts", "critical": "> 240", "warning": "< 220", "interval": "5s"}


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Site]:
    """A house whose rules are those above."""
    packs.lay("web-collector", tmp_path)
    shutil.rmtree(tmp_path / "rules")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "all.yaml").write_text(yaml.safe_dump({"rules": [CPU, MEMORY, DISK, FAILS, TEXT, CLOCK, BAND]}))
    async with open_house(folders.read(tmp_path)) as house:
        rooms = house.rooms()
        live = Live(rooms)
        yield Site(house, live, application(rooms, live))


async def _judged(site: Site) -> datetime:
    """Store samples of which one rule fires, one is pending and one is well, and judge them; returns when."""
    await site.store(
        ("cpu", {"host": "web-1"}, 0.95, 30), ("free", {"host": "db-1"}, 0.1, 30), ("disk", {"host": "web-1"}, 0.2, 30)
    )
    at = now()
    await site.house.round.once(at)
    return at


def _said(at: datetime, interval: int = 5) -> str:
    """The multiple of the interval at which a rule was judged, as Prometheus writes it."""
    return datetime.fromtimestamp(at.timestamp() // interval * interval, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _data(client: httpx.AsyncClient, path: str, **given: Any) -> Any:
    answer = await client.get(f"/api/v1/{path}", params=given)
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "success")
    return body["data"]


def _firing(at: datetime) -> dict[str, Any]:
    return {
        "labels": {"alertname": "cpu high", "severity": "critical", "host": "web-1", "team": "infra"},
        "annotations": {"runbook": "reboot", "summary": "CPU of web-1", "summary_ko": "web-1 95.0 %"},
        "state": "firing",
        "activeAt": _said(at),
        "value": "9.5e-01",
    }


async def test_each_rule_says_its_state_its_health_and_its_alerts(ruled: Site) -> None:
    at = await _judged(ruled)
    async with ruled.with_key(Scope.READ) as client:
        (group,) = (await _data(client, "rules", type="alert"))["groups"]
    assert {key: group[key] for key in ("name", "file", "interval", "limit", "lastEvaluation")} == {
        "name": "gwanje",
        "file": "gwanje",
        "interval": 5.0,
        "limit": 0,
        "lastEvaluation": _said(at),
    }
    rules = {rule["name"]: rule for rule in group["rules"]}
    assert all(0 < rule.pop("evaluationTime") < 10 for rule in group["rules"])
    assert rules["cpu high"] == {
        "state": "firing",
        "name": "cpu high",
        "query": "cpu >= 0.9",
        "duration": 0.0,
        "keepFiringFor": 30.0,
        "labels": {"team": "infra", "severity": "critical"},
        "annotations": {
            "runbook": "reboot",
            "summary": "CPU of {{ labels.host }}",
            "summary_ko": "{{ labels.host }} {{ value }}",
        },
        "alerts": [_firing(at)],
        "health": "ok",
        "lastEvaluation": _said(at),
        "type": "alerting",
    }
    assert (rules["memory high"]["state"], rules["memory high"]["duration"]) == ("pending", 60.0)
    assert [alert["state"] for alert in rules["memory high"]["alerts"]] == ["pending"]
    assert rules["disk full"] == {
        "state": "inactive",
        "name": "disk full",
        "query": "disk >= 0.85",
        "duration": 0.0,
        "keepFiringFor": 0.0,
        "labels": {},
        "annotations": {},
        "alerts": [],
        "health": "ok",
        "lastEvaluation": _said(at, 10),
        "type": "alerting",
    }
    assert (rules["no number"]["state"], rules["no number"]["health"]) == ("inactive", "err")
    assert "`expr` gives neither a number nor" in rules["no number"]["lastError"]


async def test_a_rules_query_gives_exactly_what_breaches(ruled: Site) -> None:
    await _judged(ruled)
    async with ruled.with_key(Scope.READ) as client:
        (group,) = (await _data(client, "rules", type="alert"))["groups"]
        queries = {rule["name"]: rule["query"] for rule in group["rules"]}
        (found,) = (await _data(client, "query", query=queries["memory high"]))["result"]
        assert (await _data(client, "query", query=queries["disk full"]))["result"] == []
    assert found["metric"] == {"host": "db-1"}
    assert queries["memory high"] == "(1 - free) > 0.8"
    assert queries["clock"] == "vector(time()) < 1234567890"
    assert queries["band"] == "volts > 240 or volts < 220"
    assert queries["fail rate"] == (
        '(sum by (pipeline) (increase(f_total{outcome="failed"}[15m])) / sum by (pipeline) (increase(f_total[15m]))) >= 0.2'
    )


async def test_recording_rules_are_a_group_of_their_own(ruled: Site) -> None:
    await ruled.store(
        ("node_load1", {"host": "web-1"}, 3.0, 30), ("node_cpu_seconds_total", {"host": "web-1", "mode": "idle"}, 1.0, 30)
    )
    async with ruled.with_key(Scope.READ) as client:
        asked = {"type": "record", "rule_name[]": "host_load_per_cpu"}
        (before,) = (await _data(client, "rules", **asked))["groups"]
        at = now()
        await ruled.house.recorder.once(at)
        (group,) = (await _data(client, "rules", **asked))["groups"]
        kept = (await _data(client, "query", query="host_load_per_cpu", time=str(at.timestamp())))["result"]
    assert before["rules"][0]["health"] == "unknown"
    assert group["name"] == "recording"
    (rule,) = group["rules"]
    assert rule.pop("evaluationTime") > 0
    assert rule == {
        "name": "host_load_per_cpu",
        "query": 'max by (host) (node_load1) / count by (host) (node_cpu_seconds_total{mode="idle"})',
        "labels": {},
        "health": "ok",
        "lastEvaluation": _said(at),
        "type": "recording",
    }
    assert [one["value"][1] for one in kept] == ["3"]


async def test_a_rule_that_was_not_evaluated_yet_is_unknown(ruled: Site) -> None:
    async with ruled.with_key(Scope.READ) as client:
        (group,) = (await _data(client, "rules", **{"rule_name[]": "disk full"}))["groups"]
    (rule,) = group["rules"]
    assert (rule["health"], rule["state"], rule["evaluationTime"]) == ("unknown", "inactive", 0.0)
    assert rule["lastEvaluation"] == group["lastEvaluation"] == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        pytest.param(
            {"type": "record", "rule_name[]": ["cpu high", "host_load_per_cpu"]},
            ["host_load_per_cpu"],
            id="recording rules alone",
        ),
        pytest.param({"type": "alert", "rule_name[]": "disk full"}, ["disk full"], id="one name"),
        pytest.param({"rule_name[]": ["disk full", "cpu high"]}, ["cpu high", "disk full"], id="two names"),
        pytest.param({"rule_name[]": "other"}, [], id="no such name"),
        pytest.param({"rule_group[]": "other"}, [], id="no such group"),
        pytest.param({"file[]": "other.yaml"}, [], id="no such file"),
        pytest.param({"match[]": '{team=~"inf.*"}'}, ["cpu high"], id="a label"),
        pytest.param(
            {"match[]": ['{team="infra"}', '{severity="warning"}']}, ["cpu high", "memory high"], id="one label or another"
        ),
        pytest.param({"match[]": '{team="infra",severity="warning"}'}, [], id="one label and another"),
        pytest.param({"rule_group[]": "gwanje", "file[]": "gwanje", "rule_name[]": "clock"}, ["clock"], id="all three"),
    ],
)
async def test_rules_are_narrowed(ruled: Site, given: dict[str, Any], names: list[str]) -> None:
    async with ruled.with_key(Scope.READ) as client:
        groups = (await _data(client, "rules", **given))["groups"]
    assert [rule["name"] for group in groups for rule in group["rules"]] == names


async def test_groups_come_so_many_at_a_time(ruled: Site) -> None:
    async with ruled.with_key(Scope.READ) as client:
        first = await _data(client, "rules", group_limit="1")
        second = await _data(client, "rules", group_limit="1", group_next_token=first["groupNextToken"])
        both = await _data(client, "rules", group_limit="2")
    names = [[group["name"] for group in page["groups"]] for page in (first, second, both)]
    assert names == [["gwanje"], ["recording"], ["gwanje", "recording"]]
    assert "groupNextToken" not in {**second, **both}


async def test_a_rule_keeps_its_state_where_its_alerts_are_left_out(ruled: Site) -> None:
    await _judged(ruled)
    async with ruled.with_key(Scope.READ) as client:
        (group,) = (await _data(client, "rules", **{"rule_name[]": "cpu high", "exclude_alerts": "true"}))["groups"]
    assert [(rule["state"], rule["alerts"]) for rule in group["rules"]] == [("firing", [])]


async def test_alerts_are_those_that_are_pending_or_firing(ruled: Site) -> None:
    at = await _judged(ruled)
    async with ruled.with_key(Scope.READ) as client:
        firing, pending = (await _data(client, "alerts"))["alerts"]
    assert firing == _firing(at)
    assert pending == {
        "labels": {"alertname": "memory high", "severity": "warning", "host": "db-1"},
        "annotations": {"summary": pending["annotations"]["summary"], "summary_ko": pending["annotations"]["summary_ko"]},
        "state": "pending",
        "activeAt": _said(at),
        "value": "9e-01",
    }
    assert pending["annotations"]["summary"].startswith("memory high: 0.9")


async def test_what_went_silent_before_it_fired_is_no_alert(ruled: Site) -> None:
    at = await _judged(ruled)
    await ruled.house.round.once(at + timedelta(seconds=400))  # the samples are out of sight in every evaluation made up for
    with ruled.house.state.read() as connection:
        states = {row["rule"]: row["state"] for row in kept.open_instances(connection)}
    assert states == {"cpu high": "firing", "memory high": "no_data", "rule error": "firing"}
    async with ruled.with_key(Scope.READ) as client:
        found = (await _data(client, "alerts"))["alerts"]
        (group,) = (await _data(client, "rules", **{"rule_name[]": "memory high"}))["groups"]
    assert {alert["labels"]["alertname"] for alert in found} == {"cpu high", "rule error"}
    assert (group["rules"][0]["state"], group["rules"][0]["alerts"]) == ("inactive", [])


async def test_metadata_says_what_names_tell_and_helps_with_our_own(site: Site) -> None:
    await site.store(
        ("http_requests_total", {"host": "a"}, 1.0, 5),
        ("latency_seconds_bucket", {"le": "+Inf"}, 1.0, 5),
        ("latency_seconds_sum", {}, 1.0, 5),
        ("latency_seconds_count", {}, 1.0, 5),
        ("row_count", {}, 1.0, 5),
        ("gwanje_probe_up", {"probe": "host"}, 1.0, 5),
    )
    async with site.with_key(Scope.READ) as client:
        found = await _data(client, "metadata")
        one = await _data(client, "metadata", metric="http_requests_total")
        none = await _data(client, "metadata", metric="other")
        two = await _data(client, "metadata", limit="2")
    assert one == {"http_requests_total": [{"type": "counter", "help": "", "unit": ""}]}
    assert found["latency_seconds"] == [{"type": "histogram", "help": "", "unit": ""}]
    assert found["row_count"] == [{"type": "unknown", "help": "", "unit": ""}]
    assert found["gwanje_probe_up"] == [
        {"type": "gauge", "help": "1 when the last look of a probe went well, else 0.", "unit": ""}
    ]
    assert found["gwanje_fetch_seconds"][0]["type"] == "histogram"
    assert found["process_cpu_seconds_total"] == [{"type": "counter", "help": "Processor time of this process.", "unit": ""}]
    assert not {"latency_seconds_bucket", "latency_seconds_sum", "latency_seconds_count"} & set(found)
    assert none == {}
    assert list(two) == sorted(found)[:2]


async def test_metadata_holds_what_senders_said(site: Site) -> None:
    sent = Sent()
    for type_ in (GAUGE, COUNTER):
        sent.says(sent.series({"__name__": "jobs", "host": str(type_)}, (to_ms(now()), 1.0)), type_, "Jobs.", "1")
        async with site.with_key(Scope.INGEST) as client:
            assert (await client.post("/api/v1/write", content=sent.body(), headers=VERSION_2)).status_code == 204
        sent = Sent()
    async with site.with_key(Scope.READ) as client:
        all_words = await _data(client, "metadata", metric="jobs")
        one_word = await _data(client, "metadata", metric="jobs", limit_per_metric="1")
    gauge, counter = ({"type": type_, "help": "Jobs.", "unit": "1"} for type_ in ("gauge", "counter"))
    assert (all_words, one_word) == ({"jobs": [gauge, counter]}, {"jobs": [gauge]})


async def test_what_most_series_have_is_counted(site: Site) -> None:
    await site.store(
        ("up", {"host": "a", "job": "n"}, 1.0, 5), ("up", {"host": "bb", "job": "n"}, 1.0, 5), ("load", {"host": "a"}, 1.0, 5)
    )
    at_ms = now().timestamp() * 1000
    async with site.with_key(Scope.READ) as client:
        found = await _data(client, "status/tsdb", limit="2")
    head = found.pop("headStats")
    assert (head["numSeries"], head["numLabelPairs"]) == (3, 5)
    assert at_ms - 1 <= head["maxTime"] <= now().timestamp() * 1000
    assert head["minTime"] == head["maxTime"] - 7_200_000
    assert found == {
        "seriesCountByMetricName": [{"name": "up", "value": 2}, {"name": "load", "value": 1}],
        "labelValueCountByLabelName": [{"name": "__name__", "value": 2}, {"name": "host", "value": 2}],
        "memoryInBytesByLabelName": [{"name": "__name__", "value": 6}, {"name": "host", "value": 3}],
        "seriesCountByLabelValuePair": [{"name": "__name__=up", "value": 2}, {"name": "host=a", "value": 2}],
    }


async def test_the_server_says_when_it_started_and_that_it_has_no_flags_targets_or_exemplars(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        runtime = await _data(client, "status/runtimeinfo")
        assert await _data(client, "status/flags") == {}
        assert await _data(client, "status/config") == {"yaml": ""}
        assert await _data(client, "scrape_pools") == {"scrapePools": []}
        assert await _data(client, "targets/metadata") == []
        assert await _data(client, "targets", state="active") == {
            "activeTargets": [],
            "droppedTargets": [],
            "droppedTargetCounts": {},
        }
        assert await _data(client, "query_exemplars", query="up", start="1", end="2") == []
        posted = await client.post("/api/v1/query_exemplars", data={"query": "up", "start": "1", "end": "2"})
    assert posted.json() == {"status": "success", "data": []}
    assert datetime.fromisoformat(runtime["startTime"]) == site.house.started
    assert datetime.fromisoformat(runtime["serverTime"]) >= site.house.started
    assert runtime["reloadConfigSuccess"] is True


async def test_a_query_is_put_into_its_usual_form(site: Site) -> None:
    written = "sum(rate(up{ a = 'b' }[5m])) by (host)/2"
    async with site.with_key(Scope.READ) as client:
        got = await _data(client, "format_query", query=written)
        posted = (await client.post("/api/v1/format_query", data={"query": written})).json()["data"]
    assert got == posted == 'sum by (host) (rate(up{a="b"}[5m])) / 2'


async def test_a_query_is_taken_apart_as_prometheus_does(site: Site) -> None:
    selector = {
        "type": "vectorSelector",
        "name": "up",
        "matchers": [{"name": "host", "type": "=~", "value": "a"}, {"name": "__name__", "type": "=", "value": "up"}],
        "offset": -60_000,
        "offsetExpr": None,
        "timestamp": None,
        "startOrEnd": "end",
        "anchored": False,
        "smoothed": False,
    }
    expected = {
        "type": "aggregation",
        "op": "sum",
        "param": None,
        "grouping": ["host"],
        "without": False,
        "expr": {"type": "unaryExpr", "op": "-", "expr": selector},
    }
    async with site.with_key(Scope.READ) as client:
        given = {"query": 'sum by (host) (-up{host=~"a"} offset -1m @ end())'}
        got = await _data(client, "parse_query", **given)
        posted = (await client.post("/api/v1/parse_query", data=given)).json()["data"]
        every = [await _data(client, "parse_query", query=query) for query in TAKEN_APART]
    assert got == posted == expected
    assert [one["type"] for one in every] == list(TAKEN_APART.values())


TAKEN_APART = {
    "a / on (x) group_left (y) b": "binaryExpr",
    "a and b": "binaryExpr",
    "-(a) > bool 2": "binaryExpr",
    "time() + scalar(a)": "binaryExpr",
    "topk(3, a @ 10.5)": "aggregation",
    "max_over_time(rate(a[5m])[1h:1m] @ start())": "call",
    "a[5m]": "matrixSelector",
    "a[5m:]": "subquery",
    "(a)": "parenExpr",
    '"a"': "stringLiteral",
    "Inf": "numberLiteral",
}


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        pytest.param("rules", {"type": "other"}, 'invalid parameter "type": not supported value "other"', id="type"),
        pytest.param("query", {"query": "up", "time": "1e308"}, 'cannot parse "1e308" to a valid time', id="the end of time"),
        pytest.param("query_range", {"query": "up", "start": "1", "end": "2", "step": "1e308"}, "1e308", id="a step"),
        pytest.param("labels", {"start": "-1e300"}, 'cannot parse "-1e300" to a valid time', id="the beginning of time"),
        pytest.param("rules", {"match[]": "up["}, "parse error", id="no selector"),
        pytest.param("rules", {"group_limit": "0"}, "group_limit needs to be a number greater than 0", id="no groups"),
        pytest.param("rules", {"group_limit": "-1"}, "group_limit needs to be a number greater than 0", id="fewer groups"),
        pytest.param("rules", {"group_next_token": "x"}, "group_limit needs to be present", id="a token alone"),
        pytest.param("rules", {"group_limit": "1", "group_next_token": "x"}, "invalid group_next_token 'x'", id="no such token"),
        pytest.param("metadata", {"limit_per_metric": "x"}, "limit_per_metric must be a number", id="limit of words"),
        pytest.param("targets/metadata", {"match_target": "{"}, 'invalid parameter "match_target"', id="no such target"),
        pytest.param("parse_query", {"query": "sum("}, 'invalid parameter "query"', id="no tree"),
        pytest.param("rules", {"exclude_alerts": "maybe"}, 'invalid parameter "exclude_alerts"', id="not a truth value"),
        pytest.param("metadata", {"limit": "many"}, "limit must be a number", id="limit of metadata"),
        pytest.param("status/tsdb", {"limit": "0"}, "limit must be a positive number", id="limit of none"),
        pytest.param("status/tsdb", {"limit": "x"}, "limit must be a positive number", id="limit of what"),
        pytest.param("format_query", {"query": "sum("}, 'invalid parameter "query"', id="does not parse"),
        pytest.param("format_query", {}, 'invalid parameter "query"', id="no query"),
        pytest.param("query_exemplars", {"query": "up{"}, "1:4: parse error", id="exemplars of what"),
        pytest.param("query_exemplars", {}, "parse error: no expression found in input", id="exemplars of nothing"),
        pytest.param("query_exemplars", {"query": "up", "start": "9", "end": "1"}, "before start", id="ends first"),
    ],
)
async def test_mistakes_are_bad_data(site: Site, path: str, given: dict[str, str], said: str) -> None:
    async with site.with_key(Scope.READ) as client:
        answer = await client.get(f"/api/v1/{path}", params=given)
    body = answer.json()
    assert (answer.status_code, body["status"], body["errorType"]) == (400, "error", "bad_data")
    assert said in body["error"]


PATHS = (
    "rules",
    "alerts",
    "targets",
    "query_exemplars",
    "metadata",
    "format_query",
    "parse_query",
    "scrape_pools",
    "targets/metadata",
    "status/config",
    "status/tsdb",
    "status/runtimeinfo",
    "status/flags",
)


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_reads_without_the_scope(site: Site, path: str) -> None:
    async with site.client() as stranger, site.with_key(Scope.INGEST) as writer:
        assert (await stranger.get(f"/api/v1/{path}")).status_code == 401
        assert (await writer.get(f"/api/v1/{path}")).status_code == 403


async def test_grafanas_save_and_test_finds_a_prometheus(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        at = str(now().timestamp())
        posted = (await client.post("/api/v1/query", data={"query": "1+1", "time": at})).json()
        got = await _data(client, "query", query="1+1", time=at)
        build = await _data(client, "status/buildinfo")
    assert posted["data"] == got
    assert (got["resultType"], got["result"][1]) == ("scalar", "2")
    assert build["version"].startswith("3.")


async def test_grafanas_variables_are_filled(site: Site) -> None:
    await site.store(("up", {"host": "web-1"}, 1.0, 5), ("up", {"host": "db-1"}, 1.0, 5), ("load", {"host": "other"}, 1.0, 5))
    end = int(now().timestamp()) + 1
    span = {"start": str(end - 3600), "end": str(end)}
    async with site.with_key(Scope.READ) as client:
        # label_values(up, host), label_values(host), metrics(…), label_names(), query_result(…), in both of its ways to ask
        assert await _data(client, "label/host/values", **{"match[]": "up", **span}) == ["db-1", "web-1"]
        assert await _data(client, "label/host/values", **span) == ["db-1", "other", "web-1"]
        assert await _data(client, "label/__name__/values", **span) == ["load", "up"]
        by_get = await _data(client, "series", **{"match[]": "up", **span})
        by_post = (await client.post("/api/v1/series", data={"match[]": "up", **span})).json()["data"]
        names = (await client.post("/api/v1/labels", data={"match[]": "up", **span})).json()["data"]
        result = (await client.post("/api/v1/query", data={"query": "up", "time": str(end)})).json()["data"]["result"]
        exemplars = await _data(client, "query_exemplars", query="up", **span)
    assert by_get == by_post
    assert sorted(one["host"] for one in by_get) == ["db-1", "web-1"]
    assert names == ["__name__", "host"]
    assert len(result) == 2
    assert exemplars == []
