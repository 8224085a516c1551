"""The keys of encrypted volumes: rows that are sealed with a key that is not in the database.

The sealing keys are files, each 32 random bytes in base64, the highest number newest: it seals, and all of them open. Adding a
file rotates; several controllers share them by copying the directory.
"""

from __future__ import annotations

import base64
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from wolke.block_storage.model import Secret
from wolke.block_storage.store import SECRETS
from wolke.core import ids
from wolke.core.db import Reader, Transaction

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_BYTES = 32


class Secrets:
    """``directory`` is made with a first key when the first secret is."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ring: MultiFernet | None = None

    async def make(self, tx: Transaction, now: str) -> str:
        """A new random passphrase; its id."""
        passphrase = base64.urlsafe_b64encode(os.urandom(_BYTES)).rstrip(b"=")
        secret = Secret(ids.uuid(), self._keys().encrypt(passphrase).decode(), now)
        await tx.insert(SECRETS, secret)
        return secret.id

    async def copy(self, tx: Transaction, secret_id: str, now: str) -> str:
        """The same passphrase under an id of its own, for a clone that is deleted apart from its source."""
        kept = await tx.get(SECRETS, id=secret_id)
        if kept is None:
            raise KeyError(secret_id)
        other = Secret(ids.uuid(), kept.sealed, now)
        await tx.insert(SECRETS, other)
        return other.id

    async def open(self, reader: Reader, secret_id: str) -> str | None:
        """The passphrase; None if there is no such secret, or no key that opens it."""
        from cryptography.fernet import InvalidToken

        kept = await reader.get(SECRETS, id=secret_id)
        if kept is None:
            return None
        try:
            return self._keys().decrypt(kept.sealed.encode()).decode()
        except InvalidToken:
            return None

    async def forget(self, tx: Transaction, secret_id: str | None) -> None:
        if secret_id is not None:
            await tx.delete(SECRETS, id=secret_id)

    def _keys(self) -> MultiFernet:
        if self._ring is None:
            from cryptography.fernet import Fernet, MultiFernet

            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._numbers():
                self._write()
            files = [self._directory / str(number) for number in sorted(self._numbers(), reverse=True)]
            self._ring = MultiFernet([Fernet(path.read_bytes().strip()) for path in files])
        return self._ring

    def _numbers(self) -> list[int]:
        return [int(path.name) for path in self._directory.iterdir() if path.name.isdecimal()]

    def _write(self) -> None:
        """The first key, whole or not at all; whoever comes second takes what is there."""
        partial = self._directory / f".1.{os.getpid()}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(os.urandom(_BYTES)))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            (self._directory / "1").hardlink_to(partial)
        partial.unlink()
