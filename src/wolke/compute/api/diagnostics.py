"""/servers/{server_id}/diagnostics: what a server's guest has used, for administrators."""

from __future__ import annotations

from typing import Any

from wolke.compute.errors import NotOffered
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views import diagnostics as views
from wolke.core.context import Context
from wolke.core.http import Request, Route


async def show(service: Compute, ctx: Context, request: Request) -> dict[str, Any]:
    server = await service.servers.show(ctx, request.params["server_id"])
    if service.diagnoses is None:
        raise NotOffered("diagnostics of servers")
    said = await service.diagnoses.of(server)
    return (views.diagnostics if request.version >= Since.ONE_FORM_OF_DIAGNOSTICS else views.old)(server, said)


ROUTES = (Route("GET", "/v2.1/servers/{server_id}/diagnostics", show, "os_compute_api:os-server-diagnostics"),)
