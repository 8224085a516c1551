"""Which of the hosts that will do is best. Each weight is a number per host, stretched to 0…1 over the hosts, times its factor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wolke.compute.scheduler.picture import HostView, Placing


@dataclass(frozen=True, slots=True)
class Weight:
    name: str
    of: Callable[[HostView, Placing], float]
    factor: float


def _soft_group(host: HostView, placing: Placing) -> float:
    sign = {"soft-affinity": 1, "soft-anti-affinity": -1}.get(placing.group_policy or "", 0)
    return sign * placing.group_hosts.get(host.name, 0)


WEIGHTS: tuple[Weight, ...] = (
    Weight("soft_group", _soft_group, 10.0),
    Weight(
        "volumes", lambda host, placing: placing.volume_hosts.get(host.name, 0), 5.0
    ),  # no line is shorter than none
    Weight("free_ram", lambda host, placing: host.free_ram_mib, 1.0),  # positive: spread
    Weight("free_vcpus", lambda host, placing: host.free_vcpus, 1.0),
    Weight("servers", lambda host, placing: -host.servers, 0.5),
)


def rank(hosts: Sequence[HostView], placing: Placing, weights: Sequence[Weight] = WEIGHTS) -> list[HostView]:
    """Best first; equal ones by name."""
    totals = [0.0] * len(hosts)
    for weight in weights:
        values = [weight.of(host, placing) for host in hosts]
        least, most = min(values), max(values)
        if most > least:
            for index, value in enumerate(values):
                totals[index] += weight.factor * (value - least) / (most - least)
    order = sorted(range(len(hosts)), key=lambda index: (-totals[index], hosts[index].name))
    return [hosts[index] for index in order]
