"""Records as they are shown."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from wolke.core.clock import moment, seconds
from wolke.network import model


class Shown(Protocol):
    """What is needed of a row of attributes: its name, and how to get each value of a record."""

    @property
    def noun(self) -> str: ...
    @property
    def getters(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]: ...


def show(
    resource: Shown, record: Any, *, hidden: Collection[str] = (), fields: Collection[str] = (), more: Any = None
) -> dict[str, Any]:
    """One record. ``fields`` empty: all of them. ``more`` is what ``Network.more`` said of it."""
    found = {name: get(record) for name, get in resource.getters if name not in hidden}
    found["tenant_id"] = record.project_id
    if resource.noun == "security_group":
        found["security_group_rules"] = list(more or ())
    if resource.noun == "floatingip":
        found["port_details"] = _port_details(more)
    if fields:
        return {name: value for name, value in found.items() if name in fields}
    return found


def _port_details(port: model.Port | None) -> dict[str, Any] | None:
    if port is None:
        return None
    names = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")
    return {name: getattr(port, name) for name in names}


def agent(host: model.Host, now: float, down_after_s: float) -> dict[str, Any]:
    return {
        "id": host.id,
        "agent_type": "Network agent",
        "binary": "wolke-agent",
        "topic": "N/A",
        "host": host.host,
        "admin_state_up": host.admin_state_up,
        "alive": now - moment(host.heartbeat_at).timestamp() <= down_after_s,
        "availability_zone": "nova",
        "configurations": {"dataplane": host.dataplane, **host.capabilities},
        "description": host.description,
        "created_at": _plain(host.created_at),
        "started_at": _plain(host.started_at),
        "heartbeat_timestamp": _plain(host.heartbeat_at),
        "resources_synced": None,
    }


def _plain(at: str) -> str:
    return seconds(at)[:19].replace("T", " ")
