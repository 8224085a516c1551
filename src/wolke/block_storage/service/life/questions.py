"""Asking a host something now: what its backends have that could be managed.

A question is a row and a wake. The host's agent hears the wake on its stream, is given the question, and posts the answer; that
is written and wakes whoever waits, in whichever controller that is. Nothing of it is needed once the asker is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.model import Question
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import QUESTIONS
from wolke.core import ids
from wolke.core.db import Where

_PATIENCE_S = 10.0
_LOOK_AGAIN_S = 1.0  # should a wake be lost
_ANSWERED = "block_storage.answers"


class Questions:
    def __init__(self, needs: Needs, *, patience_s: float = _PATIENCE_S) -> None:
        self._needs = needs
        self._db = needs.db
        self._patience_s = patience_s
        self._heard = asyncio.Event()
        needs.db.on_wake(_ANSWERED, self._wake)

    def _wake(self) -> None:
        self._heard.set()
        self._heard = asyncio.Event()

    async def ask(self, host: str, kind: str, **arguments: Any) -> Any:
        """The answer's value. 400 with the host's reason if it cannot, ``HostSilent`` if it does not answer in time."""
        expires_at = self._needs.clock.after(self._patience_s)
        question = Question(ids.uuid(), host, kind, arguments, None, expires_at)
        async with self._db.transaction() as tx:
            await tx.insert(QUESTIONS, question)
            tx.wake(f"block_storage.host.{host}")
        try:
            async with asyncio.timeout(self._patience_s):
                answer = await self._answer(question.id)
        except TimeoutError:
            raise errors.HostSilent(host) from None
        finally:
            async with self._db.transaction() as tx:
                await tx.delete(QUESTIONS, id=question.id)
        if "failure" in answer:
            raise errors.Invalid("host", str(answer["failure"]))
        return answer.get("value")

    async def _answer(self, question_id: str) -> dict[str, Any]:
        while True:
            heard = self._heard
            found = await self._db.get(QUESTIONS, id=question_id)
            if found is not None and found.answer is not None:
                return found.answer
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await heard.wait()

    async def open(self, host: str) -> list[Question]:
        """What the host is being asked."""
        where = [Where("expires_at", "gt", self._needs.clock.now())]
        return await self._db.find(QUESTIONS, host=host, answer=None, where=where)

    async def answer(self, host: str, question_id: str, answer: dict[str, Any]) -> bool:
        async with self._db.transaction() as tx:
            tx.wake(_ANSWERED)
            return bool(await tx.update(QUESTIONS, {"answer": answer}, id=question_id, host=host, answer=None))
