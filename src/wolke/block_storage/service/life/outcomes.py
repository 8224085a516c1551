"""What agents say of wishes. Nothing that an agent says is believed unless its host has the row and the wish is still the one
that is due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.model import Outcome, Volume
from wolke.block_storage.service.endings import Endings
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.states import HOST_TASKS
from wolke.block_storage.store import BY_KIND
from wolke.core.context import system_context
from wolke.core.db import Where
from wolke.core.errors import CloudError
from wolke.core.log import get_logger

log = get_logger(__name__)

_LONGEST_REASON = 1000
Key = tuple[str, str]


class Outcomes:
    def __init__(self, needs: Needs, endings: Endings) -> None:
        self._needs = needs
        self._db = needs.db
        self._endings = endings

    async def record(self, host: str, said: Sequence[Outcome]) -> dict[Key, CloudError | None]:
        """By kind and id: None if it was recorded, or the error. One write for all of them."""
        rows = await self._rows(said)
        answers: dict[Key, CloudError | None] = {}
        due: list[tuple[Any, Outcome]] = []
        for outcome in said:
            key = (outcome.kind, outcome.id)
            row = rows.get(key)
            if row is None or row.host != host:
                answers[key] = errors.UnknownRow(*key)
            elif not _matches(row, outcome):
                answers[key] = errors.StaleOutcome(*key)
            else:
                due.append((row, outcome))
        if due:
            async with self._db.transaction() as tx:
                for row, outcome in due:
                    if outcome.failure is not None:
                        why = outcome.failure[:_LONGEST_REASON]
                        done = await self._endings.fail(tx, outcome.kind, row, why)
                    else:
                        done = await self._endings.done(tx, outcome.kind, row, outcome.learnt)
                    answers[outcome.kind, outcome.id] = None if done else errors.StaleOutcome(outcome.kind, outcome.id)
        await self._afterwards([(row, one) for row, one in due if answers[one.kind, one.id] is None])
        return answers

    async def _rows(self, said: Sequence[Outcome]) -> dict[Key, Any]:
        by_kind: defaultdict[str, list[str]] = defaultdict(list)
        for outcome in said:
            by_kind[outcome.kind].append(outcome.id)
        found: dict[Key, Any] = {}
        for kind, wanted in by_kind.items():
            if kind in HOST_TASKS:
                for row in await self._db.find(BY_KIND[kind], where=[Where("id", "in", wanted)]):
                    found[kind, row.id] = row
        return found

    # -- what other services must hear once it is written

    async def _afterwards(self, recorded: Sequence[tuple[Any, Outcome]]) -> None:
        for row, outcome in recorded:
            if (outcome.kind, outcome.task) == ("volume", "uploading") and outcome.failure is not None:
                await self.forget_image(row)

    async def forget_image(self, volume: Volume) -> None:
        """An image that never got its data is not left behind."""
        images, image_id = self._needs.images, volume.arguments.get("image_id")
        if images is None or image_id is None:
            return
        try:
            image = await images.image(system_context(), image_id)
            if image.status in ("queued", "saving"):
                await images.delete(system_context(), image)
        except CloudError as error:
            log.info("image stays", image_id=image_id, why=str(error))


def _matches(row: Any, outcome: Outcome) -> bool:
    due = row.task == outcome.task and row.generation == outcome.generation
    return due and outcome.task in HOST_TASKS[outcome.kind]
