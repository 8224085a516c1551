"""Image data in this process's memory: for tests and throw-away clouds. ``capacity_bytes`` is how much fits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from wolke.image.drivers.base import Blob, NoBlob, NoSpace

_PIECE_BYTES = 1 << 20


class MemoryDriver:
    def __init__(self, directory: Path | None = None, *, capacity_bytes: int = 1 << 30) -> None:
        self.capacity_bytes = capacity_bytes
        self.whole: dict[str, bytes] = {}
        self.writers: dict[str, MemoryWriter] = {}

    async def begin(self, blob_id: str) -> MemoryWriter:
        writer = self.writers[blob_id] = MemoryWriter(self, blob_id)
        return writer

    def path(self, blob_id: str) -> Path | None:
        return None

    async def read(self, blob_id: str, start: int, length: int) -> AsyncIterator[bytes]:
        data = self.whole.get(blob_id)
        if data is None:
            raise NoBlob(blob_id)
        end = min(start + length, len(data))
        for at in range(start, end, _PIECE_BYTES):
            yield data[at : min(at + _PIECE_BYTES, end)]

    async def delete(self, blob_id: str) -> bool:
        if blob_id in self.writers:
            return False
        self.whole.pop(blob_id, None)
        return True

    async def blobs(self) -> list[Blob]:
        names = dict.fromkeys([*self.whole, *self.writers])
        return [Blob(name, name in self.whole, name in self.writers) for name in names]

    async def free_bytes(self) -> int | None:
        taken = sum(map(len, self.whole.values())) + sum(len(writer.data) for writer in self.writers.values())
        return self.capacity_bytes - taken

    async def close(self) -> None:
        """Nothing is held open."""


class MemoryWriter:
    def __init__(self, driver: MemoryDriver, blob_id: str) -> None:
        self._driver = driver
        self._id = blob_id
        self.data = bytearray()

    async def append(self, data: bytes) -> None:
        free = await self._driver.free_bytes()
        if free is not None and len(data) > free:
            raise NoSpace
        self.data += data

    async def commit(self) -> None:
        self._driver.whole[self._id] = bytes(self.data)
        self.data = bytearray()

    async def close(self) -> None:
        self._driver.writers.pop(self._id, None)
