"""What happens to a server, as a table.

               create                stop / start
    (nothing) ────────► BUILD ──► ACTIVE ◄────────► SHUTOFF
                          │        │  ▲  pause / unpause ──► PAUSED
                          ▼        │  │  suspend / resume ─► SUSPENDED
                        ERROR ◄────┘  └─ reboot, rebuild
    delete goes from anywhere to DELETED, and takes precedence over whatever is under way. A create that cannot succeed goes on
    as "abandon", which takes back all that it had got; only then is the server in ERROR.

What may be relied on:
  BUILD      has a row, quota and a first task. From "networking" on it has an allocation and a host.
  ACTIVE     has a host, an allocation, ports bound to the host; its guest should run, and a host makes it so.
  SHUTOFF    as ACTIVE, but its guest should be off.
  PAUSED, SUSPENDED   as ACTIVE; the memory is kept, in the host's memory or in a file.
  ERROR      has a fault that a user can read. Never built (``launched_at`` is None): no allocation, ports or quota either.
  DELETED    has nothing left but the row, which is kept for a while for lists with changes-since.

Tasks in ``HOST_TASKS`` are done by the agent of the server's host; the others by a controller's loop.
"""

from __future__ import annotations

from wolke.core.states import ANY, Machine, Row

_BUILT = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR")

SERVER = Machine(
    "server",
    (
        #   verb              allowed from                       tasks, in order                            then
        Row("create", ("BUILD",), ("scheduling", "networking", "spawning"), "ACTIVE"),
        Row("start", ("SHUTOFF",), ("powering-on",), "ACTIVE"),
        Row("stop", ("ACTIVE", "ERROR"), ("powering-off",), "SHUTOFF"),
        Row("reboot_soft", ("ACTIVE",), ("rebooting",), "ACTIVE"),
        Row("reboot_hard", _BUILT, ("rebooting_hard",), "ACTIVE"),
        Row("pause", ("ACTIVE",), ("pausing",), "PAUSED"),
        Row("unpause", ("PAUSED",), ("unpausing",), "ACTIVE"),
        Row("suspend", ("ACTIVE",), ("suspending",), "SUSPENDED"),
        Row("resume", ("SUSPENDED",), ("resuming",), "ACTIVE"),
        Row("rebuild", ("ACTIVE", "SHUTOFF", "ERROR"), ("rebuilding", "rebuild_spawning"), "ACTIVE"),
        Row("create_image", ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"), ("image_snapshot",), None, failed=None),
        Row("attach_interface", ("ACTIVE", "SHUTOFF", "PAUSED"), ("interface_attaching",), None, failed=None),
        Row(
            "detach_interface",
            ("ACTIVE", "SHUTOFF", "PAUSED"),
            ("interface_detaching", "interface_releasing"),
            None,
            failed=None,
        ),
        Row("abandon", ("BUILD",), ("clearing", "abandoning"), "ERROR", preempts=True),
        Row("delete", ANY, ("deleting", "releasing"), "DELETED", preempts=True),
    ),
)

HOST_TASKS = frozenset(
    {
        "spawning", "powering-on", "powering-off", "rebooting", "rebooting_hard", "pausing", "unpausing", "suspending",
        "resuming", "rebuilding", "rebuild_spawning", "image_snapshot", "interface_attaching", "interface_detaching",
        "deleting", "clearing",
    }
)  # fmt: skip

CONTROLLER_TASKS = SERVER.tasks - HOST_TASKS


def loop_of(task: str | None, host: str | None) -> str:
    """The wake name of whoever does ``task``: ``tx.wake(loop_of(task, host))`` in the transaction that records it."""
    return f"compute.host.{host}" if host and task in HOST_TASKS else "compute.servers"


# ------------------------------------------------------------------------------------------------ as the wire shows it

VM_STATES = {
    "BUILD": "building", "ACTIVE": "active", "SHUTOFF": "stopped", "PAUSED": "paused", "SUSPENDED": "suspended",
    "ERROR": "error", "DELETED": "deleted",
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
}  # fmt: skip

#: Tasks that Nova has no word for, or another one.
_TASK_STATES = {
    "interface_attaching": None, "interface_detaching": None, "interface_releasing": None, "releasing": "deleting",
    "clearing": None, "abandoning": None,
}  # fmt: skip


def status_of(status: str, task: str | None) -> str:
    """The one word that users see: the status, unless a reboot or a rebuild is under way."""
    return _STATUS_OF_TASK.get(task, status) if task is not None else status


def task_state_of(task: str | None) -> str | None:
    return _TASK_STATES.get(task, task) if task is not None else None
