"""What the tool prints of a folder's rules, and what it refuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from gwanje.app import backtest
from gwanje.errors import GwanjeError
from gwanje.keep.said import Override, Silence
from gwanje.keep.state import page_rules, page_settings, silences, sqlite, thresholds
from gwanje.keep.state.revised import Word
from gwanje.kinds import World
from gwanje.model import to_ms
from gwanje.show.api.saying import shown as shown_silence
from gwanje.show.thresholds import shown as shown_threshold
from gwanje.tell.inhibition import Inhibition
from gwanje.tell.policy import Policy

MAIN = 'rules: [{name: cpu high, expr: "vector(0.95)", critical: "> 0.9"}, {name: cpu odd, expr: "vector(1)", critical: "> 2"}]'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gwanje.yaml").write_text(MAIN, encoding="utf-8")
    return tmp_path


def test_h2_each_rule_is_told_with_its_firings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest.run(folder, "10m", "", "1m") == 0
    by, first, firing, second = capsys.readouterr().out.splitlines()
    assert by == "by gwanje.yaml; nothing of the page counts"
    assert first == "cpu high: would have fired 1 time in the last 10m, looked at every 1m; told 0, muted 0"
    assert firing.endswith("and still fires critical {}, peak 0.95, told: nobody")
    assert second == "cpu odd: would have fired 0 times in the last 10m, looked at every 1m; told 0, muted 0"


def test_h2_one_rule_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest.run(folder, "10m", "cpu odd", "1m") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("cpu odd: ")


@pytest.mark.parametrize(
    ("last", "rule", "step", "said"),
    [
        pytest.param("10m", "cpu hig", "1m", "known: cpu high, cpu odd", id="a rule that is not there"),
        pytest.param("week", "", "1m", "--last: 'week' is not a duration", id="no duration"),
        pytest.param("10m", "", "0s", "--step must be longer", id="no step"),
    ],
)
def test_what_cannot_be_asked_says_what_to_mend(folder: Path, last: str, rule: str, step: str, said: str) -> None:
    with pytest.raises(GwanjeError, match=said):
        backtest.run(folder, last, rule, step)


DAY = datetime(2026, 3, 1, tzinfo=UTC)
APART = Override("cpu high", "host", "web-1", None, ">= 0.99", "< 0.5", "kim", DAY)
SWITCH: dict[str, object] = {
    "id": "e2",
    "rule": "switch down",
    "labels": {},
    "severity": "critical",
    "fired_at": to_ms(DAY),
    "ended_at": None,
}
QUIET = Silence("s", 'host="web-1"', DAY, DAY + timedelta(days=1), "moving", "kim", DAY, DAY)


def test_h2_thresholds_and_silences_of_people_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_host = """label_replace(vector(0.95), 'host', 'web-1', '', '')"""
    receiver = "receivers: [{name: ops, type: webhook, url: 'http://127.0.0.1:9/'}]"
    rules = (
        f'rules: [{{name: cpu high, expr: "{by_host}", critical: "> 0.9"}}, {{name: hot, expr: "{by_host}", critical: "> 0.9"}}]'
    )
    (folder / "gwanje.yaml").write_text(f"{receiver}\n{rules}", encoding="utf-8")
    state = sqlite.create(sqlite.Settings(), World(folder))
    state.migrate()
    with state.write() as connection:
        thresholds.put(connection, replace(APART, clear=None))
        silences.put(connection, replace(QUIET, ends_at=datetime(2126, 3, 1, tzinfo=UTC)))
    state.close()
    assert backtest.run(folder, "10m", "", "1m") == 0
    _, apart, silenced, firing = capsys.readouterr().out.splitlines()
    assert apart.startswith("cpu high: would have fired 0 times")
    assert silenced.endswith("told 0, muted 1 (silenced 1)")
    assert firing.endswith("told: nobody (silenced by kim)")


def test_what_people_wrote_on_the_page_counts_and_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = {
        ("receiver", "mine"): "{name: mine, type: webhook, url: 'http://127.0.0.1:9/'}",
        ("route", "all"): "{name: all, receiver: mine}",
    }
    hot = """{name: hot, expr: "vector(7)", critical: "> 5"}"""
    state = sqlite.create(sqlite.Settings(), World(folder))
    state.migrate()
    with state.write() as connection:
        for place, text in texts.items():
            page_settings.put(connection, place, text, sealed={}, revision=None, word=Word("kim", DAY))
        page_rules.put(connection, "hot", hot, enabled=True, revision=None, word=Word("kim", DAY))
    state.close()
    assert backtest.run(folder, "10m", "hot", "1m") == 0
    by, first, firing = capsys.readouterr().out.splitlines()
    assert by == "by gwanje.yaml and the page (receiver mine, route all, rule hot)"
    assert first.endswith("told 1, muted 0")
    assert firing.endswith("told: mine")


async def test_h2_what_people_said_is_read_of_the_running_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def answered(_path: Path, _method: str, where: str, _given: object) -> dict[str, object]:
        if where == "/api/v1/thresholds":
            return {"overrides": [{**shown_threshold(APART), "kept": True}, {**shown_threshold(APART), "kept": False}]}
        if where == "/api/v1/silences":
            return {"silences": [shown_silence(QUIET, QUIET.ends_at)]}
        first = cast("dict[str, str]", _given)["before"] == ""
        return {
            "episodes": [SWITCH if first else {**SWITCH, "id": "e1"}, {**SWITCH, "fired_at": None}],
            "next": "e2" if first else "",
        }

    monkeypatch.setattr(backtest, "ask", answered)
    speaks = Inhibition.model_validate({"source": 'rule="switch down"', "target": 'severity="warning"'})
    said = await backtest.of_process(tmp_path, Policy(inhibitions=[speaks]), (DAY, DAY + timedelta(days=1)))
    assert (said.overrides, said.silences) == ([APART], [QUIET])
    assert [(one.id, one.fired_at, one.ended_at) for one in said.fired] == [("e2", DAY, None), ("e1", DAY, None)]


async def test_h2_the_answers_of_the_running_process_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [{"metric": {"host": "web-1"}, "values": [[1.5, "NaN"], [2, "0.5"]]}, {"metric": {}, "values": [[3, "+Inf"]]}]

    async def answered(_path: Path, _method: str, where: str, _given: object) -> dict[str, object]:
        return {"data": {"resultType": "matrix", "result": rows if where == "/api/v1/query_range" else []}}

    monkeypatch.setattr(backtest, "ask", answered)
    found = await backtest.OverSocket(tmp_path).range("up", 0, 3000, 500)

    assert list(found.labels) == [(("host", "web-1"),), ()]
    assert (found.offsets.tolist(), found.times.tolist()) == ([0, 2, 3], [1500, 2000, 3000])
    assert [repr(value) for value in found.values.tolist()] == ["nan", "0.5", "inf"]
    assert len((await backtest.OverSocket(tmp_path).instant("up[5m]", 0)).values) == 0  # type: ignore[union-attr]
