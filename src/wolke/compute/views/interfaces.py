"""A server's network cards as the wire shows them."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Server
from wolke.network.model import ServerPort


def interface(port: ServerPort, server: Server) -> dict[str, Any]:
    return {
        "port_id": port.id,
        "net_id": port.network_id,
        "mac_addr": port.mac_address,
        "port_state": port.status,
        "fixed_ips": [{"subnet_id": subnet, "ip_address": address} for address, _, subnet in port.fixed_ips],
        "tag": _tag(port, server),
    }


def _tag(port: ServerPort, server: Server) -> str | None:
    if not isinstance(server.networks, list):
        return None
    for wanted in server.networks:
        if wanted.get("port_id") == port.id:
            return str(wanted["tag"]) if wanted.get("tag") else None
    at = port.position
    matches = at < len(server.networks) and server.networks[at].get("network_id") == port.network_id
    tag = server.networks[at].get("tag") if matches else None
    return str(tag) if tag else None
