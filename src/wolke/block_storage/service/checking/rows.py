"""Rows with rows: states that last too long, volumes and their attachments, snapshots, backups, transfers, quota."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wolke.block_storage.model import Attachment
from wolke.block_storage.service.checking.picture import Picture
from wolke.block_storage.states import FOLLOWS_ATTACHMENTS, HELD_TASKS, attached_status, status_of
from wolke.block_storage.store import ATTACHMENTS, BACKUPS, BY_KIND, SNAPSHOTS, TRANSFERS, VOLUMES
from wolke.core.checks import Check, Finding
from wolke.core.context import system_context

if TYPE_CHECKING:
    from wolke.block_storage.service.checking import Checking

_CLOUD = system_context()
_HIDDEN = "detached"
_PASSING = {"volume": ("creating",), "snapshot": ("creating",), "backup": ("creating",)}


def _all(picture: Picture) -> Iterator[tuple[str, Any]]:
    yield from (("volume", one) for one in picture.volumes.values())
    yield from (("snapshot", one) for one in picture.snapshots.values())
    yield from (("backup", one) for one in picture.backups.values())
    yield from (("attachment", one) for one in picture.attachments)
    yield from (("group", one) for one in picture.groups.values())
    yield from (("group_snapshot", one) for one in picture.group_snapshots.values())


# -- states


def _stuck(picture: Picture) -> Iterator[Finding]:
    for kind, row in _all(picture):
        word = row.status if kind == "attachment" else status_of(kind, row.status, row.task)
        if row.task is not None and row.deadline_at is None:
            why = "and nothing says until when"
        elif row.deadline_at is not None and row.deadline_at < picture.late:
            why = f"which should have ended at {row.deadline_at}"
        elif row.task is None and row.status in _PASSING.get(kind, ()):
            why = "and nobody is at it"
        else:
            continue
        yield Finding(row.id, f"The {_noun(kind)} {row.id} is {word}, {why}.", row.generation, (kind, row))


async def _end(checking: Checking, finding: Finding) -> None:
    kind, row = finding.thing
    if row.task is None and kind != "attachment":
        reason = f"It was {row.status}, and nobody was at it."
        async with checking.storage.db.transaction() as tx:
            changes = {"status": "error", "reason": reason, "generation": row.generation + 1}
            await checking.storage.needs.write(tx, kind, row, changes)
    else:
        await checking.life.overdue.end(kind, row)


def _holders(picture: Picture) -> dict[tuple[str, str, str], bool]:
    """(kind, id, task) of each row that another's verb holds."""
    held: dict[tuple[str, str, str], bool] = {}
    for backup in picture.backups.values():
        if backup.task == "storing":
            held["volume", backup.volume_id, "backing-up"] = True
            held["snapshot", backup.snapshot_id or "", "backing-up"] = True
        if backup.task == "restoring":
            held["volume", backup.restore_volume_id or "", "restoring-backup"] = True
    for volume in picture.volumes.values():
        if volume.task == "reverting":
            held["snapshot", str(volume.arguments.get("snapshot_id")), "restoring"] = True
        if volume.task is not None and volume.verb == "create":
            for backup in picture.backups.values():
                if backup.restore_volume_id == volume.id:
                    held["backup", backup.id, "awaiting-volume"] = True
    return held


def _unheld(picture: Picture) -> Iterator[Finding]:
    held = _holders(picture)
    for kind, row in _all(picture):
        if row.task in HELD_TASKS.get(kind, ()) and (kind, row.id, row.task) not in held:
            says = f"The {_noun(kind)} {row.id} is {row.task}, and what it waits for is not under way."
            yield Finding(row.id, says, row.generation, (kind, row))


async def _fail(checking: Checking, finding: Finding) -> None:
    kind, row = finding.thing
    async with checking.storage.db.transaction() as tx:
        await checking.storage.endings.fail(tx, kind, row, "What it waited for is not under way.")


# -- attachments


def _by_volume(picture: Picture) -> Mapping[str, list[Attachment]]:
    found: defaultdict[str, list[Attachment]] = defaultdict(list)
    for one in picture.attachments:
        if one.status != _HIDDEN:
            found[one.volume_id].append(one)
    return found


def _disagrees(picture: Picture) -> Iterator[Finding]:
    uses = _by_volume(picture)
    for volume in picture.volumes.values():
        mine = uses.get(volume.id, [])
        should = attached_status(one.status for one in mine)
        if volume.status in FOLLOWS_ATTACHMENTS and volume.status != should:
            count = f"{len(mine)} attachments" if mine else "no attachment"
            says = f"Volume {volume.id} is {volume.status}, and has {count}: it should be {should}."
            yield Finding(volume.id, says, (volume.generation, should))


async def _follow(checking: Checking, finding: Finding) -> None:
    storage = checking.storage
    async with storage.db.transaction() as tx:
        volume = await storage.volumes.held(tx, _CLOUD, finding.about)
        await storage.attachments.follow(tx, volume, await storage.attachments.on(tx, volume.id))


def _shared(picture: Picture) -> Iterator[Finding]:
    for volume_id, mine in _by_volume(picture).items():
        volume = picture.volumes.get(volume_id)
        users = [one for one in mine if one.status == "attached"]
        if volume is not None and len(users) > 1 and not volume.multiattach:
            who = ", ".join(sorted(one.server_id or one.instance_host or "?" for one in users))
            says = f"Volume {volume_id} is attached {len(users)} times ({who}), and may be only once."
            yield Finding(volume_id, says, len(users))


def _left_hidden(picture: Picture) -> Iterator[Finding]:
    for one in picture.attachments:
        if one.volume_id not in picture.volumes:
            yield Finding(one.id, f"Attachment {one.id} is of volume {one.volume_id}, which does not exist.", None, one)
        elif one.status == _HIDDEN and one.task is None:
            says = f"Attachment {one.id} of volume {one.volume_id} is over, and its row is still there."
            yield Finding(one.id, says, one.generation, one)


async def _drop_attachment(checking: Checking, finding: Finding) -> None:
    async with checking.storage.db.transaction() as tx:
        await tx.delete(ATTACHMENTS, id=finding.about, generation=finding.thing.generation)


# -- what hangs on what


def _volumeless(picture: Picture) -> Iterator[Finding]:
    for one in picture.snapshots.values():
        if one.volume_id not in picture.volumes and one.task is None:
            yield Finding(one.id, f"Snapshot {one.id} is of volume {one.volume_id}, which does not exist.", None, one)


async def _drop_snapshot(checking: Checking, finding: Finding) -> None:
    async with checking.storage.db.transaction() as tx:
        await tx.delete(SNAPSHOTS, id=finding.about, generation=finding.thing.generation)


def _parentless(picture: Picture) -> Iterator[Finding]:
    for backup in picture.backups.values():
        parent = picture.backups.get(backup.parent_id or "")
        if backup.parent_id is None or backup.status != "available" or backup.task is not None:
            continue
        if parent is None or parent.status == "error":
            state = "does not exist" if parent is None else "is in error"
            says = f"Backup {backup.id} builds on backup {backup.parent_id}, which {state}: it cannot be restored."
            yield Finding(backup.id, says, backup.generation, backup)


async def _mark_backup(checking: Checking, finding: Finding) -> None:
    backup = finding.thing
    changes = {"status": "error", "reason": f"The backup {backup.parent_id}, which it builds on, is not there."}
    async with checking.storage.db.transaction() as tx:
        await tx.update(BACKUPS, changes, id=backup.id, generation=backup.generation)


def _transfers(picture: Picture) -> Iterator[Finding]:
    offered = {one.volume_id: one for one in picture.transfers if not one.accepted}
    for volume in picture.volumes.values():
        if volume.status == "awaiting-transfer" and volume.id not in offered:
            yield Finding(volume.id, f"Volume {volume.id} awaits a transfer that does not exist.", volume.generation)
    for volume_id, transfer in offered.items():
        there = picture.volumes.get(volume_id)
        if there is None or there.status != "awaiting-transfer":
            state = f"is {there.status}" if there else "does not exist"
            says = f"Transfer {transfer.id} offers volume {volume_id}, which {state}."
            yield Finding(transfer.id, says, state, transfer)


async def _mend_transfer(checking: Checking, finding: Finding) -> None:
    async with checking.storage.db.transaction() as tx:
        if finding.thing is not None:
            await tx.delete(TRANSFERS, id=finding.about)
        else:
            await tx.update(VOLUMES, {"status": "available"}, id=finding.about, status="awaiting-transfer")
    if finding.thing is None:
        await _follow(checking, finding)


def _dangling(picture: Picture) -> Iterator[Finding]:
    for kind, row in _all(picture):
        group_id = getattr(row, "group_id", None)
        if kind == "volume" and group_id is not None and group_id not in picture.groups:
            yield Finding(
                row.id, f"Volume {row.id} is of group {group_id}, which does not exist.", group_id, (kind, row)
            )
        group_id = getattr(row, "group_snapshot_id", None)
        if kind == "snapshot" and group_id is not None and group_id not in picture.group_snapshots:
            says = f"Snapshot {row.id} is of group snapshot {group_id}, which does not exist."
            yield Finding(row.id, says, group_id, (kind, row))


async def _leave_group(checking: Checking, finding: Finding) -> None:
    kind, row = finding.thing
    column = "group_id" if kind == "volume" else "group_snapshot_id"
    async with checking.storage.db.transaction() as tx:
        await tx.update(BY_KIND[kind], {column: None}, id=row.id, generation=row.generation)


def _typeless(picture: Picture) -> Iterator[Finding]:
    for kind, row in _all(picture):
        type_id = getattr(row, "type_id", None)
        if kind in ("volume", "snapshot") and type_id is not None and type_id not in picture.types:
            yield Finding(row.id, f"The {kind} {row.id} is of type {type_id}, which does not exist.", type_id)


def _keyless(picture: Picture) -> Iterator[Finding]:
    for kind, row in _all(picture):
        secret_id = getattr(row, "secret_id", None)
        if secret_id is not None and secret_id not in picture.secrets:
            says = f"The {kind} {row.id} is encrypted, and its key {secret_id} is not there: nobody can read it."
            yield Finding(row.id, says, secret_id)


# -- quota


def _miscounted(picture: Picture) -> Iterator[Finding]:
    for volume in picture.volumes.values():
        if volume.task is None and volume.counted and volume.counted_gib != volume.size_gib:
            says = f"Volume {volume.id} has {volume.size_gib} GiB, and {volume.counted_gib} are charged to quota."
            yield Finding(volume.id, says, volume.generation, volume)


async def _count_again(checking: Checking, finding: Finding) -> None:
    volume = finding.thing
    async with checking.storage.db.transaction() as tx:
        changes = {"counted_gib": volume.size_gib}
        await tx.update(VOLUMES, changes, id=volume.id, generation=volume.generation)


def _noun(kind: str) -> str:
    return kind.replace("_", " ")


ROWS = (
    Check(
        "storage-stuck",
        "volumes, snapshots, backups, attachments and groups on their way with their deadlines",
        "the verb is ended as a missed deadline ends it, with a reason that the owner can read",
        _stuck, _end,
    ),
    Check(
        "storage-waits-in-vain",
        "volumes and snapshots that wait for a backup, a restore or a revert with that",
        "the waiting is ended, with a reason",
        _unheld, _fail,
    ),
    Check(
        "volume-status",
        "reserved, attaching, in-use, detaching and available with a volume's attachments",
        "the volume's status becomes what its attachments say",
        _disagrees, _follow,
    ),
    Check(
        "volume-attached-twice",
        "a volume's attachments with whether several may use it",
        "detach one of the servers: nobody else can know which",
        _shared,
    ),
    Check(
        "attachment-without-volume",
        "attachments with their volumes",
        "the attachment is deleted",
        _left_hidden, _drop_attachment,
    ),
    Check(
        "snapshot-without-volume",
        "snapshots with their volumes",
        "the snapshot's row is deleted",
        _volumeless, _drop_snapshot,
    ),
    Check(
        "backup-without-parent",
        "incremental backups with those that they build on",
        "the backup is put in error: it cannot be restored",
        _parentless, _mark_backup,
    ),
    Check(
        "transfer-disagrees",
        "volumes that await a transfer with the transfers",
        "the transfer is deleted, or the volume is available again",
        _transfers, _mend_transfer,
    ),
    Check(
        "group-gone",
        "volumes and snapshots with the groups that they name",
        "they belong to no group",
        _dangling, _leave_group,
    ),
    Check(
        "volume-type-gone",
        "volumes and snapshots with their types",
        "retype the volume",
        _typeless,
    ),
    Check(
        "key-gone",
        "encrypted volumes and backups with their keys",
        "bring back the database from before the key was lost",
        _keyless,
    ),
    Check(
        "volume-miscounted",
        "what quota is charged for a volume with its size",
        "its size is charged",
        _miscounted, _count_again,
    ),
)  # fmt: skip
