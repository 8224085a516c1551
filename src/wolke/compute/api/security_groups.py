"""/os-security-groups and /os-security-group-rules: Network's groups under their old address, until 2.35."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from wolke.compute.schema import security_groups as schema
from wolke.compute.service import Compute
from wolke.compute.views import security_groups as views
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.schema import boolean

_RULE = "os_compute_api:os-security-groups"
Json = dict[str, Any]


def _uuid(text: str, what: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise BadRequest(f"{what} id should be uuid.") from None


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.query.get("all_tenants")
    everybody = ctx.is_admin and asked is not None and (asked == "" or boolean(asked, "all_tenants"))
    found = await service.security_groups.index(ctx, everybody=everybody)
    return {"security_groups": [views.security_group(*shown) for shown in found]}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    group_id = _uuid(request.params["group_id"], "Security group")
    return {"security_group": views.security_group(*await service.security_groups.show(ctx, group_id))}


async def create(service: Compute, ctx: Context, request: Request) -> Json:
    made = await service.security_groups.create(ctx, _values(request))
    return {"security_group": views.security_group(*made)}


async def update(service: Compute, ctx: Context, request: Request) -> Json:
    group_id = _uuid(request.params["group_id"], "Security group")
    changed = await service.security_groups.update(ctx, group_id, _values(request))
    return {"security_group": views.security_group(*changed)}


def _values(request: Request) -> Json:
    asked = request.body["security_group"]
    return {"name": asked["name"], "description": asked["description"] or ""}


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.security_groups.delete(ctx, _uuid(request.params["group_id"], "Security group"))


async def create_rule(service: Compute, ctx: Context, request: Request) -> Json:
    rule, names = await service.security_groups.create_rule(ctx, _rule_values(request.body["security_group_rule"]))
    return {"security_group_rule": views.rule(rule, names)}


def _rule_values(asked: Json) -> Json:
    """Nova's words for a rule → Network's."""
    values: Json = {
        "security_group_id": _uuid(asked["parent_group_id"], "Security group"),
        "protocol": (asked.get("ip_protocol") or "").lower() or None,
        "port_range_min": _port(asked.get("from_port")),
        "port_range_max": _port(asked.get("to_port")),
    }
    cidr, group_id = asked.get("cidr") or None, asked.get("group_id") or None
    if group_id is not None:
        values["remote_group_id"] = _uuid(group_id, "Security group")
    else:
        values["remote_ip_prefix"] = cidr or "0.0.0.0/0"
        values["ethertype"] = "IPv6" if cidr and ":" in cidr else "IPv4"
    return values


def _port(value: int | str | None) -> int | None:
    """-1 is any."""
    return None if value in (None, "", -1, "-1") else int(value or 0)


async def delete_rule(service: Compute, ctx: Context, request: Request) -> None:
    await service.security_groups.delete_rule(ctx, _uuid(request.params["rule_id"], "Rule"))


_LAST = "2.35"
_GROUPS = "/v2.1/os-security-groups"
_RULES = "/v2.1/os-security-group-rules"
ROUTES = (
    Route("GET", _GROUPS, index, f"{_RULE}:get", until=_LAST),
    Route("POST", _GROUPS, create, f"{_RULE}:create", 200, schema.GROUP, until=_LAST),
    Route("GET", f"{_GROUPS}/{{group_id}}", show, f"{_RULE}:show", until=_LAST),
    Route("PUT", f"{_GROUPS}/{{group_id}}", update, f"{_RULE}:update", body=schema.GROUP, until=_LAST),
    Route("DELETE", f"{_GROUPS}/{{group_id}}", delete, f"{_RULE}:delete", 202, until=_LAST),
    Route("POST", _RULES, create_rule, f"{_RULE}:rule:create", 200, schema.RULE, until=_LAST),
    Route("DELETE", f"{_RULES}/{{rule_id}}", delete_rule, f"{_RULE}:rule:delete", 202, until=_LAST),
)
