"""The contract of a place where objects lie: a map in the order of its keys, whose values may be data of any size.

    partition   16 bytes: 8 of the account, 8 of the container in it. Keys are bytes and ordered within a partition; nothing
                is ordered across. One commit touches one partition, so a driver may keep each as an object of its own
                (RADOS: one omap) and needs no transaction wider than that.
    entry       what a key holds: ``meta``, which the driver does not read, and data in ``pieces``.
    tally       how many entries a partition has, and the sums of what they count. Exact, at any moment: it is part of the
                commit that changes an entry. The sums over an account are the same sums, and may not lose an increment.

Data goes first, then one commit makes it visible: ``writer`` takes it in, ``commit`` points an entry at it. What no entry
points at is garbage, and the driver's to collect. When ``commit`` returns, the change survives kill -9 and loss of power;
when it raises, nothing of it is visible, then or later. Data that fails its checksum is never handed out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from wolke.core.http import FilePart

ACCOUNT_BYTES = 8
PARTITION_BYTES = 16
KEY_LIMIT_BYTES = 1400  # a name of 1,024 bytes, and what the store puts round it


class NoSpace(Exception):
    """There is no room for more data. Reading and deleting go on."""


class Damaged(Exception):
    """The data is not what was written: a checksum fails. It has been put aside."""


class Broken(Exception):
    """The place cannot be written to until it is opened anew: a sync failed, and nobody knows what is on the disk."""


class Lost(Exception):
    """A piece that a commit wanted to share has gone meanwhile. Look again."""


class Piece(Protocol):
    """A run of data, made by a ``Writer``; what else it holds is its driver's own affair."""

    @property
    def size(self) -> int: ...


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A listing makes ten thousand: as tuples they take twice the time, and the garbage collector's besides.

    ``objects`` and ``octets`` are its part of the tally. ``due_s``: when it wants to be looked at again (Unix time)."""

    key: bytes
    meta: bytes
    pieces: tuple[Piece, ...] = ()
    objects: int = 0
    octets: int = 0
    due_s: int | None = None


class Put(NamedTuple):
    """``pieces``: of a writer, of the entry that this key held before, or of ``again``."""

    key: bytes
    meta: bytes
    pieces: tuple[Piece, ...] = ()
    objects: int = 0
    octets: int = 0
    due_s: int | None = None


class Delete(NamedTuple):
    """That there is no such key is fine."""

    key: bytes


Change = Put | Delete


class Tally(NamedTuple):
    entries: int = 0
    objects: int = 0
    octets: int = 0


#: What a commit does, given the entries it asked for (in its order) and its partition's tally. It awaits nothing, changes
#: nothing and may be called again; what it raises comes out of ``commit``, and nothing was changed.
Decide = Callable[[Sequence[Entry | None], Tally], Sequence[Change]]


#: Is given all of a writer's data in order, a piece at a time, before its ``finish`` returns; in whatever thread has the piece at
#: hand, so that a checksum is no pass of its own.
Seen = Callable[[bytes], object]


class Due(NamedTuple):
    due_s: int
    partition: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """Data too large for memory: ``chunks`` of bounded size, or the same as parts of local files, for the kernel to send.

    Only one of the two is used. Both raise ``Damaged`` before a byte of what is damaged goes out.
    """

    chunks: AsyncIterator[bytes]
    parts: tuple[FilePart, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``small_bytes``: data up to this size comes out of ``read`` in one piece. ``exclusive``: while it is open nobody else
    writes to the place, so what was read may be remembered until one writes oneself."""

    small_bytes: int
    local_files: bool
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found. ``repaired``: it is right again."""

    what: str
    where: str
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes on the disk: ``used`` by all of it, of which ``live`` are what entries point at; ``free`` None: nobody can tell."""

    used: int
    live: int
    free: int | None


class Writer(Protocol):
    async def write(self, data: bytes) -> None:
        """Raises ``NoSpace``. Takes the next when this is on its way: a fast client does not fill the memory."""

    async def finish(self) -> Piece:
        """All of it has come, and is as durable as a commit needs it. Raises ``NoSpace``."""

    async def abandon(self) -> None:
        """Nobody wants it any more. After ``finish`` this does nothing; a piece that is never committed is collected later."""


class Driver(Protocol):
    """Made with a directory that it may use, if it needs one. Keys and metadata are bytes; ``meta`` is at most 256 KiB."""

    capabilities: Capabilities

    async def open(self) -> None:
        """Ready for everything below, after whatever has happened."""

    async def close(self) -> None: ...

    async def get(self, partition: bytes, key: bytes) -> Entry | None: ...

    async def scan(
        self, partition: bytes, start: bytes, stop: bytes, limit: int, *, reverse: bool = False
    ) -> list[Entry]:
        """Entries with ``start <= key < stop``, at most ``limit``, in order; from the last one down if ``reverse``."""

    async def tally(self, prefix: bytes) -> Tally:
        """Of a partition; or, given its first 8 bytes alone, of all an account's partitions together."""

    async def commit(self, partition: bytes, reads: Sequence[bytes], decide: Decide) -> None:
        """Nobody else changes the entries in ``reads``, nor this partition's tally, between ``decide`` and its effect.

        Raises ``NoSpace``, ``Broken``, ``Lost``, and what ``decide`` raises.
        """

    def writer(self, size: int | None = None, seen: Seen | None = None) -> Writer:
        """For data of ``size`` bytes, where that is known. It is a hint."""

    async def read(self, pieces: Sequence[Piece], start: int, length: int) -> bytes | Stream:
        """A part of the pieces' data, one after the other: bytes where the driver has them at once. Raises ``Damaged``."""

    async def again(self, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
        """The same data, for another key; where data can be shared nothing is copied. Raises ``Damaged``, ``NoSpace``."""

    async def partitions(self, after: bytes, limit: int) -> list[bytes]:
        """Those that have entries, in order."""

    async def due(self, before_s: int, limit: int) -> list[Due]:
        """Entries whose time has come, the oldest first."""


class Upkeep(Protocol):
    """What a place does for itself. A driver whose machinery sees to it (Ceph scrubs) has an empty ``run``."""

    async def run(self) -> None:
        """Gives room back and reads everything again at a bounded rate, until cancelled. Raises ``Broken`` once the place is."""

    async def check(self, *, repair: bool = False) -> list[Finding]:
        """Everything that does not agree with everything else. Empty is good."""

    async def room(self) -> Room: ...
