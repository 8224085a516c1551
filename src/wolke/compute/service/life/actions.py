"""Finishing the instance action that a verb began."""

from __future__ import annotations

from wolke.compute.model import Server, ServerAction
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
    "rebuild_volume": ("rebuild", "compute_rebuild_instance"),
    "snapshot_volumes": ("createImage", "compute_snapshot_instance"),
    "shelve_away": ("shelve", "compute_shelve_instance"),
    "create_image": ("createImage", "compute_snapshot_instance"),
    "attach_interface": ("attach_interface", "compute_attach_interface"),
    "detach_interface": ("detach_interface", "compute_detach_interface"),
    "attach_volume": ("attach_volume", "compute_attach_volume"),
    "detach_volume": ("detach_volume", "compute_detach_volume"),
    "swap_volume": ("swap_volume", "compute_swap_volume"),
    "keep_volume": ("swap_volume", "compute_swap_volume"),
    "extend_volume": ("extend_volume", "compute_extend_volume"),
    "retype_volume": ("retype_volume", "compute_retype_volume"),
    "resize": ("resize", "compute_prep_resize"),
    "migrate": ("migrate", "compute_prep_resize"),
    "confirm_resize": ("confirmResize", "compute_confirm_resize"),
    "revert_resize": ("revertResize", "compute_revert_resize"),
    "rescue": ("rescue", "compute_rescue_instance"),
    "unrescue": ("unrescue", "compute_unrescue_instance"),
    "live_migrate": ("live-migration", "compute_live_migration"),
    "live_undo": ("live-migration", "compute_live_migration"),
    "evacuate": ("evacuate", "compute_rebuild_instance"),
    "create_backup": ("createBackup", "compute_backup_instance"),
    "shelve": ("shelve", "compute_shelve_instance"),
    "shelve_offload": ("shelveOffload", "compute_shelve_offload_instance"),
    "unshelve": ("unshelve", "compute_unshelve_instance"),
    "unshelve_offloaded": ("unshelve", "compute_unshelve_instance"),
    "soft_delete": ("delete", "compute_soft_delete_instance"),
    "restore": ("restore", "compute_restore_instance"),
    "delete": ("delete", "compute_terminate_instance"),
}


_EVENTS = dict(_NAMES.values())  # the last one: "delete" is that of delete itself
_LATEST = 5  # no more than two can be open: what is under way, and the delete that preempts it


async def finish_action(
    tx: Transaction, server: Server, verb: str, now: Instant, *, host: str | None, error: str | None = None
) -> None:
    """Give the newest action of ``verb`` its end, if it has none yet. There is none for what the cloud did by itself.
    A delete ends what it preempted as well."""
    name = _NAMES[verb][0]
    if verb != "delete":
        found = await tx.find(SERVER_ACTIONS, server_id=server.id, action=name, order=[Order("id", True)], limit=1)
    else:
        found = await tx.find(SERVER_ACTIONS, server_id=server.id, order=[Order("id", True)], limit=_LATEST)
    for action in found:
        if action.action == name:
            await _end(tx, action, now, host, error)
        elif action.action in _EVENTS:
            await _end(tx, action, now, host, "The server was deleted meanwhile.")


async def finish_verb(tx: Transaction, server: Server, now: Instant, *, error: str | None = None) -> None:
    """The verb under way has come to its end; if it was there to undo another, that is what has failed."""
    verb, failure = server.arguments.get("undoes"), server.arguments.get("failure")
    await finish_action(tx, server, verb or server.verb or "", now, host=server.host, error=failure or error)


async def _end(tx: Transaction, action: ServerAction, now: Instant, host: str | None, error: str | None) -> None:
    event = _EVENTS[action.action]
    if any(one.get("finish_time") and one.get("event") == event for one in action.events):
        return
    ending = {
        "event": event,
        "start_time": action.started_at,
        "finish_time": now,
        "result": "Success" if error is None else "Error",
        "host": host,
        "traceback": None,
        "details": error,
    }
    changes = {"updated_at": now, "events": [*action.events, ending]}
    if error is not None:
        changes["message"] = "Error"
    await tx.update(SERVER_ACTIONS, changes, id=action.id)
