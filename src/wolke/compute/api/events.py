"""/os-server-external-events: there is nobody outside to tell anything."""

from __future__ import annotations

from typing import Any

from wolke.compute.schema import operations as schema
from wolke.compute.service import Compute
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Response, Route

_KNOWN = frozenset(
    {
        "network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted", "volume-extended",
        "power-update", "accelerator-request-bound", "volume-reimaged",
    }
)  # fmt: skip
Json = dict[str, Any]


async def create(service: Compute, ctx: Context, request: Request) -> Response:
    """Accepted and not needed: the services of this cloud tell each other in process."""
    shown, found = [], 0
    for event in request.body["events"]:
        if event["name"] not in _KNOWN:
            raise BadRequest(f"Invalid input for field/attribute name. Value: {event['name'][:64]}.")
        code = 200
        try:
            await service.servers.show(ctx, event["server_uuid"])
            found += 1
        except NotFound:
            code = 404
        status = event.get("status", "completed") if code < 300 else "failed"
        shown.append({**event, "status": status, "code": code})
    if not found:
        raise NotFound("No instances found for any event")
    return Response(200 if found == len(shown) else 207, {"events": shown})


ROUTES = (
    Route(
        "POST", "/v2.1/os-server-external-events", create, "os_compute_api:os-server-external-events:create",
        body=schema.EVENTS,
    ),
)  # fmt: skip
