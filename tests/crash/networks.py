"""A cloud with a router to the world, and what users wish of its network while the process dies.

The dataplane's two dictionaries are the kernel: they outlive the process, which gets a new dataplane on them when it starts again.
"""

from __future__ import annotations

import copy as copying
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import create_tables
from tests.crash.points import Killed, Points, bury
from tests.crash.scenes import open_in
from tests.life_cloud import InProcessClient, LifeCloud, Reply
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVERS
from wolke.core.clock import HeldClock
from wolke.core.db import Database
from wolke.network import store
from wolke.network.agent import NetworkAgent
from wolke.network.drivers import base
from wolke.network.drivers.simulated import SimulatedDataplane
from wolke.placement.store import ALLOCATIONS as PLACED

_PLANE = ("apply_network", "remove_network", "apply_router", "remove_router", "networks", "routers", "attachment")
_DRIVER = ("create", "start", "destroy", "look", "list", "attach_nic", "detach_nic")
_CLIENT = ("get_json", "put_json", "post_json")
_AT_REST = 30  # rounds at most


@dataclass
class Kernel:
    """What there is on the host, whichever process looks."""

    networks: dict[str, base.Network] = field(default_factory=dict)
    routers: dict[str, base.Router] = field(default_factory=dict)

    def copy(self) -> Kernel:
        return Kernel(dict(self.networks), dict(self.routers))


class Line(InProcessClient):
    """An agent's, that outlives the controllers: when they die in the middle of a request, the connection is gone."""

    def __init__(self) -> None:
        super().__init__(None)
        self.cut = True

    def reach(self, app: Any) -> None:
        super().__init__(app)
        self.cut = False

    async def request(self, *asked: Any, **more: Any) -> Reply:
        if self.cut:
            raise ConnectionError("nobody answers")
        try:
            return await super().request(*asked, **more)
        except Killed:
            self.cut = True
            raise ConnectionError("the controllers are gone") from None


class Carried:
    """A host's network as compute's agent has it, where nothing runs by itself: who waits for a port makes the agent look."""

    def __init__(self, agent: NetworkAgent) -> None:
        self._agent = agent

    async def ensure_port(self, network_id: str, port_id: str, timeout_s: float) -> None:
        await self._agent.round()
        await self._agent.ensure_port(network_id, port_id, 5.0)

    async def attachment(self, network_id: str, port_id: str) -> base.Attachment:
        return await self._agent.attachment(network_id, port_id)


@dataclass
class Wires:
    cloud: LifeCloud
    agent: NetworkAgent
    driver: SimulatedDriver

    async def settle(self) -> None:
        """Until the dataplane has nothing new to be told."""
        for _ in range(_AT_REST):
            await self.cloud.settle()
            before = await self._shown()
            await self.agent.round()
            if await self._shown() == before and not await self.cloud.reconciler.servers._look():
                return
        raise AssertionError("the network does not come to rest")

    async def _shown(self) -> Any:
        db = self.cloud.db
        rows = [await db.find(table) for table in (store.PORTS, store.ROUTERS, store.FLOATING_IPS)]
        return copying.copy(rows)

    async def call(self, method: str, path: str, body: Any = None, token: str = "member") -> Any:
        answer = await self.cloud.http.using(token).request(method, f"/network/v2.0/{path}", body)
        assert answer.status < 300, (method, path, answer.body)
        return answer.json if answer.body else None

    async def make(self, noun: str, token: str = "member", **values: Any) -> Any:
        return (await self.call("POST", f"{noun.replace('_', '-')}s", {noun: values}, token))[noun]

    async def one(self, table: Any, **equal: Any) -> Any:
        [found] = await self.cloud.db.find(table, **equal)
        return found


async def open_wires(
    root: Path, db: Database, kernel: Kernel, points: Points | None = None, far: tuple[NetworkAgent, Line] | None = None
) -> Wires:
    """The cloud in ``root`` as a new process finds it; ``far``: an agent that has lived on."""
    if points:
        points.around_transactions(db)
    cloud = LifeCloud(db, root, HeldClock("2026-01-01T00:00:00.000000Z")).start()
    if far is None:
        agent = new_agent(kernel, InProcessClient(cloud.app), points)
    else:
        agent, line = far
        line.reach(cloud.app)
    (root / "host-1").mkdir(exist_ok=True)
    driver = SimulatedDriver(root / "host-1")
    await cloud.add_host(
        driver=points.around(driver, *_DRIVER) if points else driver,
        wrap_client=(lambda client: points.around(client, *_CLIENT)) if points else None,
        network=Carried(agent),
    )
    await agent.register()
    return Wires(cloud, agent, driver)


def new_agent(kernel: Kernel, line: InProcessClient, points: Points | None) -> NetworkAgent:
    plane = SimulatedDataplane()
    plane.applied_networks, plane.applied_routers = kernel.networks, kernel.routers
    if points is None:
        return NetworkAgent(plane, line, "host-1")
    return NetworkAgent(points.around(plane, *_PLANE), points.around(line, "request"), "host-1")


async def prepare(root: Path, kernel: Kernel, scene: str) -> None:
    root.mkdir()
    await create_tables(f"sqlite:///{root}/wolke.db")
    db = await open_in(root)
    wires = await open_wires(root, db, kernel)
    await furnish(wires)
    for earlier in SCENES[scene].after:
        await SCENES[earlier].wish(wires)
        await wires.settle()
    await db.close()


async def furnish(wires: Wires) -> None:
    """A server on a network behind a router, with ssh allowed; a second network; a floating IP that nobody has."""
    await wires.cloud.furnish()
    outside = await wires.make("network", "admin", name="outside", **{"router:external": True})
    await wires.make("subnet", "admin", network_id=outside["id"], cidr="203.0.113.0/24", ip_version=4)
    router = await wires.make("router", external_gateway_info={"network_id": outside["id"]})
    subnet = (await wires.cloud.db.find(store.SUBNETS, network_id=wires.cloud.network_id))[0]
    await wires.call("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet.id})
    await wires.make("floatingip", floating_network_id=outside["id"])
    await wires.cloud.create("old")
    await wires.settle()
    other = await wires.make("network", name="other")
    await wires.make("subnet", network_id=other["id"], cidr="10.9.0.0/24", ip_version=4)


# ------------------------------------------------------------------------------------------------------------- scenes


async def guest_port(wires: Wires) -> Any:
    return await wires.one(store.PORTS, network_id=(await named(wires, "net")).id, device_owner="compute:nova")


async def named(wires: Wires, name: str) -> Any:
    return await wires.one(store.NETWORKS, name=name)


async def associate(wires: Wires) -> None:
    floating, port = await wires.one(store.FLOATING_IPS), await guest_port(wires)
    await wires.call("PUT", f"floatingips/{floating.id}", {"floatingip": {"port_id": port.id}})


async def disassociate(wires: Wires) -> None:
    floating = await wires.one(store.FLOATING_IPS)
    await wires.call("PUT", f"floatingips/{floating.id}", {"floatingip": {"port_id": None}})


async def associate_new(wires: Wires) -> None:
    """Made for a port at once."""
    port, outside = await guest_port(wires), await named(wires, "outside")
    await wires.make("floatingip", floating_network_id=outside.id, port_id=port.id)


async def delete_associated(wires: Wires) -> None:
    floating = await wires.one(store.FLOATING_IPS)
    await wires.call("DELETE", f"floatingips/{floating.id}")


async def allow(wires: Wires) -> None:
    [group] = (await guest_port(wires)).security_groups
    wanted = {"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    await wires.make("security_group_rule", security_group_id=group, **wanted)


async def forbid(wires: Wires) -> None:
    rule = await wires.one(store.RULES, protocol="tcp")
    await wires.call("DELETE", f"security-group-rules/{rule.id}")


async def add_interface(wires: Wires) -> None:
    await change_interface(wires, "add_router_interface")


async def remove_interface(wires: Wires) -> None:
    await change_interface(wires, "remove_router_interface")


async def change_interface(wires: Wires, verb: str) -> None:
    router = await wires.one(store.ROUTERS)
    subnet = await wires.one(store.SUBNETS, network_id=(await named(wires, "other")).id)
    await wires.call("PUT", f"routers/{router.id}/{verb}", {"subnet_id": subnet.id})


async def attach(wires: Wires) -> None:
    """A second card for the server."""
    wanted = {"interfaceAttachment": {"net_id": (await named(wires, "other")).id}}
    await on_server(wires, (await wires.one(SERVERS)).id, "POST", "os-interface", wanted)


async def attach_port(wires: Wires) -> None:
    """One that the user has made."""
    port = await wires.one(store.PORTS, name="mine")
    await on_server(
        wires, (await wires.one(SERVERS)).id, "POST", "os-interface", {"interfaceAttachment": {"port_id": port.id}}
    )


async def make_port(wires: Wires) -> None:
    await wires.make("port", network_id=(await named(wires, "other")).id, name="mine")


async def detach(wires: Wires) -> None:
    other = await named(wires, "other")
    port = await wires.one(store.PORTS, network_id=other.id, device_owner="compute:nova")
    await on_server(wires, (await wires.one(SERVERS)).id, "DELETE", f"os-interface/{port.id}")


async def on_server(wires: Wires, server_id: str, method: str, path: str, body: Any = None) -> None:
    answer = await wires.cloud.http.using("member").request(
        method,
        f"/compute/v2.1/servers/{server_id}/{path}".rstrip("/"),
        body,
        headers={"openstack-api-version": "compute 2.90"},
    )
    assert answer.status < 300, answer.body


async def remove_all(wires: Wires) -> None:
    """Everything that a member can take away."""
    for server in await wires.cloud.db.find(SERVERS):
        if server.deleted_at is None:
            await on_server(wires, server.id, "DELETE", "")
            await wires.settle()
    for floating in await wires.cloud.db.find(store.FLOATING_IPS):
        await wires.call("DELETE", f"floatingips/{floating.id}")
    for router in await wires.cloud.db.find(store.ROUTERS):
        for port in await wires.cloud.db.find(store.PORTS, device_owner="network:router_interface"):
            await wires.call("PUT", f"routers/{router.id}/remove_router_interface", {"port_id": port.id})
        await wires.call("DELETE", f"routers/{router.id}")
    for port in await wires.cloud.db.find(store.PORTS, name="mine"):
        await wires.call("DELETE", f"ports/{port.id}")
    for network in await wires.cloud.db.find(store.NETWORKS):
        await wires.call("DELETE", f"networks/{network.id}", token="admin")
    await wires.settle()


@dataclass(frozen=True)
class Scene:
    """``after``: the scenes before it."""

    wish: Callable[[Wires], Awaitable[None]]
    after: tuple[str, ...] = ()


SCENES = {
    "associate": Scene(associate),
    "associate new": Scene(associate_new),
    "disassociate": Scene(disassociate, ("associate",)),
    "delete associated": Scene(delete_associated, ("associate",)),
    "allow": Scene(allow),
    "forbid": Scene(forbid, ("allow",)),
    "add interface": Scene(add_interface),
    "remove interface": Scene(remove_interface, ("add interface",)),
    "attach": Scene(attach),
    "make port": Scene(make_port),
    "attach port": Scene(attach_port, ("make port",)),
    "detach": Scene(detach, ("attach",)),
    "detach port": Scene(detach, ("make port", "attach port")),
    "remove all": Scene(remove_all, ("associate", "allow", "add interface", "attach")),
}


async def play(root: Path, kernel: Kernel, scene: str, points: Points) -> None:
    """One process: it starts, the user wishes, it works; it may die at any point."""
    db = await open_in(root)
    try:
        wires = await open_wires(root, db, kernel, points)
        await SCENES[scene].wish(wires)
        await wires.settle()
    except Killed:
        pass
    finally:
        await db.close()
        await bury()


async def play_controllers(root: Path, far: tuple[NetworkAgent, Line], scene: str, points: Points) -> None:
    """The controllers die; the network agent of the host, which is another machine, lives on."""
    db = await open_in(root)
    points.around_transactions(db)
    try:
        wires = await open_wires(root, db, Kernel(), None, far)
        await SCENES[scene].wish(wires)
        await wires.settle()
    except (Killed, ConnectionError):
        pass
    finally:
        await db.close()
        await bury()


# --------------------------------------------------------------------------------------------------------------- looks


async def wrongs(wires: Wires, kernel: Kernel) -> list[str]:
    """What the rows say, worked out by hand, against what the kernel has; empty if all is well."""
    return [
        *await _addresses(wires),
        *await _ports(wires, kernel),
        *await _routers(wires, kernel),
        *await _cards(wires),
    ]


async def _addresses(wires: Wires) -> list[str]:
    ports = await wires.cloud.db.find(store.PORTS)
    shown = sorted((port.id, one["ip_address"]) for port in ports for one in port.fixed_ips)
    kept = sorted((one.port_id, one.ip_address) for one in await wires.cloud.db.find(store.ALLOCATIONS))
    groups = sorted((port.id, group) for port in ports for group in port.security_groups)
    joined = sorted((one.port_id, one.group_id) for one in await wires.cloud.db.find(store.PORT_GROUPS))
    found = [] if shown == kept else [f"addresses {shown}, allocations {kept}"]
    return found + ([] if groups == joined else [f"groups {groups}, joined {joined}"])


async def _ports(wires: Wires, kernel: Kernel) -> list[str]:
    """Each port of a guest is carried once, with the rules of its groups, and says so."""
    found, db = [], wires.cloud.db
    rules = await db.find(store.RULES)
    carried = {(network.id, port.id): port for network in kernel.networks.values() for port in network.ports}
    wanted = {}
    for port in await db.find(store.PORTS):
        if port.device_owner.startswith("compute:"):
            wanted[port.network_id, port.id] = port
            if port.status != "ACTIVE":
                found.append(f"port of {port.device_owner} is {port.status}")
        elif port.device_owner == "" and (port.host or port.status != "DOWN"):
            found.append(f"a port of nobody is {port.status} on {port.host!r}")
    if carried.keys() != wanted.keys():
        found.append(f"carried {sorted(carried)}, wanted {sorted(wanted)}")
        return found
    for key, port in wanted.items():
        allowed = {
            (r.direction, r.ethertype, r.port_range_min) for r in rules if r.security_group_id in port.security_groups
        }
        there = {(rule.direction, rule.ethertype, rule.port_min) for rule in carried[key].rules}
        if there != allowed:
            found.append(f"rules {there}, wanted {allowed}")
    return found


async def _routers(wires: Wires, kernel: Kernel) -> list[str]:
    """Legs are there and say so; each floating IP is mapped once, where it should be, and says so."""
    found, db = [], wires.cloud.db
    rows = {router.id for router in await db.find(store.ROUTERS)}
    if kernel.routers.keys() != rows:
        found.append(f"routers {sorted(kernel.routers)}, wanted {sorted(rows)}")
    legs = {port.id: port.status for port in await db.find(store.PORTS) if port.device_id in rows}
    made = [leg.port_id for router in kernel.routers.values() for leg in (*router.interfaces, router.gateway) if leg]
    if sorted(made) != sorted(legs) or set(legs.values()) - {"ACTIVE"}:
        found.append(f"legs {sorted(made)}, wanted {legs}")
    mapped = [
        (router.id, one.id, one.floating_ip_address, one.fixed_ip_address)
        for router in kernel.routers.values()
        for one in router.floating_ips
    ]
    wanted = []
    for floating in await db.find(store.FLOATING_IPS):
        associated = floating.port_id is not None
        if floating.status != ("ACTIVE" if associated else "DOWN"):
            found.append(f"floating IP of port {floating.port_id} is {floating.status}")
        if associated:
            wanted.append((floating.router_id, floating.id, floating.floating_ip_address, floating.fixed_ip_address))
    return found + ([] if sorted(mapped) == sorted(wanted) else [f"mapped {mapped}, wanted {wanted}"])


async def _cards(wires: Wires) -> list[str]:
    """Each guest has the cards that its server's ports say; nothing is under way."""
    found = []
    ports = await wires.cloud.db.find(store.PORTS, where=[])
    for server in await wires.cloud.db.find(SERVERS):
        if server.task is not None:
            found.append(f"task {server.task}")
        wanted = sorted(port.id for port in ports if port.device_id == server.id)
        guest = wires.driver._guests.get(server.id)
        if sorted(guest.ports if guest else ()) != wanted:
            found.append(f"cards {guest and guest.ports}, ports {wanted}")
    return found


async def remains(wires: Wires, kernel: Kernel) -> list[str]:
    """What is left when everything has been taken away; empty if all is well."""
    await remove_all(wires)
    found = [f"kernel: {name}" for name in (*kernel.networks, *kernel.routers, *wires.driver._guests)]
    for table in (store.PORTS, store.ALLOCATIONS, store.FLOATING_IPS, store.ROUTERS, store.NETWORKS, PLACED):
        found += [f"left: {row}" for row in await wires.cloud.db.find(table)]
    found += ["counted"] if await wires.cloud.counted() else []
    return found
