"""Fulfilling wishes: what is due is asked for, done by ``steps``, and answered. Each server has one step at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps import DEADLINES_S, STEPS
from wolke.compute.model import Outcome, Wish
from wolke.core.batch import Batch
from wolke.core.drivers import Failure
from wolke.core.log import get_logger
from wolke.core.loop import Loop

log = get_logger(__name__)

STEP_DEADLINE_S = 900.0  # one attempt; the verb's own deadline is the controllers' affair
_CONCURRENCY = 32
_PERIOD_S = 10.0


class Work:
    """A key is ``<server id>:<generation>``, so that a new wish does not wait for the back-off of an old one."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._wishes: Batch[str, Wish | None] = Batch(self._fetch)
        self._outcomes: Batch[tuple[str, Outcome], bool] = Batch(self._tell)
        self._steps: dict[str, asyncio.Task[dict[str, object]]] = {}
        self._superseded: set[str] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.loop = Loop(
            f"compute.host.{ground.host}", self.look, self.act, period_s=_PERIOD_S, concurrency=_CONCURRENCY
        )

    async def look(self) -> list[str]:
        answer = await self._ground.client.get_json(self._ground.url("due"))
        keys = [f"{server_id}:{generation}" for server_id, generation, _ in answer["due"]]
        for key in self._steps.keys() - keys:
            self._superseded.add(key)
            self._steps[key].cancel()
        return keys

    async def act(self, key: str) -> None:
        server_id, _, generation = key.partition(":")
        async with self._locks[server_id]:
            wish = await self._wishes(server_id)
            if wish is None or wish.generation != int(generation):
                return
            outcome = await self._attempt(key, wish)
            if outcome is not None and not await self._outcomes((server_id, outcome)):
                log.info("wish was changed meanwhile", server_id=server_id, task=wish.task)
        if not self._locks[server_id]._waiters:
            self._locks.pop(server_id, None)

    async def _attempt(self, key: str, wish: Wish) -> Outcome | None:
        """None: it was called off."""
        step = asyncio.create_task(self._step(wish))
        self._steps[key] = step
        try:
            learnt = await step
        except Failure as why:
            return Outcome(wish.generation, wish.task, {}, str(why))
        except asyncio.CancelledError:
            if key not in self._superseded:
                raise
            return None
        finally:
            del self._steps[key]
            self._superseded.discard(key)
        return Outcome(wish.generation, wish.task, learnt)

    async def _step(self, wish: Wish) -> dict[str, object]:
        async with asyncio.timeout(DEADLINES_S.get(wish.task, STEP_DEADLINE_S)):
            return await STEPS[wish.task](self._ground, wish)

    async def remove(self, server_id: str) -> None:
        """Destroy a guest that nobody owns, when nothing else is done to it."""
        async with self._locks[server_id]:
            await self._ground.driver.destroy(server_id)

    async def quarantine(self, server_id: str) -> None:
        """Likewise, but keep what it was made of where nothing runs with it."""
        async with self._locks[server_id]:
            await self._ground.driver.quarantine(server_id)

    async def forget_aside(self, server_id: str) -> None:
        """Likewise for what was set aside of one."""
        async with self._locks[server_id]:
            await self._ground.driver.forget_aside(server_id)

    async def _fetch(self, server_ids: Sequence[str]) -> list[Wish | Exception | None]:
        wanted = list(dict.fromkeys(server_ids))
        answer = await self._ground.client.post_json(self._ground.url("wishes"), {"servers": wanted})
        wishes = {one["server_id"]: msgspec.convert(one, Wish) for one in answer["wishes"]}
        return [wishes.get(server_id) for server_id in server_ids]

    async def _tell(self, outcomes: Sequence[tuple[str, Outcome]]) -> list[bool | Exception]:
        said = [{"server_id": server_id, **msgspec.to_builtins(outcome)} for server_id, outcome in outcomes]
        answer = await self._ground.client.post_json(self._ground.url("outcomes"), {"outcomes": said})
        return [server_id not in answer["refused"] for server_id, _ in outcomes]
