"""Which hosts will do. One row per filter; it lets a host pass or not, and says of those turned away why, to a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wolke.compute.scheduler.picture import HostView, Placing
from wolke.core.extra_specs import matches

_SAME_HYPERVISOR = {"kvm": "qemu"}  # KVM is an accelerator: an image made for one runs on the other
_SAME_ARCHITECTURE = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    passes: Callable[[HostView, Placing], bool]
    says: Callable[[Sequence[HostView], Placing], str]  # goes on after "2 hosts " or "1 host "


def _verb(hosts: Sequence[HostView], one: str, many: str) -> str:
    return one if len(hosts) == 1 else many


def _hypervisor(name: str) -> str:
    return _SAME_HYPERVISOR.get(name.lower(), name.lower())


def architecture(name: str) -> str:
    return _SAME_ARCHITECTURE.get(name.lower(), name.lower())


def _requested(host: HostView, placing: Placing) -> bool:
    return placing.only_host in (None, host.name)


def _in_zone(host: HostView, placing: Placing) -> bool:
    return placing.zone in (None, host.zone)


def _fits_image(host: HostView, placing: Placing) -> bool:
    formats = host.capabilities.get("disk_formats") or ()
    return placing.disk_format is None or not formats or placing.disk_format in formats


def _right_architecture(host: HostView, placing: Placing) -> bool:
    known = host.capabilities.get("architectures") or ()
    return placing.architecture is None or architecture(placing.architecture) in {architecture(a) for a in known}


def _right_hypervisor(host: HostView, placing: Placing) -> bool:
    mine = str(host.capabilities.get("hypervisor_type", ""))
    return placing.hypervisor_type is None or _hypervisor(placing.hypervisor_type) == _hypervisor(mine)


def _has_capabilities(host: HostView, placing: Placing) -> bool:
    for key, wanted in placing.extra_specs.items():
        if key.startswith("capabilities:"):
            found = host.capabilities.get(key.removeprefix("capabilities:"))
            if found is None or not matches(str(found), wanted):
                return False
    return True


def _has_traits(host: HostView, placing: Placing) -> bool:
    for key, wanted in placing.extra_specs.items():
        if key.startswith("trait:"):
            there = key.removeprefix("trait:") in host.traits
            if (wanted == "required" and not there) or (wanted == "forbidden" and there):
                return False
    return True


def _aggregates_agree(host: HostView, placing: Placing) -> bool:
    """A scoped extra spec must hold in some aggregate of the host."""
    scope = "aggregate_instance_extra_specs:"
    for key, wanted in placing.extra_specs.items():
        if key.startswith(scope):
            values = [
                a.metadata[key.removeprefix(scope)] for a in host.aggregates if key.removeprefix(scope) in a.metadata
            ]
            if not any(matches(value, wanted) for value in values):
                return False
    return True


def _affinity(host: HostView, placing: Placing) -> bool:
    together = placing.group_policy == "affinity" and placing.group_hosts
    return not together or host.name in placing.group_hosts


def _anti_affinity(host: HostView, placing: Placing) -> bool:
    apart = placing.group_policy == "anti-affinity"
    return not apart or placing.group_hosts.get(host.name, 0) < placing.group_most_per_host


def _too_little(what: str, wanted: int, free: Sequence[int], unit: str) -> str:
    most = max(0, *free) if len(free) > 1 else max(0, free[0])
    qualifier = "" if len(free) == 1 else "at most "
    return f"too little {what} free (wants {wanted}{unit}, {qualifier}{most} free)"


FILTERS: tuple[Filter, ...] = (
    Filter("requested", _requested, lambda h, p: f"{_verb(h, 'is', 'are')} not the host asked for ({p.only_host})"),
    Filter("elsewhere", lambda h, p: h.name not in p.not_hosts, lambda h, p: f"{_verb(h, 'is', 'are')} where the server is"),
    Filter("zone", _in_zone, lambda h, p: f"{_verb(h, 'is', 'are')} not in availability zone {p.zone}"),
    Filter("enabled", lambda h, p: h.enabled, lambda h, p: f"{_verb(h, 'is', 'are')} disabled"),
    Filter("up", lambda h, p: h.up, lambda h, p: f"{_verb(h, 'is', 'are')} down"),
    Filter("architecture", _right_architecture,
           lambda h, p: f"{_verb(h, 'has', 'have')} another processor architecture than the image ({p.architecture})"),
    Filter("hypervisor", _right_hypervisor,
           lambda h, p: f"{_verb(h, 'has', 'have')} another hypervisor than the image asks for ({p.hypervisor_type})"),
    Filter("image", _fits_image, lambda h, p: f"cannot use images of format {p.disk_format}"),
    Filter("capabilities", _has_capabilities, lambda h, p: f"{_verb(h, 'lacks', 'lack')} a capability of the flavor"),
    Filter("traits", _has_traits, lambda h, p: f"{_verb(h, 'does', 'do')} not have the traits that the flavor asks for"),
    Filter("aggregates", _aggregates_agree,
           lambda h, p: f"{_verb(h, 'is', 'are')} in no aggregate that suits the flavor's extra specs"),
    Filter("same_host", lambda h, p: p.same_hosts is None or h.name in p.same_hosts,
           lambda h, p: f"{_verb(h, 'does', 'do')} not have the servers named by same_host"),
    Filter("different_host", lambda h, p: h.name not in p.different_hosts,
           lambda h, p: f"{_verb(h, 'has', 'have')} a server named by different_host"),
    Filter("affinity", _affinity, lambda h, p: f"{_verb(h, 'does', 'do')} not have the other servers of the affinity group"),
    Filter("anti_affinity", _anti_affinity,
           lambda h, p: f"{_verb(h, 'has', 'have')} a server of the same anti-affinity group already"),
    Filter("ram", lambda h, p: h.free_ram_mib >= p.ram_mib,
           lambda h, p: f"{_verb(h, 'has', 'have')} " + _too_little("memory", p.ram_mib, [x.free_ram_mib for x in h], " MiB")),
    Filter("vcpus", lambda h, p: h.free_vcpus >= p.vcpus,
           lambda h, p: f"{_verb(h, 'has', 'have')} " + _too_little("virtual CPUs", p.vcpus, [x.free_vcpus for x in h], "")),
    Filter("disk", lambda h, p: h.free_disk_gib >= p.disk_gib,
           lambda h, p: f"{_verb(h, 'has', 'have')} " + _too_little("disk", p.disk_gib, [x.free_disk_gib for x in h], " GiB")),
)  # fmt: skip
