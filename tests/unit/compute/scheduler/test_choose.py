from __future__ import annotations

from dataclasses import replace

import pytest

from wolke.compute.scheduler import AggregateView, HostView, NoHost, Placing, choose
from wolke.core.extra_specs import matches

QEMU = {"hypervisor_type": "QEMU", "architectures": ["x86_64"], "disk_formats": ["raw", "qcow2"]}


def host(name: str, **more: object) -> HostView:
    base = HostView("id-" + name, name, "nova", free_vcpus=8, free_ram_mib=8192, free_disk_gib=100, capabilities=QEMU)
    return replace(base, **more)  # type: ignore[arg-type]


def names(hosts: list[HostView], placing: Placing) -> list[str]:
    return [h.name for h in choose(hosts, placing)]


SMALL = Placing(vcpus=1, ram_mib=512, disk_gib=1)


def test_servers_spread_over_hosts() -> None:
    hosts = {h.name: h for h in (host("a"), host("b"), host("c"))}
    for _ in range(6):
        best = choose(list(hosts.values()), SMALL)[0]
        hosts[best.name] = best.less(SMALL)
    assert [h.servers for h in hosts.values()] == [2, 2, 2]


def test_the_reason_counts_what_each_filter_turned_away() -> None:
    hosts = [host("a", free_ram_mib=512), host("b", enabled=False), host("c", up=False), host("d", enabled=False)]
    with pytest.raises(NoHost) as refusal:
        choose(hosts, replace(SMALL, ram_mib=2048))
    assert str(refusal.value) == (
        "No valid host was found: 2 hosts are disabled; 1 host is down; "
        "1 host has too little memory free (wants 2048 MiB, 512 free)."
    )


def test_without_hosts_it_says_so() -> None:
    with pytest.raises(NoHost, match="there is no compute host yet"):
        choose([], SMALL)


def test_a_zone_and_a_host_can_be_asked_for() -> None:
    hosts = [host("a"), host("b", zone="east"), host("c", zone="east")]
    assert names(hosts, replace(SMALL, zone="east")) == ["b", "c"]
    assert names(hosts, replace(SMALL, zone="east", only_host="c")) == ["c"]
    with pytest.raises(NoHost, match="not in availability zone west"):
        choose(hosts, replace(SMALL, zone="west"))


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"architecture": "amd64"}, True),
        ({"architecture": "arm64"}, False),
        ({"hypervisor_type": "kvm"}, True),
        ({"hypervisor_type": "xen"}, False),
        ({"disk_format": "qcow2"}, True),
        ({"disk_format": "vhd"}, False),
        ({"extra_specs": {"capabilities:hypervisor_type": "<in> QEMU"}}, True),
        ({"extra_specs": {"capabilities:hypervisor_type": "s== Xen"}}, False),
        ({"extra_specs": {"aggregate_instance_extra_specs:ssd": "true"}}, True),
        ({"extra_specs": {"aggregate_instance_extra_specs:ssd": "false"}}, False),
        ({"extra_specs": {"trait:HW_CPU_X86_AVX2": "required"}}, True),
        ({"extra_specs": {"trait:HW_CPU_X86_AVX2": "forbidden"}}, False),
        ({"vcpus": 9}, False),
        ({"disk_gib": 101}, False),
        ({"same_hosts": frozenset({"a"})}, True),
        ({"same_hosts": frozenset({"z"})}, False),
        ({"different_hosts": frozenset({"a"})}, False),
    ],
)
def test_what_an_image_a_flavor_and_hints_ask_for(wanted: dict, fits: bool) -> None:
    one = host("a", aggregates=(AggregateView("fast", {"ssd": "true"}),), traits=frozenset({"HW_CPU_X86_AVX2"}))
    if fits:
        assert names([one], replace(SMALL, **wanted)) == ["a"]
    else:
        with pytest.raises(NoHost):
            choose([one], replace(SMALL, **wanted))


def test_server_groups() -> None:
    hosts = [host("a", free_ram_mib=9000), host("b")]
    apart = replace(SMALL, group_policy="anti-affinity", group_hosts={"a": 1})
    assert names(hosts, apart) == ["b"]
    assert names(hosts, replace(apart, group_most_per_host=2)) == ["a", "b"]
    assert names(hosts, replace(apart, group_policy="affinity", group_hosts={"b": 1})) == ["b"]
    assert names(hosts, replace(apart, group_policy="affinity", group_hosts={})) == ["a", "b"]
    assert names(hosts, replace(apart, group_policy="soft-anti-affinity")) == ["b", "a"]
    assert names(hosts, replace(apart, group_policy="soft-affinity", group_hosts={"b": 2})) == ["b", "a"]
    with pytest.raises(NoHost, match="2 hosts have a server of the same anti-affinity group"):
        choose(hosts, replace(apart, group_hosts={"a": 1, "b": 1}))


@pytest.mark.parametrize(
    ("have", "wanted", "fits"),
    [
        ("4", ">= 4", True), ("4", "= 5", False), ("4", "== 4.0", True), ("x", ">= 4", False), ("abc", "<in> b", True),
        ("abc", "<all-in> a c", True), ("abc", "<all-in> a d", False), ("b", "<or> a <or> b", True), ("c", "<or> a <or> b", False),
        ("a", "s!= b", True), ("a", "s< b", True), ("a b", "a b", True), ("", "", True),
    ],
)  # fmt: skip
def test_extra_spec_operators(have: str, wanted: str, fits: bool) -> None:
    assert matches(have, wanted) is fits
