"""What happens to a server, as a table.

               create                stop / start                       resize, migrate
    (nothing) ────────► BUILD ──► ACTIVE ◄────────► SHUTOFF      ACTIVE, SHUTOFF ──────► RESIZED ── confirm ──► as it was
                          │        │  ▲  pause / unpause ──► PAUSED        ▲                │
                          ▼        │  │  suspend / resume ─► SUSPENDED     └──── revert ────┘
                        ERROR ◄────┘  └─ reboot, rebuild
    delete goes from anywhere to DELETED, and takes precedence over whatever is under way. A create that cannot succeed goes on
    as "abandon", which takes back all that it had got; only then is the server in ERROR. In the same way every row with an
    ``undo`` goes on with that verb when it fails.

What may be relied on:
  BUILD      has a row, quota and a first task. From "networking" on it has an allocation and a host. What volumes it asks for
             are made and reserved in "block_device_mapping", which is gone past if there are none.
  ACTIVE     has a host, an allocation, ports bound to the host; its guest should run, and a host makes it so.
  SHUTOFF    as ACTIVE, but its guest should be off.
  PAUSED, SUSPENDED   as ACTIVE; the memory is kept, in the host's memory or in a file.
  RESIZED    as ACTIVE or SHUTOFF; what it was is set aside on ``other_host`` (which may be the same), and the move, as a
             consumer of its own, has an allocation for it.
  RESCUED    as ACTIVE, but the guest was started from another disk and sees its own beside it.
  SHELVED    is off, and there is an image of its disk, which ``kept`` names; one with a root volume needs none, and leaves its
             host at once. OFFLOADED: it has no host, guest or allocation any
             more; its ports are bound to no host.
  SOFT_DELETED   is off, not counted against quota, and deleted when ``due_at`` comes.
  ERROR      has a fault that a user can read. Never built (``launched_at`` is None): no allocation, ports or quota either.
  DELETED    has nothing left but the row, which is kept for a while for lists with changes-since.

``other_host`` is there only during a move and in RESIZED: where what a server was is set aside, or where it is going.
Tasks in ``HOST_TASKS`` are done by the agent of the server's host, those in ``OTHER_HOST_TASKS`` by that of its other host, the
rest by a controller's loop.
"""

from __future__ import annotations

from wolke.core.states import ANY, Machine, Row

_BUILT = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR")
_IMAGED = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
_CREATE = ("scheduling", "networking", "block_device_mapping", "spawning")
_MOVE = ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish")
_LIVE = (
    "live_prep", "live_binding", "live_serving", "live_receiving", "live_sending", "live_settling", "live_arriving", "live_clearing",
    "live_released",
)  # fmt: skip
_LIVE_UNDO = ("live_regaining", "live_withdrawing", "live_undone")
_PLUGGABLE = ("ACTIVE", "SHUTOFF", "PAUSED", "RESIZED", "SHELVED")
_PLUG_S = 180.0
_MOVE_S = 3600.0  # disks are copied
_UNDO_S = 600.0

SERVER = Machine(
    "server",
    (
        #   verb              allowed from                       tasks, in order                            then
        Row("create", ("BUILD",), _CREATE, "ACTIVE", undo="abandon"),
        Row("start", ("SHUTOFF",), ("powering-on",), "ACTIVE"),
        Row("stop", ("ACTIVE", "ERROR"), ("powering-off",), "SHUTOFF"),
        Row("reboot_soft", ("ACTIVE",), ("rebooting",), "ACTIVE"),
        Row("reboot_hard", _BUILT, ("rebooting_hard",), "ACTIVE"),
        Row("pause", ("ACTIVE",), ("pausing",), "PAUSED"),
        Row("unpause", ("PAUSED",), ("unpausing",), "ACTIVE"),
        Row("suspend", ("ACTIVE",), ("suspending",), "SUSPENDED"),
        Row("resume", ("SUSPENDED",), ("resuming",), "ACTIVE"),
        Row("rebuild", ("ACTIVE", "SHUTOFF", "ERROR"), ("rebuilding", "rebuild_spawning"), "ACTIVE"),
        Row(
            "rebuild_volume",
            ("ACTIVE", "SHUTOFF", "ERROR"),
            ("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"),
            "ACTIVE",
            deadline_s=_MOVE_S,
        ),
        Row("create_image", _IMAGED, ("image_snapshot",), None, failed=None),
        Row("snapshot_volumes", _IMAGED, ("image_snapshot_pending",), None, failed=None, deadline_s=_MOVE_S),
        Row(
            "attach_interface",
            ("ACTIVE", "SHUTOFF", "PAUSED"),
            ("interface_attaching",),
            None,
            failed=None,
            undo="detach_interface",
        ),
        Row(
            "detach_interface",
            ("ACTIVE", "SHUTOFF", "PAUSED"),
            ("interface_detaching", "interface_releasing"),
            None,
            failed=None,
        ),
        Row(
            "attach_volume",
            _PLUGGABLE,
            ("volume_attaching",),
            None,
            failed=None,
            deadline_s=_PLUG_S,
            undo="detach_volume",
        ),
        Row("extend_volume", _PLUGGABLE, ("volumes_renewing",), None, failed=None, deadline_s=_PLUG_S),
        Row("retype_volume", _PLUGGABLE, ("volumes_renewing",), None, failed=None, deadline_s=_PLUG_S),
        Row("detach_volume", _PLUGGABLE, ("volume_detaching",), None, failed=None, deadline_s=_PLUG_S),
        Row(
            "swap_volume", ("ACTIVE", "PAUSED"), ("volume_swapping",), None, deadline_s=4 * _MOVE_S, undo="keep_volume"
        ),
        Row("keep_volume", (), ("volume_keeping",), None, failed=None, deadline_s=_MOVE_S),
        Row("resize", ("ACTIVE", "SHUTOFF"), _MOVE, "RESIZED", deadline_s=_MOVE_S, undo="revert_resize"),
        Row("migrate", ("ACTIVE", "SHUTOFF"), _MOVE, "RESIZED", deadline_s=_MOVE_S, undo="revert_resize"),
        Row("confirm_resize", ("RESIZED",), ("confirming", "confirmed"), None, deadline_s=60.0),
        Row(
            "revert_resize",
            ("RESIZED",),
            ("resize_reverting", "resize_unbinding", "resize_restoring"),
            None,
            deadline_s=_UNDO_S,
        ),
        Row("rescue", ("ACTIVE", "SHUTOFF", "ERROR"), ("rescuing",), "RESCUED", undo="unrescue"),
        Row("unrescue", ("RESCUED",), ("unrescuing",), "ACTIVE"),
        Row(
            "live_migrate",
            ("ACTIVE", "PAUSED"),
            _LIVE,
            None,
            deadline_s=4 * 3600.0,
            undo="live_undo",
        ),
        Row("live_undo", (), _LIVE_UNDO, None, failed=None),
        Row(
            "evacuate",
            ("ACTIVE", "SHUTOFF", "ERROR"),
            ("evacuating", "evacuating_binding", "evacuate_spawning"),
            None,
            deadline_s=_MOVE_S,
        ),
        Row("create_backup", _IMAGED, ("image_backup", "backup_rotating"), None, failed=None),
        Row(
            "shelve", _IMAGED, ("shelving", "shelving_image_uploading"), "SHELVED", deadline_s=_MOVE_S, undo="unshelve"
        ),
        Row(
            "shelve_away",
            _IMAGED,
            ("shelving", "shelving_offloading", "offloaded"),
            "SHELVED_OFFLOADED",
            undo="unshelve",
        ),
        Row("shelve_offload", ("SHELVED",), ("shelving_offloading", "offloaded"), "SHELVED_OFFLOADED"),
        Row("unshelve", ("SHELVED",), ("unshelving", "unshelved"), "ACTIVE"),
        Row(
            "unshelve_offloaded",
            ("SHELVED_OFFLOADED",),
            ("unshelving_scheduling", "unshelving_binding", "spawning_shelved", "unshelved"),
            "ACTIVE",
            deadline_s=_MOVE_S,
            undo="shelve_offload",
        ),
        Row("soft_delete", _BUILT, ("soft-deleting",), "SOFT_DELETED"),
        Row("restore", ("SOFT_DELETED",), ("restoring",), "ACTIVE"),
        Row("abandon", ("BUILD",), ("clearing", "abandoning"), "ERROR", preempts=True),
        Row("delete", ANY, ("deleting", "deleting_aside", "releasing"), "DELETED", preempts=True),
    ),
)

HOST_TASKS = frozenset(
    {
        "spawning", "powering-on", "powering-off", "rebooting", "rebooting_hard", "pausing", "unpausing", "suspending",
        "resuming", "rebuilding", "rebuild_spawning", "image_snapshot", "interface_attaching", "interface_detaching", "volume_attaching", "volume_detaching",
        "volume_swapping", "volume_keeping", "volumes_renewing",
        "deleting", "clearing", "resize_migrating", "resize_finish", "resize_reverting", "resize_restoring",
        "rescuing", "unrescuing", "image_backup", "shelving", "shelving_image_uploading", "shelving_offloading", "unshelving",
        "spawning_shelved", "evacuate_spawning", "live_serving", "live_regaining", "live_sending", "live_arriving",
        "soft-deleting", "restoring",
    }
)  # fmt: skip
OTHER_HOST_TASKS = frozenset({"confirming", "deleting_aside", "live_receiving", "live_clearing", "live_withdrawing"})
AGENT_TASKS = HOST_TASKS | OTHER_HOST_TASKS
CONTROLLER_TASKS = SERVER.tasks - AGENT_TASKS
#: Of those, the ones in which a server may have to wait for Block Storage.
WAITING = frozenset({"block_device_mapping", "rebuild_block_device_mapping", "image_snapshot_pending"})

#: The wake name of those who wait for a guest to have a network card, or not to get it.
INTERFACE_ATTACHED = "compute.interface_attached"

#: What a host only has to clear away: done at once if there is no host, and gone past if it is down when time is up. What
#: is there is found when the host comes back.
CLEANUPS = frozenset(
    {
        "deleting", "clearing", "deleting_aside", "confirming", "resize_reverting", "shelving_offloading", "live_clearing",
        "live_withdrawing", "live_regaining",
    }
)  # fmt: skip


def acting_host(task: str | None, host: str | None, other_host: str | None) -> str | None:
    """The host whose agent does ``task``; None if a controller does, or if there is no such host."""
    if task in HOST_TASKS:
        return host
    return other_host if task in OTHER_HOST_TASKS else None


def loop_of(task: str | None, host: str | None, other_host: str | None = None) -> str:
    """The wake name of whoever does ``task``: ``tx.wake(loop_of(…))`` in the transaction that records it."""
    acting = acting_host(task, host, other_host)
    return f"compute.host.{acting}" if acting else "compute.servers"


# ------------------------------------------------------------------------------------------------ as the wire shows it

VM_STATES = {
    "BUILD": "building", "ACTIVE": "active", "SHUTOFF": "stopped", "PAUSED": "paused", "SUSPENDED": "suspended",
    "RESIZED": "resized", "RESCUED": "rescued", "SHELVED": "shelved", "SHELVED_OFFLOADED": "shelved_offloaded",
    "SOFT_DELETED": "soft-delete", "ERROR": "error", "DELETED": "deleted",
}  # fmt: skip

POWER_STATES = {"nostate": 0, "running": 1, "paused": 3, "shutdown": 4, "crashed": 6, "suspended": 7}

#: Every status that Nova knows; some never come about here.
KNOWN_STATUSES = frozenset(
    {
        "ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "MIGRATING", "PASSWORD", "PAUSED", "REBOOT", "REBUILD",
        "RESCUE", "RESIZE", "REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED", "SHUTOFF", "SOFT_DELETED", "SUSPENDED",
        "UNKNOWN", "VERIFY_RESIZE",
    }
)  # fmt: skip

_STATUS_OF_TASK = {
    "rebooting": "REBOOT", "rebooting_hard": "HARD_REBOOT", "rebuilding": "REBUILD", "rebuild_spawning": "REBUILD",
    "rebuild_block_device_mapping": "REBUILD",
    "resize_prep": "RESIZE", "resize_migrating": "RESIZE", "resize_migrated": "RESIZE", "resize_finish": "RESIZE",
    "resize_reverting": "REVERT_RESIZE", "resize_unbinding": "REVERT_RESIZE", "resize_restoring": "REVERT_RESIZE",
}  # fmt: skip
_STATUS_OF_TASK |= dict.fromkeys(("evacuating", "evacuating_binding", "evacuate_spawning"), "REBUILD")
_STATUS_OF_TASK |= dict.fromkeys((*_LIVE, *_LIVE_UNDO), "MIGRATING")
_WORDS = {"RESIZED": "VERIFY_RESIZE", "RESCUED": "RESCUE"}

#: Tasks that Nova has no word for, or another one.
_TASK_STATES: dict[str, str | None] = {
    "volumes_renewing": None, "volume_attaching": None, "volume_swapping": None, "volume_keeping": None, "volume_detaching": None, "interface_attaching": None, "interface_detaching": None, "interface_releasing": None, "releasing": "deleting",
    "clearing": None, "abandoning": None, "deleting_aside": "deleting", "confirming": None, "confirmed": None,
    "evacuating": "rebuilding", "evacuating_binding": "rebuilding", "evacuate_spawning": "rebuild_spawning",
    "backup_rotating": "image_backup", "offloaded": "shelving_offloading", "unshelved": "unshelving",
    "unshelving_scheduling": "unshelving", "unshelving_binding": "unshelving", "spawning_shelved": "spawning",
    "resize_unbinding": "resize_reverting", "resize_restoring": "resize_reverting",
}  # fmt: skip

_TASK_STATES |= dict.fromkeys((*_LIVE, *_LIVE_UNDO), "migrating")

#: How a move is called on the wire while it is under way; whatever else it is called, it is over.
MOVES_UNDER_WAY = frozenset(
    {"accepted", "queued", "preparing", "pre-migrating", "running", "migrating", "post-migrating", "finished",
     "confirming", "reverting"}
)  # fmt: skip


def status_of(status: str, task: str | None) -> str:
    """The one word that users see: the status, unless a reboot, a rebuild or a move is under way."""
    word = _WORDS.get(status, status)
    return _STATUS_OF_TASK.get(task, word) if task is not None else word


def columns_of(words: frozenset[str] | set[str]) -> list[str] | None:
    """The statuses in the database that any of ``words`` may come from; None if that cannot be told without the task."""
    if words & set(_STATUS_OF_TASK.values()):
        return None
    back = {word: status for status, word in _WORDS.items()}
    found = [back.get(word, word) for word in words]
    return sorted(one for one in found if one in VM_STATES)


def task_state_of(task: str | None) -> str | None:
    return _TASK_STATES.get(task, task) if task is not None else None
