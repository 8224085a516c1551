"""What was done to a server, as the wire shows it."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Server, ServerAction
from wolke.compute.views.servers import host_id
from wolke.core.clock import micros


def action(one: ServerAction) -> dict[str, Any]:
    return {
        "action": one.action,
        "instance_uuid": one.server_id,
        "message": one.message,
        "project_id": one.project_id,
        "request_id": one.request_id,
        "start_time": micros(one.started_at),
        "updated_at": micros(one.updated_at),
        "user_id": one.user_id,
    }


def events(one: ServerAction, server: Server, *, traceback: bool, host: bool, details: bool) -> list[dict[str, Any]]:
    """``traceback``, ``host`` and ``details``: for whoever may see them."""
    found = []
    for event in one.events:
        where = event.get("host") or server.host
        shown = {
            "event": event["event"],
            "start_time": micros(event["start_time"]),
            "finish_time": micros(event["finish_time"]) if event.get("finish_time") else None,
            "result": event.get("result"),
            "hostId": host_id(server.project_id, where),
        }
        if traceback:
            shown["traceback"] = event.get("traceback")
        if host:
            shown["host"] = where
        if details:
            shown["details"] = event.get("details")
        found.append(shown)
    return found
