"""The disks that a new server asks for, as a list without gaps: Nova's block device mapping, checked and in order. Pure.

What an image says of disks comes first, what the request says takes precedence; without either the root disk is the image's,
on the server's host. A server whose root disk is a volume is *volume-backed*, and has no image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from wolke.compute import errors
from wolke.compute.model import EPHEMERAL_FORMATS, FlavorCopy, ephemerals
from wolke.core.errors import Conflict, Forbidden

SWAP = "swap"
MOST_LOCALS = 3  # of the disks that are asked for, with the root disk and swap; as Nova comes
BUSES = frozenset({"fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml"})
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: Image properties that say how a server is made of it, and are nothing to what is made of it.
MAPPING_PROPERTIES = frozenset({"block_device_mapping", "bdm_v2", "root_device_name", "mappings"})
_LONGEST_NAME = 255


class NewDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One disk that is asked for. ``size``: GiB, but MiB of swap. ``boot_index`` 0 is the root disk; None: not to start from."""

    source: str  # image | volume | snapshot | blank
    source_id: str | None = None
    target: str  # volume | local
    boot_index: int | None = None
    size: int | None = None
    delete_on_termination: bool = False
    device_name: str | None = None
    tag: str | None = None
    volume_type: str | None = None
    disk_bus: str | None = None
    guest_format: str | None = None

    @property
    def is_swap(self) -> bool:
        return self.target == "local" and self.source == "blank" and self.guest_format == SWAP

    @property
    def is_ephemeral(self) -> bool:
        return self.target == "local" and self.source == "blank" and not self.is_swap


class _Entry(msgspec.Struct, frozen=True):
    """One of ``block_device_mapping_v2``; it may come from an image's property, which anybody can write."""

    source_type: str | None = None
    destination_type: str | None = None
    uuid: str | None = None
    volume_id: str | None = None
    snapshot_id: str | None = None
    image_id: str | None = None
    boot_index: int | str | None = None
    volume_size: int | str | None = None
    delete_on_termination: bool | int | str | None = None
    device_name: str | None = None
    device_type: str | None = None
    disk_bus: str | None = None
    guest_format: str | None = None
    tag: str | None = None
    volume_type: str | None = None
    no_device: Any = None

    @property
    def source_id(self) -> str | None:
        own = {"volume": self.volume_id, "snapshot": self.snapshot_id, "image": self.image_id}
        return self.uuid or own.get(self.source_type or "")


class _OldEntry(msgspec.Struct, frozen=True):
    """One of ``block_device_mapping``."""

    virtual_name: str | None = None
    volume_id: str | None = None
    snapshot_id: str | None = None
    volume_size: int | str | None = None
    device_name: str | None = None
    delete_on_termination: bool | int | str | None = None
    no_device: Any = None


E = TypeVar("E", _Entry, _OldEntry)


def _read(one: Mapping[str, Any], kind: type[E]) -> E:
    """400 for what is of another type than it should be."""
    if any(isinstance(value, str) and "\0" in value for value in one.values()):
        raise errors.InvalidMapping("there is a NUL in it.")
    try:
        return msgspec.convert(one, kind)
    except msgspec.ValidationError as error:
        raise errors.InvalidMapping(str(error)) from None


_SOURCES = ("volume", "image", "snapshot", "blank")
_ROOT_TARGETS = {"volume": "volume", "snapshot": "volume", "image": "volume", "blank": "local"}


def devices_of(wanted: Sequence[Mapping[str, Any]], *, image_given: bool) -> list[NewDevice]:
    """Of ``block_device_mapping_v2`` as it is on the wire, or in an image's property."""
    entries = [_read(one, _Entry) for one in wanted]
    return [_device(one, image_given=image_given) for one in entries if not one.no_device]


def _device(one: _Entry, *, image_given: bool) -> NewDevice:
    source, source_id, boot_index = one.source_type, one.source_id, _boot_index(one.boot_index)
    if source is None or source not in _SOURCES:
        raise errors.InvalidMapping("Invalid source_type field.")
    if source == "blank" and source_id:
        raise errors.InvalidMapping("Invalid device UUID.")
    if source != "blank" and not source_id:
        raise errors.InvalidMapping("Missing device UUID.")
    of_image = source == "image" and image_given and boot_index == 0
    target = one.destination_type or ("local" if of_image else _ROOT_TARGETS[source])
    if target not in ("local", "volume"):
        raise errors.InvalidMapping("Invalid destination_type field.")
    if target == "local" and source != "blank" and not of_image:
        raise errors.InvalidMapping(f"Mapping {source} to local is not supported.")
    if one.disk_bus is not None and one.disk_bus not in BUSES:
        raise errors.InvalidMapping(f"disk bus {one.disk_bus[:64]} is not valid.")
    if target == "volume" and one.device_type not in (None, "disk"):
        raise errors.InvalidMapping("volumes are disks here, and no other device_type.")
    return NewDevice(
        source=source,
        source_id=source_id,
        target=target,
        boot_index=boot_index,
        size=_size(one.volume_size),
        delete_on_termination=_truth(one.delete_on_termination),
        device_name=_name(one.device_name),
        tag=one.tag,
        volume_type=one.volume_type,
        disk_bus=one.disk_bus,
        guest_format=one.guest_format,
    )


def _boot_index(value: int | str | None) -> int | None:
    """A negative one is none at all."""
    if value is None:
        return None
    try:
        found = int(value)
    except ValueError:
        raise errors.InvalidMapping("Boot index is invalid.") from None
    return found if found >= 0 else None


def _size(value: int | str | None) -> int | None:
    """Nothing and zero are the same."""
    if value in (None, ""):
        return None
    if not str(value).isdecimal() or int(value) >= 1 << 31:
        raise errors.InvalidMapping("volume_size must be a whole number that is not negative.")
    return int(value) or None


def _truth(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1", "t", "yes", "y", "on")


def _name(value: str | None) -> str | None:
    if value is None:
        return None
    if not value or len(value) > _LONGEST_NAME:
        raise errors.InvalidMapping("Device name empty or too long.")
    if any(letter.isspace() for letter in value):
        raise errors.InvalidMapping("Device name contains spaces.")
    return value if value.startswith("/dev/") else f"/dev/{value}"


def devices_of_old(wanted: Sequence[Mapping[str, Any]], *, image_given: bool, root_name: str) -> list[NewDevice]:
    """Of ``block_device_mapping``, as EC2 had it: the root disk is the one with the root's name, or else the first, unless
    there is an image."""
    found: list[NewDevice] = []
    for one in (_read(entry, _OldEntry) for entry in wanted):
        if one.no_device:
            continue
        target = "volume"
        named = one.virtual_name or ""
        if named == SWAP or named.startswith("ephemeral"):
            source, source_id, target = "blank", None, "local"
        elif one.snapshot_id:
            source, source_id = "snapshot", one.snapshot_id
        elif one.volume_id:
            source, source_id = "volume", one.volume_id
        else:
            raise errors.InvalidMapping("Unrecognized legacy format.")
        found.append(
            NewDevice(
                source=source,
                source_id=source_id,
                target=target,
                size=_size(one.volume_size),
                delete_on_termination=_truth(one.delete_on_termination),
                device_name=_name(one.device_name),
                guest_format=SWAP if named == SWAP else None,
            )
        )
    return _rooted(found, image_given=image_given, root_name=root_name)


def _rooted(devices: list[NewDevice], *, image_given: bool, root_name: str) -> list[NewDevice]:
    volumes = [one for one in devices if one.target == "volume"]
    root = next((one for one in volumes if one.device_name == root_name), None)
    if root is None and not image_given:
        root = next(iter(volumes), None)
    return [msgspec.structs.replace(one, boot_index=0) if one is root else one for one in devices]


def merged(asked: Sequence[NewDevice], image_id: str | None, of_image: Sequence[NewDevice]) -> list[NewDevice]:
    """With what the image brings along. Exactly one of them is the root disk, and it comes first."""
    names = {one.device_name for one in asked if one.device_name}
    has_root = any(one.boot_index == 0 for one in asked)
    kept = [one for one in of_image if one.device_name not in names and not (has_root and one.boot_index == 0)]
    found = [*kept, *asked]
    if not any(one.boot_index == 0 for one in found) and image_id is not None:
        found.insert(
            0, NewDevice(source="image", source_id=image_id, target="local", boot_index=0, delete_on_termination=True)
        )
    order = sorted(one.boot_index for one in found if one.boot_index is not None)
    if order != list(range(len(order))) or not order:
        raise errors.BootSequence
    return sorted(found, key=lambda one: one.boot_index != 0)


def check_locals(devices: Sequence[NewDevice], flavor: FlavorCopy) -> None:
    """A flavor says how much room there is beside the root disk."""
    swap = [one for one in devices if one.is_swap]
    ephemeral = [one for one in devices if one.is_ephemeral]
    if len(swap) > 1:
        raise errors.InvalidMapping("More than one swap drive requested.")
    if sum(one.size or 0 for one in swap) > flavor.swap_mib:
        raise errors.InvalidMapping("Swap drive requested is larger than instance type allows.")
    if sum(one.size or flavor.ephemeral_gib for one in ephemeral) > flavor.ephemeral_gib:
        raise errors.InvalidMapping(
            "Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device "
            "mapping, flavor ephemeral size will be used."
        )
    if any(one.guest_format not in (None, *EPHEMERAL_FORMATS) for one in ephemeral):
        raise errors.InvalidMapping(f"Ephemeral disks are formatted as one of {', '.join(EPHEMERAL_FORMATS)} here.")
    if sum(one.target == "local" for one in devices) > MOST_LOCALS:
        raise errors.InvalidMapping("You specified more local devices than the limit allows")


def check_volumes(devices: Sequence[NewDevice]) -> None:
    for one in devices:
        if one.target != "volume":
            continue
        if one.source == "image" and not one.size:
            raise errors.InvalidMapping("Images with destination_type 'volume' need to have a non-zero size specified")
        if one.source == "blank" and not one.size:
            raise errors.InvalidMapping("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")


def named(devices: Sequence[NewDevice], root_name: str, own: int) -> list[NewDevice]:
    """Each volume with the name that it shall have; ``own``: how many local disks come before them."""
    taken: list[str | None] = [one.device_name for one in devices if one.device_name]
    if len(set(taken)) < len(taken):
        raise errors.InvalidMapping("Two devices have the same name.")
    found = []
    for one in devices:
        name = one.device_name
        if one.boot_index == 0:
            name = root_name
        elif one.target == "volume":
            name = name or free_name(root_name, own, taken)
            if name == root_name:
                raise errors.InvalidMapping("Two devices have the same name.")
        taken.append(name)
        found.append(msgspec.structs.replace(one, device_name=name))
    return found


def free_name(root_name: str, own: int, taken: Sequence[str | None]) -> str:
    """The first that is free. ``Forbidden`` if all are taken."""
    stem = root_name.rstrip("0123456789")[:-1]
    for letter in _LETTERS[own:]:
        if (name := f"{stem}{letter}") not in taken and name != root_name:
            return name
    raise Forbidden("The server has as many volumes as it can have.")


def chosen_name(root_name: str, own: int, taken: Sequence[str | None], wanted: str | None) -> str:
    """For one that comes later: the name that is asked for, or the first that is free; what a guest calls it is its own affair."""
    if wanted is None:
        return free_name(root_name, own, taken)
    name = wanted if wanted.startswith("/dev/") else f"/dev/{wanted}"
    if name in (*taken, root_name):
        raise Conflict(f"The device {name} is already in use.")
    return name


def own_disks(flavor: FlavorCopy, asked: Sequence[Mapping[str, Any]]) -> int:
    """How many letters a server's own disks take, with those ``asked`` for (``Server.block_devices``); the root disk's is taken by a
    volume, too."""
    return 1 + len(ephemerals(flavor, asked, {})) + bool(flavor.swap_mib)
