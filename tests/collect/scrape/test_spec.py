"""Jobs as they are written, in our words or in Prometheus's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwanje.collect.scrape.spec import DeclaredJob, read
from gwanje.config import MAIN_FILE, Reader
from gwanje.errors import ConfigErrors


def jobs(folder: Path, text: str, **variables: str) -> list[DeclaredJob]:
    (folder / MAIN_FILE).write_text(text, encoding="utf-8")
    reader = Reader(folder, variables)
    found = read(reader, reader.document(MAIN_FILE))
    reader.finish()
    return found


OURS = """
targets:
  - name: node
    interval: 30s
    timeout: 5s
    path: /m
    body_bytes: 1048576
    basic_auth: {username: kim, password: "${PASSWORD}"}
    tls: {insecure_skip_verify: true}
    discover:
      - {type: static, targets: ["web-1:9100"], labels: {port: 9100}}
      - {type: file, files: ["machines/*.yaml"], refresh_interval: 1m}
      - {type: http, url: "http://127.0.0.1/targets"}
      - {type: kubernetes, role: pod, namespaces: [shop]}
    relabel: [{source_labels: [__address__], regex: '(.*):\\d+', target_label: host}]
    metric_relabel: [{source_labels: [__name__], regex: 'go_.*', action: drop}]
"""
THEIRS = """
targets:
  - job_name: node
    scrape_interval: 30s
    scrape_timeout: 5s
    metrics_path: /m
    body_size_limit: 1MB
    basic_auth: {username: kim, password: "${PASSWORD}"}
    tls_config: {insecure_skip_verify: true}
    static_configs: [{targets: ["web-1:9100"], labels: {port: 9100}}]
    file_sd_configs: [{files: ["machines/*.yaml"], refresh_interval: 1m}]
    http_sd_configs: [{url: "http://127.0.0.1/targets"}]
    kubernetes_sd_configs: [{role: pod, namespaces: {names: [shop]}}]
    relabel_configs: [{source_labels: [__address__], regex: '(.*):\\d+', target_label: host}]
    metric_relabel_configs: [{source_labels: [__name__], regex: 'go_.*', action: drop}]
"""


def test_prometheus_s_spelling_means_the_same(tmp_path: Path) -> None:
    (ours,), (theirs,) = (jobs(tmp_path, text, PASSWORD="secret") for text in (OURS, THEIRS))
    assert ours.discover == theirs.discover
    assert ours.job.model_copy(update={"discover": ()}) == theirs.job.model_copy(update={"discover": ()})
    assert [chosen.name for chosen in ours.discover] == ["static", "file", "http", "kubernetes"]
    assert "secret" not in repr(ours)


def test_targets_of_the_job_itself_are_static_ones(tmp_path: Path) -> None:
    (one,) = jobs(tmp_path, "targets: [{name: node, targets: ['a:1'], labels: {rack: 7}}]")
    assert [(chosen.name, chosen.settings.targets, chosen.settings.labels) for chosen in one.discover] == [
        ("static", ("a:1",), {"rack": "7"})
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("[{targets: ['a:1']}]", "targets[0].name: is missing", id="no name"),
        pytest.param("[{name: a}, {name: a}]", "a second job named 'a'", id="a name twice"),
        pytest.param("[{name: a, intervall: 5s}]", "did you mean 'interval'?", id="an unknown key"),
        pytest.param("[{name: a, interval: 5s, timeout: 6s}]", "no longer than the interval", id="a timeout too long"),
        pytest.param("[{name: a, bearer_token: x, basic_auth: {username: b}}]", "set one of", id="two keys at once"),
        pytest.param(
            "[{name: a, discover: [{type: consul}]}]", "known kinds: file, http, kubernetes, static", id="an unknown discovery"
        ),
        pytest.param(
            "[{name: a, relabel: [{action: keep, regex: '('}]}]", "targets[0].relabel[0]: the regular", id="a wrong step"
        ),
        pytest.param("[{job_name: a, http_sd_configs: [{url: 'x'}]}]", "write http://host/path", id="a wrong URL in their words"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        jobs(tmp_path, f"targets: {text}\n")
    assert mistake in str(caught.value)
    assert "gwanje.yaml:1" in str(caught.value)
