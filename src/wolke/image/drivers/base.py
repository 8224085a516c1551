"""The contract of a place for image data.

Data is a *blob*: written once, from front to back, by one writer; then never changed. Every upload makes a blob of its own
name, so that two uploads never meet. A blob is *live* while its writer lives, in whatever process: that is how others know
an upload that goes on from one whose process was killed. A driver is made with a directory that it may use, if it needs one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class NoSpace(Exception):
    """There is no room for more data."""


class NoBlob(Exception):
    """There is no whole blob of that name."""


@dataclass(frozen=True, slots=True)
class Blob:
    """``whole``: it was committed. ``live``: somebody is still writing it, or has not yet closed it."""

    id: str
    whole: bool
    live: bool


class Writer(Protocol):
    async def append(self, data: bytes) -> None:
        """Raises ``NoSpace``."""

    async def commit(self) -> None:
        """The blob is whole, and survives loss of power, when this returns. Raises ``NoSpace``."""

    async def close(self) -> None:
        """The writer is done. A blob that was not committed is gone. May be called more than once."""


class Driver(Protocol):
    async def begin(self, blob_id: str) -> Writer:
        """A new live blob. Raises ``NoSpace``."""

    def path(self, blob_id: str) -> Path | None:
        """A local file that holds the blob and that root on this host can read; None if it is not kept in local files."""

    def read(self, blob_id: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Part of a whole blob, in pieces of bounded size. Raises ``NoBlob``."""

    async def delete(self, blob_id: str) -> bool:
        """Whether it is gone now: a live blob stays. Not being there is fine."""

    async def blobs(self) -> list[Blob]:
        """Everything that takes up room."""

    async def free_bytes(self) -> int | None:
        """Room for more; None where nobody can tell."""

    async def close(self) -> None:
        """Nothing more will be asked."""
