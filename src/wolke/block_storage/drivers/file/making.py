"""From what a volume is to be made of to its definition, and from one definition to the next. All files are new; nothing that is
there is changed."""

from __future__ import annotations

import shutil
from pathlib import Path

from msgspec.structs import replace

from wolke.block_storage.drivers.base import GIB, OfImage, Volume
from wolke.block_storage.drivers.file import layers
from wolke.block_storage.drivers.file.home import Definition, Home, Record, layer_name
from wolke.core.disk_images import inspect
from wolke.core.drivers import Failure
from wolke.core.files import whole

_TOOLS = ("qemu-img", "setpriv")


def check_tools() -> None:
    if missing := [name for name in _TOOLS if shutil.which(name) is None]:
        raise Failure(f"{' and '.join(missing)} cannot be found; install qemu-utils and util-linux")


async def blank(home: Home, volume: Volume, layer_format: str) -> Definition:
    size_bytes, head_bytes = volume.size_gib * GIB, 0
    if volume.encryption:
        top, head_bytes = await layers.encrypted(home, layer_format, size_bytes, volume.encryption)
    else:
        top = await layers.blank(home, layer_format, size_bytes)
    made = Definition(volume.size_gib, top, {top: Record(layer_format)})
    return replace(made, encrypted=volume.encryption is not None, head_bytes=head_bytes)


async def image_below(home: Home, volume: Volume, image: OfImage, copies: Path) -> Definition:
    """A top on the image itself."""
    base = layer_name(image.format)
    try:
        await whole(layers.link, image.path, home, base)
    except OSError:
        try:
            await whole(layers.link, await whole(layers.keep_copy, image.path, copies), home, base)
        except OSError:  # it has as many names as a file can have
            return await image_copied(home, volume, image, "qcow2")
    ground = Definition(volume.size_gib, base, {base: Record(image.format, image=True)})
    return await with_new_top(home, ground, base)


async def image_copied(home: Home, volume: Volume, image: OfImage, layer_format: str) -> Definition:
    """A volume that has nothing to do with the image any more."""
    source = layers.file_node(image.path, image.format)
    if image.format == "qcow2":
        source["backing"] = None
    if volume.encryption:
        made = await blank(home, volume, layer_format)
        await layers.write_encrypted(home, made.top, layer_format, source, volume.encryption)
        return made
    top = await layers.copied(home, source, layer_format, volume.size_gib * GIB)
    return Definition(volume.size_gib, top, {top: Record(layer_format)})


async def ciphertext(home: Home, definition: Definition, source: OfImage, layer_format: str) -> Definition:
    """What an encrypted volume is after its inside was replaced by that of ``source``, a raw file."""
    if inspect(source.path, "raw").size > definition.size_bytes:
        raise Failure("The source is larger than the volume.")
    top = await layers.copied(home, layers.file_node(source.path, "raw"), layer_format, definition.size_bytes)
    return replace(definition, top=top, layers={top: Record(layer_format)}, untouched_ns=0)


async def clone(
    home: Home, volume: Volume, other: Home, definition: Definition, layer: str, size_gib: int
) -> Definition:
    """A top on ``layer`` of another volume, which held ``size_gib`` when it was frozen."""
    _must_fit(volume, definition, size_gib)
    try:
        await whole(link_all, home, other, list(definition.chain(layer)))
    except OSError:  # as many names as a file can have
        return await full_copy(home, volume, other, replace(definition, top=layer), "qcow2")
    ground = Definition(
        volume.size_gib,
        layer,
        {name: definition.layers[name] for name in definition.chain(layer)},
        encrypted=definition.encrypted,
        head_bytes=definition.head_bytes,
    )
    return await with_new_top(home, ground, layer)


def link_all(home: Home, other: Home, names: list[str]) -> None:
    for name in names:
        layers.link(other.file(name), home, name)


async def full_copy(home: Home, volume: Volume, other: Home, definition: Definition, layer_format: str) -> Definition:
    """What ``definition`` of ``other`` holds, in one layer."""
    _must_fit(volume, definition, definition.size_gib)
    made = Definition(volume.size_gib, "", {}, encrypted=definition.encrypted, head_bytes=definition.head_bytes)
    source = layers.node(other, definition, definition.top)
    top = await layers.copied(home, source, layer_format, made.size_bytes)
    return replace(made, top=top, layers={top: Record(layer_format)})


def _must_fit(volume: Volume, source: Definition, size_gib: int) -> None:
    if source.encrypted != (volume.encryption is not None):
        raise Failure("A volume is encrypted if what it is made of is, and only then, with the same key.")
    if volume.size_gib < size_gib:
        raise Failure(f"The source has {size_gib} GiB, which is more than the volume's {volume.size_gib}.")


async def with_new_top(home: Home, definition: Definition, below: str) -> Definition:
    """The same volume with an empty top on ``below``."""
    top = await layers.overlay(home, below, definition.layers[below].format, definition.size_bytes)
    return replace(
        definition,
        top=top,
        layers={**definition.layers, top: Record("qcow2", below)},
        untouched_ns=home.file(top).stat().st_mtime_ns,
    )


async def frozen(home: Home, definition: Definition) -> Definition:
    """The same volume whose top has another name. Whoever was told the old one, and has not opened it yet, finds nothing there,
    and does not write to what a snapshot or a clone stands on."""
    old = definition.top
    new = layer_name(definition.layers[old].format)
    await whole(layers.link, home.file(old), home, new)
    return _renamed(definition, old, new)


def _renamed(definition: Definition, old: str, new: str) -> Definition:
    records = {
        new if name == old else name: replace(record, parent=new) if record.parent == old else record
        for name, record in definition.layers.items()
    }
    snapshots = {
        name: replace(kept, layer=new) if kept.layer == old else kept for name, kept in definition.snapshots.items()
    }
    top = new if definition.top == old else definition.top
    return replace(definition, top=top, layers=records, snapshots=snapshots)


# -- merging


def mergeable(home: Home, definition: Definition) -> str | None:
    """A layer that may be written into the one below: that has no name and nothing else on it, and both are ours alone."""
    named = {kept.layer for kept in definition.snapshots.values()}
    on: dict[str, list[str]] = {}
    for name, record in definition.layers.items():
        if record.parent is not None:
            on.setdefault(record.parent, []).append(name)
    for below, above in on.items():
        if below in named or len(above) != 1 or definition.layers[below].image:
            continue
        if all(home.file(name).stat().st_nlink == 1 for name in (below, above[0])):
            return above[0]
    return None


def merged(definition: Definition, layer: str) -> Definition:
    """After ``layer`` was written into the one below, which now stands for it."""
    below = definition.layers[layer].parent
    assert below is not None
    record = definition.layers[below]
    made = _renamed(definition, layer, below)
    return replace(made, layers={**made.layers, below: record}, untouched_ns=0)
