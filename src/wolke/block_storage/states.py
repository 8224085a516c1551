"""What happens to volumes, snapshots, backups, attachments and groups, as tables.

               create                      attachments say
    (nothing) ────────► creating ──► available ◄──► reserved, attaching, in-use, detaching
                           │           │   ▲
                           ▼           ▼   └─ extend, retype, revert, upload, back up, restore: a task, the status stays
                         error ◄──── error_… (what a verb failed at, where that says more)
    delete goes from any settled state in which nobody uses the volume; force_delete takes precedence over all.

What may be relied on:
  creating    has a row, quota and a task. From "creating" on it has a backend.
  available   is whole on its backend, and nobody uses it.
  reserved … detaching   as available; the attachments are the truth, and ``attached_status`` is how a volume tells of them.
  error       has a reason that a user can read, and no more than the row unless it was whole before.
  A row that is deleted is gone; what is left are messages.

Tasks in ``HOST_TASKS`` are done by the agent of the row's host; those in ``HELD_TASKS`` end when another row's verb does (a
volume is "backing-up" as long as its backup is "storing"); the rest by a controller's loop. Cinder's transient words are
views of (status, task).
"""

from __future__ import annotations

from collections.abc import Iterable

from wolke.core.states import ANY, Machine, Row

_HOUR = 3600.0
_USABLE = ("available", "in-use")

VOLUME = Machine(
    "volume",
    (
        #   verb     allowed from       tasks, in order              then         if it fails
        Row("create", ("creating",), ("scheduling", "creating"), "available", "error", deadline_s=2 * _HOUR),
        Row("manage", ("creating",), ("managing",), "available", "error_managing"),
        Row("unmanage", ("available", "error", "error_managing"), ("unmanaging",), "deleted", "error_unmanaging"),
        Row("extend", _USABLE, ("extending",), None, None),
        Row("retype", _USABLE, ("retyping",), None, None, deadline_s=6 * _HOUR),
        Row("migrate", _USABLE, ("migrating",), None, None, deadline_s=6 * _HOUR),
        Row("revert", ("available",), ("reverting",), "available", "error", deadline_s=_HOUR),
        Row("reimage", ("available", "reserved", "error"), ("reimaging",), None, "error", deadline_s=2 * _HOUR),
        Row("upload_image", _USABLE, ("uploading",), None, None, deadline_s=6 * _HOUR),
        Row("backup", _USABLE, ("backing-up",), None, None, deadline_s=13 * _HOUR),
        Row("restore", ("available", "creating"), ("restoring-backup",), "available", "error_restoring",
            deadline_s=13 * _HOUR),
        Row("delete", ANY, ("deleting",), "deleted", "error_deleting"),
        Row("force_delete", ANY, ("deleting",), "deleted", "error_deleting", preempts=True),
    ),
)  # fmt: skip

SNAPSHOT = Machine(
    "snapshot",
    (
        Row("create", ("creating",), ("creating",), "available", "error"),
        Row("manage", ("creating",), ("managing",), "available", "error"),
        Row("unmanage", ("available", "error"), ("unmanaging",), "deleted", None),
        Row("revert", ("available",), ("restoring",), "available", "available", deadline_s=_HOUR),
        Row("backup", ("available",), ("backing-up",), "available", "available", deadline_s=13 * _HOUR),
        Row("delete", ANY, ("deleting",), "deleted", "error_deleting"),
        Row("force_delete", ANY, ("deleting",), "deleted", "error_deleting", preempts=True),
    ),
)

BACKUP = Machine(
    "backup",
    (
        Row("create", ("creating",), ("storing",), "available", "error", deadline_s=12 * _HOUR),
        Row("import", ("creating",), ("importing",), "available", "error"),
        Row("restore", ("available",), ("awaiting-volume", "restoring"), "available", "available",
            deadline_s=12 * _HOUR),
        Row("delete", ANY, ("deleting",), "deleted", "error_deleting", deadline_s=_HOUR),
        Row("force_delete", ANY, ("deleting",), "deleted", "error_deleting", preempts=True, deadline_s=_HOUR),
    ),
)  # fmt: skip

ATTACHMENT = Machine(
    "attachment",
    (
        Row(
            "connect", ("reserved", "attaching", "attached", "detaching"), ("connecting",), None, None, deadline_s=60.0
        ),
        Row("disconnect", ANY, ("disconnecting",), "deleted", "detached", preempts=True, deadline_s=60.0),
    ),
)

#: Groups do nothing themselves: a verb ends when the last of their members is done with its own.
GROUP = Machine(
    "group",
    (
        Row("create", ("creating",), ("gathering",), "available", "error", deadline_s=3 * _HOUR),
        Row("delete", ANY, ("emptying",), "deleted", "error_deleting", preempts=True, deadline_s=_HOUR),
    ),
)
GROUP_SNAPSHOT = GROUP

MACHINES = {
    "volume": VOLUME, "snapshot": SNAPSHOT, "backup": BACKUP, "attachment": ATTACHMENT, "group": GROUP,
    "group_snapshot": GROUP_SNAPSHOT,
}  # fmt: skip

#: In which a volume goes from one backend to another, perhaps under a guest that runs: nobody else changes what it is open as.
MOVING = frozenset({"retyping", "migrating"})

CONTROLLER_TASKS = {"volume": frozenset({"scheduling"})}
HELD_TASKS = {
    "volume": frozenset({"backing-up", "restoring-backup"}),
    "snapshot": frozenset({"backing-up", "restoring"}),
    "backup": frozenset({"awaiting-volume"}),
}
#: By kind, what the agents of hosts do.
HOST_TASKS = {
    kind: MACHINES[kind].tasks - CONTROLLER_TASKS.get(kind, frozenset()) - HELD_TASKS.get(kind, frozenset())
    for kind in ("volume", "snapshot", "backup", "attachment")
}


def loop_of(kind: str, task: str | None, host: str | None) -> str:
    """The wake name of whoever does ``task``: ``tx.wake(loop_of(…))`` in the transaction that records it."""
    return f"block_storage.host.{host}" if host and task in HOST_TASKS.get(kind, ()) else "block_storage.tasks"


# ------------------------------------------------------------------------------------------------ as the wire shows it

#: The word for a task, where the status alone would not say what goes on.
_WORDS = {
    "volume": {
        "managing": "managing", "unmanaging": "unmanaging", "extending": "extending", "retyping": "retyping",
        "reverting": "reverting", "reimaging": "downloading", "uploading": "uploading", "backing-up": "backing-up",
        "restoring-backup": "restoring-backup", "deleting": "deleting",
    },
    "snapshot": {
        "managing": "managing", "unmanaging": "unmanaging", "restoring": "restoring", "backing-up": "backing-up",
        "deleting": "deleting",
    },
    "backup": {"awaiting-volume": "restoring", "restoring": "restoring", "deleting": "deleting"},
    "group": {"emptying": "deleting"},
    "group_snapshot": {"emptying": "deleting"},
}  # fmt: skip

#: Every word for a volume that Cinder knows.
VOLUME_WORDS = frozenset(
    {
        "creating", "available", "reserved", "attaching", "detaching", "in-use", "maintenance", "deleting", "error",
        "error_deleting", "error_managing", "error_unmanaging", "managing", "unmanaging", "error_extending", "extending",
        "retyping", "backing-up", "error_backing-up", "restoring-backup", "error_restoring", "downloading", "uploading",
        "awaiting-transfer", "reverting",
    }
)  # fmt: skip


def status_of(kind: str, status: str, task: str | None) -> str:
    """The one word that users see."""
    return _WORDS[kind].get(task, status) if task is not None else status


def behind(kind: str, word: str) -> tuple[list[str], list[str]]:
    """What ``status_of`` shows as ``word``: the tasks that mean it, and the tasks that hide the status of that name."""
    words = _WORDS[kind]
    return [task for task, shown in words.items() if shown == word], [t for t, shown in words.items() if shown != word]


#: Of several, what is under way is told: who waits for "in-use" or "available" must not take the one before for the one after.
_RANK = ("detaching", "attaching", "reserved", "attached")
_ATTACHED = {"attached": "in-use", "detaching": "detaching", "attaching": "attaching", "reserved": "reserved"}

#: Statuses that a volume has because of its attachments, and may leave because of them.
FOLLOWS_ATTACHMENTS = frozenset({"available", *_ATTACHED.values()})


def attached_status(attachments: Iterable[str]) -> str:
    """What a volume is by the statuses of its attachments."""
    there = set(attachments)
    return next((_ATTACHED[one] for one in _RANK if one in there), "available")
