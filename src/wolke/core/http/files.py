"""Files on their way out: opened one after the other, warmed, checked, and handed on run by run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Iterator

from wolke.core.http.messages import FilePart

Run = tuple[int, int, int]  # an open file, and where in it, and how much
_PROBE_BYTES = 1
_WARM_BYTES = 128 * 1024


async def checked_runs(parts: Iterable[FilePart]) -> AsyncGenerator[Run, None]:
    """Each run once its part's ``check`` has let it pass. Ask for the first before the head of an answer goes out: what it
    raises can then still be an answer. No more than one file is open, and nothing of it is in our memory."""
    for part in parts:
        file = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for offset, length in _runs(part):
                if _is_cold(file, offset, length):
                    await asyncio.to_thread(_warm, file, offset, length)
                if part.check is not None:
                    part.check(file, offset, length)
                yield file, offset, length
        finally:
            os.close(file)


def _runs(part: FilePart) -> Iterator[tuple[int, int]]:
    offset, end = part.offset, part.offset + part.length
    while offset < end:
        stop = min(end, offset - offset % part.run_bytes + part.run_bytes)
        yield offset, stop - offset
        offset = stop


def _is_cold(file: int, offset: int, length: int) -> bool:
    """Whether the run must come from the disk first, as its two ends tell. Where the file system cannot say, it need not."""
    probe = [bytearray(_PROBE_BYTES)]
    try:
        os.preadv(file, probe, offset, os.RWF_NOWAIT)
        os.preadv(file, probe, offset + length - 1, os.RWF_NOWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _warm(file: int, offset: int, length: int) -> None:
    """Reads the run into the page cache, in a thread: neither check nor sendfile then holds up the event loop."""
    os.posix_fadvise(file, offset, length, os.POSIX_FADV_WILLNEED)
    buffer, end = [bytearray(_WARM_BYTES)], offset + length
    while offset < end and (read := os.preadv(file, buffer, offset)):
        offset += read
