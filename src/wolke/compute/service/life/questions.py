"""Asking a host something now: what the last lines of a guest's console are.

A question is a row and a wake. The host's agent hears the wake on its stream, is given the question, and posts the answer; that
is written and wakes whoever waits, in whichever controller that is. Nothing of it is needed once the asker is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from wolke.compute.model import Question
from wolke.compute.service.life.errors import HostSilent
from wolke.compute.service.life.ground import Ground
from wolke.compute.store import QUESTIONS
from wolke.core import ids
from wolke.core.db import Where
from wolke.core.drivers import Failure

_PATIENCE_S = 10.0
_LOOK_AGAIN_S = 1.0  # should a wake be lost
_ANSWERED = "compute.answers"


class Questions:
    def __init__(self, ground: Ground, *, patience_s: float = _PATIENCE_S) -> None:
        self._ground = ground
        self._patience_s = patience_s
        self._heard = asyncio.Event()
        ground.db.on_wake(_ANSWERED, self._wake)

    def _wake(self) -> None:
        self._heard.set()
        self._heard = asyncio.Event()

    async def ask(self, host: str, kind: str, server_id: str, **arguments: Any) -> Any:
        """The answer's value. Raises ``Failure`` if the host cannot, ``HostSilent`` if it does not answer in time."""
        expires_at = self._ground.clock.after(self._patience_s)
        question = Question(ids.uuid(), host, kind, server_id, arguments, None, expires_at)
        async with self._ground.db.transaction() as tx:
            await tx.insert(QUESTIONS, question)
            tx.wake(f"compute.host.{host}")
        try:
            async with asyncio.timeout(self._patience_s):
                answer = await self._answer(question.id)
        except TimeoutError:
            raise HostSilent(server_id) from None
        finally:
            async with self._ground.db.transaction() as tx:
                await tx.delete(QUESTIONS, id=question.id)
        if "failure" in answer:
            raise Failure(str(answer["failure"]))
        return answer.get("value")

    async def _answer(self, question_id: str) -> dict[str, Any]:
        while True:
            heard = self._heard
            found = await self._ground.db.get(QUESTIONS, id=question_id)
            if found is not None and found.answer is not None:
                return found.answer
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await heard.wait()

    async def open(self, host: str) -> list[Question]:
        """What the host is being asked."""
        now = self._ground.clock.now()
        return await self._ground.db.find(QUESTIONS, host=host, answer=None, where=[Where("expires_at", "gt", now)])

    async def answer(self, host: str, question_id: str, answer: dict[str, Any]) -> bool:
        async with self._ground.db.transaction() as tx:
            tx.wake(_ANSWERED)
            return bool(await tx.update(QUESTIONS, {"answer": answer}, id=question_id, host=host, answer=None))
