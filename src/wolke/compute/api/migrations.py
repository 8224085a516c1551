"""/os-migrations and a server's /migrations."""

from __future__ import annotations

from typing import Any

from wolke.compute.api.pages import NEWEST_FIRST, full, page
from wolke.compute.model import Migration
from wolke.compute.schema.server_actions import bare
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views import migrations as views
from wolke.compute.views.links import following
from wolke.core.clock import instant, moment
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Route
from wolke.core.paging import Page

_RULE = "os_compute_api:os-migrations"
_COLUMNS = {"instance_uuid": "server_id", "source_compute": "source_host", "status": "status", "migration_type": "kind"}
_OWNERS = {"user_id": "user_id", "project_id": "project_id"}
_QUERY = frozenset({*_COLUMNS, "host", "hidden", "limit", "marker", "changes-since", "changes-before"})
_ALL, _ONES = "/v2.1/os-migrations", "/v2.1/servers/{server_id}/migrations"
Json = dict[str, Any]


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    paged = request.version >= Since.PAGED_MIGRATIONS
    most = service.config.max_servers_per_page
    wanted = page(request, most=most, columns={}, default=NEWEST_FIRST) if paged else Page(NEWEST_FIRST, most)
    found = await service.moves.index(wanted, _where(request, paged=paged))
    answer: Json = {"migrations": [views.migration(one, request.base_url) for one in found]}
    if paged and full(found, wanted.limit):
        following_ = following(request.base_url, "os-migrations", request.query, found[-1].uuid, wanted.limit)
        answer["migrations_links"] = following_
    return answer


def _where(request: Request, *, paged: bool) -> list[Where]:
    query, where = request.query, []
    columns = {**_COLUMNS, **(_OWNERS if request.version >= Since.OWNERS_OF_MIGRATIONS else {})}
    for name, column in columns.items():
        if name in query:
            where.append(Where(column, "eq", query.get(name)))
    if "host" in query:
        ends = [[Where(end, "eq", query.get("host"))] for end in ("source_host", "dest_host")]
        where.append(Where("", "any", ends))
    since = _instant(request, "changes-since") if paged else None
    before = _instant(request, "changes-before") if request.version >= Since.CHANGES_BEFORE else None
    if since and before and since > before:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    if since:
        where.append(Where("updated_at", "ge", since))
    if before:
        where.append(Where("updated_at", "le", before))
    return where


def _instant(request: Request, name: str) -> str | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return instant(moment(text.replace(" ", "+", 1)))
    except (ValueError, OverflowError):
        raise BadRequest(f"Invalid input for query parameters {name}. Value: {text[:64]}") from None


async def of_server(service: Compute, ctx: Context, request: Request) -> Json:
    server = await service.servers.show(ctx, request.params["server_id"])
    found = [one for one in await service.moves.of_server(server) if views.under_way(one)]
    return {"migrations": [_lowered(request, one) for one in found]}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    server = await service.servers.show(ctx, request.params["server_id"])
    found = await service.moves.show(server, request.params["migration_id"])
    if not views.under_way(found):
        raise NotFound(
            f"Live migration {found.id} for server {server.id} is not in progress, or is not a live migration."
        )
    return {"migration": _lowered(request, found)}


async def abort(service: Compute, ctx: Context, request: Request) -> None:
    params = request.params
    await service.moves.want(ctx, params["server_id"], params["migration_id"], "abort")


async def act(service: Compute, ctx: Context, request: Request) -> None:
    """There is one thing that can be done: to force it to its end."""
    params = request.params
    await service.moves.want(ctx, params["server_id"], params["migration_id"], "force")


def _lowered(request: Request, one: Migration) -> Json:
    shown = views.of_server(one)
    assert request.api.versions is not None
    request.api.versions.lower("server_migration", request.version, (shown,))
    return shown


ROUTES = (
    Route("GET", _ALL, index, f"{_RULE}:index", view="migration", query=_QUERY, strict="2.59", until="2.79"),
    Route("GET", _ALL, index, f"{_RULE}:index", view="migration", query=_QUERY | _OWNERS.keys(), strict="2.80", since="2.80"),
    Route("GET", _ONES, of_server, "os_compute_api:servers:migrations:index", since="2.23"),
    Route(
        "GET", f"{_ONES}/{{migration_id}}", show, "os_compute_api:servers:migrations:show", view="server_migration",
        since="2.23",
    ),
    Route(
        "DELETE", f"{_ONES}/{{migration_id}}", abort, "os_compute_api:servers:migrations:delete", 202, since="2.24",
    ),
    Route(
        "POST", f"{_ONES}/{{migration_id}}/action", act, "os_compute_api:servers:migrations:force_complete", 202,
        bare("force_complete"), since="2.22",
    ),
)  # fmt: skip
