"""Brings what memory knows to the index, in batches, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor

import lmdb

from wolke.core.log import get_logger
from wolke.object_store.drivers.segments.files import Files
from wolke.object_store.drivers.segments.index import Full, Index, State
from wolke.object_store.drivers.segments.ledger import Ledger
from wolke.object_store.drivers.segments.log import Log
from wolke.object_store.drivers.segments.options import Options
from wolke.object_store.drivers.segments.overlay import Overlay, Usage

log = get_logger(__name__)

_BEHIND = 4  # so many batches may wait in memory; then commits do
_AGAIN_S = 0.1


class Flusher:
    def __init__(self, index: Index, ledger: Ledger, journal: Log, files: Files, store: str, options: Options) -> None:
        self._index = index
        self._ledger = ledger
        self._log = journal
        self._files = files
        self._store = store
        self._options = options
        self._thread = ThreadPoolExecutor(1, "wolke-index")
        self._one = asyncio.Lock()
        self._task: asyncio.Task[bool] | None = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._options.flush_after_s)
            if self._ledger.active.changes or self._ledger.touched:
                await self.flush()

    def after_group(self) -> Awaitable[object] | None:
        """Starts a flush if one is needed; something to wait for if memory holds too much."""
        active, options = self._ledger.active, self._options
        if active.changes < options.flush_changes and active.log_bytes < options.flush_bytes:
            return None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self.flush())
        if active.changes < options.flush_changes * _BEHIND:
            return None
        return asyncio.shield(self._task)

    async def flush(self) -> bool:
        """Whether the index has all now that was visible when this was called. If not, the log has it, and memory."""
        async with self._one:
            overlay, usages = self._ledger.freeze()
            try:
                await self._write(overlay, usages)
            except (lmdb.Error, OSError) as error:
                log.error("the index could not be written", reason=str(error))
                self._ledger.unfreeze(usages)
                await asyncio.sleep(_AGAIN_S)
                return False
            self._ledger.thaw()
            return True

    async def close(self, *, flush: bool = True) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])
        if flush:
            await self.flush()
        self._thread.shutdown()

    async def _write(self, overlay: Overlay, usages: dict[int, Usage | None]) -> None:
        at = self._log.position
        state = State(
            self._store, at.segment, at.offset, at.sequence, at.previous, self._files.lowest(), self._files.limit
        )
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._thread, self._index.write, overlay, state, usages)
                return
            except Full:
                while not self._index.grow():  # noqa: ASYNC110 - a check is reading, and has no event
                    await asyncio.sleep(_AGAIN_S)
