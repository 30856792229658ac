"""One section of the configuration as a text by itself, as people write it on the page.

`${NAME}` stands for itself here: whoever may write on the page may not read the environment by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from gwanje.because import Because
from gwanje.config import Document, Reader
from gwanje.errors import Mistake

LONGEST: Final = 20_000
"""So many characters a text may have."""


def opened(text: str, name: str) -> tuple[Reader, Document]:
    """The document of a text that mistakes call `name`. Never raises: the reader's mistakes say what is wrong with it."""
    reader = Reader(Path(), None)
    if wrong := _unreadable(text):
        reader.mistake(name, 0, "", wrong)
        return reader, Document(name, {})
    try:
        return reader, reader.written(name, text)
    except (RecursionError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"[:280]
        reader.mistake(name, 0, "", Because(f"not valid YAML: {why}", "not_yaml", error=why))
        return reader, Document(name, {})


def all_wrong(mistakes: Sequence[Mistake]) -> str:
    """Everything wrong with a text in one sentence; by code and values its first mistake, and how many `more` there are."""
    if not mistakes:
        return ""
    sentence = "; ".join(f"{mistake.key}: {mistake.message}" for mistake in mistakes)
    first = mistakes[0]
    return Because(sentence, "text_has_mistakes", key=first.key, what=first.message, more=len(mistakes) - 1 or None)


def _unreadable(text: str) -> str:
    """Why a text is not even looked at."""
    if len(text) > LONGEST:
        return Because(f"is longer than {LONGEST} characters", "text_too_long", count=LONGEST)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            return Because("an alias (`*name`) cannot be used here; write the value itself", "no_alias")
    except yaml.YAMLError:
        return ""  # said with its line when it is read
    return ""
