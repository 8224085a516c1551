"""Floating IPs: an outside address of a project's own, put before any of its ports behind a router."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Reader, Transaction, Where
from wolke.network import errors, model, schema, store
from wolke.network.scheduler.names import ip_version
from wolke.network.schema.attributes import Body
from wolke.network.service.listing import changed, enforce_given, target, write

if TYPE_CHECKING:
    from wolke.network.service import Network

_FREE: dict[str, Any] = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": model.DOWN}


class FloatingIps:
    def __init__(self, net: Network) -> None:
        self._net = net

    async def create(self, ctx: Context, bodies: list[Body]) -> list[model.FloatingIp]:
        try:
            async with self._net.db.transaction() as tx:
                return [await self._create(tx, ctx, body) for body in bodies]
        except DuplicateRow:
            raise self._taken(bodies[0]) from None

    async def _create(self, tx: Transaction, ctx: Context, body: Body) -> model.FloatingIp:
        values, now = dict(body.values), self._net.clock.now()
        values.setdefault("project_id", ctx.project_id or "")
        named = body.given if values.get("floating_ip_address") else body.given - {"floating_ip_address"}
        enforce_given(
            self._net.policy, ctx, "create", "floatingip", Body(values, named), {"project_id": values["project_id"]}
        )
        network: model.Network = await self._net.listing.get(tx, ctx, schema.NETWORK, values["floating_network_id"])
        if not network.external:
            raise errors.BadResourceRequest(
                resource="floatingip", reason=f"Network {network.id} is not a valid external network"
            )
        await self._net.quotas.reserve(tx, values["project_id"], "floatingip")
        key = ids.uuid()
        port = await self._net.ports.insert(
            tx, None, network,
            {
                "project_id": "", "device_id": key, "device_owner": model.FLOATING_IP, "security_groups": [],
                "port_security_enabled": False, "status": "N/A",
                "fixed_ips": await self._outside(tx, network, values.pop("subnet_id"), values.pop("floating_ip_address", None)),
            },
        )  # fmt: skip
        port_id, fixed = values.pop("port_id", None), values.pop("fixed_ip_address", None)
        values.pop("qos_policy_id", None)
        floating = model.FloatingIp(
            id=key, floating_ip_address=_v4(port.fixed_ips), floating_port_id=port.id, port_id=None,
            fixed_ip_address=None, router_id=None, status=model.DOWN, tags=[], created_at=now, updated_at=now,
            revision_number=0, **values,
        )  # fmt: skip
        await tx.insert(store.FLOATING_IPS, floating)
        if port_id is not None:
            association = await self._association(tx, ctx, floating, port_id, fixed)
            floating = await write(tx, store.FLOATING_IPS, floating, now, **association)
        elif fixed is not None:
            raise errors.BadResourceRequest(
                resource="floatingip", reason="fixed_ip_address cannot be specified without a port_id"
            )
        return floating

    async def _outside(
        self, tx: Transaction, network: model.Network, subnet_id: str | None, address: str | None
    ) -> list[dict[str, str]]:
        """What to ask of the external network: the address, the subnet, or any IPv4 subnet with room."""
        wanted: dict[str, str] = {}
        if address is not None:
            wanted["ip_address"] = address
        if subnet_id is not None:
            wanted["subnet_id"] = subnet_id
        if wanted:
            return [wanted]
        subnets = await tx.find(store.SUBNETS, network_id=network.id, ip_version=4)
        if not subnets:
            raise errors.BadResourceRequest(
                resource="floatingip", reason=f"Network {network.id} does not contain any IPv4 subnet"
            )
        for subnet in sorted(subnets, key=lambda s: (s.created_at, s.id)):
            try:
                return await self._net.addresses.choose(tx, network.id, [{"subnet_id": subnet.id}], mac="")
            except errors.IpAddressGenerationFailureForSubnet:
                continue
        raise errors.IpAddressGenerationFailure(network_id=network.id)

    async def update(self, ctx: Context, key: str, body: Body, if_match: int | None = None) -> model.FloatingIp:
        try:
            async with self._net.db.transaction() as tx:
                floating: model.FloatingIp = await self._net.listing.lock(tx, ctx, schema.FLOATING_IP, key, if_match)
                enforce_given(self._net.policy, ctx, "update", "floatingip", body, target(floating))
                changes = {n: v for n, v in body.values.items() if n in ("description",)}
                if "port_id" in body and body.values["port_id"] is None:
                    changes |= _FREE
                elif "port_id" in body or body.values.get("fixed_ip_address"):
                    port_id = body.values.get("port_id", floating.port_id)
                    if port_id is None:
                        raise errors.BadResourceRequest(
                            resource="floatingip", reason="fixed_ip_address cannot be specified without a port_id"
                        )
                    fixed = body.values.get("fixed_ip_address")
                    changes |= await self._association(tx, ctx, floating, port_id, fixed)
                tx.wake("network.wish")
                return await write(tx, store.FLOATING_IPS, floating, self._net.clock.now(), **changes)  # type: ignore[no-any-return]
        except DuplicateRow:
            raise self._taken(body) from None

    @staticmethod
    def _taken(body: Body) -> errors.FloatingIPPortAlreadyAssociated:
        values = body.values
        return errors.FloatingIPPortAlreadyAssociated(
            address=values.get("floating_ip_address"), id="", port_id=values.get("port_id"),
            fixed_ip=values.get("fixed_ip_address"), network_id=values.get("floating_network_id"),
        )  # fmt: skip

    async def _association(
        self, tx: Transaction, ctx: Context, floating: model.FloatingIp, port_id: str, fixed: str | None
    ) -> dict[str, Any]:
        port: model.Port = await self._net.listing.get(tx, ctx, schema.PORT, port_id)
        if port.project_id != floating.project_id and not self._net.listing.sees_all(ctx):
            raise errors.BadResourceRequest(
                resource="floatingip",
                reason=f"Port {port_id} is associated with a different tenant than Floating IP {floating.id} and "
                "therefore cannot be bound",
            )
        address, subnet_id = _fixed(port, fixed)
        router_id = await self._router(tx, port, subnet_id, floating.floating_network_id)
        others = await tx.find(
            store.FLOATING_IPS,
            port_id=port_id, fixed_ip_address=address, floating_network_id=floating.floating_network_id,
        )  # fmt: skip
        if any(other.id != floating.id for other in others):
            raise errors.FloatingIPPortAlreadyAssociated(
                address=floating.floating_ip_address, id=floating.id, port_id=port_id, fixed_ip=address,
                network_id=floating.floating_network_id,
            )  # fmt: skip
        tx.wake("network.wish")
        same = (floating.port_id, floating.fixed_ip_address, floating.router_id) == (port_id, address, router_id)
        status = floating.status if same else model.DOWN
        return {"port_id": port_id, "fixed_ip_address": address, "router_id": router_id, "status": status}

    async def _router(self, reader: Reader, port: model.Port, subnet_id: str, network_id: str) -> str:
        """The router between the port's subnet and the external network; of several, the subnet's gateway."""
        legs = await reader.find(store.PORTS, network_id=port.network_id, device_owner=model.ROUTER_INTERFACE)
        legs = [leg for leg in legs if any(f["subnet_id"] == subnet_id for f in leg.fixed_ips)]
        subnet = await reader.get(store.SUBNETS, id=subnet_id)
        gateway = subnet.gateway_ip if subnet else None
        legs.sort(key=lambda leg: (all(f["ip_address"] != gateway for f in leg.fixed_ips), leg.created_at, leg.id))
        for leg in legs:
            router = await reader.get(store.ROUTERS, id=leg.device_id)
            if router and (router.external_gateway_info or {}).get("network_id") == network_id:
                return router.id
        raise errors.ExternalGatewayForFloatingIPNotFound(network_id=network_id, subnet_id=subnet_id, port_id=port.id)

    async def detach(self, tx: Transaction, port_id: str, addresses: Sequence[str] | None = None) -> None:
        """A port goes, or some addresses of it: their floating IPs are free again."""
        where = [] if addresses is None else [Where("fixed_ip_address", "in", addresses)]
        for floating in await tx.find(store.FLOATING_IPS, where=where, port_id=port_id):
            await tx.update(store.FLOATING_IPS, changed(floating, self._net.clock.now(), **_FREE), id=floating.id)

    async def delete(self, ctx: Context, key: str, if_match: int | None = None) -> None:
        async with self._net.db.transaction() as tx:
            floating: model.FloatingIp = await self._net.listing.lock(tx, ctx, schema.FLOATING_IP, key, if_match)
            self._net.policy.enforce(ctx, "delete_floatingip", target(floating))
            await tx.delete(store.FLOATING_IPS, id=key)
            port = await tx.get(store.PORTS, id=floating.floating_port_id)
            if port is not None:
                await self._net.ports.drop(tx, port)
            tx.wake("network.wish")


def _v4(fixed_ips: Sequence[dict[str, str]]) -> str:
    for one in fixed_ips:
        if ip_version(one["ip_address"]) == 4:
            return one["ip_address"]
    raise errors.BadResourceRequest(resource="floatingip", reason="a floating IP must be an IPv4 address")


def _fixed(port: model.Port, wanted: str | None) -> tuple[str, str]:
    """The port's address that the floating IP stands for, and its subnet."""
    if wanted is not None:
        for one in port.fixed_ips:
            if one["ip_address"] == wanted and ip_version(wanted) == 4:
                return wanted, one["subnet_id"]
        raise errors.BadResourceRequest(resource="floatingip", reason=f"Port {port.id} does not have fixed ip {wanted}")
    choices = [f for f in port.fixed_ips if ip_version(f["ip_address"]) == 4]
    if not choices:
        raise errors.BadResourceRequest(
            resource="floatingip",
            reason=f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses",
        )
    if len(choices) > 1:
        raise errors.BadResourceRequest(
            resource="floatingip",
            reason=f"Port {port.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when "
            "assigning a floating IP",
        )
    return choices[0]["ip_address"], choices[0]["subnet_id"]
