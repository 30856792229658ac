"""What the tool prints of a folder's rules, and what it refuses."""

from pathlib import Path

import pytest

from gwanje.app import backtest
from gwanje.errors import GwanjeError

MAIN = 'rules: [{name: cpu high, expr: "vector(0.95)", critical: "> 0.9"}, {name: cpu odd, expr: "vector(1)", critical: "> 2"}]'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gwanje.yaml").write_text(MAIN, encoding="utf-8")
    return tmp_path


def test_h2_each_rule_is_told_with_its_firings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest.run(folder, "10m", "", "1m") == 0
    first, firing, second = capsys.readouterr().out.splitlines()
    assert first == "cpu high: would have fired 1 time in the last 10m, looked at every 1m"
    assert firing.endswith("and still fires critical {}, peak 0.95, told: nobody")
    assert second == "cpu odd: would have fired 0 times in the last 10m, looked at every 1m"


def test_h2_one_rule_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest.run(folder, "10m", "cpu odd", "1m") == 0
    assert capsys.readouterr().out.startswith("cpu odd: ")


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
