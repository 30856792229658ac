"""Secrets at rest: sealed by a key that stands in a file of the folder, beside the database and never in it.

The file holds one key a line, of which the first seals and each one opens. It is made, for its owner alone, when the first
secret is sealed. Processes that share a state need the same file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gwanje.because import Because
from gwanje.errors import GwanjeError

FILE: Final = "secrets.key"
"""Its name in the folder."""


class Sealing:
    """Seals and opens the secrets of one folder. The file is read each time, so that a changed one counts at once."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def seal(self, secret: str) -> str:
        """The secret as it may be kept. Raises GwanjeError when there is no key and none can be made."""
        if not self._file.exists():
            self._make()
        return self._keys().encrypt(secret.encode()).decode()

    def open(self, sealed: Mapping[str, str]) -> dict[str, str]:
        """The secrets themselves. Raises GwanjeError when the file does not hold the key they were sealed by."""
        if not sealed:
            return {}
        keys = self._keys()
        try:
            return {place: keys.decrypt(secret.encode()).decode() for place, secret in sealed.items()}
        except InvalidToken as error:
            sentence = f"sealed by a key that {FILE} does not hold; bring that file back, or write them again"
            raise GwanjeError(Because(sentence, "sealed_by_another", file=FILE)) from error

    def rotate(self, secret: str) -> str:
        """The same secret, sealed by the first key. Raises as `open` does."""
        try:
            return self._keys().rotate(secret.encode()).decode()
        except InvalidToken as error:
            raise GwanjeError(f"a secret was sealed by a key that {FILE} does not hold; nothing was changed") from error

    def add_key(self) -> None:
        """Put a new key before the others: it seals from now on, they still open."""
        if not self._file.exists():
            return self._make()
        return self._write(f"{_new()}\n{self._read()}", replaces=True)

    def drop_older(self) -> int:
        """Forget every key but the first; how many that were."""
        first, *older = self._read().split()
        self._write(f"{first}\n", replaces=True)
        return len(older)

    def _keys(self) -> MultiFernet:
        try:
            return MultiFernet([Fernet(line) for line in self._read().split()])
        except ValueError as error:
            sentence = f"{self._file} holds no keys; bring back the file with which the secrets were sealed"
            raise GwanjeError(Because(sentence, "no_keys", file=FILE)) from error

    def _read(self) -> str:
        try:
            return self._file.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            sentence = f"{self._file} cannot be read ({error}); it opens the secrets written on the page"
            raise GwanjeError(Because(sentence, "keys_unreadable", file=FILE)) from error

    def _make(self) -> None:
        try:
            self._write(f"{_new()}\n", replaces=False)
        except FileExistsError:
            return  # another process was first: its key is as good

    def _write(self, text: str, *, replaces: bool) -> None:
        """Write the file whole or not at all. Raises FileExistsError where it must not replace one."""
        beside = self._file.with_name(f".{FILE}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if replaces:
                beside.replace(self._file)
            else:
                os.link(beside, self._file)
        except FileExistsError:
            raise
        except OSError as error:
            raise GwanjeError(f"{self._file} cannot be written ({error}); secrets are kept only with it") from error
        finally:
            beside.unlink(missing_ok=True)


def _new() -> str:
    return Fernet.generate_key().decode()
