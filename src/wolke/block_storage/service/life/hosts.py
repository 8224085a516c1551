"""What a host's agent reports and is told: that it is alive, what its backends are, what is due on it, what it should have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from wolke.block_storage.model import Attachment, Backend, Backup, Host, Snapshot, Volume, Wish
from wolke.block_storage.service.backups import chain
from wolke.block_storage.service.life.specification import (
    attachment_spec,
    backup_spec,
    image_source,
    snapshot_source,
    snapshot_spec,
    volume_source,
    volume_spec,
)
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.states import HOST_TASKS
from wolke.block_storage.store import ATTACHMENTS, BY_KIND, HOSTS, SNAPSHOTS, TYPES, VOLUMES
from wolke.core import ids
from wolke.core.context import system_context
from wolke.core.db import DuplicateRow, Query, Where
from wolke.core.errors import CloudError
from wolke.core.log import get_logger

log = get_logger(__name__)

_MOST_DUE = 1000


def _due_of(kind: str) -> Query:
    c = BY_KIND[kind].sql.c
    among = c.task.in_([sa.literal(task) for task in sorted(HOST_TASKS[kind])])
    chosen = sa.select(c.id, c.generation, c.task).where(c.host == sa.bindparam("host"), among)
    return Query(chosen.order_by(c.deadline_at, c.id).limit(_MOST_DUE))


_DUE = {kind: _due_of(kind) for kind in HOST_TASKS}


class HostReport(msgspec.Struct, frozen=True):
    """What an agent says of its host with every heartbeat."""

    backends: list[Backend]
    backups: bool = False
    started_at: str = ""
    address: str = ""


class HostDoor:
    """The verbs of agents, but for outcomes. Every one names its host."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db

    async def report(self, name: str, said: HostReport) -> dict[str, Any]:
        """Register the host, or note that it is alive; its id and the settings that it works by."""
        now, config = self._needs.clock.now(), self._needs.config
        fresh = {
            "backends": said.backends, "backups": said.backups, "address": said.address, "heartbeat_at": now,
            "started_at": said.started_at or now,
        }  # fmt: skip
        host = await self._db.get(HOSTS, name=name)
        if host is None:
            host = await self._register(name, fresh, now)
        elif host.heartbeat_at <= self._needs.clock.after(-config.host_down_after_s):
            log.info("host is back", host=name)
        async with self._db.transaction() as tx:
            await tx.update(HOSTS, fresh, id=host.id)
        return {
            "id": host.id,
            "heartbeat_period_s": config.heartbeat_period_s,
            "sync_period_s": config.sync_period_s,
        }

    async def _register(self, name: str, fresh: dict[str, Any], now: str) -> Host:
        host = Host(
            id=ids.uuid(), name=name, disabled=False, disabled_reason=None, frozen=False, created_at=now, **fresh
        )
        try:
            async with self._db.transaction() as tx:
                await tx.insert(HOSTS, host)
        except DuplicateRow:
            found = await self._db.get(HOSTS, name=name)
            if found is not None:
                return found
        log.info("host is new", host=name)
        return host

    async def id_of(self, name: str) -> str | None:
        host = await self._db.get(HOSTS, name=name)
        return host.id if host is not None else None

    async def up(self) -> list[str]:
        """The hosts that have been heard of of late."""
        since = self._needs.clock.after(-self._needs.config.host_down_after_s)
        return [host.name for host in await self._db.find(HOSTS) if host.heartbeat_at > since]

    async def due(self, host: str) -> list[tuple[str, str, int, str]]:
        """(kind, id, generation, task) of everything that is due on the host."""
        return [
            (kind, row[0], row[1], row[2])
            for kind, query in _DUE.items()
            for row in await self._db.rows(query, host=host)
        ]

    async def contents(self, host: str) -> dict[str, Any]:
        """Every volume and snapshot that the host has; whoever is not in it is not ours."""
        volumes = await self._db.find(VOLUMES, host=host)
        snapshots = await self._db.find(SNAPSHOTS, host=host)
        attachments = await self._db.find(ATTACHMENTS, host=host)
        return {
            "volumes": [
                {"id": one.id, "backend": one.backend, "status": one.status, "task": one.task, "size_gib": one.size_gib}
                for one in volumes
            ],
            "snapshots": [
                {
                    "id": one.id,
                    "volume_id": one.volume_id,
                    "backend": one.backend,
                    "status": one.status,
                    "task": one.task,
                }
                for one in snapshots
            ],
            "attachments": [
                {"id": one.id, "volume_id": one.volume_id, "status": one.status, "host": one.instance_host}
                for one in attachments
            ],
        }

    # -- wishes

    async def wishes(self, host: str, wanted: Sequence[tuple[str, str]]) -> list[Wish]:
        """All that must be known to fulfil what is due on these; those on which nothing is due are left out."""
        by_kind: defaultdict[str, list[str]] = defaultdict(list)
        for kind, one_id in wanted:
            by_kind[kind].append(one_id)
        found: list[Wish] = []
        for kind, some in by_kind.items():
            rows = await self._db.find(BY_KIND[kind], host=host, where=[Where("id", "in", some)])
            for row in rows:
                if row.task in HOST_TASKS[kind]:
                    found.append(await getattr(self, f"_{kind}")(row))
        return found

    async def _volume(self, volume: Volume) -> Wish:
        told = dict(volume.arguments)
        if told.get("source"):
            told["source"] = await self._source(told["source"], volume)
        if volume.task == "reverting":
            snapshot = await self._db.get(SNAPSHOTS, id=told["snapshot_id"])
            told["snapshot"] = snapshot_spec(snapshot) if snapshot is not None else None
        if volume.status == "in-use":
            told["attached"] = await self._servers(volume.id)
        return _wish("volume", volume, told, await self._spec(volume))

    async def _snapshot(self, snapshot: Snapshot) -> Wish:
        volume = await self._db.get(VOLUMES, id=snapshot.volume_id)
        told = dict(snapshot.arguments)
        told["attached"] = await self._servers(snapshot.volume_id)
        return _wish("snapshot", snapshot, told, snapshot_spec(snapshot, volume))

    async def _backup(self, backup: Backup) -> Wish:
        told = dict(backup.arguments)
        volume_id = backup.restore_volume_id if backup.task == "restoring" else backup.volume_id
        volume = await self._db.get(VOLUMES, id=volume_id or "")
        snapshot = await self._db.get(SNAPSHOTS, id=backup.snapshot_id) if backup.snapshot_id else None
        told["volume"] = await self._spec(volume) if volume is not None else None
        told["snapshot"] = snapshot_spec(snapshot) if snapshot is not None else None
        parents = await chain(self._db, backup)
        told["parent"] = backup_spec(parents[0], parents[1:]) if parents else None
        if volume is not None and volume.status == "in-use":
            told["attached"] = await self._servers(volume.id)
        return _wish("backup", backup, told, backup_spec(backup, parents))

    async def _attachment(self, attachment: Attachment) -> Wish:
        volume = await self._db.get(VOLUMES, id=attachment.volume_id)
        spec = attachment_spec(attachment, await self._spec(volume) if volume is not None else {})
        return _wish("attachment", attachment, dict(attachment.arguments), spec)

    async def _spec(self, volume: Volume) -> dict[str, Any]:
        kind = await self._db.get(TYPES, id=volume.type_id) if volume.type_id else None
        return volume_spec(volume, await self._passphrase(volume), kind.extra_specs if kind else None)

    async def _passphrase(self, volume: Volume) -> str | None:
        if volume.secret_id is None:
            return None
        return await self._needs.secrets.open(self._db, volume.secret_id)

    async def _servers(self, volume_id: str) -> list[str]:
        found = await self._db.find(
            ATTACHMENTS, volume_id=volume_id, where=[Where("status", "in", ["attached", "detaching"])]
        )
        return [one.server_id for one in found if one.server_id is not None]

    async def _source(self, source: dict[str, Any], volume: Volume) -> dict[str, Any]:
        """What a volume is made of; a source that is gone is told of as it was named, and the driver says so."""
        if source["kind"] == "image" and self._needs.images is not None:
            try:
                image = await self._needs.images.image(system_context(), source["id"])
            except CloudError:
                return image_source(source["id"], None, None, None)
            return image_source(image.id, image.disk_format, image.size, image.hash_value)
        if source["kind"] == "volume":
            other = await self._db.get(VOLUMES, id=source["id"])
            return source if other is None else volume_source(other, await self._passphrase(other))
        if source["kind"] == "snapshot":
            snapshot = await self._db.get(SNAPSHOTS, id=source["id"])
            if snapshot is not None:
                other = await self._db.get(VOLUMES, id=snapshot.volume_id)
                return snapshot_source(snapshot, other, await self._passphrase(other) if other else None)
        return source


def _wish(kind: str, row: Any, arguments: dict[str, Any], specification: dict[str, Any]) -> Wish:
    arguments.pop("request_id", None)
    return Wish(kind, row.id, row.task, row.generation, arguments, specification)
