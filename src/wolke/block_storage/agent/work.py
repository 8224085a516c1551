"""Fulfilling wishes: what is due is asked for, done by ``steps``, and answered. Each volume, snapshot, backup and attachment has one
step at a time; what they share is locked by the drivers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.agent.steps import STEPS
from wolke.block_storage.model import Outcome, Wish
from wolke.core.batch import Batch
from wolke.core.drivers import Failure
from wolke.core.log import get_logger
from wolke.core.loop import Loop

log = get_logger(__name__)

_CONCURRENCY = 16
_PERIOD_S = 10.0
Thing = tuple[str, str]  # kind, id


class Work:
    """A key is ``<kind>:<id>:<generation>``, so that a new wish does not wait for the back-off of an old one. A step has no deadline
    of its own: copying a large disk takes what it takes, and the controllers call off what has become too late."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._wishes: Batch[Thing, Wish | None] = Batch(self._fetch)
        self._outcomes: Batch[Outcome, bool] = Batch(self._tell)
        self._steps: dict[str, asyncio.Task[dict[str, object]]] = {}
        self._superseded: set[str] = set()
        self._locks: defaultdict[Thing, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.loop = Loop(
            f"block_storage.host.{ground.host}", self.look, self.act, period_s=_PERIOD_S, concurrency=_CONCURRENCY
        )

    async def look(self) -> list[str]:
        answer = await self._ground.client.get_json(self._ground.url("due"))
        keys = [f"{kind}:{one_id}:{generation}" for kind, one_id, generation, _ in answer["due"]]
        for key in self._steps.keys() - keys:
            self._superseded.add(key)
            self._steps[key].cancel()
        return keys

    async def act(self, key: str) -> None:
        kind, one_id, generation = key.split(":")
        async with self.lock(kind, one_id):
            wish = await self._wishes((kind, one_id))
            if wish is None or wish.generation != int(generation):
                return
            outcome = await self._attempt(key, wish)
            if outcome is not None and not await self._outcomes(outcome):
                log.info("wish was changed meanwhile", kind=kind, id=one_id, task=wish.task)
        if not self._locks[kind, one_id]._waiters:
            self._locks.pop((kind, one_id), None)

    def lock(self, kind: str, one_id: str) -> asyncio.Lock:
        """Whoever holds it has the thing to himself, as far as this agent goes."""
        return self._locks[kind, one_id]

    async def _attempt(self, key: str, wish: Wish) -> Outcome | None:
        """None: it was called off."""
        step = asyncio.create_task(self._step(wish))
        self._steps[key] = step
        try:
            learnt = await step
        except Failure as why:
            return Outcome(wish.kind, wish.id, wish.task, wish.generation, {}, str(why))
        except asyncio.CancelledError:
            if key not in self._superseded:
                raise
            return None
        finally:
            step.cancel()
            del self._steps[key]
            self._superseded.discard(key)
        return Outcome(wish.kind, wish.id, wish.task, wish.generation, learnt)

    async def _step(self, wish: Wish) -> dict[str, object]:
        step = STEPS.get((wish.kind, wish.task))
        if step is None:
            raise Failure(f"This host does not know how to do {wish.task!r}.")
        return await step(self._ground, wish)

    async def _fetch(self, things: Sequence[Thing]) -> list[Wish | Exception | None]:
        wanted = [{"kind": kind, "id": one_id} for kind, one_id in dict.fromkeys(things)]
        answer = await self._ground.client.post_json(self._ground.url("wishes"), {"items": wanted})
        wishes = {(one["kind"], one["id"]): msgspec.convert(one, Wish) for one in answer["wishes"]}
        return [wishes.get(thing) for thing in things]

    async def _tell(self, outcomes: Sequence[Outcome]) -> list[bool | Exception]:
        said = {"outcomes": msgspec.to_builtins(list(outcomes))}
        answer = await self._ground.client.post_json(self._ground.url("outcomes"), said)
        return [f"{outcome.kind}/{outcome.id}" not in answer["refused"] for outcome in outcomes]
