"""/os-aggregates."""

from __future__ import annotations

from typing import Any

from wolke.compute.schema import operations as schema
from wolke.compute.service import Compute
from wolke.compute.views.aggregates import aggregate
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route

_RULE = "os_compute_api:os-aggregates"
Json = dict[str, Any]


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    return {"aggregates": [aggregate(one) for one in await service.aggregates.index(ctx)]}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    return {"aggregate": aggregate(await service.aggregates.show(ctx, request.params["aggregate_id"]))}


async def create(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["aggregate"]
    made = aggregate(await service.aggregates.create(ctx, asked["name"], asked.get("availability_zone")))
    return {"aggregate": {name: value for name, value in made.items() if name not in ("hosts", "metadata")}}


async def update(service: Compute, ctx: Context, request: Request) -> Json:
    aggregate_id, asked = request.params["aggregate_id"], request.body["aggregate"]
    return {"aggregate": aggregate(await service.aggregates.update(ctx, aggregate_id, asked))}


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.aggregates.delete(ctx, request.params["aggregate_id"])


async def act(service: Compute, ctx: Context, request: Request) -> Json:
    aggregate_id = request.params["aggregate_id"]
    (name, asked), *_ = request.body.items()
    request.enforce(f"{_RULE}:{name}")
    if name == "set_metadata":
        changed = await service.aggregates.set_metadata(ctx, aggregate_id, _texts(asked["metadata"]))
    elif name == "add_host":
        changed = await service.aggregates.add_host(ctx, aggregate_id, asked["host"])
    else:
        changed = await service.aggregates.remove_host(ctx, aggregate_id, asked["host"])
    return {"aggregate": aggregate(changed)}


def _texts(metadata: dict[str, str | None]) -> dict[str, str | None]:
    if metadata.get("availability_zone") == "":
        raise BadRequest("Aggregate metadata availability_zone must not be empty.")
    return metadata


_ONE = "/v2.1/os-aggregates/{aggregate_id}"
ROUTES = (
    Route("GET", "/v2.1/os-aggregates", index, f"{_RULE}:index", view="aggregate"),
    Route("POST", "/v2.1/os-aggregates", create, f"{_RULE}:create", body=schema.AGGREGATE_CREATE, view="aggregate"),
    Route("GET", _ONE, show, f"{_RULE}:show", view="aggregate"),
    Route("PUT", _ONE, update, f"{_RULE}:update", body=schema.AGGREGATE_UPDATE, view="aggregate"),
    Route("DELETE", _ONE, delete, f"{_RULE}:delete"),
    Route("POST", f"{_ONE}/action", act, body=schema.AGGREGATE_ACTION, view="aggregate"),
)
