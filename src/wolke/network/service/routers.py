"""Routers: between a project's networks, and from them to the world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Reader, Transaction, Where
from wolke.network import errors, model, schema, store
from wolke.network.errors import HTTPBadRequest
from wolke.network.schema import checks
from wolke.network.schema.attributes import Body
from wolke.network.schema.routers import ROUTES
from wolke.network.service.listing import enforce_given, target, write

if TYPE_CHECKING:
    from wolke.network.service import Network

_GATEWAY = "external_gateway_info"


class Routers:
    def __init__(self, net: Network) -> None:
        self._net = net

    async def create(self, ctx: Context, bodies: list[Body]) -> list[model.Router]:
        async with self._net.db.transaction() as tx:
            return [await self._create(tx, ctx, body) for body in bodies]

    async def _create(self, tx: Transaction, ctx: Context, body: Body) -> model.Router:
        values, now = dict(body.values), self._net.clock.now()
        values.setdefault("project_id", ctx.project_id or "")
        self._enforce(ctx, "create", body, {"project_id": values["project_id"]})
        for name in ("distributed", "ha", "flavor_id"):
            values.pop(name, None)
        await self._net.quotas.reserve(tx, values["project_id"], "router")
        wanted = values.pop(_GATEWAY, None)
        router = model.Router(
            id=ids.uuid(), status=model.ACTIVE, external_gateway_info=None, gw_port_id=None, routes=[],
            host=await self._net.hosts.for_router(tx), tags=[], created_at=now, updated_at=now, revision_number=1,
            **values,
        )  # fmt: skip
        await tx.insert(store.ROUTERS, router)
        if wanted is not None:
            router = await write(tx, store.ROUTERS, router, now, **await self._gateway(tx, ctx, router, wanted))
        tx.wake("network.wish")
        return router

    def _enforce(self, ctx: Context, verb: str, body: Body, aim: dict[str, Any]) -> None:
        names = body.given
        for plain in ("ha", "distributed"):  # saying what is so anyway needs no permission
            names = names if body.values.get(plain) else names - {plain}
        enforce_given(self._net.policy, ctx, verb, "router", Body(body.values, names), aim)
        for name in sorted(body.values.get(_GATEWAY) or ()):
            rule = f"{verb}_router:{_GATEWAY}:{name}"
            if rule in self._net.policy.rules:
                self._net.policy.enforce(ctx, rule, aim)

    async def update(self, ctx: Context, key: str, body: Body, if_match: int | None = None) -> model.Router:
        async with self._net.db.transaction() as tx:
            router: model.Router = await self._net.listing.lock(tx, ctx, schema.ROUTER, key, if_match)
            self._enforce(ctx, "update", body, target(router))
            changes = {n: v for n, v in body.values.items() if n not in ("distributed", "ha", "flavor_id")}
            if "routes" in changes:
                await self._check_routes(tx, router, changes["routes"])
            if _GATEWAY in changes:
                changes |= await self._gateway(tx, ctx, router, changes[_GATEWAY])
            tx.wake("network.wish")
            return await write(tx, store.ROUTERS, router, self._net.clock.now(), **changes)  # type: ignore[no-any-return]

    async def delete(self, ctx: Context, key: str, if_match: int | None = None) -> None:
        async with self._net.db.transaction() as tx:
            router: model.Router = await self._net.listing.lock(tx, ctx, schema.ROUTER, key, if_match)
            self._net.policy.enforce(ctx, "delete_router", target(router))
            if await tx.find(store.PORTS, device_id=key, device_owner=model.ROUTER_INTERFACE, limit=1):
                raise errors.RouterInUse(id=key, reason="still has ports")
            if router.gw_port_id is not None:
                await self._gateway(tx, ctx, router, None)
            await tx.delete(store.ROUTERS, id=key)
            tx.wake("network.wish")

    # -- the gateway

    async def _gateway(
        self, tx: Transaction, ctx: Context, router: model.Router, wanted: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Make the gateway as wanted, and return what changes in the router."""
        had = router.external_gateway_info or {}
        if wanted is not None and had.get("network_id") == wanted["network_id"]:
            return await self._adjust_gateway(tx, router, had, wanted)
        if router.gw_port_id is not None:
            if await tx.find(store.FLOATING_IPS, router_id=router.id, limit=1):
                raise errors.RouterExternalGatewayInUseByFloatingIp(id=router.id, network_id=had.get("network_id"))
            port = await tx.get(store.PORTS, id=router.gw_port_id)
            if port is not None:
                await self._net.ports.drop(tx, port)
        if wanted is None:
            return {_GATEWAY: None, "gw_port_id": None}
        network: model.Network = await self._net.listing.get(tx, ctx, schema.NETWORK, wanted["network_id"])
        if not network.external:
            raise errors.BadResourceRequest(
                resource="router", reason=f"Network {network.id} is not an external network"
            )
        await self._check_no_overlap(tx, router.id, network)
        port = await self._net.ports.insert(
            tx, None, network,
            {
                "project_id": "", "device_id": router.id, "device_owner": model.ROUTER_GATEWAY, "host": router.host,
                "fixed_ips": wanted.get("external_fixed_ips") or None, "security_groups": [],
                "port_security_enabled": False,
            },
        )  # fmt: skip
        info = {
            "network_id": network.id,
            "enable_snat": wanted.get("enable_snat", True),
            "external_fixed_ips": port.fixed_ips,
        }
        return {_GATEWAY: info, "gw_port_id": port.id}

    async def _adjust_gateway(
        self, tx: Transaction, router: model.Router, had: dict[str, Any], wanted: dict[str, Any]
    ) -> dict[str, Any]:
        info = {**had, "enable_snat": wanted.get("enable_snat", had.get("enable_snat", True))}
        port = await tx.get(store.PORTS, id=router.gw_port_id or "")
        if port is not None and wanted.get("external_fixed_ips"):
            port = await self._net.ports.change(tx, None, port, {"fixed_ips": wanted["external_fixed_ips"]})
            info["external_fixed_ips"] = port.fixed_ips
        return {_GATEWAY: info}

    async def _check_no_overlap(self, reader: Reader, router_id: str, network: model.Network) -> None:
        outside = await reader.find(store.SUBNETS, network_id=network.id)
        for inside in await self.subnets(reader, router_id):
            for subnet in outside:
                _refuse_overlap(subnet, inside)

    # -- interfaces

    async def ports(self, reader: Reader, router_id: str) -> list[model.Port]:
        return await reader.find(store.PORTS, device_id=router_id, device_owner=model.ROUTER_INTERFACE)

    async def subnets(self, reader: Reader, router_id: str) -> list[model.Subnet]:
        """Those with an interface on the router."""
        wanted = [f["subnet_id"] for port in await self.ports(reader, router_id) for f in port.fixed_ips]
        return await reader.find(store.SUBNETS, where=[Where("id", "in", wanted)]) if wanted else []

    async def add_interface(self, ctx: Context, key: str, body: Any) -> dict[str, Any]:
        wanted = _interface(body)
        if len(wanted) != 1:
            raise errors.BadResourceRequest(resource="router", reason="Either subnet_id or port_id must be specified")
        try:
            async with self._net.db.transaction() as tx:
                router: model.Router = await self._net.listing.lock(tx, ctx, schema.ROUTER, key, None)
                self._net.policy.enforce(ctx, "add_router_interface", target(router))
                if "port_id" in wanted:
                    port = await self._adopt(tx, ctx, router, wanted["port_id"])
                else:
                    port = await self._add_subnet(tx, ctx, router, wanted["subnet_id"])
                tx.wake("network.wish")
        except DuplicateRow:
            raise errors.BadResourceRequest(resource="router", reason="the address is in use by now") from None
        return _interface_view(router, port)

    async def _add_subnet(self, tx: Transaction, ctx: Context, router: model.Router, subnet_id: str) -> model.Port:
        subnet: model.Subnet = await self._net.listing.get(tx, ctx, schema.SUBNET, subnet_id)
        if subnet.gateway_ip is None:
            raise errors.BadResourceRequest(
                resource="router", reason="Subnet for router interface must have a gateway IP"
            )
        await self._check_subnet(tx, router, [subnet])
        network = await tx.get(store.NETWORKS, id=subnet.network_id)
        assert network is not None
        if not self._net.listing.sees_all(ctx) and network.project_id != ctx.project_id:
            self._net.policy.enforce(
                ctx, "create_port:fixed_ips:ip_address", {"network:project_id": network.project_id}
            )
        await self._net.quotas.reserve(tx, router.project_id, "port")
        return await self._net.ports.insert(
            tx, ctx, network,
            {
                "project_id": router.project_id, "device_id": router.id, "device_owner": model.ROUTER_INTERFACE,
                "fixed_ips": [{"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}], "host": router.host,
                "security_groups": [], "port_security_enabled": False,
            },
        )  # fmt: skip

    async def _adopt(self, tx: Transaction, ctx: Context, router: model.Router, port_id: str) -> model.Port:
        port: model.Port = await self._net.listing.lock(tx, ctx, schema.PORT, port_id, None)
        if port.device_id:
            raise errors.PortInUse(id=port.id, network_id=port.network_id, device_id=port.device_id)
        if not port.fixed_ips:
            raise errors.BadResourceRequest(resource="router", reason="Router port must have at least one fixed IP")
        subnets = await tx.find(store.SUBNETS, where=[Where("id", "in", [f["subnet_id"] for f in port.fixed_ips])])
        if len([s for s in subnets if s.ip_version == 4]) > 1:
            raise errors.BadResourceRequest(
                resource="router", reason="Cannot have multiple IPv4 subnets on router port"
            )
        await self._check_subnet(tx, router, subnets)
        changes = {
            "device_id": router.id, "device_owner": model.ROUTER_INTERFACE, "host": router.host,
            "security_groups": [], "port_security_enabled": False, "allowed_address_pairs": [],
        }  # fmt: skip
        return await self._net.ports.change(tx, ctx, port, changes)

    async def _check_subnet(self, reader: Reader, router: model.Router, added: Sequence[model.Subnet]) -> None:
        there = await self.subnets(reader, router.id)
        if router.external_gateway_info:
            there += await reader.find(store.SUBNETS, network_id=router.external_gateway_info["network_id"])
        for subnet in added:
            for other in there:
                if other.id == subnet.id:
                    raise errors.BadResourceRequest(
                        resource="router", reason=f"Router already has a port on subnet {subnet.id}"
                    )
                _refuse_overlap(subnet, other)

    async def remove_interface(self, ctx: Context, key: str, body: Any) -> dict[str, Any]:
        wanted = _interface(body)
        if not wanted:
            raise errors.BadResourceRequest(resource="router", reason="Either subnet_id or port_id must be specified")
        async with self._net.db.transaction() as tx:
            router: model.Router = await self._net.listing.lock(tx, ctx, schema.ROUTER, key, None)
            self._net.policy.enforce(ctx, "remove_router_interface", target(router))
            port = _choose_interface(router, await self.ports(tx, key), wanted)
            for fixed in port.fixed_ips:
                await self._check_removable(tx, router, fixed["subnet_id"])
            await self._net.ports.drop(tx, port)
        return _interface_view(router, port)

    async def _check_removable(self, reader: Reader, router: model.Router, subnet_id: str) -> None:
        subnet = await reader.get(store.SUBNETS, id=subnet_id)
        if subnet is None:
            return
        cidr = ip_network(subnet.cidr)
        for floating in await reader.find(store.FLOATING_IPS, router_id=router.id):
            if floating.fixed_ip_address and ip_address(floating.fixed_ip_address) in cidr:
                raise errors.RouterInterfaceInUseByFloatingIP(subnet_id=subnet_id, id=router.id)
        for route in router.routes:
            if ip_address(route["nexthop"]) in cidr:
                raise errors.RouterInterfaceInUseByRoute(subnet_id=subnet_id, id=router.id)

    # -- routes

    async def change_routes(self, ctx: Context, key: str, body: Any, *, add: bool) -> model.Router:
        given = body.get("router") if isinstance(body, dict) else None
        if not isinstance(given, dict) or set(given) != {"routes"}:
            raise HTTPBadRequest("Unable to find 'routes' of 'router' in request body")
        try:
            named = ROUTES(given["routes"])
        except ValueError as error:
            raise HTTPBadRequest(f"Invalid input for routes. Reason: {error}.") from None
        async with self._net.db.transaction() as tx:
            router: model.Router = await self._net.listing.lock(tx, ctx, schema.ROUTER, key, None)
            self._net.policy.enforce(ctx, "add_extraroutes" if add else "remove_extraroutes", target(router))
            if add:
                routes = router.routes + [r for r in named if r not in router.routes]
                await self._check_routes(tx, router, routes)
            else:
                routes = [r for r in router.routes if r not in named]
            tx.wake("network.wish")
            return await write(tx, store.ROUTERS, router, self._net.clock.now(), routes=routes)  # type: ignore[no-any-return]

    async def _check_routes(self, reader: Reader, router: model.Router, routes: Sequence[dict[str, str]]) -> None:
        if len(routes) > self._net.config.routes_per_router:
            raise errors.RoutesExhausted(id=router.id, most=self._net.config.routes_per_router)
        ports = await self.ports(reader, router.id)
        if router.gw_port_id:
            ports += await reader.find(store.PORTS, id=router.gw_port_id)
        own = {f["ip_address"] for port in ports for f in port.fixed_ips}
        wanted = {f["subnet_id"] for port in ports for f in port.fixed_ips}
        subnets = await reader.find(store.SUBNETS, where=[Where("id", "in", sorted(wanted))]) if wanted else []
        cidrs = [ip_network(s.cidr) for s in subnets]
        for route in routes:
            hop = ip_address(route["nexthop"])
            if ip_network(route["destination"]).version != hop.version:
                raise errors.InvalidRoutes(routes=[route], reason="destination and nexthop differ in IP version")
            if not any(hop in cidr for cidr in cidrs):
                raise errors.InvalidRoutes(routes=[route], reason="the nexthop is not connected with router")
            if route["nexthop"] in own:
                raise errors.InvalidRoutes(routes=[route], reason="the nexthop is used by router")


def _interface(body: Any) -> dict[str, str]:
    if not isinstance(body, dict):
        raise HTTPBadRequest("Resource body required")
    wanted: dict[str, str] = {}
    for name in ("subnet_id", "port_id"):
        if body.get(name) is not None:
            try:
                wanted[name] = checks.identifier(body[name])
            except ValueError as error:
                raise errors.BadResourceRequest(resource="router", reason=str(error)) from None
    return wanted


def _interface_view(router: model.Router, port: model.Port) -> dict[str, Any]:
    subnet_ids = [f["subnet_id"] for f in port.fixed_ips]
    return {
        "id": router.id,
        "tenant_id": router.project_id,
        "project_id": router.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnet_ids[0],
        "subnet_ids": subnet_ids,
        "tags": port.tags,
    }


def _choose_interface(router: model.Router, ports: Iterable[model.Port], wanted: dict[str, str]) -> model.Port:
    port_id, subnet_id = wanted.get("port_id"), wanted.get("subnet_id")
    for port in ports:
        on = [f["subnet_id"] for f in port.fixed_ips]
        if (port_id is None or port.id == port_id) and (subnet_id is None or subnet_id in on):
            return port
    if port_id is not None:
        raise errors.RouterInterfaceNotFound(id=router.id, port_id=port_id)
    raise errors.RouterInterfaceNotFoundForSubnet(id=router.id, subnet_id=subnet_id)


def _refuse_overlap(one: model.Subnet, other: model.Subnet) -> None:
    if one.id != other.id and ip_network(one.cidr).overlaps(ip_network(other.cidr)):
        raise errors.BadResourceRequest(
            resource="router",
            reason=f"Cidr {one.cidr} of subnet {one.id} overlaps with cidr {other.cidr} of subnet {other.id}",
        )
