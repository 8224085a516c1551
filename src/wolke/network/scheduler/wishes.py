"""From what the database knows to what a host should carry; without I/O, so that every case is a small test.

A host takes part in the networks of the ports bound to it and in those that its routers touch. Rules are resolved here:
a remote group becomes the addresses of its members. Ports with the same groups share one tuple of rules, which keeps a
thousand ports that permit each other from costing a million addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from wolke.network import model
from wolke.network.drivers import base
from wolke.network.scheduler.names import hostname, ip_version, protocol_number

Rules = tuple[base.Rule, ...]
_FULL = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that may matter to ``host``; more is harmless. ``ports`` are all of these networks; ``members`` are the
    addresses of the groups that rules name."""

    host: str
    networks: Sequence[model.Network] = ()
    subnets: Sequence[model.Subnet] = ()
    ports: Sequence[model.Port] = ()
    routers: Sequence[model.Router] = ()
    floating_ips: Sequence[model.FloatingIp] = ()
    rules: Sequence[model.SecurityGroupRule] = ()
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dns_domain: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    networks: tuple[base.Network, ...] = ()
    routers: tuple[base.Router, ...] = ()
    unconfirmed: frozenset[str] = frozenset()  # ids of ports and routers of which nobody has said yet that they work


def is_guest(port: model.Port, host: str) -> bool:
    """Whether a tap is kept for it on this host."""
    return host in (port.host, port.next_host) and not port.device_owner.startswith("network:")


def work_out(facts: Facts) -> Wish:
    subnets: dict[str, list[model.Subnet]] = {}
    for subnet in sorted(facts.subnets, key=lambda s: s.id):
        subnets.setdefault(subnet.network_id, []).append(subnet)
    ports: dict[str, list[model.Port]] = {}
    for port in sorted(facts.ports, key=lambda p: p.id):
        ports.setdefault(port.network_id, []).append(port)
    mine = [r for r in facts.routers if r.host == facts.host]
    routers = {router.id for router in mine}
    rules = _Rules(facts)
    wished = []
    for network in sorted(facts.networks, key=lambda n: n.id):
        there = ports.get(network.id, [])
        if any(is_guest(p, facts.host) or p.device_id in routers for p in there):
            wished.append(_network(facts, network, subnets.get(network.id, []), there, rules))
    by_id = {s.id: s for s in facts.subnets}
    networks = {n.id: n for n in facts.networks}
    made = [_router(facts, router, by_id, networks) for router in sorted(mine, key=lambda r: r.id)]
    return Wish(tuple(wished), tuple(made), _unconfirmed(facts, mine))


def _unconfirmed(facts: Facts, routers: Iterable[model.Router]) -> frozenset[str]:
    ids = {r.id for r in routers}
    waiting = {r.id for r in routers if r.status != model.ACTIVE}
    waiting |= {f.router_id for f in facts.floating_ips if f.router_id in ids and f.status != model.ACTIVE}
    for port in facts.ports:
        if port.status != model.ACTIVE and port.admin_state_up:
            if is_guest(port, facts.host):
                waiting.add(port.id)
            elif port.device_id in ids:
                waiting.add(port.device_id)
    return frozenset(one for one in waiting if one)


# ------------------------------------------------------------------------------------------------------------ networks


def _network(
    facts: Facts,
    network: model.Network,
    subnets: Sequence[model.Subnet],
    ports: Sequence[model.Port],
    rules: _Rules,
) -> base.Network:
    dhcp = {f["subnet_id"]: f["ip_address"] for p in ports if p.device_owner == model.DHCP for f in p.fixed_ips}
    guests = [p for p in ports if is_guest(p, facts.host) and network.admin_state_up]
    return base.Network(
        id=network.id,
        mtu=network.mtu,
        dns_domain=(network.dns_domain or facts.dns_domain).rstrip("."),
        external=network.external,
        subnets=tuple(_subnet(s, dhcp.get(s.id)) for s in subnets),
        ports=tuple(_port(p, rules) for p in guests),
        dhcp_hosts=tuple(_dhcp_host(p) for p in ports if p.fixed_ips and not p.device_owner.startswith("network:")),
    )


def _subnet(subnet: model.Subnet, dhcp_ip: str | None) -> base.Subnet:
    return base.Subnet(
        id=subnet.id,
        cidr=subnet.cidr,
        gateway_ip=subnet.gateway_ip,
        enable_dhcp=subnet.enable_dhcp,
        dhcp_ip=dhcp_ip,
        dns_nameservers=tuple(subnet.dns_nameservers),
        host_routes=tuple(base.Route(r["destination"], r["nexthop"]) for r in subnet.host_routes),
        ipv6_ra_mode=subnet.ipv6_ra_mode,
        ipv6_address_mode=subnet.ipv6_address_mode,
    )


def _port(port: model.Port, rules: _Rules) -> base.Port:
    return base.Port(
        id=port.id,
        mac_address=port.mac_address,
        fixed_ips=tuple(f["ip_address"] for f in port.fixed_ips),
        admin_up=port.admin_state_up,
        port_security=port.port_security_enabled,
        address_pairs=tuple(base.AddressPair(p["ip_address"], p["mac_address"]) for p in port.allowed_address_pairs),
        rules=rules.of(port.security_groups) if port.port_security_enabled else (),
    )


def _dhcp_host(port: model.Port) -> base.DhcpHost:
    addresses = tuple(f["ip_address"] for f in port.fixed_ips)
    options = tuple((o["opt_name"], o["opt_value"]) for o in port.extra_dhcp_opts if o.get("opt_value") is not None)
    return base.DhcpHost(port.mac_address, addresses, hostname(port, addresses[0]), options)


class _Rules:
    """The resolved rules of a set of groups, worked out once."""

    def __init__(self, facts: Facts) -> None:
        self._by_group: dict[str, list[model.SecurityGroupRule]] = {}
        for rule in sorted(facts.rules, key=lambda r: r.id):
            self._by_group.setdefault(rule.security_group_id, []).append(rule)
        self._members = facts.members
        self._sets: dict[tuple[str, ...], Rules] = {}
        self._remotes: dict[tuple[str, str], tuple[str, ...]] = {}

    def of(self, groups: Iterable[str]) -> Rules:
        key = tuple(sorted(groups))
        found = self._sets.get(key)
        if found is None:
            resolved = [self._resolve(rule) for group in key for rule in self._by_group.get(group, ())]
            found = self._sets[key] = tuple(dict.fromkeys(resolved))
        return found

    def _resolve(self, rule: model.SecurityGroupRule) -> base.Rule:
        remotes: tuple[str, ...] | None = None
        if rule.remote_ip_prefix is not None:
            remotes = (str(ip_network(rule.remote_ip_prefix, strict=False)),)
        elif rule.remote_group_id is not None:
            remotes = self._group(rule.remote_group_id, rule.ethertype)
        return base.Rule(
            direction=rule.direction,
            ethertype=rule.ethertype,
            protocol=_protocol(rule.protocol, rule.ethertype),
            port_min=rule.port_range_min,
            port_max=rule.port_range_max,
            remotes=remotes,
        )

    def _group(self, group_id: str, ethertype: str) -> tuple[str, ...]:
        key = (group_id, ethertype)
        found = self._remotes.get(key)
        if found is None:
            version = 6 if ethertype == "IPv6" else 4
            cidrs = {_cidr(a) for a in self._members.get(group_id, ()) if ip_version(a) == version}
            found = self._remotes[key] = tuple(sorted(cidrs))
        return found


def _cidr(address: str) -> str:
    return address if "/" in address else f"{address}/{_FULL[ip_version(address)]}"


def _protocol(name: str | None, ethertype: str) -> str | None:
    if name is None:
        return None
    if ethertype == "IPv6" and name in ("icmp", "1", "58", "icmpv6", "icmp6", "ipv6-icmp"):
        return "ipv6-icmp"
    known = {"1": "icmp", "6": "tcp", "17": "udp"}
    if name in known:
        return known[name]
    if name in ("tcp", "udp", "icmp"):
        return name
    return str(protocol_number(name))


# ------------------------------------------------------------------------------------------------------------- routers


def _router(
    facts: Facts,
    router: model.Router,
    subnets: Mapping[str, model.Subnet],
    networks: Mapping[str, model.Network],
) -> base.Router:
    legs = sorted((p for p in facts.ports if p.device_id == router.id), key=lambda p: p.id)
    inside = [p for p in legs if p.device_owner == model.ROUTER_INTERFACE and p.admin_state_up]
    outside = next((p for p in legs if p.id == router.gw_port_id), None)
    gateway = _interface(outside, subnets, networks, outside=True) if outside else None
    hops: tuple[str, ...] = ()
    if outside is not None:
        there = [subnets[f["subnet_id"]] for f in outside.fixed_ips if f["subnet_id"] in subnets]
        hops = tuple(s.gateway_ip for s in there if s.gateway_ip)
    floating = [f for f in facts.floating_ips if f.router_id == router.id and f.fixed_ip_address]
    return base.Router(
        id=router.id,
        admin_up=router.admin_state_up,
        interfaces=tuple(_interface(p, subnets, networks) for p in inside),
        gateway=gateway,
        gateway_nexthops=hops,
        enable_snat=bool((router.external_gateway_info or {}).get("enable_snat", True)),
        floating_ips=tuple(
            base.FloatingIp(f.id, f.floating_ip_address, f.fixed_ip_address or "")
            for f in sorted(floating, key=lambda f: f.id)
        ),
        routes=tuple(base.Route(r["destination"], r["nexthop"]) for r in router.routes),
    )


def _interface(
    port: model.Port,
    subnets: Mapping[str, model.Subnet],
    networks: Mapping[str, model.Network],
    *,
    outside: bool = False,
) -> base.Interface:
    legs = [(f["ip_address"], subnets[f["subnet_id"]]) for f in port.fixed_ips if f["subnet_id"] in subnets]
    network = networks.get(port.network_id)
    return base.Interface(
        port_id=port.id,
        network_id=port.network_id,
        mac_address=port.mac_address,
        addresses=tuple(f"{address}/{ip_network(s.cidr).prefixlen}" for address, s in legs),
        mtu=network.mtu if network else 1500,
        advertise=() if outside else tuple((s.cidr, s.ipv6_ra_mode) for _, s in legs if s.ipv6_ra_mode),
    )
