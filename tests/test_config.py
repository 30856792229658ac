"""Configuration: every mistake at once, with file, line and what is allowed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from gwanje import config
from gwanje.because import plain
from gwanje.config import Duration, Reader, Secret, format_duration, parse_duration, substitute
from gwanje.errors import ConfigErrors, Mistake
from gwanje.written import opened


class Inner(config.Settings):
    """A section."""

    number: int = 1
    """how many"""


class Whole(config.Settings):
    """A file."""

    listen: str
    """host:port"""

    every: Duration = timedelta(seconds=5)
    """how often"""

    key: Secret = Secret("")
    """a secret"""

    flag: bool = False
    """yes or no"""

    inner: Inner = Inner()
    """a section"""


def read(folder: Path, text: str, **variables: str) -> Whole | None:
    (folder / "gwanje.yaml").write_text(text, encoding="utf-8")
    reader = Reader(folder, variables)
    found = reader.read(Whole, reader.document("gwanje.yaml"))
    reader.finish()
    return found


def mistakes(folder: Path, text: str, **variables: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigErrors) as caught:
        read(folder, text, **variables)
    return [(one.line, one.key, one.message) for one in caught.value.mistakes]


def test_every_mistake_comes_at_once_with_its_line_and_what_is_allowed(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "evry: 5s\nevery: 5x\nkey: ${NOWHERE}\ninner:\n  nubmer: 3\n") == [
        (1, "evry", "unknown key; did you mean 'every'? allowed: every, flag, inner, key, listen"),
        (1, "listen", "is missing; host:port"),
        (2, "every", "'5x' is not a duration; write 30s, 5m, 1h30m, 15d"),
        (3, "key", "${NOWHERE} has no value; set NOWHERE in the environment or in .env, or write ${NOWHERE:-default}"),
        (5, "inner.nubmer", "unknown key; did you mean 'number'? allowed: number"),
    ]


def test_a_key_that_stands_twice_is_a_mistake_at_its_second_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "listen: a\nflag: true\nlisten: b\n") == [
        (3, "listen", "stands here a second time; keep one of them")
    ]


def test_what_is_not_yaml_says_where(tmp_path: Path) -> None:
    (line, _, message), *_ = (one for one in mistakes(tmp_path, "listen: a\n  bad: [1\n") if one[1] == "")
    assert (line, message.startswith("not valid YAML")) == (2, True)


@pytest.mark.parametrize(
    ("written", "listen"),
    [
        pytest.param("listen: ${NAME}", "web", id="a variable"),
        pytest.param("listen: ${OTHER:-fallback}", "fallback", id="a default where there is none"),
        pytest.param("listen: ${EMPTY:-fallback}", "fallback", id="a default where it is empty"),
        pytest.param("listen: a$$b${NAME}", "a$bweb", id="a dollar sign and a variable inside"),
        pytest.param("listen: no", "no", id="`no` is text, as in YAML 1.2"),
        pytest.param("listen: 12:30", "12:30", id="a time is text"),
    ],
)
def test_values_are_filled_from_the_environment(tmp_path: Path, written: str, listen: str) -> None:
    found = read(tmp_path, written, NAME="web", EMPTY="")
    assert found is not None
    assert found.listen == listen


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("ONE=file\nTWO=file\n", encoding="utf-8")
    monkeypatch.setenv("TWO", "environment")
    found = config.environment(tmp_path)
    assert (found["ONE"], found["TWO"]) == ("file", "environment")


def test_a_key_can_be_set_from_outside_and_its_mistakes_name_the_variable(tmp_path: Path) -> None:
    found = read(tmp_path, "listen: a\n", GWANJE_INNER__NUMBER="7")
    assert found is not None
    assert found.inner.number == 7
    (tmp_path / "gwanje.yaml").write_text("listen: a\n", encoding="utf-8")
    reader = Reader(tmp_path, {"GWANJE_INNER__NUMBER": "many"})
    reader.read(Whole, reader.document("gwanje.yaml"))
    assert [one.file for one in reader.mistakes] == ["environment GWANJE_INNER__NUMBER"]


def test_a_secret_prints_as_stars_everywhere(tmp_path: Path) -> None:
    found = read(tmp_path, "listen: a\nkey: hush\n")
    assert found is not None
    assert "hush" not in f"{found} {found!r} {found.model_dump()} {found.model_dump_json()}"
    assert (str(found.key), found.key.get_secret_value()) == ("***", "hush")


def test_a_secret_never_stands_in_a_mistake(tmp_path: Path) -> None:
    said = str(mistakes(tmp_path, "listen: a\nkey: [hush]\n"))
    assert "hush" not in said


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("1h30m", 5400), ("15d", 1_296_000), ("250ms", 0.25), ("0", 0), ("1w", 604_800)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "-5s", "1h-3m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["5s", "1h30m", "15d", "250ms", "0s", "1d2h3m4s5ms"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    assert format_duration(parse_duration(text)) == text


def test_a_variable_without_a_value_is_an_error_of_its_name() -> None:
    with pytest.raises(KeyError, match="NAME"):
        substitute("${NAME}", {})


def test_a_report_names_the_file_and_counts() -> None:
    said = str(
        ConfigErrors([Mistake("rules/a.yaml", 3, "rules[0].for", "is wrong"), Mistake("gwanje.yaml", 0, "", "is missing")])
    )
    assert said == "2 mistakes in the configuration:\n  gwanje.yaml: is missing\n  rules/a.yaml:3: rules[0].for: is wrong"


class Turns(config.Settings):
    """Who takes turns."""

    people: tuple[str, ...] = Field(default=("kim",), min_length=1)
    """who"""
    every: int = Field(default=7, ge=1)
    """days"""
    order: Literal["up", "down"] = "up"
    """which way"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("people: 3", ("people", {"code": "not_a_list", "values": {"bound": "", "known": ""}})),
        ("people: []", ("people", {"code": "too_short", "values": {"bound": "1", "known": ""}})),
        ("every: 0", ("every", {"code": "too_small", "values": {"bound": "1", "known": ""}})),
        ("every: often", ("every", {"code": "not_a_number", "values": {"bound": "", "known": ""}})),
        ("order: by chance", ("order", {"code": "not_one_of", "values": {"bound": "", "known": "'up' or 'down'"}})),
        ("every: 1\nevery: 2", ("every", {"code": "stands_twice", "values": {}})),
    ],
)
def test_what_a_value_is_not_has_a_code_for_other_languages(text: str, reason: tuple[str, Any]) -> None:
    reader, document = opened(text, "turns")
    reader.read(Turns, document)
    assert [(mistake.key, plain(mistake.message)) for mistake in reader.mistakes] == [reason]
