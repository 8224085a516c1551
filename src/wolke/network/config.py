"""Options of the network service."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option


@dataclass(frozen=True)
class NetworkConfig:
    base_mac: str = option("fa:16:3e:00:00:00", "MAC addresses begin with the parts of this that are not zero.")
    mtu: int = option(
        1450, "The largest MTU a project's network may have, and the one it gets: 1500 less VXLAN's header."
    )
    external_mtu: int = option(1500, "The MTU of networks that lead outside.")
    network_type: str = option("vxlan", "What provider:network_type says of networks that no admin chose one for.")
    dns_domain: str = option("cloud.internal.", "The domain of servers' names where a network names none.")
    page_limit: int = option(10000, "The most resources in one answer to a list that asks for a limit.")
    fixed_ips_per_port: int = option(16, "The most addresses one port may have.")
    host_routes_per_subnet: int = option(20, "The most host routes of one subnet.")
    dns_nameservers_per_subnet: int = option(5, "The most name servers of one subnet.")
    routes_per_router: int = option(30, "The most extra routes of one router.")
    allowed_address_pairs: int = option(10, "The most allowed address pairs of one port.")
    agent_down_after_s: float = option(75.0, "A host whose agent has been silent for longer is shown as not alive.")
    wish_cache_s: float = option(10.0, "How long a host's wish is kept when no change was announced.")
    keep_alive_s: float = option(5.0, "How often an idle stream of wakes says that it is still there.")
    quota_network: int = option(100, "Networks per project; -1 is without limit.")
    quota_subnet: int = option(100, "Subnets per project.")
    quota_port: int = option(500, "Ports per project.")
    quota_router: int = option(10, "Routers per project.")
    quota_floatingip: int = option(50, "Floating IPs per project.")
    quota_security_group: int = option(10, "Security groups per project.")
    quota_security_group_rule: int = option(100, "Security group rules per project.")
