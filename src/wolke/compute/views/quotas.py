"""Quota and limits as the wire shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.compute.model import RESOURCES


def quota_set(project_id: str, limits: Mapping[str, int]) -> dict[str, Any]:
    return {"id": project_id, **{name: limits[name] for name in RESOURCES}}


def detailed(project_id: str, limits: Mapping[str, int], used: Mapping[str, int]) -> dict[str, Any]:
    shown = {name: {"limit": limits[name], "in_use": used.get(name, 0), "reserved": 0} for name in RESOURCES}
    return {"id": project_id, **shown}


def limits(limit: Mapping[str, int], used: Mapping[str, int]) -> dict[str, Any]:
    return {
        "rate": [],
        "absolute": {
            "maxServerMeta": limit["metadata_items"],
            "maxTotalInstances": limit["instances"],
            "maxTotalCores": limit["cores"],
            "maxTotalRAMSize": limit["ram"],
            "maxTotalKeypairs": limit["key_pairs"],
            "maxServerGroups": limit["server_groups"],
            "maxServerGroupMembers": limit["server_group_members"],
            "totalInstancesUsed": used["instances"],
            "totalCoresUsed": used["cores"],
            "totalRAMUsed": used["ram"],
            "totalServerGroupsUsed": used["server_groups"],
        },
    }
