"""Finishing the instance action that a verb began."""

from __future__ import annotations

from wolke.compute.model import Server
from wolke.compute.store import SERVER_ACTIONS
from wolke.core.clock import Instant
from wolke.core.db import Order, Transaction

# verb: the action's name and its one event, as Nova names them
_NAMES: dict[str, tuple[str, str]] = {
    "create": ("create", "compute__do_build_and_run_instance"),
    "abandon": ("create", "compute__do_build_and_run_instance"),
    "start": ("start", "compute_start_instance"),
    "stop": ("stop", "compute_stop_instance"),
    "reboot_soft": ("reboot", "compute_reboot_instance"),
    "reboot_hard": ("reboot", "compute_reboot_instance"),
    "pause": ("pause", "compute_pause_instance"),
    "unpause": ("unpause", "compute_unpause_instance"),
    "suspend": ("suspend", "compute_suspend_instance"),
    "resume": ("resume", "compute_resume_instance"),
    "rebuild": ("rebuild", "compute_rebuild_instance"),
    "create_image": ("createImage", "compute_snapshot_instance"),
    "attach_interface": ("attach_interface", "compute_attach_interface"),
    "detach_interface": ("detach_interface", "compute_detach_interface"),
    "delete": ("delete", "compute_terminate_instance"),
}


async def finish_action(
    tx: Transaction, server: Server, verb: str, now: Instant, *, host: str | None, error: str | None = None
) -> None:
    """Give the newest unfinished action of ``verb`` its end. There is none for what the cloud did by itself."""
    name, event = _NAMES[verb]
    found = await tx.find(SERVER_ACTIONS, server_id=server.id, action=name, order=[Order("id", True)], limit=1)
    if not found or any(one.get("finish_time") and one.get("event") == event for one in found[0].events):
        return
    ending = {
        "event": event,
        "start_time": found[0].started_at,
        "finish_time": now,
        "result": "Success" if error is None else "Error",
        "host": host,
        "traceback": None,
        "details": error,
    }
    changes = {"updated_at": now, "events": [*found[0].events, ending]}
    if error is not None:
        changes["message"] = "Error"
    await tx.update(SERVER_ACTIONS, changes, id=found[0].id)
