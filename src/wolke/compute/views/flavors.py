"""Flavors as the wire shows them."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Flavor
from wolke.compute.views.links import links


def brief(flavor: Flavor, base: str) -> dict[str, Any]:
    return {
        "id": flavor.id,
        "name": flavor.name,
        "description": flavor.description,
        "links": links(base, "flavors", flavor.id),
    }


def flavor(one: Flavor, base: str, *, extra_specs: bool, factors: bool) -> dict[str, Any]:
    """``factors``: with what no guest ever felt."""
    shown = {
        "id": one.id,
        "name": one.name,
        "ram": one.ram_mib,
        "disk": one.disk_gib,
        "swap": one.swap_mib,
        "OS-FLV-EXT-DATA:ephemeral": one.ephemeral_gib,
        "vcpus": one.vcpus,
        "os-flavor-access:is_public": one.is_public,
        "description": one.description,
        "links": links(base, "flavors", one.id),
    }
    if factors:
        shown |= {"OS-FLV-DISABLED:disabled": one.disabled, "rxtx_factor": one.rxtx_factor}
    return {**shown, "extra_specs": one.extra_specs} if extra_specs else shown


def access(flavor_id: str, projects: list[str]) -> dict[str, Any]:
    return {"flavor_access": [{"flavor_id": flavor_id, "tenant_id": project} for project in projects]}
