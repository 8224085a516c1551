"""/flavors, their extra specs and who may use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.compute.api.pages import full, number, page
from wolke.compute.schema import flavors as schema
from wolke.compute.service import Compute
from wolke.compute.service.flavors import SORT_KEYS
from wolke.compute.versions import Since
from wolke.compute.views import flavors as views
from wolke.compute.views.links import following
from wolke.core.context import Context
from wolke.core.db import Order
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.paging import Page
from wolke.core.schema import boolean

_MANAGE = "os_compute_api:os-flavor-manage"
_SPECS = "os_compute_api:os-flavor-extra-specs"
_ACCESS = "os_compute_api:os-flavor-access"
Json = dict[str, Any]


async def _find(service: Compute, ctx: Context, request: Request) -> tuple[list[Any], Page]:
    query, named = request.query, request.version >= Since.FLAVORS_WITHOUT_FACTORS
    keys = {name: column for name, column in SORT_KEYS.items() if not named or name != "rxtx_factor"}
    wanted = page(request, most=service.config.max_servers_per_page, columns=keys, default=(Order("id"),))
    kind: bool | None = True
    if ctx.is_admin and (asked := query.get("is_public")) is not None:
        try:
            kind = None if asked.lower() == "none" else boolean(asked)
        except BadRequest:
            raise BadRequest(f"Invalid is_public filter [{asked[:64]}]") from None
    flavors = await service.flavors.index(
        ctx,
        wanted,
        is_public=kind,
        min_disk_gib=number(request, "minDisk"),
        min_ram_mib=number(request, "minRam"),
        name=query.get("name") if named else None,
    )
    return flavors, wanted


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    found, wanted = await _find(service, ctx, request)
    return _listed([views.brief(one, request.base_url) for one in found], "flavors", request, wanted)


async def detail(service: Compute, ctx: Context, request: Request) -> Json:
    found, wanted = await _find(service, ctx, request)
    return _listed(_shown(found, request), "flavors/detail", request, wanted)


def _listed(shown: list[Json], path: str, request: Request, wanted: Page) -> Json:
    answer: Json = {"flavors": shown}
    if full(shown, wanted.limit):
        answer["flavors_links"] = following(request.base_url, path, request.query, shown[-1]["id"], wanted.limit)
    return answer


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    flavor = await service.flavors.show(ctx, request.params["flavor_id"])
    return _one(flavor, request)


def _one(flavor: Any, request: Request) -> Json:
    return {"flavor": _shown([flavor], request)[0]}


def _shown(flavors: Sequence[Any], request: Request) -> list[Json]:
    specs, factors = request.allows(f"{_SPECS}:index"), request.version < Since.FLAVORS_WITHOUT_FACTORS
    return [views.flavor(one, request.base_url, extra_specs=specs, factors=factors) for one in flavors]


async def create(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["flavor"]
    values = {
        "name": asked["name"],
        "vcpus": int(asked["vcpus"]),
        "ram_mib": int(asked["ram"]),
        "disk_gib": int(asked["disk"]),
        "ephemeral_gib": int(asked.get("OS-FLV-EXT-DATA:ephemeral", 0)),
        "swap_mib": int(asked.get("swap") or 0),
        "rxtx_factor": float(asked.get("rxtx_factor", 1.0)),
        "is_public": boolean(asked.get("os-flavor-access:is_public", True)),
        "description": asked.get("description"),
    }
    _check_bounds(values)
    if asked.get("id") is not None:
        values["id"] = str(asked["id"])
    return _one(await service.flavors.create(ctx, values), request)


_LEAST = {"vcpus": 1, "ram_mib": 1, "disk_gib": 0, "ephemeral_gib": 0, "swap_mib": 0, "rxtx_factor": 1e-9}


def _check_bounds(values: Json) -> None:
    """Numbers that came in quotes have not been measured by the schema."""
    for name, least in _LEAST.items():
        if not least <= values[name] < 2**31:
            raise BadRequest(f"Invalid input for field/attribute {name}. Value: {values[name]}. It is out of range.")


async def update(service: Compute, ctx: Context, request: Request) -> Json:
    flavor_id, asked = request.params["flavor_id"], request.body["flavor"]
    return _one(await service.flavors.update(ctx, flavor_id, asked["description"]), request)


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.flavors.delete(ctx, request.params["flavor_id"])


# -- extra specs


async def extra_specs(service: Compute, ctx: Context, request: Request) -> Json:
    return {"extra_specs": (await service.flavors.show(ctx, request.params["flavor_id"])).extra_specs}


async def add_extra_specs(service: Compute, ctx: Context, request: Request) -> Json:
    specs = {key: _text(value) for key, value in request.body["extra_specs"].items()}
    await service.flavors.add_extra_specs(ctx, request.params["flavor_id"], specs)
    return {"extra_specs": specs}


async def extra_spec(service: Compute, ctx: Context, request: Request) -> Json:
    key = request.params["key"]
    return {key: await service.flavors.extra_spec(ctx, request.params["flavor_id"], key)}


async def set_extra_spec(service: Compute, ctx: Context, request: Request) -> Json:
    key = request.params["key"]
    if key not in request.body:
        raise BadRequest("Request body and URI mismatch")
    specs = {key: _text(request.body[key])}
    await service.flavors.add_extra_specs(ctx, request.params["flavor_id"], specs)
    return specs


async def delete_extra_spec(service: Compute, ctx: Context, request: Request) -> None:
    await service.flavors.delete_extra_spec(ctx, request.params["flavor_id"], request.params["key"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


# -- access


async def access(service: Compute, ctx: Context, request: Request) -> Json:
    flavor_id = request.params["flavor_id"]
    return views.access(flavor_id, await service.flavors.access(ctx, flavor_id))


async def change_access(service: Compute, ctx: Context, request: Request) -> Json:
    flavor_id = request.params["flavor_id"]
    for name, rule, schema_of, verb in (
        ("addTenantAccess", "add_tenant_access", schema.ADD_ACCESS, service.flavors.add_access),
        ("removeTenantAccess", "remove_tenant_access", schema.REMOVE_ACCESS, service.flavors.remove_access),
    ):
        if name in request.body:
            request.enforce(f"{_ACCESS}:{rule}")
            request.api.check_body(_access_route(name, schema_of), request.version, request.body)
            flavor = await verb(ctx, flavor_id, request.body[name]["tenant"])
            return views.access(flavor_id, flavor.projects)
    raise BadRequest("There is no such action: " + ", ".join(map(str, request.body))[:64])


_ACCESS_ROUTES: dict[str, Route] = {}


def _access_route(name: str, body: Json) -> Route:
    found = _ACCESS_ROUTES.get(name)
    if found is None:
        found = _ACCESS_ROUTES[name] = Route("POST", f"/#{name}", change_access, body=body)
    return found


_ALL, _ONE = "/v2.1/flavors", "/v2.1/flavors/{flavor_id}"
_QUERY = ("limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir")
ROUTES = (
    Route("GET", _ALL, index, view="flavor", query=_QUERY, strict="2.75", until="2.101"),
    Route("GET", _ALL, index, view="flavor", query=(*_QUERY, "name"), since="2.102"),
    Route("GET", f"{_ALL}/detail", detail, view="flavor", query=_QUERY, strict="2.75", until="2.101"),
    Route("GET", f"{_ALL}/detail", detail, view="flavor", query=(*_QUERY, "name"), since="2.102"),
    Route("POST", _ALL, create, f"{_MANAGE}:create", body=schema.CREATE, noun="flavor_create", view="flavor"),
    Route("GET", _ONE, show, view="flavor"),
    Route("PUT", _ONE, update, f"{_MANAGE}:update", body=schema.UPDATE, view="flavor", since="2.55"),
    Route("DELETE", _ONE, delete, f"{_MANAGE}:delete", 202),
    Route("POST", f"{_ONE}/action", change_access, body={"type": "object", "minProperties": 1}),
    Route("GET", f"{_ONE}/os-flavor-access", access, _ACCESS),
    Route("GET", f"{_ONE}/os-extra_specs", extra_specs, f"{_SPECS}:index"),
    Route("POST", f"{_ONE}/os-extra_specs", add_extra_specs, f"{_SPECS}:create", body=schema.EXTRA_SPECS),
    Route("GET", f"{_ONE}/os-extra_specs/{{key}}", extra_spec, f"{_SPECS}:show"),
    Route("PUT", f"{_ONE}/os-extra_specs/{{key}}", set_extra_spec, f"{_SPECS}:update", body=schema.EXTRA_SPEC),
    Route("DELETE", f"{_ONE}/os-extra_specs/{{key}}", delete_extra_spec, f"{_SPECS}:delete"),
)
