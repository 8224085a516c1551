"""One function per task. Each makes what is on the backend what is wished for and returns what it learnt; it may be called again
after a crash anywhere, because the drivers' verbs look before they act. ``Failure`` says why it can never be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.agent.steps import attachments, backups, snapshots, volumes
from wolke.block_storage.model import Wish

STEPS: Mapping[tuple[str, str], Callable[[Ground, Wish], Awaitable[dict[str, Any]]]] = {
    ("volume", "creating"): volumes.create,
    ("volume", "managing"): volumes.adopt,
    ("volume", "unmanaging"): volumes.release,
    ("volume", "extending"): volumes.extend,
    ("volume", "retyping"): volumes.move,
    ("volume", "migrating"): volumes.move,
    ("volume", "reverting"): volumes.revert,
    ("volume", "reimaging"): volumes.reimage,
    ("volume", "uploading"): volumes.upload,
    ("volume", "deleting"): volumes.delete,
    ("snapshot", "creating"): snapshots.create,
    ("snapshot", "managing"): snapshots.adopt,
    ("snapshot", "unmanaging"): snapshots.release,
    ("snapshot", "deleting"): snapshots.delete,
    ("backup", "storing"): backups.store,
    ("backup", "importing"): backups.check,
    ("backup", "restoring"): backups.restore,
    ("backup", "deleting"): backups.delete,
    ("attachment", "connecting"): attachments.connect,
    ("attachment", "disconnecting"): attachments.disconnect,
}
