"""A pipeline's file, right and wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import gwanje
from gwanje import config, kinds
from gwanje.collect.pipelines.spec import Declared, read_all
from gwanje.errors import ConfigErrors

PACK = Path(gwanje.__file__).parent / "packs" / "web-collector" / "pipelines" / "collect.yaml"


def read(folder: Path, variables: dict[str, str] | None = None, **files: str) -> list[Declared]:
    (folder / "pipelines").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "pipelines" / f"{name}.yaml").write_text(text)
    reader = config.Reader(folder, variables or {})
    declared = list(read_all(reader))
    reader.finish()
    return declared


def test_the_pack_is_off_until_it_has_a_target(tmp_path: Path) -> None:
    (declared,) = read(tmp_path, collect=PACK.read_text())
    prepared = declared.prepare(kinds.World(tmp_path))
    assert prepared.source.off_because is not None
    assert declared.pipeline.schedule == "*/5 * * * *"
    assert declared.pipeline.titles() == {"ko": "웹 수집", "en": "Web collection"}
    assert declared.pipeline.retries == 0


def test_the_packs_target_and_schedule_come_from_the_environment(tmp_path: Path) -> None:
    variables = {"TARGET_URL": "http://web-1/status", "COLLECT_SCHEDULE": "every 5s"}
    (declared,) = read(tmp_path, variables, collect=PACK.read_text())
    prepared = declared.prepare(kinds.World(tmp_path))
    assert (prepared.source.url, prepared.source.off_because, prepared.kind) == ("http://web-1/status", None, "http")
    assert declared.pipeline.schedule == "every 5s"


def test_what_is_left_out_has_a_value(tmp_path: Path) -> None:
    (declared,) = read(tmp_path, a="name: a\nsource: {type: http}\n")
    pipeline = declared.pipeline
    assert (pipeline.schedule, pipeline.zone, pipeline.timeout) == ("", "UTC", timedelta(minutes=5))
    assert pipeline.titles() == {"ko": "a", "en": "a"}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("source: {type: http}\n", "pipelines/a.yaml:1: name: is missing", id="no name"),
        pytest.param("name: a b\nsource: {type: http}\n", "pipelines/a.yaml:1: name: ", id="a name with a space"),
        pytest.param("name: a\n", "pipelines/a.yaml:1: source: is missing", id="no source"),
        pytest.param("name: a\nsource: {url: x}\n", "pipelines/a.yaml:2: source: needs `type`; known: http", id="no kind"),
        pytest.param(
            "name: a\nsource:\n  type: htp\n",
            "pipelines/a.yaml:3: source.type: no sources kind named 'htp'; known kinds: http",
            id="an unknown kind",
        ),
        pytest.param(
            "name: a\nsource:\n  type: http\n  url: ftp://x\n",
            "pipelines/a.yaml:4: source.url: is not a URL to ask",
            id="a wrong URL",
        ),
        pytest.param(
            "name: a\nsource: {type: http}\nschedule: 5m\n",
            "pipelines/a.yaml:3: schedule: '5m' is not a schedule",
            id="no schedule",
        ),
        pytest.param(
            "name: a\nsource: {type: http}\nzone: Seoul\n", "pipelines/a.yaml:3: zone: 'Seoul' is not a time zone", id="no zone"
        ),
        pytest.param(
            "name: a\nsource: {type: http}\nretry: 3\n",
            "pipelines/a.yaml:3: retry: unknown key; did you mean 'retries'?",
            id="a typo",
        ),
        pytest.param("name: a\nsource: {type: http}\ntimeout: 0s\n", "pipelines/a.yaml:3: timeout: must be longer", id="no time"),
        pytest.param("name: a\nsource: http\n", "pipelines/a.yaml:2: source: ", id="a source that is a word"),
        pytest.param(
            "name: a\nsource: {type: http}\non_failure: ops\n", "pipelines/a.yaml:3: on_failure: ", id="a receiver that is a word"
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        read(tmp_path, a=text)
    assert any(str(one).startswith(mistake) for one in raised.value.mistakes), raised.value


def test_d11_who_is_told_of_a_run_is_a_receiver_by_its_name(tmp_path: Path) -> None:
    (declared,) = read(tmp_path, a="name: a\nsource: {type: http}\non_success: {receiver: ops}\n")
    told = declared.pipeline.on_success
    assert told is not None
    assert (told.receiver, declared.pipeline.on_failure) == ("ops", None)


def test_mistakes_of_source_and_pipeline_come_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as raised:
        read(tmp_path, a="name: a\nschedule: never\nsource:\n  type: http\n  url: x\n")
    assert [mistake.key for mistake in raised.value.mistakes] == ["schedule", "source.url"]


def test_two_pipelines_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    same = "name: a\nsource: {type: http}\n"
    with pytest.raises(ConfigErrors, match=r"pipelines/b\.yaml:1: name: another pipeline is already named 'a'"):
        read(tmp_path, a=same, b=same)
