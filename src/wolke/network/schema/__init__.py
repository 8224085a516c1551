"""The attribute tables of every noun."""

from __future__ import annotations

from wolke.network.schema.networks import NETWORK, SUBNET
from wolke.network.schema.ports import PORT
from wolke.network.schema.routers import FLOATING_IP, ROUTER
from wolke.network.schema.security_groups import SECURITY_GROUP, SECURITY_GROUP_RULE

RESOURCES = (NETWORK, SUBNET, PORT, ROUTER, FLOATING_IP, SECURITY_GROUP, SECURITY_GROUP_RULE)

__all__ = [
    "FLOATING_IP",
    "NETWORK",
    "PORT",
    "RESOURCES",
    "ROUTER",
    "SECURITY_GROUP",
    "SECURITY_GROUP_RULE",
    "SUBNET",
]
