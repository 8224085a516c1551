"""The Networking API v2.0, and the smaller one for hosts' agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.core import faults
from wolke.core.errors import CloudError
from wolke.core.http import Api, Route
from wolke.core.policy import Policy
from wolke.network.api import agents, extensions, hosts, quotas, resources, routers
from wolke.network.policy import AGENT_RULES
from wolke.network.service import Network

ROUTES: tuple[Route, ...] = (
    *extensions.ROUTES,
    *resources.ROUTES,
    *routers.ROUTES,
    *quotas.ROUTES,
    *hosts.ROUTES,
)
AGENT_ROUTES: tuple[Route, ...] = agents.ROUTES

_CORE_NAMES = {"BadRequest": "HTTPBadRequest", "NotFound": "HTTPNotFound", "Unauthorized": "HTTPUnauthorized"}


def spell(error: CloudError, request_id: str) -> dict[str, Any]:
    """Neutron's spelling; what the HTTP layer itself refuses has webob's names."""
    body = faults.neutron(error, request_id)
    if type(error).__module__ == CloudError.__module__:
        name = body["NeutronError"]["type"]
        body["NeutronError"]["type"] = _CORE_NAMES.get(name, name)
    return body


def build_api(service: Network, overrides: Mapping[str, str] | None = None) -> Api:
    if overrides:
        service.override_policy(overrides)
    return Api("network", "/network", ROUTES, service, service.policy, spell)


def build_agent_api(service: Network) -> Api:
    return Api("network-agent", "/agent/network", AGENT_ROUTES, service, Policy(AGENT_RULES), quiet=True)
