"""Reading data: small from the page cache at once, large as a stream or as parts of files. Nothing goes out unchecked."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from awscrt.checksums import crc32c

from wolke.core.http import FilePart
from wolke.object_store.drivers.base import Damaged, Lost, Piece, Stream
from wolke.object_store.drivers.segments.files import RUN_BYTES, Files
from wolke.object_store.drivers.segments.log import Handle, Log
from wolke.object_store.drivers.segments.quarantine import Quarantine
from wolke.object_store.drivers.segments.records import File, Fresh, Run

_TRUSTED_S = 20.0  # what was verified is in the page cache, or was on a disk that still had it right
_VERIFIED_RUNS = 1 << 16
_Cut = tuple[Run | File | Fresh, int, int]  # a piece, where in it to begin, how many bytes


class Reader:
    def __init__(
        self, journal: Log, files: Files, quarantine: Quarantine, threads: ThreadPoolExecutor, small_bytes: int
    ) -> None:
        self._log = journal
        self._files = files
        self._quarantine = quarantine
        self._threads = threads
        self._small_bytes = small_bytes
        self._verified: dict[tuple[int, int], tuple[int, float]] = {}

    async def read(self, pieces: Sequence[Piece], start: int, length: int) -> bytes | Stream:
        cuts = _cut(pieces, start, length)
        if len(cuts) == 1 and isinstance(cuts[0][0], Run):
            return await self._some(*cuts[0])
        if sum(size for _, _, size in cuts) > self._small_bytes:
            opened = [_Cutting(cut, await self._open(cut[0]) if isinstance(cut[0], File) else None) for cut in cuts]
            parts = tuple(self._part(one) for one in opened) if all(o.is_stored for o in opened) else ()
            return Stream(self._chunks(opened), parts)
        found = []
        for cut in cuts:
            found.append(await self._some(*cut))
        return found[0] if len(found) == 1 else b"".join(found)

    def whole(self, piece: Run) -> bytes:
        """For a thread. Raises ``Damaged``."""
        self.refuse(piece)
        try:
            data = self._log.read(piece)
        except FileNotFoundError:
            raise Lost("The data has been given back meanwhile.") from None
        except OSError:
            data = None
        return self._checked(piece, data)

    def refuse(self, piece: Run | File) -> None:
        """Raises ``Damaged`` if it is known to be so."""
        if self._quarantine.count and self._quarantine.holds(piece):
            raise Damaged("The data is damaged.")

    def damaged(self, piece: Run | File) -> Damaged:
        self._quarantine.put(piece)
        return Damaged("The data is damaged.")

    async def _some(self, piece: Run | File | Fresh, start: int, size: int) -> bytes:
        if isinstance(piece, Fresh):
            return piece.data[start : start + size]
        if isinstance(piece, File):
            opened = await self._open(piece)
            return b"".join([chunk async for chunk in self._chunks([_Cutting((piece, start, size), opened)])])
        assert isinstance(piece, Run)
        data = await self._run(piece)
        return data if size == piece.size else data[start : start + size]

    async def _run(self, piece: Run) -> bytes:
        self.refuse(piece)
        try:
            data = self._log.read(piece, now=True)
        except OSError:
            data = None
        if data is not None and crc32c(data) == piece.crc:
            return data
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.whole, piece)

    def _checked(self, piece: Run, data: bytes | None) -> bytes:
        if data is None or len(data) != piece.size or crc32c(data) != piece.crc:
            raise self.damaged(piece)
        return data

    # ----------------------------------------------------------------------------------------------------------- files

    async def _open(self, piece: File) -> tuple[Handle, array[int]]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.open_file, piece)

    def open_file(self, piece: File) -> tuple[Handle, array[int]]:
        """With its checksums. Raises ``Damaged``, ``Lost``."""
        self.refuse(piece)
        try:
            handle = self._files.handle(piece.number)
        except FileNotFoundError:
            raise Lost("The data has been given back meanwhile.") from None
        try:
            sums = self._files.footer(handle, piece)
        except OSError:
            sums = None
        if sums is None:
            raise self.damaged(piece)
        return handle, sums

    def described(self, number: int) -> File | None:
        """The piece of a file that is there, by what the file says itself; None if it is damaged, which is noted, or gone."""
        try:
            piece = self._files.describe(self._files.handle(number), number)
        except FileNotFoundError:
            return None
        except OSError:
            piece = None
        if piece is None:
            self._quarantine.put(File(number, 0, 0))
        return piece

    def verify(self, fd: int, piece: File, sums: array[int], run: int) -> None:
        """Raises ``Damaged`` unless the run is what was written."""
        try:
            good = self._files.is_run_good(fd, piece, sums, run)
        except OSError:
            good = False
        if not good:
            raise self.damaged(piece)

    def _verify_once(self, fd: int, piece: File, sums: array[int], run: int) -> None:
        """What many ask for at a time is read for its checksum once in ``_TRUSTED_S``, unless somebody writes to the file."""
        now, changed, key = time.monotonic(), self._files.disk.changed_ns(fd), (piece.number, run)
        seen = self._verified.get(key)
        if seen is not None and seen[0] == changed and now - seen[1] < _TRUSTED_S:
            self.refuse(piece)
            return
        self.verify(fd, piece, sums, run)
        if len(self._verified) >= _VERIFIED_RUNS:
            self._verified.clear()
        self._verified[key] = (changed, now)

    def _part(self, cutting: _Cutting) -> FilePart:
        (piece, start, size), opened = cutting.cut, cutting.opened
        if isinstance(piece, File) and opened is not None:
            sums = opened[1]

            def check(fd: int, offset: int, length: int) -> None:
                for run in range(offset // RUN_BYTES, (offset + length - 1) // RUN_BYTES + 1):
                    self._verify_once(fd, piece, sums, run)

            return FilePart(str(self._files.path(piece.number)), start, size, check, RUN_BYTES)
        assert isinstance(piece, Run)
        run = piece
        return FilePart(
            str(self._log.path(run.segment)),
            run.offset + start,
            size,
            lambda fd, offset, length: _drop(self.whole(run)),
        )

    async def _chunks(self, cuttings: Sequence[_Cutting]) -> AsyncIterator[bytes]:
        threads, loop = self._threads, asyncio.get_running_loop()
        for cutting in cuttings:
            (piece, start, size), opened = cutting.cut, cutting.opened
            if not isinstance(piece, File) or opened is None:
                yield await self._some(piece, start, size)
                continue
            for run in range(start // RUN_BYTES, (start + size - 1) // RUN_BYTES + 1):
                data = await loop.run_in_executor(threads, self._file_run, opened, piece, run)
                base = run * RUN_BYTES
                yield data[max(start - base, 0) : start + size - base]

    def _file_run(self, opened: tuple[Handle, array[int]], piece: File, run: int) -> bytes:
        handle, sums = opened
        size = min(RUN_BYTES, piece.size - run * RUN_BYTES)
        try:
            data = self._files.disk.read(handle.fd, size, run * RUN_BYTES)
        except OSError:
            data = b""
        if len(data) != size or crc32c(data) != sums[run]:
            raise self.damaged(piece)
        return data


class _Cutting:
    def __init__(self, cut: _Cut, opened: tuple[Handle, array[int]] | None) -> None:
        self.cut = cut
        self.opened = opened

    @property
    def is_stored(self) -> bool:
        return not isinstance(self.cut[0], Fresh)


def _cut(pieces: Sequence[Piece], start: int, length: int) -> list[_Cut]:
    """The parts of the pieces that lie in the range."""
    cuts: list[_Cut] = []
    at, stop = 0, start + length
    for piece in pieces:
        size = piece.size
        low, high = max(start - at, 0), min(stop - at, size)
        if low < high:
            cuts.append((piece, low, high - low))  # type: ignore[arg-type]
        at += size
    return cuts


def _drop(data: bytes) -> None:
    """It was read for its checksum."""
