"""The ports of servers as Compute shows them, for lists of a thousand: kept until something is written that shows in them."""

from __future__ import annotations

from collections.abc import Sequence

from wolke.core.db import Database, Where
from wolke.network import model, store
from wolke.network.scheduler.names import ip_version

#: Everything that ``_read`` reads.
TABLES = (store.PORTS, store.NETWORKS, store.FLOATING_IPS, store.SECURITY_GROUPS)
_MOST = 16384
Ports = dict[str, list[model.ServerPort]]


class ShownPorts:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._seen: tuple[int, ...] | None = None
        self._kept: Ports = {}

    async def __call__(self, server_ids: Sequence[str]) -> Ports:
        """By server, each in the order of its cards."""
        seen = self._db.commits(*TABLES)
        if seen is None:
            return await self._read(server_ids)
        if seen != self._seen or len(self._kept) > _MOST:
            self._seen, self._kept = seen, {}
        kept = self._kept
        missing = [one for one in server_ids if one not in kept]
        if missing:
            kept |= await self._read(missing)
        return {one: kept[one] for one in server_ids}

    async def _read(self, server_ids: Sequence[str]) -> Ports:
        """In four questions however many servers there are."""
        found: Ports = {server_id: [] for server_id in server_ids}
        if not found:
            return found
        db = self._db
        ports = await db.find(store.SHOWN_PORTS, where=[Where("device_id", "in", list(found))])
        if not ports:
            return found
        network_ids = sorted({port.network_id for port in ports})
        networks = {n.id: n for n in await db.find(store.NETWORKS, where=[Where("id", "in", network_ids)])}
        floating: dict[str, list[tuple[str, str]]] = {}
        for one in await db.find(store.FLOATING_IPS, where=[Where("port_id", "in", [p.id for p in ports])]):
            floating.setdefault(one.port_id or "", []).append((one.floating_ip_address, one.fixed_ip_address or ""))
        group_ids = sorted({group for port in ports for group in port.security_groups})
        groups = {g.id: g.name for g in await db.find(store.SECURITY_GROUPS, where=[Where("id", "in", group_ids)])}
        for port in sorted(ports, key=lambda p: (p.position, p.created_at)):
            network = networks.get(port.network_id)
            if network is not None:  # else it has gone since the first question
                found[port.device_id].append(_server_port(port, network, floating.get(port.id, []), groups))
        return found


def _server_port(
    port: model.ShownPort, network: model.Network, floating: Sequence[tuple[str, str]], groups: dict[str, str]
) -> model.ServerPort:
    return model.ServerPort(
        id=port.id,
        network_id=port.network_id,
        network_name=network.name,
        mac_address=port.mac_address,
        fixed_ips=tuple((f.ip_address, ip_version(f.ip_address), f.subnet_id) for f in port.fixed_ips),
        floating_ips=tuple(floating),
        security_groups=tuple(groups.get(g, g) for g in port.security_groups),
        status=port.status,
        admin_state_up=port.admin_state_up,
        host=port.host,
        mtu=network.mtu,
        for_server=port.for_server,
        position=port.position,
    )
