"""One section of the configuration as a text by itself, as people write it on the page.

`${NAME}` stands for itself here: whoever may write on the page may not read the environment by it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from gwanje.config import Document, Reader

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
        reader.mistake(name, 0, "", f"not valid YAML: {type(error).__name__}: {error}"[:300])
        return reader, Document(name, {})


def _unreadable(text: str) -> str:
    """Why a text is not even looked at."""
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters"
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            return "an alias (`*name`) cannot be used here; write the value itself"
    except yaml.YAMLError:
        return ""  # said with its line when it is read
    return ""
