"""What a cloud's services answer, read as our own records. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wolke.business.openstack import shapes
from wolke.core.clock import Instant, instant

#: How our own id goes with what we have made.
LABEL = "wolke_id"
_SETTLED = {"ACTIVE": shapes.RUNNING, "SHUTOFF": shapes.STOPPED, "PAUSED": shapes.STOPPED, "SUSPENDED": shapes.STOPPED,
            "SHELVED": shapes.STOPPED, "SHELVED_OFFLOADED": shapes.STOPPED, "ERROR": shapes.FAILED, "DELETED": shapes.GONE,
            "SOFT_DELETED": shapes.GONE, "VERIFY_RESIZE": shapes.WORKING, "RESCUE": shapes.RUNNING}  # fmt: skip
DOING = {"BUILD": "being made", "REBOOT": "restarting", "HARD_REBOOT": "restarting", "RESIZE": "changing its size",
          "VERIFY_RESIZE": "changing its size", "REVERT_RESIZE": "changing its size", "MIGRATING": "moving", "REBUILD": "being made anew"}  # fmt: skip
TASKS = {"powering-on": "starting", "powering-off": "stopping", "rebooting": "restarting", "rebooting_hard": "restarting",
          "deleting": "being deleted", "image_snapshot": "being copied", "image_pending_upload": "being copied",
          "image_uploading": "being copied", "image_snapshot_pending": "being copied"}  # fmt: skip
_DISKS = {
    "available": "ready",
    "in-use": "used",
    "error": "failed",
    "error_extending": "failed",
    "error_deleting": "failed",
}
_IMAGES = {"active": "ready", "killed": "failed", "deactivated": "failed"}
AT_WORK = "at work"
NO_ROOM = "There is no room for a server of this size just now. Try another size, or try again later."
BROKEN = "The cloud could not do this. Try again, or open a ticket; the provider sees the cause."
_SYSTEMS = (
    "debian",
    "ubuntu",
    "fedora",
    "rocky",
    "alma",
    "centos",
    "arch",
    "alpine",
    "opensuse",
    "windows",
    "freebsd",
    "cirros",
)


def at(text: str | None) -> Instant:
    """Any of the ways in which services write a time."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text)
    return instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def server(raw: dict[str, Any]) -> shapes.Server:
    status, task = raw["status"], raw.get("OS-EXT-STS:task_state") or ""
    state = _SETTLED.get(status, shapes.WORKING)
    doing = TASKS.get(task, AT_WORK) if task else DOING.get(status, "")
    size, image = raw.get("flavor") or {}, raw.get("image") or {}
    found = [
        one["addr"]
        for net in raw.get("addresses", {}).values()
        for one in net
        if one.get("OS-EXT-IPS:type") != "floating"
    ]
    return shapes.Server(
        id=raw["id"], name=raw["name"], label=raw.get("metadata", {}).get(LABEL, ""), cloud_project_id=raw["tenant_id"], state=state,
        doing="" if state in (shapes.GONE, shapes.FAILED) else doing, reason=_reason((raw.get("fault") or {}).get("message", "")),
        size_name=size.get("original_name", ""), vcpus=size.get("vcpus", 0), ram_mib=size.get("ram", 0), disk_gib=size.get("disk", 0),
        image_id=image.get("id", "") if isinstance(image, dict) else "", key_name=raw.get("key_name") or "", addresses=found,
        host=raw.get("OS-EXT-SRV-ATTR:host") or "", created_at=at(raw["created"]), began_at=at(raw.get("OS-SRV-USG:launched_at")),
        changed_at=at(raw["updated"]), ended_at=_ended(raw) if state == shapes.GONE else "",
    )  # fmt: skip


def _reason(fault: str) -> str:
    if "No valid host" in fault:
        return NO_ROOM
    return BROKEN if fault else ""


def _ended(raw: dict[str, Any]) -> Instant:
    return at(raw.get("OS-SRV-USG:terminated_at") or raw["updated"])


def image(raw: dict[str, Any]) -> shapes.Image:
    return shapes.Image(
        id=raw["id"], name=raw.get("name") or raw["id"], state=_IMAGES.get(raw["status"], "working"), cloud_project_id=raw.get("owner") or "",
        public=raw["visibility"] in ("public", "community"), size_bytes=raw.get("size") or 0, least_disk_gib=raw.get("min_disk") or 0,
        least_ram_mib=raw.get("min_ram") or 0, system=_system(raw), made_of=raw.get("instance_uuid") or "", label=raw.get(LABEL) or "",
        created_at=at(raw["created_at"]),
    )  # fmt: skip


def _system(raw: dict[str, Any]) -> str:
    said = f"{raw.get('os_distro') or ''} {raw.get('name') or ''}".lower()
    return next((system for system in _SYSTEMS if system in said), "")


def disk(raw: dict[str, Any]) -> shapes.Disk:
    attached = [one["server_id"] for one in raw.get("attachments", []) if one.get("server_id")]
    return shapes.Disk(
        id=raw["id"], name=raw.get("name") or "", label=(raw.get("metadata") or {}).get(LABEL, ""),
        cloud_project_id=raw.get("os-vol-tenant-attr:tenant_id") or "", state=_DISKS.get(raw["status"], "working"),
        kind=raw.get("volume_type") or "", size_gib=raw["size"], server_id=attached[0] if attached else "", created_at=at(raw["created_at"]),
    )  # fmt: skip


def address(raw: dict[str, Any]) -> shapes.Address:
    return shapes.Address(
        id=raw["id"], address=raw["floating_ip_address"], label=raw.get("description") or "", cloud_project_id=raw["project_id"],
        door_id=raw.get("port_id") or "", private_address=raw.get("fixed_ip_address") or "", created_at=at(raw.get("created_at")),
    )  # fmt: skip


def door(raw: dict[str, Any]) -> shapes.Door:
    return shapes.Door(
        raw["id"], raw.get("device_id") or "", raw["network_id"], [one["ip_address"] for one in raw.get("fixed_ips", [])],
        raw.get("security_groups", []),
    )  # fmt: skip


def rule(raw: dict[str, Any]) -> shapes.Rule:
    source = raw.get("remote_ip_prefix") or ""
    return shapes.Rule(
        id=raw["id"], firewall_id=raw["security_group_id"], inward=raw["direction"] == "ingress", version=4 if raw["ethertype"] == "IPv4" else 6,
        protocol=raw.get("protocol") or "", first_port=raw.get("port_range_min"), last_port=raw.get("port_range_max"),
        source="" if source in ("0.0.0.0/0", "::/0") else source,
    )  # fmt: skip


def size(raw: dict[str, Any]) -> shapes.Size:
    return shapes.Size(
        raw["id"], raw["name"], raw["vcpus"], raw["ram"], raw["disk"], raw.get("os-flavor-access:is_public", True)
    )


def host(raw: dict[str, Any]) -> shapes.Host:
    service = raw.get("service") or {}
    return shapes.Host(
        id=str(service.get("id", "")), name=service.get("host") or raw["hypervisor_hostname"], state=raw["state"], enabled=raw["status"] == "enabled",
        reason=service.get("disabled_reason") or "", servers=raw.get("running_vms") or 0, vcpus=raw.get("vcpus") or 0,
        vcpus_used=raw.get("vcpus_used") or 0, ram_mib=raw.get("memory_mb") or 0, ram_mib_used=raw.get("memory_mb_used") or 0,
        disk_gib=raw.get("local_gb") or 0, disk_gib_used=raw.get("local_gb_used") or 0,
    )  # fmt: skip


def compute_part(raw: dict[str, Any]) -> shapes.CloudPart:
    return shapes.CloudPart(
        str(raw["id"]),
        "compute",
        raw["binary"],
        raw["host"],
        raw["status"] == "enabled",
        raw["state"],
        at(raw.get("updated_at")),
    )


def volume_part(raw: dict[str, Any]) -> shapes.CloudPart:
    name, host = raw["binary"], raw["host"]
    return shapes.CloudPart(
        f"{name}@{host}",
        "block storage",
        name,
        host,
        raw["status"] == "enabled",
        raw["state"],
        at(raw.get("updated_at")),
    )


def network_part(raw: dict[str, Any]) -> shapes.CloudPart:
    state = "up" if raw.get("alive") else "down"
    return shapes.CloudPart(
        raw["id"],
        "network",
        raw["binary"],
        raw["host"],
        bool(raw.get("admin_state_up")),
        state,
        at(raw.get("heartbeat_timestamp")),
    )


def event(raw: dict[str, Any]) -> shapes.Event:
    return shapes.Event(raw["action"], at(raw["start_time"]), bool(raw.get("message")))
