"""How verbs end, well or badly, and what follows from it: for the row itself, for rows that waited for it, and for its owner.

Everything that follows is written in the transaction that ends the verb, so nothing can be left waiting.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from wolke.block_storage.model import Address, Attachment, Backup, Volume
from wolke.block_storage.service.needs import UNKNOWN_ERROR, Needs
from wolke.block_storage.states import HELD_TASKS, MACHINES, attached_status
from wolke.block_storage.store import (
    ATTACHMENTS,
    BACKUPS,
    BY_KIND,
    SNAPSHOTS,
    TRANSFERS,
    VOLUMES,
)
from wolke.core.context import system_context
from wolke.core.db import Table, Transaction, Where
from wolke.core.log import get_logger

log = get_logger(__name__)

#: Woken when a volume, or anything that belongs to one, has come to rest: whoever waits for it looks again.
SETTLED = "block_storage.settled"
_GONE = "deleted"
Learnt = Mapping[str, Any]
Changes = dict[str, Any]


class Endings:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._learning: Mapping[tuple[str, str], Callable[[Any, Learnt], Changes]] = {
            ("volume", "create"): self._created,
            ("volume", "manage"): _managed,
            ("volume", "extend"): lambda volume, learnt: {"size_gib": volume.arguments["size_gib"]},
            ("volume", "retype"): _retyped,
            ("volume", "migrate"): _migrated,
            ("snapshot", "create"): _located,
            ("snapshot", "manage"): lambda row, learnt: _located(row, learnt) | _sized(learnt),
            ("backup", "create"): _stored,
            ("backup", "import"): _stored,
            ("attachment", "connect"): self._connected,
        }
        self._failing: Mapping[tuple[str, str], Callable[[Any], Changes]] = {
            ("volume", "extend"): lambda volume: {"counted_gib": volume.size_gib},
            ("volume", "migrate"): lambda volume: {"migration_status": "error"},
            ("attachment", "connect"): self._not_connected,
        }
        self._following: Mapping[tuple[str, str], Callable[[Transaction, Any, str | None], Awaitable[None]]] = {
            ("volume", "create"): self._after_create,
            ("volume", "extend"): self._after_extend,
            ("volume", "retype"): self._after_retype,
            ("volume", "revert"): self._after_revert,
            ("volume", "reimage"): self._after_reimage,
            ("backup", "create"): self._after_backup,
            ("backup", "restore"): self._after_restore,
        }

    async def done(self, tx: Transaction, kind: str, row: Any, learnt: Learnt) -> bool:
        """A step is done. False: somebody wrote meanwhile, and nothing was changed."""
        learn = self._learning.get((kind, row.verb))
        changes = MACHINES[kind].learn(row, learn(row, learnt) if learn else {})
        if changes.get("status") == _GONE:
            return await self.remove(tx, kind, row)
        ended = changes.get("task") is None
        if ended:
            changes |= {"deadline_at": changes.get("deadline_at"), "reason": None}
        if not await self._needs.write(tx, kind, row, changes):
            return False
        if ended:
            tx.wake(SETTLED)
            await self._follow(tx, kind, row, None)
        return True

    async def fail(self, tx: Transaction, kind: str, row: Any, reason: str, *, detail: str = UNKNOWN_ERROR) -> bool:
        """It can never be, or took too long. The owner is told."""
        if kind == "attachment" and row.verb == "disconnect":  # nobody uses it; what is left of it is its host's affair
            return await self.remove(tx, kind, row)
        log.info("not fulfilled", kind=kind, id=row.id, verb=row.verb, task=row.task, reason=reason)
        failing = self._failing.get((kind, row.verb))
        changes = MACHINES[kind].fail(row) | {"deadline_at": None, "reason": reason}
        if not await self._needs.write(tx, kind, row, changes | (failing(row) if failing else {})):
            return False
        tx.wake(SETTLED)
        await self._needs.tell(tx, kind, row, row.verb, reason, detail=detail)
        await self._follow(tx, kind, row, reason)
        return True

    async def remove(self, tx: Transaction, kind: str, row: Any) -> bool:
        """The row goes, and what is nothing without it."""
        if not await tx.delete(BY_KIND[kind], id=row.id, generation=row.generation):
            return False
        tx.wake(SETTLED)
        if kind == "volume":
            await self._forget_volume(tx, row)
        elif kind == "backup":
            await self._needs.secrets.forget(tx, row.secret_id)
        await self._tell_group(tx, kind, row)
        return True

    async def _follow(self, tx: Transaction, kind: str, row: Any, reason: str | None) -> None:
        follow = self._following.get((kind, row.verb))
        if follow is not None:
            await follow(tx, row, reason)
        if row.verb in ("create", "delete", "force_delete"):
            await self._tell_group(tx, kind, row)

    async def _tell_group(self, tx: Transaction, kind: str, row: Any) -> None:
        if kind == "volume" and row.group_id is not None:
            await self.gather(tx, "group", row.group_id)
        elif kind == "snapshot" and row.group_snapshot_id is not None:
            await self.gather(tx, "group_snapshot", row.group_snapshot_id)

    # -- volumes

    def _created(self, volume: Volume, learnt: Learnt) -> Changes:
        if volume.task == "scheduling":
            return dict(learnt)
        return _located(volume, learnt) | {"launched_at": self._needs.clock.now()}

    async def _after_create(self, tx: Transaction, volume: Volume, reason: str | None) -> None:
        waiting = [Where("task", "eq", "awaiting-volume")]
        for backup in await tx.find(BACKUPS, restore_volume_id=volume.id, where=waiting):
            if reason is None:
                await self.restore(tx, backup)
            else:
                await self.fail(tx, "backup", backup, f"The volume to restore to could not be made: {reason}")

    async def _after_extend(self, tx: Transaction, volume: Volume, reason: str | None) -> None:
        if reason is None:
            await self._needs.tell_servers(tx, volume, "extend")

    async def _after_retype(self, tx: Transaction, volume: Volume, reason: str | None) -> None:
        """It may be faster or slower now."""
        if reason is None:
            await self._needs.tell_servers(tx, volume, "retype")

    async def _after_revert(self, tx: Transaction, volume: Volume, reason: str | None) -> None:
        await self._release(tx, "snapshot", volume.arguments.get("snapshot_id"), None)

    async def _after_reimage(self, tx: Transaction, volume: Volume, reason: str | None) -> None:
        """One that was in error is none the worse for it now."""
        if reason is None and volume.status == "error":
            users = await tx.find(ATTACHMENTS, volume_id=volume.id, where=[Where("status", "ne", "detached")])
            await tx.update(VOLUMES, {"status": attached_status(one.status for one in users)}, id=volume.id)

    async def _forget_volume(self, tx: Transaction, volume: Volume) -> None:
        await tx.delete(ATTACHMENTS, volume_id=volume.id)
        await tx.delete(TRANSFERS, volume_id=volume.id)
        await self._needs.secrets.forget(tx, volume.secret_id)
        waiting = [Where("task", "eq", "awaiting-volume")]
        for backup in await tx.find(BACKUPS, restore_volume_id=volume.id, where=waiting):
            await self.fail(tx, "backup", backup, "The volume to restore to is gone.")

    # -- backups

    async def restore(self, tx: Transaction, backup: Backup) -> None:
        """The volume is there: its content can come. Fails the backup's verb if the volume is not to be written to."""
        volume = await tx.get(VOLUMES, id=backup.restore_volume_id or "")
        if volume is None or volume.status != "available" or volume.task is not None:
            await self.fail(tx, "backup", backup, "The volume to restore to is not available.")
            return
        await self._needs.begin(tx, system_context(), "volume", volume, "restore", {"backup_id": backup.id})
        changes = MACHINES["backup"].learn(backup, {"host": volume.host})
        await self._needs.write(tx, "backup", backup, changes)

    async def let_go(self, tx: Transaction, backup: Backup) -> None:
        """What is under way on a backup is forgotten: nobody is held by it any more."""
        if backup.verb == "create":
            await self._after_backup(tx, backup, None)
        elif backup.verb == "restore":
            await self._after_restore(tx, backup, "The restore was broken off.")

    async def _after_backup(self, tx: Transaction, backup: Backup, reason: str | None) -> None:
        await self._release(tx, "volume", backup.volume_id, None)
        await self._release(tx, "snapshot", backup.snapshot_id, None)

    async def _after_restore(self, tx: Transaction, backup: Backup, reason: str | None) -> None:
        if backup.task != "restoring":
            return
        if reason is None and backup.secret_id is not None and backup.restore_volume_id is not None:
            await self._pass_key_on(tx, backup.secret_id, backup.restore_volume_id)
        if reason is None and backup.restore_volume_id is not None:
            await tx.update(VOLUMES, _again(backup), id=backup.restore_volume_id)
        await self._release(tx, "volume", backup.restore_volume_id, reason)

    async def _pass_key_on(self, tx: Transaction, secret_id: str, volume_id: str) -> None:
        """What was restored is encrypted with the backup's key, not with the one that the volume had."""
        volume = await tx.get(VOLUMES, id=volume_id)
        if volume is not None:
            await self._needs.secrets.forget(tx, volume.secret_id)
            kept = await self._needs.secrets.copy(tx, secret_id, self._needs.clock.now())
            await tx.update(VOLUMES, {"secret_id": kept}, id=volume_id)

    async def _release(self, tx: Transaction, kind: str, one_id: str | None, reason: str | None) -> None:
        """End what another row was held by. ``reason``: it has suffered."""
        row = await tx.get(BY_KIND[kind], id=one_id) if one_id else None
        if row is None or row.task not in HELD_TASKS[kind]:
            return
        machine = MACHINES[kind]
        changes = machine.learn(row, {}) if reason is None else machine.fail(row)
        await self._needs.write(tx, kind, row, changes | {"deadline_at": None, "reason": reason})
        tx.wake(SETTLED)

    # -- attachments

    def _connected(self, attachment: Attachment, learnt: Learnt) -> Changes:
        connection = learnt.get("connection")
        changes: Changes = {
            "connection": connection if isinstance(connection, dict) else {},
            "connector": attachment.arguments.get("connector"),
            "instance_host": (attachment.arguments.get("connector") or {}).get("host") or attachment.instance_host,
        }
        return changes | self._not_connected(attachment)

    def _not_connected(self, attachment: Attachment) -> Changes:
        """Whatever comes of it, one that is not attached yet does not wait for ever."""
        lasting = attachment.status == "attached" or attachment.arguments.get("patient", False)
        after_s = self._needs.config.reserved_deadline_s
        return {"deadline_at": None if lasting else self._needs.clock.after(after_s)}

    # -- groups

    async def gather(self, tx: Transaction, kind: str, group_id: str) -> None:
        """See whether the last member of a group, or of a group's snapshot, is done."""
        await tx.lock(f"block_storage:{kind}:{group_id}")
        table: Table[Any] = BY_KIND[kind]
        members: Table[Any] = VOLUMES if kind == "group" else SNAPSHOTS
        group: Any = await tx.get(table, id=group_id)
        if group is None or group.task is None:
            return
        rows = await tx.find(members, where=[Where(f"{kind}_id", "eq", group_id)])
        if group.task == "emptying":
            failed = [row for row in rows if row.status == "error_deleting" and row.task is None]
            if not rows:
                await self.remove(tx, kind, group)
            elif len(failed) == len(rows):
                await self.fail(tx, kind, group, f"{len(rows)} could not be deleted: {failed[0].reason or 'unknown'}")
        elif not any(row.status == "creating" and row.task is not None for row in rows):
            errors = [row for row in rows if row.status == "error"]
            if errors:
                await self.fail(tx, kind, group, f"{len(errors)} could not be made: {errors[0].reason or 'unknown'}")
            else:
                await self.done(tx, kind, group, {})


def _again(backup: Backup) -> Changes:
    """What the volume was that was backed up, as far as a record from elsewhere can be believed."""
    shapes: Mapping[str, Any] = {"metadata": dict[str, str], "image_metadata": dict[str, str], "bootable": bool}
    found: Changes = {}
    for name, kind in shapes.items():
        with contextlib.suppress(msgspec.ValidationError, KeyError):
            found[name] = msgspec.convert(backup.kept[name], kind)
    return found or {"bootable": False}


def _located(row: Any, learnt: Learnt) -> Changes:
    location = learnt.get("location")
    return {"location": location} if isinstance(location, dict) else {}


def _sized(learnt: Learnt) -> Changes:
    size_gib = learnt.get("size_gib")
    return {"size_gib": size_gib} if isinstance(size_gib, int) and 0 < size_gib < 2**31 else {}


def _managed(volume: Volume, learnt: Learnt) -> Changes:
    sized = _sized(learnt)
    return _located(volume, learnt) | sized | ({"counted_gib": sized["size_gib"]} if sized else {})


def _migrated(volume: Volume, learnt: Learnt) -> Changes:
    destination = volume.arguments["destination"]
    moved = {"backend": destination, "host": Address.read(destination).host, "migration_status": "success"}
    return _located(volume, learnt) | moved


def _retyped(volume: Volume, learnt: Learnt) -> Changes:
    told = volume.arguments
    return _migrated(volume, learnt) | {"type_id": told["type_id"], "multiattach": told["multiattach"]}


def _stored(backup: Backup, learnt: Learnt) -> Changes:
    """What the agent says of the objects, as far as it is of the right kind."""
    shapes = {"contents": dict, "object_count": int, "container": str}
    return {name: learnt[name] for name, kind in shapes.items() if isinstance(learnt.get(name), kind)}
