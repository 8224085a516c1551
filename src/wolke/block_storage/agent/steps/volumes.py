"""What is done to volumes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from wolke.block_storage.agent import moves
from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.drivers.base import (
    Adoption,
    Blank,
    Connector,
    Driver,
    Encryption,
    Guest,
    OfImage,
    OfSnapshot,
    OfVolume,
    Volume,
)
from wolke.block_storage.model import Wish
from wolke.core.drivers import Failure

Learnt = dict[str, Any]
Spec = Mapping[str, Any]

_GONE = (403, 404)
_AS_RAW = (None, "ami", "iso")
_AS_THEY_ARE = {"luks": "raw", "vhd": "vpc"}  # the Image service's names for what QEMU calls otherwise
_CIPHERS = {"aes-xts-plain64": ("aes", "xts"), "aes-cbc-essiv": ("aes", "cbc")}


async def create(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    driver = ground.driver(spec["backend"])
    volume = volume_of(spec)
    said: Spec | None = wish.arguments.get("source")
    if said is None:
        await driver.create(volume, Blank())
    elif said["kind"] == "image":
        await driver.create(volume, await image_of(ground, driver, said))
    elif said["kind"] == "snapshot":
        snapshot = _there(said, "snapshot")
        await _create_of(ground, spec, volume, snapshot["backend"], OfSnapshot(snapshot["volume_id"], snapshot["id"]))
    else:
        source = _there(said, "volume")
        async with at_rest(ground, source["backend"], source["id"], volume.volume_id) as still:
            of: OfSnapshot | OfVolume = OfSnapshot(source["id"], still) if still else OfVolume(source["id"])
            await _create_of(ground, spec, volume, source["backend"], of)
    return {"location": {}}


def _there(said: Spec, noun: str) -> Spec:
    found: Spec | None = said.get(noun)
    if found is None:
        raise Failure(f"The {noun} that it was to be made of is not there any more.")
    return found


async def _create_of(
    ground: Ground, spec: Spec, volume: Volume, source_backend: str, source: OfSnapshot | OfVolume
) -> None:
    """From what is on the same backend, or by way of a file from another one of this host."""
    driver = ground.driver(spec["backend"])
    other = ground.driver(source_backend)
    if other is driver:
        await driver.create(volume, source)
        return
    if volume.encryption:
        raise Failure("An encrypted volume can only be made of one on the same storage backend.")
    snapshot_id = source.snapshot_id if isinstance(source, OfSnapshot) else None
    async with _copied(ground, other, source.volume_id, snapshot_id, volume.volume_id) as path:
        await driver.create(volume, OfImage(path, "raw"))


@asynccontextmanager
async def _copied(
    ground: Ground, driver: Driver, volume_id: str, snapshot_id: str | None, name: str
) -> AsyncIterator[Path]:
    path = ground.state_dir / "copies" / f"{name}.raw"
    try:
        await driver.copy_out(volume_id, snapshot_id, path, "raw")
        yield path
    finally:
        path.unlink(missing_ok=True)


@asynccontextmanager
async def at_rest(ground: Ground, backend: str, volume_id: str, purpose: str) -> AsyncIterator[str | None]:
    """A snapshot of a volume that a guest writes to, for as long as it is needed; None if nobody has it open. ``purpose``: an id, so
    that whoever comes after us finds the same one."""
    driver = ground.driver(backend)
    snapshot_id = str(uuid.uuid5(uuid.UUID(volume_id), f"for {purpose}"))
    found = await driver.look(volume_id)
    if found is None or not (found.in_use or snapshot_id in found.snapshots):
        yield None
        return
    ground.resting.add(snapshot_id)
    try:
        await driver.snapshot(volume_id, snapshot_id, await ground.guests.holder(volume_id))
        yield snapshot_id
    except Failure:
        await driver.delete_snapshot(volume_id, snapshot_id)
        raise
    finally:
        ground.resting.discard(snapshot_id)  # what is left of one that was called off is removed by ``Watch``
    await driver.delete_snapshot(volume_id, snapshot_id)


async def image_of(ground: Ground, driver: Driver, said: Spec) -> OfImage:
    image_format = "raw" if said["disk_format"] in _AS_RAW else str(said["disk_format"])
    if image_format not in driver.capabilities.image_formats:
        known = ", ".join(driver.capabilities.image_formats)
        raise Failure(f"This backend cannot make volumes of images in {image_format!r}; convert it to one of: {known}.")
    return OfImage(await ground.images.fetch(said["image_id"]), image_format)


async def extend(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    holder = await ground.guests.holder(spec["id"])
    await ground.driver(spec["backend"]).extend(spec["id"], wish.arguments["size_gib"], holder)
    return {}


async def delete(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver(wish.specification["backend"]).delete(wish.specification["id"])
    return {}


async def revert(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    await ground.driver(spec["backend"]).revert(spec["id"], _there(wish.arguments, "snapshot")["id"])
    return {}


async def reimage(ground: Ground, wish: Wish) -> Learnt:
    driver = ground.driver(wish.specification["backend"])
    image = await image_of(ground, driver, wish.arguments["source"])
    await driver.fill(volume_of(wish.specification), image)
    return {}


async def upload(ground: Ground, wish: Wish) -> Learnt:
    """A copy of the volume goes to the image that waits for it. The copy is kept until it has arrived."""
    image_id, spec = str(wish.arguments["image_id"]), wish.specification
    path = f"/image/v2/images/{image_id}"
    try:
        image = await ground.client.get_json(path)
    except Exception as error:
        if getattr(error, "status", None) in _GONE:
            raise Failure("The image was deleted before the volume was in it.") from None
        raise
    target = ground.state_dir / "copies" / f"{image_id}.image"
    if image["status"] != "active":
        async with at_rest(ground, spec["backend"], spec["id"], image_id) as still:
            if not target.exists():
                wanted = str(wish.arguments["disk_format"])
                disk_format = _AS_THEY_ARE.get(wanted, wanted)
                await ground.driver(spec["backend"]).copy_out(spec["id"], still, target, disk_format)
            await ground.client.upload("PUT", f"{path}/file", target)
    await asyncio.to_thread(target.unlink, missing_ok=True)
    return {}


async def move(ground: Ground, wish: Wish) -> Learnt:
    """To another backend of this host. The volume is whole on the new one before it goes from the old one."""
    spec, destination = wish.specification, str(wish.arguments["destination"])
    old, new = ground.driver(spec["backend"]), ground.driver(destination)
    if old is new:
        return {"location": spec["location"]}
    volume = volume_of(spec)
    if volume.encryption:
        raise Failure("An encrypted volume cannot be moved to another storage backend.")
    if moves.noted(ground, volume.volume_id) != destination:
        moves.forget(ground, volume.volume_id)  # of a move that is long over
    here = await old.look(volume.volume_id)
    if here is not None:
        if here.snapshots:
            raise Failure("A volume that has snapshots cannot be moved to another storage backend.")
        if guest := await ground.guests.holder(volume.volume_id):
            await _move_while_used(ground, volume, guest, new, destination)
        elif moves.noted(ground, volume.volume_id) is None:
            await _move_at_rest(ground, volume, old, new, used=here.in_use or bool(wish.arguments.get("attached")))
        await old.delete(volume.volume_id)
    return {"location": {}}


async def _move_at_rest(ground: Ground, volume: Volume, old: Driver, new: Driver, *, used: bool) -> None:
    await new.delete(volume.volume_id)  # what is there may be half a copy, of somebody who died
    if used:
        raise Failure("The volume is in use by a server that does not run on the volume's host.")
    async with _copied(ground, old, volume.volume_id, None, volume.volume_id) as path:
        await new.create(volume, OfImage(path, "raw"))


async def _move_while_used(ground: Ground, volume: Volume, guest: Guest, new: Driver, destination: str) -> None:
    """The guest copies it, and goes over to the copy."""
    before = moves.noted(ground, volume.volume_id)
    await new.create(volume, Blank())
    there = await new.connect(volume.volume_id, Connector(ground.host))
    try:
        if there.type != "file":
            raise Failure("The other storage backend serves its volumes over the network, also to its own host.")
        await guest.move(there.layers, lambda: moves.note(ground, volume.volume_id, destination))
    except Failure as why:
        if before is not None:  # it may have gone over already: the next look tells
            raise OSError(str(why)) from why
        moves.forget(ground, volume.volume_id)
        await new.delete(volume.volume_id)
        raise


async def adopt(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    size_gib = await adoption(ground, spec["backend"]).adopt(spec["id"], wish.arguments["reference"])
    return {"location": {}, "size_gib": size_gib}


async def release(ground: Ground, wish: Wish) -> Learnt:
    return {"location": dict(await adoption(ground, wish.specification["backend"]).release(wish.specification["id"]))}


def adoption(ground: Ground, backend: str) -> Adoption:
    driver = ground.driver(backend)
    if not driver.capabilities.adoption:
        raise Failure("This backend can neither adopt volumes or snapshots nor give them away.")
    return cast(Adoption, driver)


def volume_of(spec: Spec) -> Volume:
    return Volume(spec["id"], spec["size_gib"], _encryption(spec.get("encryption")), spec.get("extra_specs") or {})


def _encryption(said: Spec | None) -> Encryption | None:
    """From Cinder's words ("aes-xts-plain64", 256) to QEMU's. XTS halves its key, so 256 bits are AES-128, as dm-crypt has it too."""
    if said is None:
        return None
    passphrase = said.get("passphrase")
    if not passphrase:
        raise Failure("The key of the encrypted volume is not to be had.")
    if said.get("provider") not in (None, "luks", "luks1"):
        raise Failure(f"Volumes cannot be encrypted by {said['provider']!r} on this host; use luks.")
    family, mode = _CIPHERS.get(said.get("cipher") or "aes-xts-plain64", ("", ""))
    bits = int(said.get("key_size") or (512 if mode == "xts" else 256))
    bits = bits // 2 if mode == "xts" else bits
    if not family or bits not in (128, 256):
        raise Failure(f"Volumes cannot be encrypted with {said.get('cipher')} of {said.get('key_size')} bits.")
    return Encryption(passphrase, f"{family}-{bits}", mode)
