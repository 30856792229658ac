"""The pack's rules are right, and what is wrong in a file is said with its place."""

import shutil
from datetime import timedelta
from pathlib import Path

import gwanje
from gwanje import config
from gwanje.judge.rules import files
from gwanje.judge.rules.spec import Rule, Threshold

PACK = Path(gwanje.__file__).parent / "packs" / "web-collector" / "rules"


def _read(folder: Path, variables: dict[str, str]) -> tuple[config.Reader, list[Rule]]:
    reader = config.Reader(folder, variables)
    return reader, list(files.read(reader, reader.document("gwanje.yaml")).rules)


def test_the_rules_of_the_pack_are_the_ones_that_the_user_was_told(tmp_path: Path) -> None:
    shutil.copytree(PACK, tmp_path / "rules")
    reader, rules = _read(tmp_path, {})
    assert reader.mistakes == []
    assert {rule.name: (rule.warning, rule.critical, rule.for_) for rule in rules} == {
        "fail rate high": (None, Threshold(">=", 0.2), timedelta()),
        "host CPU high": (Threshold(">=", 0.8), None, timedelta(minutes=1)),
        "host memory high": (Threshold(">=", 0.85), None, timedelta(minutes=1)),
        "filesystem nearly full": (Threshold(">=", 0.85), Threshold(">=", 0.9), timedelta()),
    }
    ratio = rules[0].ratio
    assert ratio is not None
    assert (ratio.over, ratio.min_samples, ratio.by) == (timedelta(minutes=15), 3, ("pipeline",))


def test_the_window_of_the_fail_rate_comes_from_the_environment(tmp_path: Path) -> None:
    shutil.copytree(PACK, tmp_path / "rules")
    _, rules = _read(tmp_path, {"FAIL_RATE_WINDOW": "20s", "FAIL_RATE_MIN_FETCHES": "5"})
    ratio = rules[0].ratio
    assert ratio is not None
    assert (ratio.over, ratio.min_samples) == (timedelta(seconds=20), 5)


def test_every_mistake_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(
        "rules:\n"
        "  - {name: a, expr: up, critical: '< 1'}\n"
        "  - name: a\n"
        "    expr: up\n"
        "    critical: '< 1'\n"
        "  - name: b\n"
        "    expr: up >\n"
        "    critical: 0.9\n"
        "else: 1\n",
        encoding="utf-8",
    )
    reader, rules = _read(tmp_path, {})
    assert [rule.name for rule in rules] == ["a"]
    assert [(mistake.line, mistake.key) for mistake in sorted(reader.mistakes, key=lambda one: one.line)] == [
        (3, "rules[1].name"),
        (7, "rules[2].expr"),
        (8, "rules[2].critical"),
        (9, "else"),
    ]


def test_a_rule_with_record_is_a_recording_rule(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(
        "rules:\n"
        "  - {record: team_errors_ratio, expr: sum(errors) / sum(requests), labels: {team: web}, interval: 10s}\n"
        "  - {name: team_errors_ratio, expr: team_errors_ratio, critical: '> 0.1'}\n"
        "  - record: team_errors_ratio\n"
        "    expr: up\n"
        "  - record: not a name\n"
        "    expr: sum(\n",
        encoding="utf-8",
    )
    reader = config.Reader(tmp_path, {})
    written = files.read(reader, reader.document("gwanje.yaml"))
    assert [(one.record, one.interval, one.labels) for one in written.recordings] == [
        ("team_errors_ratio", timedelta(seconds=10), {"team": "web"})
    ]
    assert [rule.name for rule in written.rules] == ["team_errors_ratio"]
    assert [(mistake.line, mistake.key) for mistake in sorted(reader.mistakes, key=lambda one: one.line)] == [
        (4, "rules[2].record"),
        (6, "rules[3].record"),
        (7, "rules[3].expr"),
    ]
