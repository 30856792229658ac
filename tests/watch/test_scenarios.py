"""Every story in `tests/scenarios` is told as it is written."""

from pathlib import Path

import pytest

from gwanje.testing import scenarios

STORIES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("file", STORIES, ids=lambda file: file.stem)
async def test_the_story_is_told_as_it_is_written(file: Path, tmp_path: Path) -> None:
    story = scenarios.load(file)
    heard = await scenarios.play(story, tmp_path)
    for expected, found in (
        (story["expect"], heard.messages),
        (story.get("open"), heard.open),
        (story.get("ended"), heard.ended),
    ):
        if expected is not None:
            wanted, got = scenarios.same(expected, found)
            assert got == wanted
