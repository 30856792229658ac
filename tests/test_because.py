"""Reasons: a sentence everywhere, and a code with values where it is kept and shown."""

import ast
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gwanje.because import Because, plain
from gwanje.misread import CODES
from gwanje.tell.muted import FLAPPING, INHIBITED, MAINTENANCE, MUTE_WINDOW, SILENCED

ROOT = Path(__file__).resolve().parent.parent
CROSSED = Because("0.95 is >= 0.9", "threshold_crossed", value=0.95, operator=">=", threshold=0.9)


def test_a_reason_is_its_sentence() -> None:
    assert CROSSED == "0.95 is >= 0.9"
    assert f"{CROSSED} again" == "0.95 is >= 0.9 again"


def test_code_and_values_are_kept_with_the_reasons_inside() -> None:
    again = Because(f"{CROSSED} again", "again", what=CROSSED)
    values = {"value": 0.95, "operator": ">=", "threshold": 0.9}
    assert plain(again) == {"code": "again", "values": {"what": {"code": "threshold_crossed", "values": values}}}


@pytest.mark.parametrize("sentence", ["the site moves", Because("the site moves")], ids=["text", "without a code"])
def test_a_sentence_without_a_code_has_nothing_beside_it(sentence: str) -> None:
    assert plain(sentence) is None
    assert plain(Because("x again", "again", what=sentence)) == {"code": "again", "values": {"what": "the site moves"}}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_kept_as_a_text(value: float) -> None:
    kept = plain(Because("not comparable", "no_comparison", value=value))
    assert json.loads(json.dumps(kept, allow_nan=False)) == {"code": "no_comparison", "values": {"value": str(value)}}


def test_a_copy_has_the_same_code_and_values() -> None:
    assert plain(copy.deepcopy(CROSSED)) == plain(CROSSED)


def test_the_page_has_words_for_every_code() -> None:
    texts = [ROOT / "web/src/texts" / name for name in ("reasons.ts", "deeds.ts", "refusals.ts")]
    words = {word for file in texts for word in re.findall(r"^  (\w+): \(", file.read_text(encoding="utf-8"), re.MULTILINE)}
    kinds = [kind.replace(" ", "_") for kind in (SILENCED, INHIBITED, MAINTENANCE, MUTE_WINDOW, FLAPPING)]
    assert {*kinds, *(f"{kind}_over" for kind in kinds)} <= words
    made = {code for file in (ROOT / "src/gwanje").rglob("*.py") for code in _codes(file)}
    assert "held" in made
    assert made | set(CODES.values()) <= words


def _codes(file: Path) -> Iterator[str]:
    """The codes that a file gives to reasons as they are."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="Because"), args=[_, ast.Constant(value=str(code))]):
                yield code
