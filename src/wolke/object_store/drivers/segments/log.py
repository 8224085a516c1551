"""Segment files: allocated and zeroed before use, so that a sync of a write has no metadata to commit; written front to back.

One group of records is written at a time, with one write and one sync, never across segments. So when a start finds a record whose
``behind`` points past damage, that damage was synced once and is decay; with nothing of the kind after it, it is the torn end of a
group that nobody was told of, and it is cut. A number of a segment is never used twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from wolke.object_store.drivers.segments.disk import Disk, Unsure
from wolke.object_store.drivers.segments.records import (
    BODY_LIMIT_BYTES,
    HEADER,
    MAGIC,
    MAGIC_BYTES,
    Commit,
    Header,
    Run,
    checked,
    decode,
)

_WINDOW_BYTES = 1 << 20
_ZEROS = bytes(1 << 20)
_OPEN_FILES = 128


class Position(NamedTuple):
    """Where the next record goes: its segment and offset, the sequence and crc of the record before it."""

    segment: int = 1
    offset: int = 0
    sequence: int = 0
    previous: int = 0


class Found(NamedTuple):
    """A record in a segment; ``group`` is the sequence with which its group began."""

    offset: int
    end: int
    sequence: int
    group: int
    crc: int
    previous: int
    body_bytes: int
    data_at: int


class Handle:
    """An open file, closed when nobody holds this any more: keep it as long as its ``fd`` is in use."""

    __slots__ = ("_disk", "fd")

    def __init__(self, disk: Disk, path: Path, *, create: bool = False) -> None:
        self._disk = disk
        self.fd = -1
        self.fd = disk.open(path, create=create)

    def __del__(self) -> None:
        if self.fd >= 0:
            self._disk.close(self.fd)


class Log:
    def __init__(self, directory: Path, disk: Disk, segment_bytes: int, first_bytes: int) -> None:
        self.directory = directory
        self.disk = disk
        self._most_bytes = segment_bytes
        self._first_bytes = min(first_bytes, segment_bytes)
        self._handles: dict[int, Handle] = {}
        self._opening = threading.Lock()
        self._sizes: dict[int, int] = {}
        directory.mkdir(parents=True, exist_ok=True)
        self.present = {int(path.stem) for path in directory.glob("*.segment")}
        self.position = Position()

    # ----------------------------------------------------------------------------------------------------------- files

    def path(self, segment: int) -> Path:
        return self.directory / f"{segment:010d}.segment"

    def handle(self, segment: int) -> Handle:
        """Raises ``FileNotFoundError`` if the segment has been given back."""
        if (found := self._handles.get(segment)) is not None:
            return found
        with self._opening:
            found = self._handles[segment] = Handle(self.disk, self.path(segment))
            if len(self._handles) > _OPEN_FILES:
                del self._handles[next(iter(self._handles))]
        return found

    def bytes_of(self, segment: int) -> int:
        if (size := self._sizes.get(segment)) is None:
            file = self.handle(segment)
            size = self._sizes[segment] = self.disk.size(file.fd)
        return size

    def prepare(self, segment: int, needed: int = 0) -> None:
        """Allocates and zeroes it, unless that is done and it is large enough. For a thread: it takes a while."""
        wanted = max(min(self._most_bytes, self._first_bytes << min(segment - 1, 20)), needed)
        handle = Handle(self.disk, self.path(segment), create=True)
        size = self.disk.size(handle.fd)
        if segment in self._sizes and size >= wanted:
            return
        for at in range(size, wanted, len(_ZEROS)):
            self.disk.write(handle.fd, [_ZEROS[: wanted - at]], at)
        self.disk.sync(handle.fd)
        self.disk.sync_directory(self.directory)
        with self._opening:
            self._handles[segment] = handle
        self._sizes[segment] = max(size, wanted)
        self.present.add(segment)

    def drop(self, segment: int) -> None:
        """Gone only when the directory is synced: a tombstone may be forgotten then, and the segment must not return."""
        with self._opening:
            self._handles.pop(segment, None)
        self._sizes.pop(segment, None)
        self.disk.unlink(self.path(segment))
        self.disk.sync_directory(self.directory)
        self.present.discard(segment)

    def close(self) -> None:
        self._handles.clear()

    def used_bytes(self) -> int:
        return sum(self.bytes_of(segment) for segment in list(self.present))

    # --------------------------------------------------------------------------------------------------------- writing

    def fits(self, size: int) -> bool:
        at = self.position
        return at.segment in self._sizes and at.offset + size <= self._sizes[at.segment]

    def is_ready(self, segment: int, needed: int) -> bool:
        return self._sizes.get(segment, 0) >= needed

    def turn(self) -> None:
        """On to the next segment, which is ready."""
        self.position = self.position._replace(segment=self.position.segment + 1, offset=0)

    def write(self, parts: Sequence[bytes]) -> None:
        """One group at the position, durable on return. The position is moved by whoever asked for it."""
        file = self.handle(self.position.segment)
        self.disk.write(file.fd, parts, self.position.offset)
        try:
            self.disk.sync(file.fd)
        except OSError as error:
            raise Unsure(error.errno, "a sync failed") from error

    def unwrite(self) -> None:
        """After a failed sync: what was written shall not be found by a start, as far as that can still be brought about."""
        file = self.handle(self.position.segment)
        self.disk.write(file.fd, [bytes(HEADER.size)], self.position.offset)
        self.disk.sync(file.fd)

    # --------------------------------------------------------------------------------------------------------- reading

    def read(self, run: Run, *, now: bool = False) -> bytes | None:
        """The run's bytes as they are; None if ``now`` and the disk would have to be waited for. May raise OSError."""
        file = self.handle(run.segment)
        if now:
            return self.disk.read_cached(file.fd, run.size, run.offset)
        return self.disk.read(file.fd, run.size, run.offset)

    def commit_at(self, segment: int, found: Found) -> Commit:
        file = self.handle(segment)
        return decode(self.disk.read(file.fd, found.body_bytes, found.offset + HEADER.size))

    def walk(self, at: Position, *, after: Found | None = None) -> Iterator[Found | range]:
        """Records from ``at`` to the segment's end; a ``range`` of bytes stands for damage in between.

        ``after``: the first record of the next segment, if there is one: everything here was synced then. A position with
        offset 0 takes any ``previous``: the segment before it may have been given back.
        """
        window = _Window(self.disk, self.handle(at.segment), at.segment)
        offset, expected, previous = at.offset, at.sequence + 1, at.previous if at.offset else None
        while True:
            found = window.record(offset)
            if found is None or found.sequence < expected or (previous is not None and found.previous != previous):
                if (found := self._resume(window, offset, expected, after)) is None:
                    return
                yield range(offset, found.offset)
            yield found
            offset, expected, previous = found.end, found.sequence + 1, found.crc

    def first(self, segment: int, sequence: int) -> Found | None:
        """Its first record, if that is younger than ``sequence``."""
        if segment not in self.present:
            return None
        found = _Window(self.disk, self.handle(segment), segment).record(0)
        return found if found is not None and found.sequence > sequence else None

    def following(self, segment: int, sequence: int = 0) -> Found | None:
        """The first record of a later segment."""
        later = sorted(number for number in list(self.present) if number > segment)
        return next((found for number in later if (found := self.first(number, sequence)) is not None), None)

    def _resume(self, window: _Window, offset: int, expected: int, after: Found | None) -> Found | None:
        """The next record that proves that there was one at ``offset``: something after it was written once that was synced."""
        at = offset
        while (at := window.find(at + 1)) >= 0:
            candidate = window.record(at)
            if candidate is None or candidate.sequence <= expected - 1:
                continue
            link: Found | None = candidate
            while link is not None:
                last = link
                if last.group > expected or (after is not None and after.previous == last.crc):
                    return candidate
                link = window.record(last.end)
                if link is not None and (link.previous != last.crc or link.sequence != last.sequence + 1):
                    link = None
        return None


class _Window:
    """A segment's bytes, read a MiB at a time."""

    def __init__(self, disk: Disk, file: Handle, segment: int) -> None:
        self._disk, self._file, self._segment = disk, file, segment
        self._size = disk.size(file.fd)
        self._at = 0
        self._bytes = b""

    def get(self, offset: int, size: int) -> bytes:
        if not (self._at <= offset and offset + size <= self._at + len(self._bytes)):
            self._at = offset
            self._bytes = self._disk.read(self._file.fd, max(size, _WINDOW_BYTES), offset)
        return self._bytes[offset - self._at : offset - self._at + size]

    def record(self, offset: int) -> Found | None:
        if offset + HEADER.size > self._size:
            return None
        raw = self.get(offset, HEADER.size)
        if len(raw) < HEADER.size:
            return None
        header = Header._make(HEADER.unpack(raw))
        end = offset + header.whole_bytes
        if header.magic != MAGIC or end > self._size or header.body_bytes > BODY_LIMIT_BYTES:
            return None
        body = self.get(offset + HEADER.size, header.body_bytes)
        if not checked(raw, body, self._segment):
            return None
        return Found(
            offset, end, header.sequence, header.sequence - header.behind, header.crc, header.previous,
            header.body_bytes, end - header.data_bytes,
        )  # fmt: skip

    def find(self, offset: int) -> int:
        """Where the next record may begin, or -1."""
        while offset < self._size:
            piece = self.get(offset, min(_WINDOW_BYTES, self._size - offset))
            if not piece:
                return -1
            if (at := piece.find(MAGIC_BYTES)) >= 0:
                return offset + at
            offset += max(len(piece) - len(MAGIC_BYTES) + 1, 1)
        return -1
