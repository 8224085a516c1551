"""Passwords and secrets: argon2id in few threads, and the same work for a user who is not there.

A secret that this service made up has 512 random bits, so its fast SHA-256 tells nothing; what a person chose gets argon2id.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wolke.core.errors import Unavailable
from wolke.identity.config import IdentityConfig
from wolke.identity.errors import PasswordRefused

MOST_CHARACTERS = 4096
_SHA256 = "sha256$"


class Passwords:
    def __init__(self, config: IdentityConfig) -> None:
        self._config = config
        self._threads = ThreadPoolExecutor(config.hash_threads, "password")
        self._waiting = 0
        self._loaded: Any = None
        salt, digest = (base64.b64encode(bytes(n)).decode().rstrip("=") for n in (16, 32))
        self._nobody = f"$argon2id$v=19$m={config.hash_memory_kib},t={config.hash_rounds},p=1${salt}${digest}"

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def check_rules(self, password: str) -> None:
        if len(password) < self._config.min_password_length:
            raise PasswordRefused(f"it must have at least {self._config.min_password_length} characters")
        if len(password) > MOST_CHARACTERS:
            raise PasswordRefused(f"it must have at most {MOST_CHARACTERS} characters")

    async def hash(self, password: str) -> str:
        return str(await self._in_thread(lambda: self._hasher().hash(password)))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """False, as slowly, when there is no hash to compare with."""
        if hashed is not None and hashed.startswith(_SHA256):
            return hmac.compare_digest(hashed, sha256(password))
        if len(password) > MOST_CHARACTERS:
            return False
        return await self._in_thread(lambda: self._matches(hashed or self._nobody, password)) and hashed is not None

    def _matches(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return bool(self._hasher().verify(hashed, password))
        except (VerificationError, InvalidHashError):
            return False

    def _hasher(self) -> Any:
        """argon2's import takes 15 ms: the first password pays it, in its thread."""
        if self._loaded is None:
            from argon2 import PasswordHasher

            self._loaded = PasswordHasher(
                time_cost=self._config.hash_rounds, memory_cost=self._config.hash_memory_kib, parallelism=1
            )
        return self._loaded

    async def _in_thread(self, work: Any) -> Any:
        if self._waiting >= self._config.hash_queue:
            raise Unavailable("Too many passwords are being checked at this moment.", headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def sha256(secret: str) -> str:
    return _SHA256 + hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    return secrets.token_urlsafe(64)
