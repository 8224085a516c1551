"""Rows with what lies on backends: volumes, snapshots, and the layers that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wolke.block_storage.model import Address, Snapshot, Volume
from wolke.block_storage.service.checking.picture import FoundVolume, Picture
from wolke.core.checks import Check, Finding

if TYPE_CHECKING:
    from wolke.block_storage.service.checking import Checking

_MADE = ("available", "in-use", "reserved", "attaching", "detaching", "maintenance", "awaiting-transfer")


def _there(picture: Picture, row: Volume | Snapshot) -> dict[str, FoundVolume] | None:
    at = Address.read(row.backend or "")
    return picture.on(at.host, at.backend) if row.backend else None


def _lost(picture: Picture) -> Iterator[Finding]:
    for volume in picture.volumes.values():
        if volume.status not in _MADE or volume.task is not None or (there := _there(picture, volume)) is None:
            continue
        found = there.get(volume.id)
        if found is None or not found.whole:
            what = "nothing of it is" if found is None else "only half of it is"
            says = f"Volume {volume.id} is {volume.status}, and {what} on backend {volume.backend}."
            yield Finding(volume.id, says, volume.generation, ("volume", volume))


def _lost_snapshots(picture: Picture) -> Iterator[Finding]:
    for one in picture.snapshots.values():
        if one.status != "available" or one.task is not None or (there := _there(picture, one)) is None:
            continue
        volume, found = picture.volumes.get(one.volume_id), there.get(one.volume_id)
        if volume is None or volume.task is not None or found is None:
            continue  # that is told of the volume
        if one.id not in found.snapshots:
            says = f"Snapshot {one.id} is available, and not on backend {one.backend} with volume {one.volume_id}."
            yield Finding(one.id, says, one.generation, ("snapshot", one))


async def _mark(checking: Checking, finding: Finding) -> None:
    kind, row = finding.thing
    changes = {"status": "error", "reason": "Its data is not on its backend.", "generation": row.generation + 1}
    async with checking.storage.db.transaction() as tx:
        await checking.storage.needs.write(tx, kind, row, changes)


def _owners(picture: Picture) -> dict[tuple[str, str, str], Volume]:
    """(host, backend, volume) of where each volume is, or is just coming to."""
    found = {}
    for volume in picture.volumes.values():
        for address in (volume.backend, volume.arguments.get("destination") if volume.task is not None else None):
            at = Address.read(str(address or ""))
            found[at.host, at.backend, volume.id] = volume
    return found


def _strange(picture: Picture) -> Iterator[Finding]:
    owners = _owners(picture)
    for host, contents in picture.hosts.items():
        for backend, there in contents.backends.items():
            for found in there:
                if (host, backend, found.volume_id) not in owners:
                    says = f"Backend {backend} of host {host} holds volume {found.volume_id}, which has no row."
                    yield Finding(found.volume_id, says, (host, backend), (host, backend))


async def _quarantine(checking: Checking, finding: Finding) -> None:
    host, backend = finding.thing
    await checking.on_host(host, "quarantine_volume", {"backend": backend, "volume_id": finding.about})


def _strange_snapshots(picture: Picture) -> Iterator[Finding]:
    owners = _owners(picture)
    for host, contents in picture.hosts.items():
        for backend, there in contents.backends.items():
            for found in there:
                volume = owners.get((host, backend, found.volume_id))
                if volume is None or volume.task is not None:
                    continue
                for snapshot_id in set(found.snapshots) - picture.snapshots.keys() - set(contents.resting):
                    says = f"Volume {volume.id} on {volume.backend} has a snapshot {snapshot_id}, which has no row."
                    yield Finding(snapshot_id, says, (host, backend), (host, backend, volume.id))


async def _drop_snapshot(checking: Checking, finding: Finding) -> None:
    host, backend, volume_id = finding.thing
    told = {"backend": backend, "volume_id": volume_id, "snapshot_id": finding.about}
    await checking.on_host(host, "delete_snapshot", told)


def _broken(picture: Picture) -> Iterator[Finding]:
    for host, backend, volume_id in _owners(picture):
        there = picture.on(host, backend) or {}
        found = there.get(volume_id)
        if found is not None and found.fault is not None and picture.volumes[volume_id].task is None:
            yield Finding(volume_id, f"Volume {volume_id} on backend {backend} of host {host} is broken: {found.fault}")


def _sizes(picture: Picture) -> Iterator[Finding]:
    for volume in picture.volumes.values():
        found = (_there(picture, volume) or {}).get(volume.id)
        if found is None or not found.whole or volume.task is not None or volume.status not in _MADE:
            continue
        if found.size_gib != volume.size_gib:
            says = f"Volume {volume.id} has {volume.size_gib} GiB by its row, and {found.size_gib} on its backend."
            yield Finding(volume.id, says, (volume.generation, found.size_gib))


DATA = (
    Check(
        "volume-without-data",
        "volumes with what is on their backends",
        "the volume is put in error, with the reason",
        _lost, _mark,
    ),
    Check(
        "snapshot-without-data",
        "snapshots with what is on their backends",
        "the snapshot is put in error, with the reason",
        _lost_snapshots, _mark,
    ),
    Check(
        "data-without-volume",
        "what is on backends with the volumes",
        "it is moved to the backend's quarantine, where it can be looked at and from where nothing comes back by itself",
        _strange, _quarantine,
    ),
    Check(
        "data-without-snapshot",
        "the snapshots that backends hold with those that there are",
        "it is deleted; the volume keeps all its data",
        _strange_snapshots, _drop_snapshot,
    ),
    Check(
        "volume-broken",
        "each layer that a volume stands on with the files and their headers",
        "bring the volume back from a backup",
        _broken,
    ),
    Check(
        "volume-size",
        "the size of volumes with what their backends hold",
        "extend the volume, or take it out of service and look at it",
        _sizes,
    ),
)  # fmt: skip
