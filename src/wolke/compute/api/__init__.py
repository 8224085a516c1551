"""Compute's door: Nova's API v2.1, with microversions."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.compute.api import (
    aggregates,
    diagnostics,
    discovery,
    events,
    flavors,
    floating_ips,
    hosts,
    images,
    keypairs,
    migrations,
    old_hosts,
    old_volumes,
    quotas,
    security_groups,
    server_actions,
    server_groups,
    server_metadata,
    server_parts,
    servers,
    volume_attachments,
)
from wolke.compute.policy import RULES
from wolke.compute.service import Compute
from wolke.compute.versions import VERSIONS
from wolke.core import faults
from wolke.core.http import Api, Route
from wolke.core.policy import Policy

ROUTES: tuple[Route, ...] = (
    *discovery.ROUTES,
    *flavors.ROUTES,
    *keypairs.ROUTES,
    *servers.ROUTES,
    *server_actions.ROUTES,
    *server_metadata.ROUTES,
    *server_parts.ROUTES,
    *volume_attachments.ROUTES,
    *server_groups.ROUTES,
    *hosts.ROUTES,
    *aggregates.ROUTES,
    *quotas.ROUTES,
    *events.ROUTES,
    *migrations.ROUTES,
    *security_groups.ROUTES,
    *images.ROUTES,
    *floating_ips.ROUTES,
    *old_volumes.ROUTES,
    *old_hosts.ROUTES,
    *diagnostics.ROUTES,
)


def build_api(service: Compute, overrides: Mapping[str, str] | None = None) -> Api:
    return Api(
        name="compute",
        prefix="/compute",
        routes=ROUTES,
        service=service,
        policy=Policy(RULES, overrides),
        spell=faults.nova,
        versions=VERSIONS,
        ids_after_slashes=True,
        request_id_headers=("x-openstack-request-id", "x-compute-request-id"),
        strict_queries="2.102",
    )
