"""Files that are no volumes: those that were put here to become some, and those that were.

``ROOT/unmanaged/<name>`` is one disk in one file, raw or qcow2 by its ending. What somebody put here is looked at like any image
that a user brings.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from wolke.block_storage.drivers.base import GIB
from wolke.block_storage.drivers.file import layers
from wolke.block_storage.drivers.file.home import Definition, Home, Record, layer_name
from wolke.core.disk_images import Image, inspect
from wolke.core.drivers import Failure
from wolke.core.files import whole

_ENDINGS = {".qcow2": "qcow2", ".raw": "raw", ".img": "raw"}


class Unmanaged:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for entry in sorted(self.folder.iterdir()):
            one: dict[str, Any] = {"reference": {"source-name": entry.name}, "size_gib": 0, "reason": None}
            try:
                path, layer_format = self._find(one["reference"])
                one["size_gib"] = -(-inspect(path, layer_format).size // GIB)
            except Failure as why:
                one["reason"] = str(why)
            if entry.suffix != ".part":
                found.append(one)
        return found

    def _find(self, reference: Mapping[str, Any]) -> tuple[Path, str]:
        name = reference.get("source-name")
        if not isinstance(name, str) or not name:
            raise Failure('A volume is managed by its name: {"source-name": "…"}.')
        path = self.folder / name
        if "/" in name or name in (".", "..") or path.suffix not in _ENDINGS:
            raise Failure(f"{name!r} is not the name of a file that ends in {', '.join(sorted(_ENDINGS))}.")
        try:
            regular = stat.S_ISREG(path.lstat().st_mode)
        except (FileNotFoundError, ValueError):
            raise Failure(f"There is no {name!r} to be managed on this backend.") from None
        if not regular:
            raise Failure(f"{name!r} is not a regular file.")
        return path, _ENDINGS[path.suffix]

    async def adopted(
        self, home: Home, reference: Mapping[str, Any], check: Callable[[Path, str], Awaitable[Image]]
    ) -> Definition:
        """What the volume is that stands on the file. The file has its old name as well until ``forget``."""
        path, layer_format = self._find(reference)
        if layers.is_open(path):
            raise Failure("The file is open in another process.")
        image = await check(path, layer_format)
        top = layer_name(layer_format)
        await whole(layers.link, path, home, top)
        definition = Definition(-(-image.size // GIB), top, {top: Record(layer_format)})
        await layers.resize(home, definition, definition.size_bytes)
        return definition

    def forget(self, reference: Mapping[str, Any]) -> None:
        (self.folder / str(reference["source-name"])).unlink(missing_ok=True)

    def name_of(self, volume_id: str) -> str:
        """Of what was ``volume_id``."""
        found = [f"{volume_id}{ending}" for ending in _ENDINGS if (self.folder / f"{volume_id}{ending}").exists()]
        return found[0] if found else f"{volume_id}.qcow2"

    async def keep(self, home: Home, definition: Definition) -> None:
        """Its content in one file, under its id."""
        record = definition.layers[definition.top]
        target = self.folder / f"{home.volume_id}.{record.format}"
        if target.exists():
            return
        if record.parent is None and not record.image:
            await whole(os.link, home.file(definition.top), target)
        else:
            source = layers.node(home, definition, definition.top)
            await layers.copy_out(source, target, record.format)
