"""/servers."""

from __future__ import annotations

import secrets
import string
from ipaddress import ip_address
from typing import Any

import msgspec

from wolke.compute import errors
from wolke.compute.api.pages import NEWEST_FIRST, full, page
from wolke.compute.api.shown_servers import Stamps, render, scene
from wolke.compute.schema import servers as schema
from wolke.compute.service import Compute, server_filters
from wolke.compute.service.block_devices import NewDevice, devices_of, devices_of_old
from wolke.compute.service.boot_disks import ROOT
from wolke.compute.service.server_create import NewServer
from wolke.compute.service.server_filters import Filter
from wolke.compute.versions import Since
from wolke.compute.views import servers as views
from wolke.compute.views.links import following
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Response, Route
from wolke.core.paging import Page
from wolke.core.schema import boolean

_RULE = "os_compute_api:servers"
_SORT_COLUMNS = server_filters.sort_columns()
_PASSWORD_LETTERS = string.ascii_letters + string.digits
_QUERY = server_filters.KNOWN | {"limit", "marker", "sort_key", "sort_dir", "all_tenants"}
JSON = "application/json"
Json = dict[str, Any]


# -- lists


async def _chosen(service: Compute, ctx: Context, request: Request, rule: str) -> tuple[Filter, Page]:
    wanted = page(request, most=service.config.max_servers_per_page, columns=_SORT_COLUMNS, default=NEWEST_FIRST)
    everywhere = _everywhere(request)
    if everywhere:
        request.enforce(f"{rule}:get_all_tenants")
    try:
        return server_filters.build(ctx, _asked(request), everywhere=everywhere), wanted
    except server_filters.UnknownStatus:
        if request.version >= Since.STATUS_FILTER_CHECKED:
            raise
        return Filter(nothing=True), wanted


def _everywhere(request: Request) -> bool:
    asked = request.query.get("all_tenants")
    if asked is None:
        return False
    return asked == "" or boolean(asked, "all_tenants")


def _asked(request: Request) -> dict[str, list[str]]:
    """The filters that this caller has at this version. What is not theirs is quietly ignored."""
    allowed = set(server_filters.FOR_ALL)
    if request.allows(f"{_RULE}:allow_all_filters"):
        allowed |= server_filters.KNOWN
    if request.version >= Since.FILTERS_FOR_ALL:
        allowed |= server_filters.FOR_ALL_LATER
    for names, since in _LATER_FILTERS:
        if request.version < since:
            allowed -= names
    return {name: values for name, values in request.query.lists().items() if name in allowed}


_LATER_FILTERS = (
    ({"ip6"}, Since.IP6_FILTER),
    ({"tags", "tags-any", "not-tags", "not-tags-any"}, Since.TAG_FILTERS),
    ({"changes-before"}, Since.CHANGES_BEFORE),
    ({"locked"}, Since.LOCKED_FILTER),
)


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    chosen, wanted = await _chosen(service, ctx, request, f"{_RULE}:index")
    found = await service.servers.index(ctx, wanted, chosen)
    shown = [views.brief(server, request.base_url) for server in found]
    return {"servers": shown, **_following(found, "servers", request, wanted)}


async def detail(service: Compute, ctx: Context, request: Request) -> Response:
    chosen, wanted = await _chosen(service, ctx, request, f"{_RULE}:detail")
    found = await service.servers.stamps(ctx, wanted, chosen)
    texts = await render(service, request, found) or [b""]
    rest = msgspec.json.encode(_following(found, "servers/detail", request, wanted))
    texts[0] = b'{"servers":[' + texts[0]  # so that the whole, which may be long, is copied once
    texts[-1] += b"]}" if rest == b"{}" else b"]," + rest[1:]
    return Response(200, b",".join(texts), content_type=JSON)


def _following(found: Stamps, path: str, request: Request, wanted: Page) -> Json:
    if not full(found, wanted.limit):
        return {}
    return {"servers_links": following(request.base_url, path, request.query, found[-1].id, wanted.limit)}


# -- one server


async def show(service: Compute, ctx: Context, request: Request) -> Response:
    server = await service.servers.stamp(ctx, request.params["server_id"])
    texts = await render(service, request, [server], groups=True)
    if not texts:
        raise errors.ServerNotFound(server.id)
    return Response(200, b'{"server":' + texts[0] + b"}", content_type=JSON)


async def create(service: Compute, ctx: Context, request: Request) -> Response:
    asked = request.body["server"]
    _enforce_parts(request, asked)
    wish = _wish(request, asked)
    made = await service.making.create(ctx, wish)
    if boolean(asked.get("return_reservation_id", False)):
        return Response(202, {"reservation_id": made[0].reservation_id})
    password = asked.get("adminPass") or new_password()
    shown = views.created(made[0], request.base_url, password)
    return Response(202, {"server": shown}, headers={"Location": shown["links"][0]["href"]})


def new_password() -> str:
    return "".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(12))


def _enforce_parts(request: Request, asked: Json) -> None:
    if isinstance(asked["networks"], list) and asked["networks"]:
        request.enforce(f"{_RULE}:create:attach_network")
    if ":" in asked.get("availability_zone", ""):
        request.enforce(f"{_RULE}:create:forced_host")
    if asked.get("host") or asked.get("hypervisor_hostname"):
        request.enforce("compute:servers:create:requested_destination")
    if asked.get("trusted_image_certificates"):
        request.enforce(f"{_RULE}:create:trusted_certs")
    if asked.get("block_device_mapping") and asked.get("block_device_mapping_v2"):
        raise BadRequest("Using different block_device_mapping syntaxes is not allowed in the same request.")


def _wish(request: Request, asked: Json) -> NewServer:
    least = _count(asked, "min_count", 1)
    most = _count(asked, "max_count", least)
    if least > most:
        raise BadRequest("min_count must be <= max_count")
    image_id = asked.get("imageRef", "").rstrip("/").rpartition("/")[2] or None
    devices = _devices(asked, image_given=image_id is not None)
    if any(device.target == "volume" for device in devices):
        request.enforce(f"{_RULE}:create:attach_volume")
    hints = request.body.get("os:scheduler_hints") or request.body.get("OS-SCH-HNT:scheduler_hints") or {}
    groups = [group["name"] for group in asked.get("security_groups", ()) if group.get("name")]
    return NewServer(
        name=asked["name"].strip(),
        flavor_id=str(asked["flavorRef"]).rstrip("/").rpartition("/")[2],
        image_id=image_id,
        networks=networks(asked["networks"]),
        hostname=asked.get("hostname"),
        description=asked.get("description"),
        key_name=asked.get("key_name"),
        user_data=asked.get("user_data"),
        metadata=asked.get("metadata", {}),
        tags=asked.get("tags", []),
        security_groups=list(dict.fromkeys(groups)),
        availability_zone=asked.get("availability_zone"),
        host=asked.get("host") or asked.get("hypervisor_hostname"),
        config_drive=boolean(asked.get("config_drive") or False),
        block_devices=devices,
        hints={name: value if isinstance(value, list) else [value] for name, value in hints.items()},
        personality=asked.get("personality", []),
        trusted_image_certificates=asked.get("trusted_image_certificates"),
        access_ip_v4=asked.get("accessIPv4") or None,
        access_ip_v6=_shortest(asked.get("accessIPv6")),
        disk_config=asked.get("OS-DCF:diskConfig", "MANUAL"),
        least=least,
        most=most,
        shared_volumes_allowed=request.version >= Since.SHARED_VOLUMES,
        zero_disk_allowed=request.allows(f"{_RULE}:create:zero_disk_flavor"),
    )


def _devices(asked: Json, *, image_given: bool) -> list[NewDevice]:
    if old := asked.get("block_device_mapping"):
        return devices_of_old(old, image_given=image_given, root_name=ROOT)
    return devices_of(asked.get("block_device_mapping_v2", ()), image_given=image_given)


_MOST_AT_ONCE = 1000


def _count(asked: Json, name: str, default: int) -> int:
    count = int(asked.get(name, default))
    if not 1 <= count <= _MOST_AT_ONCE:
        raise BadRequest(
            f"Invalid input for field/attribute {name}. Value: {count}. It must be between 1 and {_MOST_AT_ONCE}."
        )
    return count


def networks(asked: Any) -> Any:
    """On the wire → as verbs take it."""
    if isinstance(asked, str):
        return asked
    if not asked:
        return "any"
    found = []
    for one in asked:
        if not one.get("uuid") and not one.get("port"):
            raise BadRequest("Bad networks format: a network or a port must be named.")
        if one.get("port") and one.get("fixed_ip"):
            raise BadRequest(f"Specified Fixed IP '{one['fixed_ip']}' cannot be used with port '{one['port']}'.")
        names = (("network_id", "uuid"), ("port_id", "port"), ("fixed_ip", "fixed_ip"), ("tag", "tag"))
        found.append({ours: one[theirs] for ours, theirs in names if one.get(theirs)})
    return found


_UPDATABLE = {
    "name": "name",
    "description": "description",
    "hostname": "hostname",
    "OS-DCF:diskConfig": "disk_config",
    "accessIPv4": "access_ip_v4",
    "accessIPv6": "access_ip_v6",
}


def written(asked: Json) -> Json:
    """The fields of an update or a rebuild as columns."""
    found = {column: asked[name] for name, column in _UPDATABLE.items() if name in asked}
    if "name" in found:
        found["name"] = found["name"].strip()
    if "access_ip_v4" in found:
        found["access_ip_v4"] = found["access_ip_v4"] or None
    if "access_ip_v6" in found:
        found["access_ip_v6"] = _shortest(found["access_ip_v6"])
    return found


def _shortest(address: str | None) -> str | None:
    """One address has one spelling."""
    return str(ip_address(address)) if address else None


async def update(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["server"]
    zone = asked.get("pinned_availability_zone", msgspec.UNSET)
    await service.servers.change(ctx, request.params["server_id"], written(asked), zone=zone)
    server = await service.servers.look(ctx, request.params["server_id"])
    shown = views.server(server, await scene(service, request, [server], groups=True))
    assert request.api.versions is not None
    request.api.versions.lower("server_updated", request.version, (shown,))
    return {"server": shown}


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.server_actions.soft_delete(ctx, request.params["server_id"])


_ONE = "/v2.1/servers/{server_id}"
ROUTES = (
    Route("GET", "/v2.1/servers", index, f"{_RULE}:index", query=_QUERY, strict="2.75"),
    Route("GET", "/v2.1/servers/detail", detail, f"{_RULE}:detail", query=_QUERY, strict="2.75"),
    Route("POST", "/v2.1/servers", create, f"{_RULE}:create", 202, schema.CREATE, "server_create"),
    Route("GET", _ONE, show, f"{_RULE}:show"),
    Route("PUT", _ONE, update, f"{_RULE}:update", body=schema.UPDATE, noun="server_update"),
    Route("DELETE", _ONE, delete, f"{_RULE}:delete", 204),
)
