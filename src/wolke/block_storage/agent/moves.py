"""Where a volume is that moves to another backend while its guest runs.

Once the copy holds whatever the guest writes, that is noted in a file, and then the guest leaves the old one behind. From the note on the
copy is the volume, whoever dies, and whoever asks for it before the controllers have heard of it is sent there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wolke.block_storage.agent.ground import Ground
from wolke.core.files import whole, write_durably

FOLDER = "moves"


def _path(ground: Ground, volume_id: str) -> Path:
    return ground.state_dir / FOLDER / volume_id


async def note(ground: Ground, volume_id: str, destination: str) -> None:
    await whole(write_durably, _path(ground, volume_id), destination.encode())


def noted(ground: Ground, volume_id: str) -> str | None:
    """The backend that it has gone to."""
    try:
        return _path(ground, volume_id).read_text()
    except FileNotFoundError:
        return None


def forget(ground: Ground, volume_id: str) -> None:
    _path(ground, volume_id).unlink(missing_ok=True)


def tidy(ground: Ground, known: Iterable[tuple[str, str | None]]) -> None:
    """``known``: the volumes of this host, and where controllers say that each is. What they have heard of needs no note."""
    there = dict(known)
    for path in (ground.state_dir / FOLDER).iterdir():
        if there.get(path.name) in (None, path.read_text()):
            path.unlink(missing_ok=True)
