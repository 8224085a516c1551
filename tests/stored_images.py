"""The Image service's driver for the object store, on a store of its own, over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.conftest import MEMBER_PROJECT, stand_in_authenticate
from wolke.core.clock import Clock
from wolke.core.http.server import Server, bind
from wolke.image.drivers.object_store import ObjectStoreDriver
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.doors import build_door
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.service import ObjectStore


@contextlib.asynccontextmanager
async def object_store(folder: Path) -> AsyncIterator[ObjectStoreDriver]:
    """The first token is no good, as one may be that has grown old."""
    engine = Memory(folder)
    store = ObjectStore({"default": engine}, ObjectStoreConfig(), Clock())
    listening = bind("127.0.0.1", 0)
    server = Server(build_door(store, stand_in_authenticate), [listening])
    await server.start()
    tokens = iter(("old", "member"))

    async def place() -> tuple[str, str]:
        return f"http://127.0.0.1:{listening.getsockname()[1]}/v1/AUTH_{MEMBER_PROJECT}", next(tokens)

    driver = ObjectStoreDriver(folder, place=place)
    try:
        yield driver
    finally:
        await driver.close()
        await server.stop()
        listening.close()
