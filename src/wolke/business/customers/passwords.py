"""Passwords: argon2id in few threads, so that a crowd that signs in takes neither the loop nor the memory, and the same work for whoever is not there."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from wolke.business.customers import password_rules
from wolke.business.errors import Invalid, TooOften

if TYPE_CHECKING:
    from wolke.business.config import BusinessConfig

T = TypeVar("T")
_THREADS, _QUEUE = 2, 64


class Passwords:
    def __init__(self, config: BusinessConfig) -> None:
        self._memory_kib, self._rounds = config.password_memory_kib, config.password_rounds
        self._threads = ThreadPoolExecutor(_THREADS, "business-password")
        self._waiting = 0
        self._loaded: Any = None
        salt, digest = (base64.b64encode(bytes(n)).decode().rstrip("=") for n in (16, 32))
        self._nobody = f"$argon2id$v=19$m={self._memory_kib},t={self._rounds},p=1${salt}${digest}"

    def check_rules(self, password: str, about: Iterable[str], field: str = "password") -> None:
        """``Invalid`` at ``field``. ``about``: what others know of the person."""
        if reason := password_rules.refusal(password, about):
            raise Invalid("Please choose another password.", fields={field: reason})

    async def hash(self, password: str) -> str:
        return await self._in_thread(lambda: str(self._hasher().hash(password)))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """False, as slowly, where there is no hash to compare with."""
        right = await self._in_thread(lambda: self._matches(hashed or self._nobody, password))
        return right and hashed is not None

    def _matches(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return bool(self._hasher().verify(hashed, password[: password_rules.LONGEST + 1]))
        except (VerificationError, InvalidHashError):
            return False

    def _hasher(self) -> Any:
        """The import takes 15 ms: the first password pays it, in its thread."""
        if self._loaded is None:
            from argon2 import PasswordHasher

            self._loaded = PasswordHasher(time_cost=self._rounds, memory_cost=self._memory_kib, parallelism=1)
        return self._loaded

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= _QUEUE:
            raise TooOften(
                "Many people are signing in at this moment. Please try again in a few seconds.",
                headers={"Retry-After": "5"},
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
