"""Hosts and their agents: what each should carry, and what came of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import msgspec

from wolke.core import ids
from wolke.core.clock import moment
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Reader, Transaction, Where
from wolke.core.log import get_logger
from wolke.network import errors, model, store
from wolke.network.errors import HTTPBadRequest
from wolke.network.scheduler.wishes import Facts, Wish, is_guest, work_out
from wolke.network.schema.wishes import Outcome, Registration, encode
from wolke.network.service.addresses import is_auto

if TYPE_CHECKING:
    from wolke.network.service import Network

log = get_logger(__name__)
WAKE = "network.wish"
_CHUNK = 500
_LONGEST_NAME = 255
_BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Rendered:
    digest: str
    body: bytes
    change: int  # how many changes had been announced when it was worked out
    until: float


class Hosts:
    def __init__(self, net: Network) -> None:
        self._net = net
        self._changes = 0
        self._rendered: dict[str, Rendered] = {}
        self._making: dict[str, asyncio.Lock] = {}
        self._listeners: set[asyncio.Event] = set()
        net.db.on_wake(WAKE, self._changed)

    def _changed(self) -> None:
        self._changes += 1
        for event in self._listeners:
            event.set()

    # -- agents as operators see them

    async def find(self, ctx: Context) -> list[model.Host]:
        self._net.policy.enforce(ctx, "get_agent", {})
        return sorted(await self._net.db.find(store.HOSTS), key=lambda h: h.host)

    async def get(self, ctx: Context, key: str) -> model.Host:
        self._net.policy.enforce(ctx, "get_agent", {})
        found = await self._net.db.get(store.HOSTS, id=key)
        if found is None:
            raise errors.AgentNotFound(id=key)
        return found

    async def update(self, ctx: Context, key: str, changes: Mapping[str, Any]) -> model.Host:
        host = await self.get(ctx, key)
        try:
            kinds: dict[str, Any] = {"admin_state_up": bool, "description": str}
            values: dict[str, Any] = {name: msgspec.convert(value, kinds[name]) for name, value in changes.items()}
        except msgspec.ValidationError as error:
            raise HTTPBadRequest(f"Invalid input for agent. Reason: {error}.") from None
        if values:
            async with self._net.db.transaction() as tx:
                await tx.update(store.HOSTS, values, id=key)
        return msgspec.structs.replace(host, **values)

    async def delete(self, ctx: Context, key: str) -> None:
        await self.get(ctx, key)
        async with self._net.db.transaction() as tx:
            await tx.delete(store.HOSTS, id=key)

    async def alive(self, reader: Reader) -> list[model.Host]:
        now, limit = self._net.clock.time(), self._net.config.agent_down_after_s
        found = await reader.find(store.HOSTS, admin_state_up=True)
        return [h for h in found if now - moment(h.heartbeat_at).timestamp() <= limit]

    async def for_router(self, reader: Reader) -> str:
        """The host for a new router: of those that are alive and can, the one with fewest. "" if there is none."""
        able = [h for h in await self.alive(reader) if h.capabilities.get("routers")]
        loads = [(await reader.count(store.ROUTERS, host=h.host), h.host) for h in able]
        return min(loads)[1] if loads else ""

    async def addresses_in_use(self, ctx: Context, query: Mapping[str, Sequence[str]]) -> Sequence[dict[str, Any]]:
        where = []
        for name, column in (("network_id", "id"), ("network_name", "name"), ("project_id", "project_id"), ("tenant_id", "project_id")):  # fmt: skip
            if name in query:
                where.append(Where(column, "in", [*query[name]]))
        networks = await self._net.db.find(store.NETWORKS, where=where)
        used = {row[0]: row[1] for row in await self._net.db.rows(store.USED_BY_SUBNET)}
        subnets: dict[str, Any] = {}
        versions = {int(v) for v in query.get("ip_version", ()) if v in ("4", "6")}
        for subnet in await self._net.db.find(store.SUBNETS):
            if not versions or subnet.ip_version in versions:
                subnets.setdefault(subnet.network_id, []).append(subnet)
        return [_availability(n, subnets.get(n.id, []), used) for n in networks]

    # -- agents as they speak for themselves

    async def register(self, host: str, body: Any) -> None:
        """An agent says that it is there. Routers that have no host yet are given to it if it can carry them."""
        try:
            said = msgspec.convert(body, Registration)
        except msgspec.ValidationError as error:
            raise HTTPBadRequest(f"Invalid registration: {error}") from None
        if not 0 < len(host) <= _LONGEST_NAME:
            raise HTTPBadRequest("A host's name has 1 to 255 characters.")
        now = self._net.clock.now()
        changes = {"dataplane": said.dataplane, "capabilities": said.capabilities, "heartbeat_at": now}
        try:
            async with self._net.db.transaction() as tx:
                if not await tx.update(store.HOSTS, changes, host=host):
                    started = said.started_at if len(said.started_at) == len(now) else now
                    record = model.Host(
                        ids.uuid(), host, said.dataplane, dict(said.capabilities), True, "", now, started, now
                    )
                    await tx.insert(store.HOSTS, record)
                if said.capabilities.get("routers"):
                    await self._adopt(tx, host)
        except DuplicateRow:
            return

    @staticmethod
    async def _adopt(tx: Transaction, host: str) -> None:
        orphans = [r.id for r in await tx.find(store.ROUTERS, host="")]
        for at in range(0, len(orphans), _CHUNK):
            some = orphans[at : at + _CHUNK]
            await tx.update(store.ROUTERS, {"host": host}, where=[Where("id", "in", some)], host="")
            owners = Where("device_owner", "in", [model.ROUTER_INTERFACE, model.ROUTER_GATEWAY])
            await tx.update(store.PORTS, {"host": host}, where=[Where("device_id", "in", some), owners])
        if orphans:
            tx.wake(WAKE)

    async def wish(self, host: str) -> Rendered:
        """What the host should carry. Worked out once per announced change, and now and then in case one was lost."""
        async with self._making.setdefault(host, asyncio.Lock()):
            found, now = self._rendered.get(host), asyncio.get_running_loop().time()
            if found is not None and found.change == self._changes and now < found.until:
                return found
            change = self._changes
            facts = await self._facts(host)
            if await self._ensure_dhcp(facts):
                facts = await self._facts(host)
            body = encode(work_out(facts))
            digest = hashlib.blake2b(body, digest_size=16).hexdigest()
            found = Rendered(digest, body, change, now + self._net.config.wish_cache_s)
            self._rendered[host] = found
            return found

    async def wanted(self, host: str) -> Wish:
        """What the host should carry, as far as it is written down; nothing is made for it."""
        return work_out(await self._facts(host))

    async def _facts(self, host: str) -> Facts:
        db = self._net.db
        here = [[Where("host", "eq", host)], [Where("next_host", "eq", host)]]
        bound = await db.find(store.PORTS, where=[Where("", "any", here)])
        routers = await db.find(store.ROUTERS, host=host)
        network_ids = {p.network_id for p in bound if is_guest(p, host)}
        if routers:
            legs = await db.find(store.PORTS, where=[Where("device_id", "in", [r.id for r in routers])])
            network_ids |= {p.network_id for p in legs}
        wanted = sorted(network_ids)
        if not wanted:
            return Facts(host, routers=routers, dns_domain=self._net.config.dns_domain)
        floating = []
        if routers:
            floating = await db.find(store.FLOATING_IPS, where=[Where("router_id", "in", [r.id for r in routers])])
        in_these = [Where("network_id", "in", wanted)]
        return Facts(
            host=host,
            networks=await db.find(store.NETWORKS, where=[Where("id", "in", wanted)]),
            subnets=await db.find(store.SUBNETS, where=in_these),
            ports=await db.find(store.PORTS, where=in_these),
            routers=routers,
            floating_ips=floating,
            rules=[store.RULES.decode(row) for row in await db.rows(store.RULES_FOR_HOST, host=host)],
            members=await self._members(host),
            dns_domain=self._net.config.dns_domain,
        )

    async def _members(self, host: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for group_id, fixed_ips, pairs in await self._net.db.rows(store.MEMBERS_FOR_HOST, host=host):
            addresses = members.setdefault(group_id, [])
            for text in (fixed_ips, pairs):
                addresses += [one["ip_address"] for one in msgspec.json.decode(text)]
        return members

    # -- DHCP's own addresses

    async def _ensure_dhcp(self, facts: Facts) -> bool:
        """Every subnet with DHCP, on a network that has guests here, has an address that answers; True if one was made."""
        here = {p.network_id for p in facts.ports if is_guest(p, facts.host)}
        has = {f["subnet_id"] for p in facts.ports if p.device_owner == model.DHCP for f in p.fixed_ips}
        made = False
        for network in facts.networks:
            lacking = [
                s for s in facts.subnets
                if s.network_id == network.id and s.enable_dhcp and s.id not in has and not is_auto(s)
            ]  # fmt: skip
            for subnet in lacking if network.id in here else ():
                made |= await self._make_dhcp(network, subnet)
        return made

    async def _make_dhcp(self, network: model.Network, subnet: model.Subnet) -> bool:
        device = f"dhcp-{network.id}"
        try:
            async with self._net.db.transaction() as tx:
                await tx.lock(f"network:network:{network.id}")
                if await tx.get(store.SUBNETS, id=subnet.id) is None:
                    return False
                there = await tx.find(store.PORTS, device_id=device, device_owner=model.DHCP)
                if not there:
                    values = {
                        "project_id": network.project_id, "device_id": device, "device_owner": model.DHCP,
                        "fixed_ips": [{"subnet_id": subnet.id}], "security_groups": [], "port_security_enabled": False,
                        "status": model.ACTIVE,
                    }  # fmt: skip
                    await self._net.ports.insert(tx, None, network, values)
                elif all(f["subnet_id"] != subnet.id for f in there[0].fixed_ips):
                    wanted = [*there[0].fixed_ips, {"subnet_id": subnet.id}]
                    await self._net.ports.change(tx, None, there[0], {"fixed_ips": wanted})
        except (errors.IpAddressGenerationFailureForSubnet, errors.IpAddressGenerationFailure):
            log.warning("no address left for DHCP", network_id=network.id, subnet_id=subnet.id)
            return False
        except DuplicateRow:
            return True
        return True

    # -- what came of it

    async def outcome(self, host: str, body: Any) -> None:
        try:
            said = msgspec.convert(body, Outcome)
        except msgspec.ValidationError as error:
            raise HTTPBadRequest(f"Invalid outcome: {error}") from None
        ports = [port_id for one in said.networks.values() for port_id in one.ports]
        broken = [network_id for network_id, one in said.networks.items() if one.error]
        async with self._net.db.transaction() as tx:
            await self._ports_are(tx, host, ports, broken)
            for router_id, router in said.routers.items():
                await self._router_is(tx, host, router_id, router.error, router.floating_ips)
            tx.wake("network.ports")

    @staticmethod
    async def _ports_are(tx: Transaction, host: str, active: Sequence[str], broken: Sequence[str]) -> None:
        for at in range(0, len(active), _CHUNK):
            some = Where("id", "in", list(active[at : at + _CHUNK]))
            for up, status in ((True, model.ACTIVE), (False, model.DOWN)):
                where = [some, Where("status", "ne", status)]
                await tx.update(store.PORTS, {"status": status}, where=where, host=host, admin_state_up=up)
        for network_id in broken:
            where = [Where("id", "notin", list(active[:_CHUNK])), Where("status", "ne", model.DOWN)]
            guests = Where("device_owner", "like", "compute:%")
            await tx.update(
                store.PORTS, {"status": model.DOWN}, where=[*where, guests], host=host, network_id=network_id
            )

    @staticmethod
    async def _router_is(
        tx: Transaction, host: str, router_id: str, error: str | None, floating_ips: Sequence[str]
    ) -> None:
        status = model.ACTIVE if error is None else model.ERROR
        if not await tx.find(store.ROUTERS, id=router_id, host=host, limit=1):
            return
        changing = [Where("status", "ne", status)]
        if await tx.update(store.ROUTERS, {"status": status}, where=changing, id=router_id) and error:
            log.warning("a router could not be made", router_id=router_id, host=host, reason=error[:500])
        legs = Where("device_owner", "in", [model.ROUTER_INTERFACE, model.ROUTER_GATEWAY])
        leg_status = model.ACTIVE if error is None else model.DOWN
        await tx.update(
            store.PORTS, {"status": leg_status}, where=[legs, Where("status", "ne", leg_status)], device_id=router_id
        )
        for at in range(0, len(floating_ips), _CHUNK):
            some = Where("id", "in", list(floating_ips[at : at + _CHUNK]))
            await tx.update(store.FLOATING_IPS, {"status": status}, where=[some, *changing], router_id=router_id)

    async def wakes(self, gone: Callable[[], Awaitable[None]]) -> AsyncIterator[bytes]:
        """A line per change, and one every few seconds that says no more than that the line still stands."""
        event, left = asyncio.Event(), asyncio.ensure_future(gone())
        self._listeners.add(event)
        try:
            yield b"ready\n"
            while not left.done():
                waiting = asyncio.ensure_future(event.wait())
                await asyncio.wait(
                    (waiting, left), timeout=self._net.config.keep_alive_s, return_when=asyncio.FIRST_COMPLETED
                )
                waiting.cancel()
                if left.done():
                    return
                yield b"wake\n" if event.is_set() else b"alive\n"
                event.clear()
        finally:
            self._listeners.discard(event)
            left.cancel()


def _availability(network: model.Network, subnets: Sequence[model.Subnet], used: Mapping[str, int]) -> dict[str, Any]:
    shown: list[dict[str, Any]] = []
    for subnet in subnets:
        pools = [(int(ip_address(p["start"])), int(ip_address(p["end"]))) for p in subnet.allocation_pools]
        total = sum(end - start + 1 for start, end in pools) or ip_network(subnet.cidr).num_addresses
        shown.append(
            {
                "subnet_id": subnet.id,
                "subnet_name": subnet.name,
                "cidr": subnet.cidr,
                "ip_version": subnet.ip_version,
                "used_ips": used.get(subnet.id, 0),
                "total_ips": total if total <= _BIGGEST else float(total),
            }
        )
    total = sum(int(one["total_ips"]) for one in shown)
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "used_ips": sum(one["used_ips"] for one in shown),
        "total_ips": total if total <= _BIGGEST else float(total),
        "subnet_ip_availability": shown,
    }
