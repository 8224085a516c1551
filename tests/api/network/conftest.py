"""A network service on a database, its door, and a few things that most conversations begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from wolke.core.clock import HeldClock
from wolke.core.db import Database
from wolke.core.http import Application
from wolke.network.api import build_agent_api, build_api
from wolke.network.config import NetworkConfig
from wolke.network.service import Network


@dataclass
class Cloud:
    """``as_`` somebody; and shorthands that fail loudly."""

    service: Network
    app: Application
    client: Any
    clock: HeldClock

    def as_(self, token: str) -> Any:
        return self.client.using(token)

    @property
    def agent(self) -> Any:
        return self.client.using("agent", prefix="/agent/network")

    async def make(self, noun: str, token: str = "member", **values: Any) -> dict[str, Any]:
        path = {"security_group": "security-groups", "security_group_rule": "security-group-rules"}.get(
            noun, noun + "s"
        )
        answer = await self.as_(token).post(f"/v2.0/{path}", {noun: values})
        assert answer.status == 201, answer.body
        return answer.json[noun]

    async def network(self, cidr: str = "10.0.0.0/24", token: str = "member", **values: Any) -> tuple[Any, Any]:
        network = await self.make("network", token, name="net", **values)
        version = 6 if ":" in cidr else 4
        subnet = await self.make("subnet", token, network_id=network["id"], cidr=cidr, ip_version=version)
        return network, subnet

    async def outside(self) -> tuple[Any, Any]:
        return await self.network("203.0.113.0/24", "admin", **{"router:external": True})

    async def routed(self) -> tuple[Any, Any, Any, Any]:
        """A network behind a router with a gateway: external network, network, subnet, router."""
        external, _ = await self.outside()
        network, subnet = await self.network()
        router = await self.make("router", external_gateway_info={"network_id": external["id"]})
        answer = await self.as_("member").put(
            f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]}
        )
        assert answer.status == 200, answer.body
        return external, network, subnet, router


@pytest.fixture
def cloud(database: Database, asgi_client: Any, stand_in: Any) -> Cloud:
    clock = HeldClock()
    service = Network(database, NetworkConfig(), clock)
    app = Application([build_api(service), build_agent_api(service)], stand_in)
    return Cloud(service, app, asgi_client(app, "/network", "member"), clock)


def kind(answer: Any) -> tuple[int, str]:
    """The status and Neutron's name of an error."""
    return answer.status, answer.json["NeutronError"]["type"]


@pytest.fixture(name="kind")
def kind_fixture() -> Any:
    return kind
