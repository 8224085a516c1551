"""Answers as they were before a microversion: each changes the newest in place."""

from __future__ import annotations

import msgspec

from wolke.compute.model import MOST_INJECTED
from wolke.core.microversion import Item


def image_properties(server: Item) -> None:
    if server.get("image"):
        server["image"].pop("properties", None)


def hostname_for_admins(server: Item) -> None:
    if "OS-EXT-SRV-ATTR:host" not in server:
        server.pop("OS-EXT-SRV-ATTR:hostname", None)


def volumes_without_termination(server: Item) -> None:
    for volume in server.get("os-extended-volumes:volumes_attached", ()):
        volume.pop("delete_on_termination", None)


def plain_addresses(server: Item) -> None:
    for listed in server["addresses"].values():
        for one in listed:
            for name in ("OS-EXT-IPS:type", "OS-EXT-IPS-MAC:mac_addr"):
                one.pop(name, None)


def id_of_attachment(attachment: Item) -> None:
    attachment["id"] = attachment["volumeId"]


def empty_swap(flavor: Item) -> None:
    if "swap" in flavor:  # it is not, in lists without details
        flavor["swap"] = flavor["swap"] or ""


def policies(group: Item) -> None:
    group["policies"] = [group.pop("policy")]
    group["metadata"] = {}
    group.pop("rules", None)


def cpu_info_text(hypervisor: Item) -> None:
    if "cpu_info" in hypervisor:
        hypervisor["cpu_info"] = msgspec.json.encode(hypervisor["cpu_info"]).decode()


def personality_limits(limits: Item) -> None:
    limits["absolute"] |= {"maxPersonality": 5, "maxPersonalitySize": 10240}


def image_metadata_limit(limits: Item) -> None:
    limits["absolute"]["maxImageMeta"] = limits["absolute"]["maxServerMeta"]


def network_limits(limits: Item) -> None:
    limits["absolute"] |= {
        "maxTotalFloatingIps": -1,
        "maxSecurityGroups": -1,
        "maxSecurityGroupRules": -1,
        "totalFloatingIpsUsed": 0,
        "totalSecurityGroupsUsed": 0,
    }


NETWORK_QUOTAS = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")


def injected_quotas(quotas: Item) -> None:
    detailed = isinstance(quotas.get("cores"), dict)
    for name, limit in MOST_INJECTED.items():
        quotas[name] = {"limit": limit, "in_use": 0, "reserved": 0} if detailed else limit


def network_quotas(quotas: Item) -> None:
    detailed = isinstance(quotas.get("cores"), dict)
    for name in NETWORK_QUOTAS:
        quotas[name] = {"limit": -1, "in_use": 0, "reserved": 0} if detailed else -1


def class_quotas_before_groups(quotas: Item) -> None:
    network_quotas(quotas)
    quotas.pop("server_groups", None)
    quotas.pop("server_group_members", None)
