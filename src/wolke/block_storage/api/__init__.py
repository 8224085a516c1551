"""Block Storage's door: Cinder's API v3, with microversions.

Every path is there twice: below ``/v3/{project_id}``, as it has always been, and below ``/v3`` alone, as it may be written since
3.67. A project that is named must be the caller's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from wolke.block_storage.api import (
    attachments,
    backups,
    discovery,
    groups,
    hosts,
    managing,
    messages,
    qos_specs,
    quotas,
    snapshots,
    transfers,
    types,
    volume_actions,
    volumes,
)
from wolke.block_storage.policy import RULES
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.versions import VERSIONS
from wolke.core import faults
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Api, Request, Route
from wolke.core.policy import Policy

_OF_PROJECTS: tuple[Route, ...] = (
    *volumes.ROUTES,
    *volume_actions.ROUTES,
    *snapshots.ROUTES,
    *types.ROUTES,
    *qos_specs.ROUTES,
    *attachments.ROUTES,
    *transfers.ROUTES,
    *backups.ROUTES,
    *groups.ROUTES,
    *managing.ROUTES,
    *messages.ROUTES,
    *quotas.ROUTES,
    *hosts.ROUTES,
    *discovery.ROUTES,
)
_WITHOUT = tuple(replace(route, path=f"/v3{route.path}") for route in (*_OF_PROJECTS, *types.DEFAULT_ROUTES))

#: As documented; ``build_api`` serves the paths that name no project too.
ROUTES: tuple[Route, ...] = (
    *discovery.OPEN_ROUTES,
    *(replace(route, path=f"/v3/{{project_id}}{route.path}") for route in _OF_PROJECTS),
    *(replace(route, path=f"/v3{route.path}") for route in types.DEFAULT_ROUTES),
)

Handler = Callable[[BlockStorage, Context, Request], Awaitable[Any]]


def _own(handler: Handler) -> Handler:
    async def asked(service: BlockStorage, ctx: Context, request: Request) -> Any:
        if "project_id" in request.params and request.params["project_id"] != ctx.project_id and ctx.scope == "project":
            raise BadRequest("Malformed request url")
        if request.path.endswith("/") and len(request.params) > 0:
            raise NotFound("The resource could not be found.")
        return await handler(service, ctx, request)

    return asked


def build_api(service: BlockStorage, overrides: Mapping[str, str] | None = None) -> Api:
    named = tuple(replace(route, handler=_own(route.handler)) if route.auth else route for route in ROUTES)
    paths = {(route.method, route.path) for route in named}
    return Api(
        name="block_storage",
        prefix="/volume",
        routes=(*named, *(route for route in _WITHOUT if (route.method, route.path) not in paths)),
        service=service,
        policy=Policy(RULES, overrides),
        spell=faults.nova,
        versions=VERSIONS,
    )
