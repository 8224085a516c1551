"""What is remembered of a guest between starts: its specification and what this host chose for it.

Saved memory only fits a machine with the same devices in the same places. Therefore the place of every network card is
chosen once and written down, and everything else has a fixed place (``command.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wolke.compute.drivers.base import GuestSpec, Nic, Volume
from wolke.compute.drivers.qemu.home import Home
from wolke.core.drivers import Failure
from wolke.core.files import write_durably

MOST_NICS = 8
MOST_VOLUMES = 10


@dataclass(frozen=True, slots=True)
class Disks:
    """Sizes in bytes as the guest sees them; 0 where there is no such disk."""

    root: int = 0
    ephemeral: int = 0
    swap: int = 0
    config: int = 0
    rescue: int = 0
    ephemeral1: int = 0
    ephemeral2: int = 0


@dataclass(frozen=True, slots=True)
class RescueDisk:
    """``base.RescueSpec`` as it is remembered."""

    image_format: str
    stable: bool
    device: str
    bus: str


@dataclass(frozen=True, slots=True)
class Definition:
    spec: GuestSpec
    machine: str
    uid: int | None  # of the guest's own user; None: it runs as whoever runs the control plane
    disks: Disks
    places: dict[str, int]  # port_id -> which of the machine's MOST_NICS places its card is in
    rescue: RescueDisk | None = None  # it starts from another disk than its own
    volume_places: dict[str, int] = field(
        default_factory=dict
    )  # volume_id -> which of MOST_VOLUMES; not of a root disk

    def volume(self, volume_id: str) -> Volume | None:
        return next((one for one in self.spec.volumes if one.volume_id == volume_id), None)

    @property
    def root_volume(self) -> Volume | None:
        return next((one for one in self.spec.volumes if one.root), None)


def like(spec: GuestSpec, shape: Mapping[str, Any]) -> Definition:
    """Of a guest that takes the memory of one that is so: everything in the same place. Raises ``Failure`` if it cannot be."""
    nics, volumes = ({str(one): int(at) for one, at in shape[key].items()} for key in ("places", "volume_places"))
    if set(nics) != {nic.port_id for nic in spec.nics}:
        raise Failure("the server's network interfaces are changing; try again")
    if set(volumes) != {volume.volume_id for volume in spec.volumes if not volume.root}:
        raise Failure("the server's volumes are changing; try again")
    return Definition(spec, str(shape["machine"]), None, Disks(**shape["disks"]), nics, volume_places=volumes)


def place_nics(nics: list[Nic]) -> dict[str, int]:
    """Raises ``Failure`` if there are more cards than places."""
    if len(nics) > MOST_NICS:
        raise Failure(f"the server has {len(nics)} network interfaces; this host can give it {MOST_NICS}")
    return {nic.port_id: place for place, nic in enumerate(nics)}


def with_nic(definition: Definition, nic: Nic) -> Definition:
    """The definition with one more card, in the first free place. Raises ``Failure`` if there is none."""
    free = sorted(set(range(MOST_NICS)) - set(definition.places.values()))
    if not free:
        raise Failure(f"the server has {MOST_NICS} network interfaces already; this host can give it no more")
    spec = replace(definition.spec, nics=[*definition.spec.nics, nic])
    return replace(definition, spec=spec, places={**definition.places, nic.port_id: free[0]})


def without_nic(definition: Definition, port_id: str) -> Definition:
    spec = replace(definition.spec, nics=[nic for nic in definition.spec.nics if nic.port_id != port_id])
    return replace(definition, spec=spec, places={p: n for p, n in definition.places.items() if p != port_id})


def with_volumes(definition: Definition, volumes: Sequence[Volume]) -> Definition:
    """The definition with just these; whoever was there stays in its place. Raises ``Failure`` if there are too many."""
    places = {}
    wanted = [one.volume_id for one in volumes if not one.root]
    free = sorted(set(range(MOST_VOLUMES)) - {definition.volume_places.get(one) for one in wanted})
    for volume_id in wanted:
        place = definition.volume_places.get(volume_id)
        if place is None:
            if not free:
                raise Failure(f"this host can give a server no more than {MOST_VOLUMES} volumes")
            place = free.pop(0)
        places[volume_id] = place
    return replace(definition, spec=replace(definition.spec, volumes=list(volumes)), volume_places=places)


def with_volume(definition: Definition, volume: Volume) -> Definition:
    others = [one for one in definition.spec.volumes if one.volume_id != volume.volume_id]
    there = definition.volume(volume.volume_id)
    taken = {one.plugged_as for one in others}
    named = there.plugged_as if there else ""
    while (named or volume.volume_id) in taken:  # its disk went to another volume, and it comes back
        named = f"{named or volume.volume_id}-again"
    return with_volumes(definition, [*others, replace(volume, plugged_as=named)])


def newly_started(definition: Definition) -> Definition:
    """Every disk is called after its volume."""
    volumes = [replace(one, plugged_as="") for one in definition.spec.volumes]
    return replace(definition, spec=replace(definition.spec, volumes=volumes))


def with_swapped(definition: Definition, volume_id: str, new: Volume) -> Definition:
    """``new`` has the place of that one."""
    old = definition.volume(volume_id)
    if old is None:
        return definition
    there = replace(new, plugged_as=old.plugged_as or old.volume_id)
    volumes = [there if one is old else one for one in definition.spec.volumes]
    places = {new.volume_id if one == volume_id else one: at for one, at in definition.volume_places.items()}
    return replace(definition, spec=replace(definition.spec, volumes=volumes), volume_places=places)


def with_news(definition: Definition, volumes: Sequence[Volume]) -> Definition:
    """The same volumes, as fast as these may be, and as large where they are remote: whatever else is new waits for a start."""
    news = {one.volume_id: one for one in volumes}
    changed = []
    for one in definition.spec.volumes:
        now = news.get(one.volume_id, one)
        size_gib = now.size_gib if one.remote and now.remote else one.size_gib
        changed.append(replace(one, limits=now.limits, size_gib=size_gib))
    return replace(definition, spec=replace(definition.spec, volumes=changed))


def without_volume(definition: Definition, volume_id: str) -> Definition:
    return with_volumes(definition, [one for one in definition.spec.volumes if one.volume_id != volume_id])


def with_keys(definition: Definition, keys: Mapping[str, tuple[str, str]]) -> Definition:
    """``keys``: of each volume, ``keys_of`` it; of those that are not in there, none."""
    volumes = []
    for one in definition.spec.volumes:
        passphrase, key = keys.get(one.volume_id, ("", ""))
        volumes.append(replace(one, passphrase=passphrase, remote=one.remote and replace(one.remote, key=key)))
    return replace(definition, spec=replace(definition.spec, volumes=volumes))


def keys_of(volume: Volume) -> tuple[str, str]:
    """What opens it: of what is inside, and of the way there."""
    return volume.passphrase, volume.remote.key if volume.remote else ""


def save(home: Home, definition: Definition) -> None:
    import msgspec  # here, because it takes longer to import than all of this package, of which doctor wants one function

    written = with_keys(definition, {})
    write_durably(home.file("definition.json"), msgspec.json.encode(written, enc_hook=str))


def load(home: Home) -> Definition | None:
    """None if the guest was never wholly made."""
    import msgspec

    try:
        data = home.file("definition.json").read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(data, type=Definition, dec_hook=_path)


def _path(kind: type[Any], value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise TypeError(f"cannot read a {kind.__name__}")
