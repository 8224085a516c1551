"""How much a project may have, and how much it has."""

from __future__ import annotations

from wolke.business.config import BusinessConfig
from wolke.business.resources import model
from wolke.business.resources.store import ADDRESSES, DISKS, LIMITS, SERVERS
from wolke.business.sentences import BEYOND
from wolke.core.db import Reader, Where

_THERE = (Where("gone_at", "isnull", True),)


async def limits_of(reader: Reader, config: BusinessConfig, project_id: str) -> model.Limits:
    own = await reader.get(LIMITS, project_id=project_id)
    return own or model.Limits(
        project_id, config.limit_servers, config.limit_vcpus, config.limit_ram_gib * 1024, config.limit_disk_gib, config.limit_addresses
    )  # fmt: skip


async def taken(reader: Reader, project_id: str) -> model.Limits:
    """What it has and what it has ordered."""
    servers, vcpus, ram = await reader.sums(SERVERS, "vcpus", "ram_mib", where=_THERE, project_id=project_id)
    _, disk = await reader.sums(DISKS, "size_gib", where=_THERE, project_id=project_id)
    addresses = await reader.count(ADDRESSES, where=_THERE, project_id=project_id)
    return model.Limits(project_id, servers, vcpus, ram, disk, addresses)


_UNITS = {"servers": 1, "vcpus": 1, "ram_mib": 1024, "disk_gib": 1, "addresses": 1}


def beyond(most: model.Limits, has: model.Limits, more: model.Limits) -> list[str]:
    """What would be too much: ``it would have 12 servers, where 10 are allowed``."""
    found = []
    for name, unit in _UNITS.items():
        wanted, allowed = getattr(has, name) + getattr(more, name), getattr(most, name)
        if getattr(more, name) and wanted > allowed:
            found.append(BEYOND[name].format(wanted=-(-wanted // unit), allowed=allowed // unit))
    return found


def raised(most: model.Limits, has: model.Limits, more: model.Limits) -> model.Limits:
    """``most``, and where that is not enough, what is needed."""
    figures = {name: max(getattr(most, name), getattr(has, name) + getattr(more, name)) for name in _UNITS}
    return model.Limits(most.project_id, **figures, told=False)
