"""The verbs of the network service.

``Network`` holds one object per noun. What Compute needs in process is in ``servers`` and repeated here by its short name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.db import Database, Where
from wolke.core.policy import Policy
from wolke.network import schema, store
from wolke.network.config import NetworkConfig
from wolke.network.policy import RULES
from wolke.network.schema.attributes import Resource
from wolke.network.service.addresses import Addresses
from wolke.network.service.floating_ips import FloatingIps
from wolke.network.service.hosts import Hosts
from wolke.network.service.listing import Asked, Listing
from wolke.network.service.networks import Networks
from wolke.network.service.ports import Ports
from wolke.network.service.quotas import Quotas
from wolke.network.service.routers import Routers
from wolke.network.service.security_groups import SecurityGroupRules, SecurityGroups
from wolke.network.service.servers import RequestedNic, Servers
from wolke.network.service.subnets import Subnets
from wolke.network.service.tags import Tags

__all__ = ["Asked", "Network", "RequestedNic"]


class Network:
    def __init__(
        self, db: Database, config: NetworkConfig, clock: Clock, overrides: Mapping[str, str] | None = None
    ) -> None:
        self.db = db
        self.config = config
        self.clock = clock
        self.policy = Policy(RULES, overrides)
        self.listing = Listing(self.policy)
        self.quotas = Quotas(self)
        self.addresses = Addresses(self)
        self.networks = Networks(self)
        self.subnets = Subnets(self)
        self.ports = Ports(self)
        self.routers = Routers(self)
        self.floating_ips = FloatingIps(self)
        self.security_groups = SecurityGroups(self)
        self.security_group_rules = SecurityGroupRules(self.security_groups)
        self.tags = Tags(self)
        self.hosts = Hosts(self)
        self.servers = Servers(self)
        # What Compute calls.
        self.networks_available = self.servers.networks_available
        self.validate_request = self.servers.validate_request
        self.create_server_ports = self.servers.create_ports
        self.delete_server_ports = self.servers.delete_ports
        self.server_ports = self.servers.ports
        self.subnets_by_id = self.servers.subnets
        self.attach_interface = self.servers.attach
        self.detach_interface = self.servers.detach
        self.bind = self.servers.bind
        self.unbind = self.servers.unbind
        self.announce = self.servers.announce
        self.port_for_address = self.ports.for_address
        self.resolve_security_groups = self.security_groups.resolve

    def override_policy(self, overrides: Mapping[str, str]) -> None:
        """Replace checks by rule name, before the service is used."""
        self.policy = Policy(RULES, overrides)
        self.listing.policy = self.policy

    # -- looking, the same for every noun

    async def find(self, ctx: Context, resource: Resource, asked: Asked) -> list[Any]:
        if resource is schema.SECURITY_GROUP and ctx.project_id:
            await self.security_groups.default(ctx.project_id)
        return await self.listing.find(self.db, ctx, resource, asked)

    async def show(self, ctx: Context, resource: Resource, key: str) -> Any:
        return await self.listing.get(self.db, ctx, resource, key)

    async def more(self, resource: Resource, records: Sequence[Any]) -> dict[str, Any]:
        """What is shown of records beyond their own fields, by id: a group's rules, a floating IP's port."""
        if resource is schema.SECURITY_GROUP:
            return dict(await self.security_groups.rules_of(self.db, [r.id for r in records]))
        if resource is schema.FLOATING_IP:
            wanted = [r.port_id for r in records if r.port_id]
            found = await self.db.find(store.PORTS, where=[Where("id", "in", wanted)]) if wanted else []
            ports = {port.id: port for port in found}
            return {r.id: ports.get(r.port_id) for r in records}
        return {}

    def hidden(self, ctx: Context, resource: Resource) -> frozenset[str]:
        """The attributes that this caller does not get to see."""
        prefix = f"get_{resource.noun}:"
        aim = {"project_id": ctx.project_id, "tenant_id": ctx.project_id}
        names = [rule.removeprefix(prefix) for rule in self.policy.rules if rule.startswith(prefix)]
        return frozenset(name for name in names if not self.policy.allows(ctx, prefix + name, aim))
