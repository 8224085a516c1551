"""Ports: a card on a network, with its addresses and what may pass."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Reader, Transaction, Where
from wolke.network import errors, model, schema, store
from wolke.network.schema.attributes import Body
from wolke.network.service.listing import enforce_given, target, write

if TYPE_CHECKING:
    from wolke.network.service import Network

_RETRIES = 5
_OCTETS = 6


class Ports:
    def __init__(self, net: Network) -> None:
        self._net = net
        self._mac_head = [o for o in net.config.base_mac.split(":") if o != "00"][: _OCTETS - 1]

    async def create(self, ctx: Context, bodies: list[Body]) -> list[model.Port]:
        """All of them or none."""
        for body in bodies:
            project_id = body.values.setdefault("project_id", ctx.project_id or "")
            if "security_groups" not in body and project_id:
                await self._net.security_groups.default(project_id)
        for _ in range(_RETRIES):
            try:
                async with self._net.db.transaction() as tx:
                    return [await self.add(tx, ctx, body) for body in bodies]
            except DuplicateRow as error:
                duplicate = error
        raise errors.MacAddressInUse(
            network_id=bodies[0].values["network_id"], mac=bodies[0].values.get("mac_address") or duplicate.constraint
        )

    async def add(self, tx: Transaction, ctx: Context, body: Body) -> model.Port:
        """One port as a user asks for it, within a larger transaction."""
        network: model.Network = await self._net.listing.get(tx, ctx, schema.NETWORK, body.values["network_id"])
        aim = {
            "project_id": body.values["project_id"],
            "tenant_id": body.values["project_id"],
            "network:project_id": network.project_id,
            "network:tenant_id": network.project_id,
            "shared": network.shared,
        }
        self._enforce(ctx, "create", body, aim)
        await self._net.quotas.reserve(tx, body.values["project_id"], "port")
        return await self.insert(tx, ctx, network, body.values)

    def _enforce(self, ctx: Context, verb: str, body: Body, aim: dict[str, Any]) -> None:
        plain = Body(body.values, body.given - {"device_owner", "mac_address"})
        enforce_given(self._net.policy, ctx, verb, "port", plain, aim)
        if body.values.get("mac_address") is not None:
            self._net.policy.enforce(ctx, f"{verb}_port:mac_address", aim)
        if body.values.get("device_owner", "").startswith("network:"):
            self._net.policy.enforce(ctx, f"{verb}_port:device_owner", aim)
        for name in sorted({key for one in body.values.get("fixed_ips") or () for key in one}):
            self._net.policy.enforce(ctx, f"{verb}_port:fixed_ips:{name}", aim)

    async def insert(
        self, tx: Transaction, ctx: Context | None, network: model.Network, values: dict[str, Any]
    ) -> model.Port:
        """Make the port; nobody is asked whether they may. ``ctx`` None: the cloud's own."""
        now = self._net.clock.now()
        values = _DEFAULTS | values | {"network_id": network.id, "network_project_id": network.project_id}
        trusted = values["device_owner"].startswith("network:")
        values["mac_address"] = await self._mac(tx, network.id, values.get("mac_address"))
        values["fixed_ips"] = await self._net.addresses.choose(
            tx, network.id, values.get("fixed_ips"), mac=values["mac_address"], owner=values["device_owner"]
        )
        if values.get("port_security_enabled") is None:
            values["port_security_enabled"] = network.port_security_enabled and not trusted
        groups = values.get("security_groups")
        if groups is None:
            secured = values["port_security_enabled"] and not trusted and values["project_id"]
            groups = [await self._net.security_groups.default_in(tx, values["project_id"])] if secured else []
        elif groups:
            groups = await self._net.security_groups.usable(tx, ctx, values["project_id"], groups)
        values["security_groups"] = groups
        values["allowed_address_pairs"] = self._pairs(values, values["mac_address"])
        _check_security(values)
        port = model.Port(
            id=ids.uuid(), status=values.pop("status", model.DOWN), tags=[], created_at=now, updated_at=now,
            revision_number=1, **values,
        )  # fmt: skip
        await tx.insert(store.PORTS, port)
        await self._net.addresses.take(tx, network.id, port.id, port.fixed_ips)
        await self._join(tx, port.id, groups)
        tx.wake("network.wish")
        return port

    async def _mac(self, tx: Transaction, network_id: str, wanted: str | None) -> str:
        if wanted is not None:
            if await tx.get(store.PORTS, network_id=network_id, mac_address=wanted) is not None:
                raise errors.MacAddressInUse(network_id=network_id, mac=wanted)
            return wanted
        while True:
            tail = [f"{random.randrange(256):02x}" for _ in range(_OCTETS - len(self._mac_head))]  # noqa: S311
            mac = ":".join([*self._mac_head, *tail])
            if await tx.get(store.PORTS, network_id=network_id, mac_address=mac) is None:
                return mac

    def _pairs(self, values: dict[str, Any], mac: str) -> list[dict[str, str]]:
        pairs = [{"mac_address": mac, **pair} for pair in values.get("allowed_address_pairs") or ()]
        if len(pairs) > self._net.config.allowed_address_pairs:
            raise errors.AddressPairsExhausted(most=self._net.config.allowed_address_pairs)
        for at, pair in enumerate(pairs):
            if pair in pairs[:at]:
                raise errors.DuplicateAddressPairInRequest(mac=pair["mac_address"], ip=pair["ip_address"])
        return pairs

    @staticmethod
    async def _join(tx: Transaction, port_id: str, groups: Iterable[str]) -> None:
        for group_id in groups:
            await tx.insert(store.PORT_GROUPS, model.PortGroup(group_id, port_id))

    # -- changes

    async def update(self, ctx: Context, key: str, body: Body, if_match: int | None = None) -> model.Port:
        try:
            async with self._net.db.transaction() as tx:
                port: model.Port = await self._net.listing.lock(tx, ctx, schema.PORT, key, if_match)
                network = await tx.get(store.NETWORKS, id=port.network_id)
                self._enforce(ctx, "update", body, target(port) | {"shared": bool(network and network.shared)})
                return await self.change(tx, ctx, port, dict(body.values))
        except DuplicateRow:
            raise errors.MacAddressInUse(network_id="", mac=body.values.get("mac_address")) from None

    async def change(
        self, tx: Transaction, ctx: Context | None, port: model.Port, changes: dict[str, Any]
    ) -> model.Port:
        if changes.get("mac_address", port.mac_address) in (None, port.mac_address):
            changes.pop("mac_address", None)
        elif port.host:
            raise errors.PortInUse(id=port.id, network_id=port.network_id, device_id=port.device_id)
        else:
            await self._mac(tx, port.network_id, changes["mac_address"])
        if changes.get("fixed_ips") is not None:
            changes["fixed_ips"] = await self._readdress(tx, port, changes["fixed_ips"])
        if "security_groups" in changes:
            project_id = port.project_id
            changes["security_groups"] = await self._net.security_groups.usable(
                tx, ctx, project_id, changes["security_groups"]
            )
            await tx.delete(store.PORT_GROUPS, port_id=port.id)
            await self._join(tx, port.id, changes["security_groups"])
        mac = changes.get("mac_address", port.mac_address)
        if "allowed_address_pairs" in changes:
            changes["allowed_address_pairs"] = self._pairs(changes, mac)
        if changes.get("port_security_enabled", 0) is None:
            del changes["port_security_enabled"]
        _check_security({name: changes.get(name, getattr(port, name)) for name in _SECURITY})
        if changes.get("host", port.host) != port.host:
            changes["status"] = model.DOWN
        tx.wake("network.wish")
        return await write(tx, store.PORTS, port, self._net.clock.now(), **changes)  # type: ignore[no-any-return]

    async def _readdress(
        self, tx: Transaction, port: model.Port, wanted: Sequence[dict[str, str]]
    ) -> list[dict[str, str]]:
        """The new addresses: those that the port has and may keep, and new ones for the rest."""
        left, keep, fresh = list(port.fixed_ips), [], []
        for one in sorted(wanted, key=lambda w: "ip_address" not in w):
            match = next((f for f in left if all(f[key] == value for key, value in one.items())), None) if one else None
            if match is None:
                fresh.append(one)
            else:
                keep.append(match)
                left.remove(match)
        if left:
            await self._net.addresses.release(tx, port.id, left)
            await self._net.floating_ips.detach(tx, port.id, [f["ip_address"] for f in left])
        if len(keep) + len(fresh) > self._net.config.fixed_ips_per_port:
            raise errors.InvalidInput(reason="Exceeded maximum amount of fixed ips per port")
        if not fresh:
            return keep
        chosen = await self._net.addresses.choose(
            tx, port.network_id, fresh, mac=port.mac_address, owner=port.device_owner
        )
        await self._net.addresses.take(tx, port.network_id, port.id, chosen)
        return keep + chosen

    async def delete(self, ctx: Context, key: str, if_match: int | None = None) -> None:
        async with self._net.db.transaction() as tx:
            port: model.Port = await self._net.listing.lock(tx, ctx, schema.PORT, key, if_match)
            self._net.policy.enforce(ctx, "delete_port", target(port))
            if port.device_owner in model.ROUTER_PORTS and await self._serves(tx, port):
                raise errors.ServicePortInUse(id=key, reason=f"has device owner {port.device_owner}")
            await self.drop(tx, port)

    @staticmethod
    async def _serves(reader: Reader, port: model.Port) -> bool:
        """A router's port whose router is gone may go too."""
        if port.device_owner == model.FLOATING_IP:
            return await reader.get(store.FLOATING_IPS, id=port.device_id) is not None
        return await reader.get(store.ROUTERS, id=port.device_id) is not None

    async def drop(self, tx: Transaction, port: model.Port) -> None:
        """Away with it and all that hangs on it."""
        await self._net.floating_ips.detach(tx, port.id)
        await self._net.addresses.release(tx, port.id)
        await tx.delete(store.PORT_GROUPS, port_id=port.id)
        await tx.delete(store.PORTS, id=port.id)
        tx.wake("network.wish")

    async def for_address(self, network_id: str, address: str) -> model.Port | None:
        """Whose address it is on this network."""
        found = await self._net.db.find(store.ALLOCATIONS, network_id=network_id, ip_address=address)
        if found:
            return await self._net.db.get(store.PORTS, id=found[0].port_id)
        return None

    async def by_ids(self, port_ids: Iterable[str]) -> list[model.Port]:
        wanted = list(port_ids)
        return await self._net.db.find(store.PORTS, where=[Where("id", "in", wanted)]) if wanted else []


_DEFAULTS: dict[str, Any] = {
    "name": "", "description": "", "admin_state_up": True, "device_id": "", "device_owner": "",
    "allowed_address_pairs": [], "extra_dhcp_opts": [], "dns_name": "", "dns_domain": "", "host": "",
    "vnic_type": "normal", "profile": {},
}  # fmt: skip
_SECURITY = ("port_security_enabled", "security_groups", "allowed_address_pairs", "fixed_ips")


def _check_security(values: dict[str, Any]) -> None:
    if values["port_security_enabled"]:
        return
    if values["security_groups"]:
        raise errors.PortSecurityPortHasSecurityGroup()
    if values["allowed_address_pairs"]:
        raise errors.AddressPairAndPortSecurityRequired()
