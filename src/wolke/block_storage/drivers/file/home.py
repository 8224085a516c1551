"""Where a volume lives, and what is remembered of it.

``ROOT/volumes/<volume_id>/`` holds a volume's ``definition.json`` and a link to *every* file that its disks are made of: its
layers. A layer that nobody writes to any more (it is below a snapshot, or below a clone, or it is an image) may have such a
link in many volumes' directories, and the file system counts them. So a volume is deleted by deleting its directory, in
any order with its clones and sources, and no register of who stands on what has to be kept right.

The definition alone says which layer lies on which. What the header of a qcow2 says of its backing is not believed, for a guest
that broke out of its QEMU could have written it. A file in the directory that the definition does not name is what a verb
left that did not come to its end, and the next verb removes it.

    top ──▶ layer ──▶ layer (snapshot "a") ──▶ image         each arrow: ``Record.parent``
                 └──▶ layer (snapshot "b") ──┘
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wolke.block_storage.drivers.base import GIB
from wolke.core.drivers import Failure
from wolke.core.files import write_durably

DEFINITION = "definition.json"
EXPORT = "export"  # a folder: see exports.py
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Record(msgspec.Struct, frozen=True):
    """A layer. ``image``: it is what somebody brought, and never written to."""

    format: str
    parent: str | None = None
    image: bool = False


class Kept(msgspec.Struct, frozen=True):
    """A snapshot. ``released``: it was given away, and can be adopted again."""

    layer: str
    size_gib: int
    released: bool = False


class Pending(msgspec.Struct, frozen=True):
    """A snapshot that is being taken while the volume is open: nobody knows yet whether its holder writes to ``layer``."""

    layer: str
    snapshot_id: str


class Definition(msgspec.Struct, frozen=True):
    """``head_bytes``: what a layer has more than the volume, for the LUKS header. ``untouched_ns``: the time of the last change of
    ``top`` when it was made; it is empty for as long as that is so."""

    size_gib: int
    top: str
    layers: dict[str, Record]
    snapshots: dict[str, Kept] = {}
    encrypted: bool = False
    head_bytes: int = 0
    untouched_ns: int = 0
    pending: Pending | None = None
    exported: list[str] = []  # the attachments that the export is for

    @property
    def owned(self) -> list[str]:
        """The snapshots that have not been given away."""
        return sorted(name for name, kept in self.snapshots.items() if not kept.released)

    @property
    def size_bytes(self) -> int:
        return self.size_gib * GIB + self.head_bytes

    def chain(self, layer: str) -> Iterator[str]:
        """``layer`` and what it lies on, down to the ground."""
        name: str | None = layer
        while name is not None:
            yield name
            name = self.layers[name].parent

    def pruned(self) -> Definition:
        """Without layers that neither the top nor a snapshot stands on."""
        roots = [self.top, *(kept.layer for kept in self.snapshots.values())]
        if self.pending:
            roots.append(self.pending.layer)
        needed = {name for root in roots for name in self.chain(root)}
        return msgspec.structs.replace(self, layers={n: r for n, r in self.layers.items() if n in needed})


@dataclass(frozen=True, slots=True)
class Home:
    volume_id: str
    root: Path

    @classmethod
    def of(cls, volume_id: str, volumes: Path) -> Home:
        """Raises ``Failure`` for anything but a UUID: it becomes part of paths."""
        if not _ID.fullmatch(volume_id):
            raise Failure(f"{volume_id!r} is not a volume id: it must be a UUID in lower case")
        return cls(volume_id, volumes / volume_id)

    def file(self, name: str) -> Path:
        return self.root / name

    def load(self) -> Definition | None:
        """None if the volume was never wholly made, or is half deleted."""
        try:
            return msgspec.json.decode(self.file(DEFINITION).read_bytes(), type=Definition)
        except FileNotFoundError:
            return None

    def save(self, definition: Definition) -> None:
        write_durably(self.file(DEFINITION), msgspec.json.encode(definition))

    def sweep(self) -> None:
        """Remove what the definition does not name."""
        definition = self.load()
        if definition is None:
            return
        for entry in list(self.root.iterdir()):
            if entry.name not in (DEFINITION, EXPORT) and entry.name not in definition.layers:
                entry.unlink()

    def clear(self) -> None:
        """Nothing left. The definition goes first: half a volume must not look like a whole one."""
        self.file(DEFINITION).unlink(missing_ok=True)
        if self.root.exists():
            shutil.rmtree(self.root)


def is_home(name: str) -> bool:
    return _ID.fullmatch(name) is not None


def layer_name(layer_format: str) -> str:
    """One that no other layer of any volume has."""
    return f"{uuid.uuid4().hex}.{layer_format}"
