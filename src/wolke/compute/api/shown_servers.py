"""Servers as bytes: rendered once for each state of a server and each kind of caller.

What shows in a server is in its row (``revision`` moves with every write), in its ports, and in the zone and state of its host.
These are its stamp; only servers whose stamp has changed are read in full and rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from wolke.compute.model import Host, ServerStamp, ShownServer
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views import servers as views
from wolke.core.http import Request

Stamps = Sequence[ServerStamp | ShownServer]
_RULE = "os_compute_api:servers"


async def scene(
    service: Compute, request: Request, servers: Stamps, *, groups: bool = False, volumes: bool = True
) -> views.Scene:
    """All that the views of these servers need beside their rows, fetched at once; ``volumes`` of few."""
    host_up = None
    placed = any(server.host for server in servers)
    if request.allows(f"{_RULE}:show:host_status"):
        host_up = {host.name: _host_status(service, host) for host in await service.hosts.index()} if placed else {}
    return views.Scene(
        base=request.base_url,
        ports=await service.servers.ports([server.id for server in servers]),
        zones=await service.hosts.zone_names() if placed else {},
        default_zone=service.config.default_availability_zone,
        host_up=host_up,
        for_admin=request.allows("os_compute_api:os-extended-server-attributes"),
        extra_specs=request.allows("os_compute_api:servers:show:flavor-extra-specs"),
        embedded_flavor=request.version >= Since.EMBEDDED_FLAVOR,
        groups=groups,
        volumes=await volumes_of(service, [server.id for server in servers]) if volumes else {},
    )


async def volumes_of(service: Compute, server_ids: Sequence[str]) -> dict[str, list[tuple[str, bool]]]:
    found = await service.volumes.of_servers(server_ids)
    return {
        server_id: [(str(one.volume_id), one.delete_on_termination) for one in devices]
        for server_id, devices in found.items()
    }


def _host_status(service: Compute, host: Host) -> str:
    if host.disabled:
        return "MAINTENANCE"
    return "UP" if service.hosts.up(host) else "DOWN"


async def render(service: Compute, request: Request, servers: Stamps, *, groups: bool = False) -> list[bytes]:
    """Each server's JSON as the caller sees it at this version."""
    look = await scene(service, request, servers, groups=groups, volumes=False)
    seen = (look.host_up is not None, look.for_admin, look.extra_specs, groups)
    variant = (request.version, look.base, seen)
    shelf, marks, ports = service.fragments.shelf(variant), _marks(look, servers), look.ports
    texts: list[bytes] = []
    missing: dict[str, int] = {}
    for server in servers:
        key = server.id
        kept = shelf.get(key)
        if kept is not None and kept[0] == (server.revision, marks[server.host], ports.get(key)):
            texts.append(kept[1])
        else:
            missing[key] = len(texts)
            texts.append(b"")
    if not missing:
        return texts
    look = replace(look, volumes=await volumes_of(service, list(missing)))
    for one in await _read(service, servers, missing):
        text = texts[missing[one.id]] = _rendered(one, look, request)
        stamp = (one.revision, marks.get(one.host), ports.get(one.id))
        service.fragments.keep(variant, one.id, stamp, text)
    return [text for text in texts if text]


async def _read(service: Compute, servers: Stamps, missing: Iterable[str]) -> list[ShownServer]:
    """Those that a filter had to read in full are here already."""
    here = {server.id: server for server in servers if isinstance(server, ShownServer)}
    there = await service.servers.read([one for one in missing if one not in here])
    known = here | there
    return [known[one] for one in missing if one in known]


def _rendered(server: ShownServer, look: views.Scene, request: Request) -> bytes:
    shown = views.server(server, look)
    if request.api.versions is not None:
        request.api.versions.lower("server", request.version, (shown,))
    return msgspec.json.encode(shown)


def _marks(look: views.Scene, servers: Stamps) -> dict[str | None, tuple[str | None, str | None]]:
    """What shows of each host in the servers that are on it."""
    status = look.host_up or {}
    return {host: (look.zones.get(host or ""), status.get(host or "")) for host in {server.host for server in servers}}
