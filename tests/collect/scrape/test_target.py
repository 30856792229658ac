"""What was found becomes what is scraped, as Prometheus would have it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gwanje.collect.scrape.spec import Job, in_our_words
from gwanje.collect.scrape.target import Choice, targets_of

BLACKBOX = {
    "job_name": "web",
    "metrics_path": "/probe",
    "params": {"module": ["http_2xx"]},
    "relabel_configs": [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": "127.0.0.1:9115"},
    ],
}


def choice(settings: dict[str, Any], *found: dict[str, str]) -> Choice:
    return targets_of(
        Job.model_validate(in_our_words({"name": "node", **settings} if "job_name" not in settings else settings)), found
    )


@pytest.mark.parametrize(
    ("settings", "found", "labels", "url"),
    [
        pytest.param(
            {},
            {"__address__": "web-1:9100"},
            {"job": "node", "instance": "web-1:9100"},
            "http://web-1:9100/metrics",
            id="what is left out is Prometheus's",
        ),
        pytest.param(
            {"scheme": "https", "path": "/m x", "params": {"b": ["1", "2"], "a": ["&"]}},
            {"__address__": "[::1]:9"},
            {"job": "node", "instance": "[::1]:9"},
            "https://[::1]:9/m%20x?a=%26&b=1&b=2",
            id="the job's own words",
        ),
        pytest.param(
            {"path": "/a"},
            {"__address__": "a:1", "__metrics_path__": "/b", "__scheme__": "https", "__param_x": "y"},
            {"job": "node", "instance": "a:1"},
            "https://a:1/b?x=y",
            id="what was found says otherwise",
        ),
        pytest.param(
            {},
            {"__address__": "a:1", "job": "own", "instance": "i", "__meta_x": "gone", "__tmp": "gone"},
            {"job": "own", "instance": "i"},
            "http://a:1/metrics",
            id="its own job and instance, nothing that begins with __",
        ),
        pytest.param(
            {},
            {"__address__": "a:1", "instance": ""},
            {"job": "node", "instance": "a:1"},
            "http://a:1/metrics",
            id="an empty label is none",
        ),
        pytest.param(
            {"params": {"t": ["1", "2"]}},
            {"__address__": "a:1", "__param_t": "3"},
            {"job": "node", "instance": "a:1"},
            "http://a:1/metrics?t=3&t=2",
            id="a label is the first value of its parameter",
        ),
        pytest.param(
            BLACKBOX,
            {"__address__": "https://example.org/?q=1"},
            {"job": "web", "instance": "https://example.org/?q=1"},
            "http://127.0.0.1:9115/probe?module=http_2xx&target=https%3A%2F%2Fexample.org%2F%3Fq%3D1",
            id="the blackbox exporter's way",
        ),
    ],
)
def test_labels_and_url(settings: dict[str, Any], found: dict[str, str], labels: dict[str, str], url: str) -> None:
    (target,) = choice(settings, found).active
    assert (dict(target.labels), target.url) == (labels, url)


def test_times_are_the_job_s_or_the_label_s() -> None:
    found = choice(
        {"interval": "30s"},
        {"__address__": "a:1"},
        {"__address__": "b:1", "__scrape_interval__": "5s", "__scrape_timeout__": "2s"},
    )
    times = [(target.interval, target.timeout) for target in found.active]
    assert times == [(timedelta(seconds=30), timedelta(seconds=10)), (timedelta(seconds=5), timedelta(seconds=2))]


def test_the_same_target_found_twice_is_scraped_once() -> None:
    found = choice({}, {"__address__": "a:1", "__meta_x": "1"}, {"__address__": "a:1"}, {"__address__": "a:1", "rack": "2"})
    assert [dict(target.labels).get("rack") for target in found.active] == [None, "2"]


def test_what_relabelling_drops_is_remembered_as_it_was_found() -> None:
    found = choice(
        {"relabel": [{"source_labels": ["os"], "regex": "linux", "action": "keep"}]}, {"__address__": "a:1", "os": "bsd"}
    )
    assert (found.active, found.wrong) == ([], [])
    assert dict(found.dropped[0]) == {
        "__address__": "a:1",
        "os": "bsd",
        "job": "node",
        "__metrics_path__": "/metrics",
        "__scheme__": "http",
        "__scrape_interval__": "15s",
        "__scrape_timeout__": "10s",
    }


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param({"a": "b"}, "no address", id="no address"),
        pytest.param({"__address__": "http://a:1"}, "is not an address", id="a URL for an address"),
        pytest.param({"__address__": "u@a:1"}, "is not an address", id="an address with a user"),
        pytest.param({"__address__": "a:1", "__scheme__": "ftp"}, "'ftp' is no scheme", id="an unknown scheme"),
        pytest.param({"__address__": "a:1", "__scrape_interval__": "soon"}, "not a duration", id="an interval that is none"),
        pytest.param({"__address__": "a:1", "__scrape_timeout__": "1m"}, "no longer than the interval", id="a timeout too long"),
    ],
)
def test_what_cannot_be_scraped_is_said_and_loses_no_other(found: dict[str, str], reason: str) -> None:
    chosen = choice({}, found, {"__address__": "good:1"})
    assert [target.url for target in chosen.active] == ["http://good:1/metrics"]
    assert len(chosen.wrong) == 1
    assert reason in chosen.wrong[0]


def test_targets_are_spread_over_the_interval_and_keep_their_place() -> None:
    found = choice({}, *({"__address__": f"web-{number}:9100"} for number in range(400)))
    offsets = [target.offset(15_000) for target in found.active]
    assert offsets == [target.offset(15_000) for target in found.active]
    each_second = [sum(1 for offset in offsets if offset // 1000 == second) for second in range(15)]
    assert min(each_second) > 10
    assert max(each_second) < 50
