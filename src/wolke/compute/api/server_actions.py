"""POST /servers/{id}/action: a table of what can be done, by the one name in the body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from wolke.compute.api.servers import new_password, written
from wolke.compute.api.shown_servers import scene
from wolke.compute.errors import NotOffered
from wolke.compute.schema import floating_ips
from wolke.compute.schema import server_actions as schema
from wolke.compute.schema.servers import REMOTE_CONSOLE
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views import servers as views
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Response, Route
from wolke.core.schema import boolean

_RULE = "os_compute_api:servers"
_PATH = "/v2.1/servers/{server_id}/action"
Json = dict[str, Any]
Handler = Callable[[Compute, Context, Request], Awaitable[Any]]


# -- verbs that take no words


def _begin(verb: str, action: str) -> Handler:
    async def begin(service: Compute, ctx: Context, request: Request) -> None:
        await service.server_actions.begin(ctx, request.params["server_id"], verb, action)

    return begin


async def pause(service: Compute, ctx: Context, request: Request) -> None:
    await service.server_actions.pause(ctx, request.params["server_id"])


async def suspend(service: Compute, ctx: Context, request: Request) -> None:
    await service.server_actions.suspend(ctx, request.params["server_id"])


async def reboot(service: Compute, ctx: Context, request: Request) -> None:
    verb = f"reboot_{request.body['reboot']['type'].lower()}"
    await service.server_actions.begin(ctx, request.params["server_id"], verb, "reboot")


async def lock(service: Compute, ctx: Context, request: Request) -> None:
    reason = (request.body["lock"] or {}).get("locked_reason")
    await service.server_actions.lock(ctx, request.params["server_id"], reason)


async def unlock(service: Compute, ctx: Context, request: Request) -> None:
    server = await service.servers.show(ctx, request.params["server_id"])
    if server.locked_by == "admin":
        request.enforce("os_compute_api:os-lock-server:unlock:unlock_override")
    await service.server_actions.unlock(ctx, server.id)


async def resize(service: Compute, ctx: Context, request: Request) -> None:
    asked = request.body["resize"]
    changes = {"disk_config": asked["OS-DCF:diskConfig"]} if "OS-DCF:diskConfig" in asked else {}
    flavor_id = str(asked["flavorRef"]).rstrip("/").rpartition("/")[2]
    await service.moves.resize(ctx, request.params["server_id"], flavor_id, changes)


async def confirm_resize(service: Compute, ctx: Context, request: Request) -> None:
    await service.moves.confirm(ctx, request.params["server_id"])


async def revert_resize(service: Compute, ctx: Context, request: Request) -> None:
    await service.moves.revert(ctx, request.params["server_id"])


async def migrate(service: Compute, ctx: Context, request: Request) -> None:
    host = (request.body["migrate"] or {}).get("host")
    if host is not None:
        request.enforce(f"{_OS}os-migrate-server:migrate:host")
    await service.moves.migrate(ctx, request.params["server_id"], host)


async def rescue(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["rescue"] or {}
    allowed = request.version >= Since.RESCUE_OF_ROOT_VOLUMES
    await service.rescues.rescue(
        ctx, request.params["server_id"], asked.get("rescue_image_ref"), volume_backed_allowed=allowed
    )
    return {"adminPass": asked.get("adminPass") or new_password()}


async def unrescue(service: Compute, ctx: Context, request: Request) -> None:
    await service.rescues.unrescue(ctx, request.params["server_id"])


async def shelve(service: Compute, ctx: Context, request: Request) -> None:
    await service.shelves.shelve(ctx, request.params["server_id"])


async def shelve_offload(service: Compute, ctx: Context, request: Request) -> None:
    await service.shelves.offload(ctx, request.params["server_id"])


async def unshelve(service: Compute, ctx: Context, request: Request) -> None:
    asked = request.body["unshelve"] or {}
    host = asked.get("host")
    if host is not None:
        request.enforce(f"{_OS}os-shelve:unshelve_to_host")
    zone = asked.get("availability_zone", msgspec.UNSET)
    await service.shelves.unshelve(ctx, request.params["server_id"], zone, host)


async def restore(service: Compute, ctx: Context, request: Request) -> None:
    await service.server_actions.restore(ctx, request.params["server_id"])


async def evacuate(service: Compute, ctx: Context, request: Request) -> Json | None:
    asked = request.body["evacuate"]
    stays_off = request.version >= Since.EVACUATED_SERVERS_STAY_OFF
    await service.moves.evacuate(ctx, request.params["server_id"], asked.get("host"), stays_off=stays_off)
    if request.version >= Since.NO_PASSWORD_OF_EVACUATED:
        return None
    return {"adminPass": asked.get("adminPass") or new_password()}


async def migrate_live(service: Compute, ctx: Context, request: Request) -> None:
    asked = request.body["os-migrateLive"]
    host, copies = asked["host"], asked["block_migration"]
    if host is not None:
        request.enforce(f"{_OS}os-migrate-server:migrate_live:host")
    copies_disks = None if copies == "auto" else boolean(copies)
    await service.moves.migrate_live(ctx, request.params["server_id"], host, copies_disks=copies_disks)


async def force_delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.server_actions.delete(ctx, request.params["server_id"])


async def reset_state(service: Compute, ctx: Context, request: Request) -> None:
    state = request.body["os-resetState"]["state"]
    await service.server_actions.reset_state(ctx, request.params["server_id"], state.upper())


async def create_image(service: Compute, ctx: Context, request: Request) -> Response:
    asked = request.body["createImage"]
    image_id = await service.server_images.create_image(
        ctx, request.params["server_id"], asked["name"].strip(), asked.get("metadata", {})
    )
    return _image_made(request, image_id)


async def create_backup(service: Compute, ctx: Context, request: Request) -> Response:
    asked = request.body["createBackup"]
    rotation = int(asked["rotation"])
    image_id = await service.server_images.create_backup(
        ctx,
        request.params["server_id"],
        asked["name"].strip(),
        asked["backup_type"],
        rotation,
        asked.get("metadata", {}),
    )
    return _image_made(request, image_id) if rotation > 0 else Response(202)


def _image_made(request: Request, image_id: str) -> Response:
    if request.version >= Since.IMAGE_ID_IN_BODY:
        return Response(202, {"image_id": image_id})
    return Response(202, headers={"Location": f"{request.base_url}/images/{image_id}"})


async def rebuild(service: Compute, ctx: Context, request: Request) -> Response:
    asked = request.body["rebuild"]
    if asked.get("trusted_image_certificates"):
        request.enforce(f"{_RULE}:rebuild:trusted_certs")
    changes = written(asked)
    for name in ("metadata", "user_data", "trusted_image_certificates", "personality"):
        if name in asked:
            changes[name] = asked[name]
    await service.server_actions.rebuild(
        ctx,
        request.params["server_id"],
        asked["imageRef"],
        changes,
        key_name=asked.get("key_name", msgspec.UNSET),
        reimage=request.version >= Since.REBUILD_OF_ROOT_VOLUMES,
    )
    server = await service.servers.look(ctx, request.params["server_id"])
    shown = views.server(server, await scene(service, request, [server], groups=True))
    shown["user_data"] = server.user_data
    shown.pop("OS-EXT-SRV-ATTR:user_data", None)  # said already
    shown["adminPass"] = asked.get("adminPass") or new_password()
    assert request.api.versions is not None
    request.api.versions.lower("server_rebuilt", request.version, (shown,))
    return Response(202, {"server": shown}, headers={"Location": shown["links"][0]["href"]})


async def console_output(service: Compute, ctx: Context, request: Request) -> Json:
    asked = (request.body["os-getConsoleOutput"] or {}).get("length")
    length = None if asked is None else int(asked)
    output = await service.server_actions.console_output(
        ctx, request.params["server_id"], None if length == -1 else length
    )
    return {"output": "".join(c for c in output if c in "\t\n\r" or c.isprintable() or ord(c) > 127)}


async def add_group(service: Compute, ctx: Context, request: Request) -> None:
    group = request.body["addSecurityGroup"]["name"]
    await service.server_actions.change_security_group(ctx, request.params["server_id"], group, add=True)


async def remove_group(service: Compute, ctx: Context, request: Request) -> None:
    group = request.body["removeSecurityGroup"]["name"]
    await service.server_actions.change_security_group(ctx, request.params["server_id"], group, add=False)


async def add_fixed_ip(service: Compute, ctx: Context, request: Request) -> None:
    network_id = request.body["addFixedIp"]["networkId"]
    await service.interfaces.add_address(ctx, request.params["server_id"], network_id)


async def remove_fixed_ip(service: Compute, ctx: Context, request: Request) -> None:
    address = request.body["removeFixedIp"]["address"]
    await service.interfaces.remove_address(ctx, request.params["server_id"], address)


async def add_floating_ip(service: Compute, ctx: Context, request: Request) -> None:
    asked = request.body["addFloatingIp"]
    server_id = request.params["server_id"]
    await service.floating_ips.associate(ctx, server_id, asked["address"], asked.get("fixed_address"))


async def remove_floating_ip(service: Compute, ctx: Context, request: Request) -> None:
    address = request.body["removeFloatingIp"]["address"]
    await service.floating_ips.dissociate(ctx, request.params["server_id"], address)


async def inject_network_info(service: Compute, ctx: Context, request: Request) -> None:
    """Nothing is left to do: guests learn of their networks by DHCP and metadata, which know all the time."""
    await service.servers.show(ctx, request.params["server_id"])


# -- what is not offered says so: after the server has been found, as a client expects


def _not_offered(what: str) -> Handler:
    async def refuse(service: Compute, ctx: Context, request: Request) -> None:
        await service.servers.show(ctx, request.params["server_id"])
        raise NotOffered(what)

    return refuse


# -- consoles

_OLD_CONSOLES = {"os-getVNCConsole": "vnc", "os-getSerialConsole": "serial"}


async def old_console(service: Compute, ctx: Context, request: Request) -> Json:
    name = next(name for name in _OLD_CONSOLES if name in request.body)
    kind = request.body[name]["type"]
    return {"console": {"type": kind, "url": await _console(service, ctx, request, _OLD_CONSOLES[name], kind)}}


async def remote_console(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["remote_console"]
    url = await _console(service, ctx, request, asked["protocol"], asked["type"])
    return {"remote_console": {"protocol": asked["protocol"], "type": asked["type"], "url": url}}


async def _console(service: Compute, ctx: Context, request: Request, protocol: str, kind: str) -> str:
    if (protocol, kind) not in (("vnc", "novnc"), ("serial", "serial")):
        await service.servers.show(ctx, request.params["server_id"])
        raise BadRequest(f"Unavailable console type {kind}.")
    url = await service.server_actions.console(ctx, request.params["server_id"], kind)
    return url if "://" in url else f"{request.origin}{url}"


def _row(
    name: str,
    handler: Handler,
    rule: str,
    *,
    body: Json | None = None,
    status: int = 202,
    noun: str = "",
    since: str = "0.0",
    until: str = "9999.0",
) -> tuple[str, Route]:
    found = Route(
        "POST", f"{_PATH}#{name}", handler, rule, status, body or schema.bare(name), noun, since=since, until=until
    )
    return name, found


_OS = "os_compute_api:"

#: Every action by its name on the wire. A row is a route of its own, found by the body and not by the path.
ACTIONS: dict[str, Route] = dict(
    (
        _row("os-start", _begin("start", "start"), f"{_RULE}:start"),
        _row("os-stop", _begin("stop", "stop"), f"{_RULE}:stop"),
        _row("reboot", reboot, f"{_RULE}:reboot", body=schema.REBOOT),
        _row("pause", pause, f"{_OS}os-pause-server:pause"),
        _row("unpause", _begin("unpause", "unpause"), f"{_OS}os-pause-server:unpause"),
        _row("suspend", suspend, f"{_OS}os-suspend-server:suspend"),
        _row("resume", _begin("resume", "resume"), f"{_OS}os-suspend-server:resume"),
        _row("lock", lock, f"{_OS}os-lock-server:lock", body=schema.LOCK, noun="lock"),
        _row("unlock", unlock, f"{_OS}os-lock-server:unlock"),
        _row("rebuild", rebuild, f"{_RULE}:rebuild", body=schema.REBUILD, noun="rebuild"),
        _row("createImage", create_image, f"{_RULE}:create_image", body=schema.CREATE_IMAGE),
        _row("resize", resize, f"{_RULE}:resize", body=schema.RESIZE),
        _row("confirmResize", confirm_resize, f"{_RULE}:confirm_resize", status=204),
        _row("revertResize", revert_resize, f"{_RULE}:revert_resize"),
        _row("migrate", migrate, f"{_OS}os-migrate-server:migrate", body=schema.MIGRATE, noun="migrate"),
        _row("rescue", rescue, f"{_OS}os-rescue", body=schema.RESCUE, status=200),
        _row("unrescue", unrescue, f"{_OS}os-unrescue"),
        _row("shelve", shelve, f"{_OS}os-shelve:shelve"),
        _row("shelveOffload", shelve_offload, f"{_OS}os-shelve:shelve_offload"),
        _row("unshelve", unshelve, f"{_OS}os-shelve:unshelve", body=schema.UNSHELVE, noun="unshelve"),
        _row("createBackup", create_backup, f"{_OS}os-create-backup", body=schema.CREATE_BACKUP),
        _row("restore", restore, f"{_OS}os-deferred-delete:restore"),
        _row("evacuate", evacuate, f"{_OS}os-evacuate", body=schema.EVACUATE, status=200, noun="evacuate"),
        _row("os-migrateLive", migrate_live, f"{_OS}os-migrate-server:migrate_live", body=schema.MIGRATE_LIVE,
             noun="migrate_live"),
        _row("forceDelete", force_delete, f"{_OS}os-deferred-delete:force"),
        _row("os-resetState", reset_state, f"{_OS}os-admin-actions:reset_state", body=schema.RESET_STATE),
        _row(
            "os-getConsoleOutput", console_output, f"{_OS}os-console-output", body=schema.CONSOLE_OUTPUT, status=200
        ),
        _row(
            "os-getVNCConsole", old_console, f"{_OS}os-remote-consoles", body=schema.VNC_CONSOLE, status=200, until="2.5"
        ),
        _row(
            "os-getSerialConsole",
            old_console,
            f"{_OS}os-remote-consoles",
            body=schema.SERIAL_CONSOLE,
            status=200,
            until="2.5",
        ),
        _row("addSecurityGroup", add_group, f"{_OS}os-security-groups:add", body=schema.ADD_GROUP),
        _row("removeSecurityGroup", remove_group, f"{_OS}os-security-groups:remove", body=schema.REMOVE_GROUP),
        _row("addFixedIp", add_fixed_ip, f"{_OS}os-multinic:add", body=schema.ADD_FIXED_IP, until="2.43"),
        _row("removeFixedIp", remove_fixed_ip, f"{_OS}os-multinic:remove", body=schema.REMOVE_FIXED_IP, until="2.43"),
        _row("addFloatingIp", add_floating_ip, f"{_OS}os-floating-ips:add", body=floating_ips.ADD, until="2.43"),
        _row("removeFloatingIp", remove_floating_ip, f"{_OS}os-floating-ips:remove", body=floating_ips.REMOVE,
             until="2.43"),
        _row("injectNetworkInfo", inject_network_info, f"{_OS}os-admin-actions:inject_network_info"),
        # not offered
        _row("changePassword", _not_offered("setting a server's password"), f"{_OS}os-admin-password",
             body=schema.CHANGE_PASSWORD),
        _row("trigger_crash_dump", _not_offered("crash dumps"), f"{_RULE}:trigger_crash_dump", since="2.17"),
    )
)  # fmt: skip


async def act(service: Compute, ctx: Context, request: Request) -> Response:
    name = next((name for name in request.body if name in ACTIONS), None)
    if name is None:
        raise BadRequest(f"There is no such action: {', '.join(map(str, request.body))[:64]}")
    row = ACTIONS[name]
    if not row.served(request.version):
        raise NotFound("The resource could not be found.")
    assert row.rule is not None
    request.enforce(row.rule)
    request.body = request.api.check_body(row, request.version, request.body)
    result = await row.handler(service, ctx, request)
    if isinstance(result, Response):
        return result
    return Response(row.status, b"" if result is None else result)


ROUTES = (
    Route("POST", _PATH, act, body=schema.ANY),
    Route(
        "POST",
        "/v2.1/servers/{server_id}/remote-consoles",
        remote_console,
        f"{_OS}os-remote-consoles",
        body=REMOTE_CONSOLE,
        since="2.6",
    ),
)
