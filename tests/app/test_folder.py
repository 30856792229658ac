"""A folder as typed values."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gwanje.app import folder as folders
from gwanje.app import packs
from gwanje.errors import ConfigErrors, UnknownKind
from gwanje.model import Severity
from gwanje.tell import groups
from gwanje.tell.told import Alert

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def mistakes(folder: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        folders.read(folder)
    return [str(one) for one in caught.value.mistakes]


def test_an_empty_folder_runs_on_the_embedded_engines(tmp_path: Path) -> None:
    folder = folders.read(tmp_path)
    assert (folder.samples.name, folder.events.name, folder.state.name, folder.transport.name) == (
        "local",
        "duckdb",
        "sqlite",
        "direct",
    )
    assert (sorted(folder.probes), folder.url) == (["container", "host"], "http://127.0.0.1:8080")
    assert (list(folder.rules), list(folder.pipelines), folder.policy.root) == ([], [], None)


RULES = {
    "live-dashboard": {
        "CPU high",
        "memory high",
        "disk nearly full",
        "latency high",
        "error rate high",
        "coverage low",
        "data late",
    },
    "web-collector": {"host CPU high", "host memory high", "filesystem nearly full", "fail rate high"},
}


@pytest.mark.parametrize("pack", packs.names())
def test_a_pack_is_laid_down_whole_and_is_right(tmp_path: Path, pack: str) -> None:
    made = {str(file.relative_to(tmp_path)) for file in packs.lay(pack, tmp_path)}
    assert {"gwanje.yaml", ".env.example"} <= made
    folder = folders.read(tmp_path)
    assert {rule.name for rule in folder.rules} == RULES[pack]
    assert len(folder.dashboards) == 1
    assert not any("__pycache__" in file for file in made)


def test_laying_a_pack_again_leaves_what_was_edited(tmp_path: Path) -> None:
    packs.lay("web-collector", tmp_path)
    (tmp_path / "gwanje.yaml").write_text("listen: 127.0.0.1:9999\n", encoding="utf-8")
    assert packs.lay("web-collector", tmp_path) == []
    assert folders.read(tmp_path).main.listen == "127.0.0.1:9999"


def test_an_unknown_pack_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownKind, match="known kinds: live-dashboard, web-collector"):
        packs.lay("web-colector", tmp_path)


def test_a_receiver_without_an_address_is_not_told_and_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK_URL", raising=False)
    packs.lay("web-collector", tmp_path)
    folder = folders.read(tmp_path)
    assert (list(folder.receivers), list(folder.receivers_without_address), folder.policy.root) == ([], ["ops-slack"], None)
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "http://127.0.0.1:9/hook")
    folder = folders.read(tmp_path)
    assert (list(folder.receivers), list(folder.receivers_without_address)) == (["ops-slack"], [])
    assert folder.policy.root is not None


ADDRESSES = {
    "SLACK_WEBHOOK_URL": "http://127.0.0.1:9/hook",
    "TELEGRAM_BOT_TOKEN": "1:t",
    "TELEGRAM_CHAT_ID": "-100",
    "EMAIL_SMTP_SERVER": "smtp.example.org:587",
    "EMAIL_USERNAME": "ops@example.org",
    "EMAIL_PASSWORD": "hush",
    "JIRA_BASE": "https://jira.example.org",
    "JIRA_USER": "me@example.org",
    "JIRA_API_TOKEN": "hush",
    "JIRA_PROJECT_KEY": "OPS",
}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(ADDRESSES.keys(), ["slack", "telegram", "email", "jira"], id="all"),
        pytest.param({"SLACK_WEBHOOK_URL", "TELEGRAM_BOT_TOKEN"}, ["slack"], id="a bot without a chat is not set up"),
        pytest.param({"EMAIL_SMTP_SERVER", "EMAIL_USERNAME", "EMAIL_PASSWORD"}, ["email"], id="e-mail alone"),
    ],
)
def test_a_pack_tells_those_whose_names_in_the_environment_are_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Collection[str], told: list[str]
) -> None:
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value) if name in given else monkeypatch.delenv(name, raising=False)
    packs.lay("live-dashboard", tmp_path)
    folder = folders.read(tmp_path)
    alert = Alert("e1", "CPU high", {"host": "web-1"}, Severity.CRITICAL, firing=True)
    _, decided, _ = groups.step([], [alert], folder.policy.ways(NOW), NOW)
    assert list(folder.receivers) == told
    assert sorted(message.group.receiver for message in decided) == sorted(told)


def test_mistakes_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "gwanje.yaml").write_text(
        "listen: nowhere\nsamples: {type: locl}\nevents: {type: duckdb, retension: 5d}\nreceivers:\n"
        "  - {name: ops, type: slack, url: 'http://127.0.0.1:9/hook'}\nroutes: {receiver: opps}\n",
        encoding="utf-8",
    )
    (tmp_path / "rules" / "a.yaml").write_text("rules:\n  - {name: load, expr: node_load1}\n", encoding="utf-8")
    (tmp_path / "pipelines" / "b.yaml").write_text("name: b\nsource: {type: htp}\n", encoding="utf-8")
    said = mistakes(tmp_path)
    assert [one.partition(" ")[0] for one in said] == [
        "gwanje.yaml:1:",
        "gwanje.yaml:2:",
        "gwanje.yaml:3:",
        "gwanje.yaml:6:",
        "pipelines/b.yaml:2:",
        "rules/a.yaml:2:",
    ]
    assert "no samples kind named 'locl'; known kinds: local" in said[1]
    assert "no receiver named 'opps'; known: ops" in said[3]


def test_a_setting_from_outside_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWANJE_LISTEN", "0.0.0.0:9000")
    monkeypatch.setenv("GWANJE_SAMPLES__RETENTION", "3d")
    (tmp_path / "gwanje.yaml").write_text("listen: 127.0.0.1:8080\nsamples: {type: local, retention: 15d}\n", encoding="utf-8")
    folder = folders.read(tmp_path)
    assert (folder.main.listen, folder.samples.settings.retention.days) == ("0.0.0.0:9000", 3)


def test_what_is_told_by_the_clock_and_what_holds_messages_back_is_read(tmp_path: Path) -> None:
    (tmp_path / "gwanje.yaml").write_text(
        "receivers: [{name: ops, type: webhook, url: 'http://127.0.0.1:9/hook'}]\n"
        "heartbeat: {receiver: ops, every: 30s}\n"
        "summary: {receiver: ops, at: 08:30, zone: Asia/Seoul}\n"
        "messages_a_minute: 5\n"
        "flapping: {changes: 3, within: 10m}\n",
        encoding="utf-8",
    )
    folder = folders.read(tmp_path)
    heartbeat, summary = folder.main.heartbeat, folder.main.summary
    assert (heartbeat and heartbeat.every.seconds, summary and summary.at) == (30, "08:30")
    assert (folder.policy.messages_a_minute, folder.policy.flapping.changes) == (5, 3)


def test_d11_a_pipeline_that_tells_nobody_known_is_a_mistake_at_its_line(tmp_path: Path) -> None:
    """A receiver that has no address yet is known; what is not is told together with every other mistake."""
    (tmp_path / "gwanje.yaml").write_text('receivers: [{name: ops, type: slack, url: ""}, {name: wrong, type: slack, urls: x}]\n')
    (tmp_path / "pipelines").mkdir()
    file = tmp_path / "pipelines" / "a.yaml"
    file.write_text(
        "name: a\nsource: {type: http}\nschedule: never\non_success: {receiver: ops}\non_failure:\n  receiver: duty\n"
    )
    found = mistakes(tmp_path)
    assert "pipelines/a.yaml:6: on_failure.receiver: no receiver named 'duty'; known: ops, wrong" in found
    assert len([one for one in found if one.startswith("pipelines/")]) == 2
    file.write_text("name: a\nsource: {type: http}\non_success: {receiver: wrong}\n")
    assert [one for one in mistakes(tmp_path) if one.startswith("pipelines/")] == []
