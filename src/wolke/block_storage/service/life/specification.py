"""Volumes, snapshots, backups and attachments as their host's agent is told of them. Pure. This is the protocol's dictionary:

``volume``      specification: ``volume_spec`` below
    creating    arguments: source (``source_spec``, None: blank)
                learnt: location, size_gib (if the source was larger), image_metadata
    extending   arguments: size_gib (the new one), attached: [server ids] (their host's QEMU does it, if it is this one)
    deleting    nothing; a volume that is not there is deleted already
    reverting   arguments: snapshot (``snapshot_spec``)
    uploading   arguments: image_id (queued; PUT its data to the image service), disk_format, container_format
                learnt: nothing
    retyping, migrating   arguments: destination (``host@backend#pool`` on the same host)
                learnt: location
    reimaging   arguments: source (of kind image)
    managing    arguments: reference ({"source-name": …} or {"source-id": …})      learnt: location, size_gib
    unmanaging  nothing: what is on the backend stays, under a name that no volume of ours has
``snapshot``    specification: ``snapshot_spec``
    creating    arguments: attached: [server ids]; learnt: location
    deleting, unmanaging
    managing    arguments: reference; learnt: location, size_gib
``backup``      specification: ``backup_spec``
    storing     arguments: volume (``volume_spec``), snapshot (``snapshot_spec`` or None), parent (``backup_spec`` or None)
                learnt: contents, object_count, container
    restoring   arguments: volume (``volume_spec``); learnt: nothing
    deleting    objects that are not there are deleted already
    importing   learnt: contents, object_count; fails unless all objects are there
``attachment``  specification: volume (``volume_spec``), mode
    connecting  arguments: connector, attachment_id; learnt: connection (drivers.base.Connection as a mapping)
    disconnecting  arguments: connector (may be None), attachment_id

``learnt`` may always hold ``reason``: a remark for the owner. Encrypted: ``encryption.passphrase`` is for drivers, and nobody
else gets to see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.block_storage.model import Attachment, Backup, Snapshot, Volume


def volume_spec(
    volume: Volume, passphrase: str | None = None, extra_specs: Mapping[str, str] | None = None
) -> dict[str, Any]:
    encryption = {**volume.encryption, "passphrase": passphrase} if volume.encryption and passphrase else None
    return {
        "id": volume.id,
        "project_id": volume.project_id,
        "name": volume.name,
        "backend": volume.backend,
        "size_gib": volume.size_gib,
        "location": volume.location,
        "encryption": encryption,
        "extra_specs": dict(extra_specs or {}),
        "bootable": volume.bootable,
        "multiattach": volume.multiattach,
        "read_only": bool(volume.read_only),
        "image_metadata": volume.image_metadata,
    }


def snapshot_spec(snapshot: Snapshot, volume: Volume | None = None, passphrase: str | None = None) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "volume_id": snapshot.volume_id,
        "backend": snapshot.backend,
        "size_gib": snapshot.size_gib,
        "location": snapshot.location,
        "volume": volume_spec(volume, passphrase) if volume is not None else None,
    }


def image_source(image_id: str, disk_format: str | None, size_bytes: int | None, sha512: str | None) -> dict[str, Any]:
    """``source_spec`` of kind image; the others are made in ``service.life.hosts``."""
    return {
        "kind": "image", "image_id": image_id, "disk_format": disk_format, "size_bytes": size_bytes, "sha512": sha512,
    }  # fmt: skip


def volume_source(volume: Volume, passphrase: str | None) -> dict[str, Any]:
    return {"kind": "volume", "volume": volume_spec(volume, passphrase)}


def snapshot_source(snapshot: Snapshot, volume: Volume | None, passphrase: str | None) -> dict[str, Any]:
    return {"kind": "snapshot", "snapshot": snapshot_spec(snapshot, volume, passphrase)}


def backup_spec(backup: Backup, parents: Sequence[Backup] = ()) -> dict[str, Any]:
    """``parents``: what it was built on, nearest first."""
    return {
        "id": backup.id,
        "project_id": backup.project_id,
        "volume_id": backup.volume_id,
        "size_gib": backup.size_gib,
        "container": backup.container,
        "incremental": backup.incremental,
        "contents": backup.contents,
        "parents": [backup_spec(parent) for parent in parents],
    }


def attachment_spec(attachment: Attachment, volume: dict[str, Any]) -> dict[str, Any]:
    return {"id": attachment.id, "mode": attachment.mode, "server_id": attachment.server_id, "volume": volume}
