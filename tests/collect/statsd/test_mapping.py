"""Mapping rules: what a name becomes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from gwanje.collect.statsd.mapping import DEFAULT_BUCKETS, DEFAULT_QUANTILES, Mapped, Mapper, Mapping, all_ready, ready_names
from gwanje.wire.statsd.decode import BadLine, Kind, Meaning

HOUR_MS = 3_600_000


def mapped(name: str, *rules: dict[str, Any], kind: Kind = Kind.COUNTER, **tags: Any) -> Mapped | None:
    meaning = Meaning(name, kind, tags=tuple(sorted(tags.items())))
    return Mapper([Mapping.model_validate(rule) for rule in rules]).mapped(meaning)


def became(
    name: str, *rules: dict[str, Any], kind: Kind = Kind.COUNTER, tags: dict[str, str] | None = None
) -> tuple[str, dict[str, str]] | None:
    found = mapped(name, *rules, kind=kind, **(tags or {}))
    return (found.metric, dict(found.labels)) if found else None


GLOB = {"match": "jobs.*.*", "name": "jobs_${2}_total", "labels": {"queue": "$1"}}
REGEX = {"match": r"^jobs\.(.+)\.(\w+)$", "match_type": "regex", "name": "jobs_$2", "labels": {"queue": "$1"}}
ALL = {"match": ".", "match_type": "regex", "action": "drop"}


@pytest.mark.parametrize(
    ("name", "rules", "tags", "expected"),
    [
        pytest.param("web.requests-2xx", [], {}, ("web_requests_2xx", {}), id="without a rule a name becomes one that can be"),
        pytest.param("5xx", [], {}, ("_5xx", {}), id="a digit at the start"),
        pytest.param("a", [], {"env.name": "prod", "empty": ""}, ("a", {"env_name": "prod"}), id="tags are labels"),
        pytest.param("jobs.mail.done", [GLOB], {}, ("jobs_done_total", {"queue": "mail"}), id="a glob"),
        pytest.param("jobs.mail.out.done", [GLOB], {}, ("jobs_mail_out_done", {}), id="a star is one part between dots"),
        pytest.param("jobs.mail.done.x", [GLOB], {}, ("jobs_mail_done_x", {}), id="a glob is the whole name"),
        pytest.param("jobs.mail.out.done", [REGEX], {}, ("jobs_done", {"queue": "mail.out"}), id="a regular expression"),
        pytest.param("jobs.mail.done", [REGEX, GLOB], {}, ("jobs_done_total", {"queue": "mail"}), id="globs first"),
        pytest.param("jobs.mail.done", [GLOB, {**GLOB, "name": "no"}], {}, ("jobs_done_total", {"queue": "mail"}), id="in order"),
        pytest.param("jobs.mail.done", [GLOB], {"queue": "x"}, ("jobs_done_total", {"queue": "mail"}), id="a label over a tag"),
        pytest.param(
            "jobs.mail.done",
            [{**GLOB, "honor_labels": True}],
            {"queue": "x"},
            ("jobs_done_total", {"queue": "x"}),
            id="a tag over a label where asked",
        ),
        pytest.param("other", [ALL], {}, None, id="dropped"),
        pytest.param("jobs.mail.done", [ALL, GLOB], {}, ("jobs_done_total", {"queue": "mail"}), id="dropped unless mapped"),
        pytest.param(
            "jobs.mail.done", [{**GLOB, "match_metric_type": "gauge"}], {}, ("jobs_mail_done", {}), id="a rule for another type"
        ),
    ],
)
def test_a_name_becomes_a_metric(
    name: str, rules: list[dict[str, Any]], tags: dict[str, str], expected: tuple[str, dict[str, str]] | None
) -> None:
    assert became(name, *rules, tags=tags) == expected


@pytest.mark.parametrize("word", ["timer", "observer"])
def test_timers_and_observers_are_one_type(word: str) -> None:
    rule = {"match": "took", "match_metric_type": word, "name": "took_seconds"}
    assert became("took", rule, kind=Kind.OBSERVER) == ("took_seconds", {})
    assert became("took", rule, kind=Kind.COUNTER) == ("took", {})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param({}, ((), DEFAULT_QUANTILES), id="a summary"),
        pytest.param({"quantiles": [0.99, 0.5]}, ((), (0.5, 0.99)), id="of these quantiles"),
        pytest.param({"summary_options": {"quantiles": [{"quantile": 0.75, "error": 0.01}]}}, ((), (0.75,)), id="as in the file"),
        pytest.param({"observer_type": "histogram"}, (DEFAULT_BUCKETS, ()), id="a histogram"),
        pytest.param({"timer_type": "histogram", "buckets": [1, 2]}, ((1.0, 2.0), ()), id="of these buckets"),
        pytest.param(
            {"observer_type": "histogram", "histogram_options": {"buckets": [1, 2]}},
            ((1.0, 2.0), ()),
            id="buckets as in the file",
        ),
    ],
)
def test_an_observer_is_kept_as_the_rule_says(rule: dict[str, Any], expected: tuple[Any, Any]) -> None:
    found = mapped("took", {"match": "took", "name": "took", **rule}, kind=Kind.OBSERVER)
    assert found
    assert (found.buckets, found.quantiles) == expected


def test_a_rule_may_say_how_long_and_by_how_much() -> None:
    assert mapped("a") == Mapped("a", {}, HOUR_MS)
    assert mapped("a", {"match": "a", "name": "b", "ttl": "5m", "scale": 0.001}) == Mapped("b", {}, 300_000, 0.001)
    assert mapped("a", {"match": "a", "name": "b", "ttl": timedelta()}) == Mapped("b", {}, 0)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"match": "a"}, "`name` is missing"),
        ({"match": "", "name": "a"}, "at least 1"),
        ({"match": "a.*", "name": "$2"}, "has 1 places"),
        ({"match": "(", "match_type": "regex", "name": "a"}, "no regular expression"),
        ({"match": "a", "name": "a", "buckets": [2, 1]}, "rise"),
        ({"match": "a", "name": "a", "quantiles": [2]}, "between 0 and 1"),
        ({"match": "a", "name": "a", "labels": {"le": "1"}}, "cannot be set"),
        ({"match": "a", "name": "a", "nmae": "a"}, "Extra inputs"),
    ],
)
def test_a_rule_that_cannot_be_is_a_mistake(rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Mapping.model_validate(rule)


@pytest.mark.parametrize("tag", ["le", "quantile", "__name__"])
def test_a_tag_with_a_meaning_of_its_own_is_refused(tag: str) -> None:
    with pytest.raises(BadLine, match="means something of its own"):
        became("a", tags={tag: "1"})


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("airflow.scheduler_heartbeat", Kind.COUNTER, ("airflow_scheduler_heartbeat", {})),
        ("airflow.schedulerjob_start", Kind.COUNTER, ("airflow_job_start", {"job_name": "schedulerjob"})),
        (
            "airflow.dagrun.duration.success.sales.daily",
            Kind.OBSERVER,
            ("airflow_dagrun_duration_success", {"dag_id": "sales.daily"}),
        ),
        ("airflow.dagrun.duration.failed.sales", Kind.OBSERVER, ("airflow_dagrun_duration_failed", {"dag_id": "sales"})),
        ("airflow.dagrun.schedule_delay.sales", Kind.OBSERVER, ("airflow_dagrun_schedule_delay", {"dag_id": "sales"})),
        (
            "airflow.dagrun.sales.first_task_scheduling_delay",
            Kind.OBSERVER,
            ("airflow_dagrun_first_task_scheduling_delay", {"dag_id": "sales"}),
        ),
        (
            "airflow.dag.sales.load.duration",
            Kind.OBSERVER,
            ("airflow_task_duration", {"dag_id": "sales", "task_id": "load"}),
        ),
        (
            "airflow.dag.sales.group.load.queued_duration",
            Kind.OBSERVER,
            ("airflow_task_queued_duration", {"dag_id": "sales", "task_id": "group.load"}),
        ),
        (
            "airflow.ti.finish.sales.group.load.success",
            Kind.COUNTER,
            ("airflow_task_finish", {"dag_id": "sales", "task_id": "group.load", "state": "success"}),
        ),
        ("airflow.operator_failures_BashOperator", Kind.COUNTER, ("airflow_operator_failures", {"operator": "BashOperator"})),
        ("airflow.operator_successes_BashOperator", Kind.COUNTER, ("airflow_operator_successes", {"operator": "BashOperator"})),
        ("airflow.pool.open_slots.default_pool", Kind.GAUGE, ("airflow_pool_open_slots", {"pool": "default_pool"})),
        ("airflow.executor.open_slots", Kind.GAUGE, ("airflow_executor_open_slots", {})),
        ("airflow.executor.open_slots.LocalExecutor", Kind.GAUGE, ("airflow_executor_open_slots", {"executor": "LocalExecutor"})),
        ("airflow.dagbag_size", Kind.GAUGE, ("airflow_dagbag_size", {})),
    ],
)
def test_airflows_metrics_have_a_ready_mapping(name: str, kind: Kind, expected: tuple[str, dict[str, str]]) -> None:
    found = Mapper(all_ready(["airflow"])).mapped(Meaning(name, kind))
    assert found
    assert (found.metric, found.labels) == expected
    assert "airflow" in ready_names()
