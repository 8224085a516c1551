"""What Block Storage's verbs stand on: the database, the clock, the services below, and the ways to write to a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.config import BlockStorageConfig
from wolke.block_storage.model import Attachment, Message, Volume
from wolke.block_storage.states import MACHINES, loop_of, status_of
from wolke.block_storage.store import ATTACHMENTS, BY_KIND, MESSAGES, VOLUMES
from wolke.block_storage.store.secrets import Secrets
from wolke.core import ids
from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.db import Database, Transaction
from wolke.core.states import Refusal
from wolke.identity.service import Identity
from wolke.image.service import Images

R = TypeVar("R", bound=msgspec.Struct)

#: Cinder's numbers for what was tried and why it failed, by (kind, verb): a message's event is made of them.
_ACTIONS = {
    ("volume", "create"): ("001", "schedule allocate volume"),
    ("volume", "attach"): ("002", "attach volume"),
    ("volume", "upload_image"): ("003", "copy volume to image"),
    ("volume", "unmanage"): ("006", "unmanage volume"),
    ("volume", "extend"): ("007", "extend volume"),
    ("volume", "manage"): ("008", "create volume from backend storage"),
    ("snapshot", "create"): ("009", "create snapshot"),
    ("snapshot", "delete"): ("010", "delete snapshot"),
    ("backup", "create"): ("013", "create backup"),
    ("backup", "delete"): ("014", "delete backup"),
    ("backup", "restore"): ("015", "restore backup"),
    ("volume", "reimage"): ("016", "reimage volume"),
}
_OTHER_ACTION = "000"
UNKNOWN_ERROR, NO_BACKEND = "001", "003"
_RESOURCES = {
    "volume": "VOLUME", "snapshot": "VOLUME_SNAPSHOT", "backup": "VOLUME_BACKUP", "attachment": "VOLUME",
    "group": "VOLUME_GROUP", "group_snapshot": "VOLUME_GROUP_SNAPSHOT",
}  # fmt: skip
_LONGEST_TEXT = 1000


class Servers(Protocol):
    """Compute, for whom volumes are: bound by the composition root where there is one."""

    async def changed(self, tx: Transaction, volume: Volume, attachment: Attachment, verb: str) -> None:
        """By ``extend`` or ``retype`` the volume is larger, faster or slower than it was when it was attached: its guest should see it. Part
        of the write that says so."""

    async def runs(self, tx: Transaction, attachment: Attachment) -> bool:
        """Whether the attachment's server runs, and nothing else is done to it: then its guest can take the volume elsewhere."""

    async def wants(self, attachment: Attachment) -> bool:
        """Whether a server still counts on an attachment that is not complete: it is then left alone."""


@dataclass(slots=True)
class Needs:
    db: Database
    config: BlockStorageConfig
    clock: Clock
    secrets: Secrets
    identity: Identity | None = None
    images: Images | None = None
    servers: Servers | None = None

    async def check_project(self, project_id: str) -> None:
        """400 if there is no such project."""
        if self.identity is not None and not await self.identity.projects.find([project_id]):
            raise errors.Invalid("input received", f"Project ID {project_id[:64]} is not a valid project.")

    async def tell_servers(self, tx: Transaction, volume: Volume, verb: str) -> None:
        now = await tx.get(VOLUMES, id=volume.id)
        if self.servers is not None and now is not None:
            for attachment in await tx.find(ATTACHMENTS, volume_id=volume.id, status="attached"):
                await self.servers.changed(tx, now, attachment, verb)

    async def write(self, tx: Transaction, kind: str, row: Any, changes: Mapping[str, Any]) -> bool:
        """Write ``changes`` unless somebody wrote since ``row`` was read, and wake whoever is next."""
        stamped = {**changes, "updated_at": self.clock.now()}
        if not await tx.update(BY_KIND[kind], stamped, id=row.id, generation=row.generation):
            return False
        if changes.get("task"):
            tx.wake(loop_of(kind, changes["task"], changes.get("host", getattr(row, "host", None))))
        return True

    async def begin(
        self,
        tx: Transaction,
        ctx: Context,
        kind: str,
        row: R,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> R:
        """Record a wish. ``NotSettled`` if the row's state does not allow it, ``Changed`` if somebody was faster."""
        begun = self.begun(ctx, kind, row, verb, arguments) | more
        if not await self.write(tx, kind, row, begun):
            raise errors.Changed(kind, row.id)  # type: ignore[attr-defined]
        return msgspec.structs.replace(row, **begun)

    def begun(
        self, ctx: Context, kind: str, row: Any, verb: str, arguments: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The changes that ``begin`` writes; also for a row that is about to be inserted."""
        machine = MACHINES[kind]
        try:
            changes = machine.begin(verb, row)
        except Refusal:
            noun = kind.replace("_", " ")
            raise errors.NotSettled(noun, row.id, verb, status_of(kind, row.status, row.task)) from None
        changes |= {"deadline_at": self.clock.after(machine.rows[verb].deadline_s), "reason": None}
        if hasattr(row, "arguments"):
            changes["arguments"] = {**(arguments or {}), "request_id": ctx.request_id}
        return changes

    async def tell(
        self, tx: Transaction, kind: str, row: Any, verb: str, reason: str, *, detail: str = UNKNOWN_ERROR
    ) -> None:
        """A message for the owner of ``row``: what was wished for did not come about, and why."""
        action, words = _ACTIONS.get((kind, verb), (_OTHER_ACTION, f"{verb.replace('_', ' ')} {kind}"))
        now = self.clock.now()
        request_id = getattr(row, "arguments", {}).get("request_id") or "req-" + ids.uuid()
        resource_id = row.volume_id if kind == "attachment" else row.id
        message = Message(
            ids.uuid(), row.project_id, request_id, _RESOURCES[kind], resource_id, action, detail, "ERROR",
            f"{words}:{reason}"[:_LONGEST_TEXT], now, self.clock.after(self.config.message_ttl_s),
        )  # fmt: skip
        await tx.insert(MESSAGES, message)
