"""What only real packets can prove about the linux dataplane: who reaches whom, as whom, and who does not."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.dataplane_lab import HOST, OUTSIDE, Guest, Lab, checksum
from tests.contract.dataplane_records import (
    MAC_A,
    MAC_B,
    MAC_GATE,
    MAC_ROUTER,
    NEEDS_ROOT,
    OUT,
    PING,
    PING6,
    WEB,
    a_network,
    a_port,
    a_router,
    external_network,
    new_id,
    with_rules,
)
from wolke.network.drivers.base import (
    AddressPair,
    DhcpHost,
    FloatingIp,
    Interface,
    Network,
    Route,
    Router,
    Rule,
    Subnet,
)

pytestmark = NEEDS_ROOT
MARKER = b"look for these bytes"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
async def world(lab: Lab) -> AsyncIterator[Lab]:
    await lab.plane.prepare()
    yield lab
    await lab.plane.teardown()
    await lab.plane.close()


async def plugged(lab: Lab, network: Network, *, dhcp: bool = True) -> list[Guest]:
    """The network applied, a guest on each of its ports."""
    await lab.plane.apply_network(network)
    guests = []
    for port in network.ports:
        name = f"{network.id[:4]}-{port.mac_address[-2:]}"
        guest = lab.plug(port.mac_address, await lab.plane.attachment(network.id, port.id), name=name)
        assert not dhcp or guest.dhcp() is not None
        guests.append(guest)
    return guests


async def test_a_guest_gets_address_routes_names_and_metadata(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6"), mtu=1400, dns_domain="cloud.test")
    one, _ = await plugged(world, network, dhcp=False)
    lease = one.dhcp()
    assert lease.address == "10.0.0.5"
    assert lease.routes == {"169.254.169.254/32": "10.0.0.2", "0.0.0.0/0": "10.0.0.1"}
    assert lease.options[26] == (1400).to_bytes(2)
    assert one.resolve("guest-0b.cloud.test", "10.0.0.2") == "10.0.0.6"
    listener = await world.plane.metadata_socket(network.id)
    assert listener is not None
    with listener, one.connect("169.254.169.254", 80):
        assert caller(listener) == "10.0.0.5"


async def test_security_groups_block_permit_and_remember(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6"))
    one, two = await plugged(world, network)
    assert not one.pings("10.0.0.6")
    remote = replace(WEB, remotes=("10.0.0.5/32", "172.16.0.0/12"))
    await world.plane.apply_network(with_rules(network, 1, *OUT, PING, remote))
    assert one.pings("10.0.0.6")
    assert not two.pings("10.0.0.5")
    with two.listening(80), two.listening(81):
        assert one.reaches("10.0.0.6", 80)
        assert not one.reaches("10.0.0.6", 81)
    await world.plane.apply_network(with_rules(network, 1, *OUT, PING, replace(WEB, remotes=("172.16.0.0/12",))))
    with two.listening(80):
        assert not one.reaches("10.0.0.6", 80)


async def test_egress_rules_hold_and_essentials_work_without_any(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5", rules=()), a_port(MAC_B, "10.0.0.6", rules=(*OUT, PING)))
    one, _ = await plugged(world, network)
    assert not one.pings("10.0.0.6")
    await world.plane.apply_network(with_rules(network, 0, replace(PING, direction="egress")))
    assert one.pings("10.0.0.6")


async def test_an_open_connection_ends_with_its_rule_and_others_go_on(world: Lab) -> None:
    both = (*OUT, WEB, replace(WEB, port_min=81, port_max=81))
    network = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6", rules=both))
    one, two = await plugged(world, network)
    with two.listening(80) as first, two.listening(81) as second:
        lost, kept = one.connect("10.0.0.6", 80), one.connect("10.0.0.6", 81)
        lost_end, kept_end = first.accept()[0], second.accept()[0]
    with lost, kept, lost_end, kept_end:
        await world.plane.apply_network(with_rules(network, 1, *OUT, both[-1]))
        lost_end.settimeout(0.3)
        kept_end.send(b"from the server, which may not begin")
        assert kept.recv(100)
        lost.send(b"hello")
        with pytest.raises(TimeoutError):
            lost_end.recv(100)


async def test_a_guest_cannot_pretend_to_be_another(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6", rules=(*OUT, PING)))
    one, two = await plugged(world, network)
    one.ip("addr add 10.0.0.99/24 dev eth0")
    two.ip(f"neigh add 10.0.0.99 lladdr {MAC_A} dev eth0")
    assert one.pings("10.0.0.6")
    assert not one.pings("10.0.0.6", source="10.0.0.99")
    pair = replace(network.ports[0], address_pairs=(AddressPair("10.0.0.96/28", MAC_A),))
    await world.plane.apply_network(replace(network, ports=(pair, network.ports[1])))
    assert one.pings("10.0.0.6", source="10.0.0.99")
    one.ip("link set eth0 address fa:16:3e:00:00:99")
    assert not one.pings("10.0.0.6")
    await world.plane.apply_network(replace(network, ports=(replace(pair, port_security=False), network.ports[1])))
    one.ip("neigh flush all")
    two.ip("neigh flush all")
    assert one.pings("10.0.0.6")


async def test_tagged_frames_and_servers_posing_as_routers_are_dropped(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6", rules=(*OUT, Rule("ingress", "IPv4"))))
    one, two = await plugged(world, network)
    macs = bytes.fromhex((MAC_B + MAC_A).replace(":", ""))
    frames = {
        "a client's": macs + b"\x08\0" + datagram(68, 1234),
        "a DHCP server's": macs + b"\x08\0" + datagram(67, 68),
        "tagged": macs + b"\x81\0\0\5\x08\0" + datagram(68, 1234),
        "of another protocol": macs + b"\x88\xcc" + datagram(68, 1234),
    }
    arrived = set()
    for name, frame in frames.items():
        with two.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300, 0.2) as sniffer:
            one.send_frame(frame)
            try:
                while MARKER not in sniffer.recv(2000):
                    pass
                arrived.add(name)
            except TimeoutError:
                pass
    assert arrived == {"a client's"}


async def test_networks_may_have_the_same_addresses(world: Lab) -> None:
    first = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6", rules=(*OUT, PING)))
    second = a_network(a_port(MAC_A, "10.0.0.5"))
    one, _ = await plugged(world, first)
    (other,) = await plugged(world, second)
    assert one.pings("10.0.0.6")
    assert not other.pings("10.0.0.6")


async def test_the_way_out_and_floating_ips_both_ways(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6", rules=(*OUT, PING, WEB)))
    outside = external_network()
    one, two = await plugged(world, network)
    await world.plane.apply_network(outside)
    floating = FloatingIp(new_id(), "203.0.113.20", "10.0.0.6")
    forward = FloatingIp(new_id(), "203.0.113.30", "10.0.0.6", 8080, 80, "tcp")
    router = a_router(network, outside, floating, forward)
    await world.plane.apply_router(router)
    assert one.pings(OUTSIDE), "source NAT"
    assert world.host.pings("203.0.113.20"), "floating IP, inwards"
    assert one.pings("203.0.113.20"), "floating IP from behind the same router"
    with two.listening(80):
        assert world.host.reaches("203.0.113.30", 8080), "port forwarding"
        assert one.reaches("203.0.113.30", 8080), "port forwarding from inside"
        assert not world.host.reaches("203.0.113.30", 80)
    await world.plane.apply_router(replace(router, floating_ips=(), enable_snat=False))
    assert not world.host.pings("203.0.113.20")
    assert not one.pings(OUTSIDE)
    await world.plane.apply_router(replace(router, gateway=None, gateway_nexthops=(), floating_ips=()))
    assert one.pings("10.0.0.1")


async def test_a_floating_ip_is_the_source_outside_and_moves_at_once(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5", rules=(*OUT, PING)), a_port(MAC_B, "10.0.0.6", rules=(*OUT, PING)))
    peer = a_port("fa:16:3e:00:00:77", "203.0.113.77", rules=(*OUT, replace(WEB, remotes=("203.0.113.20/32",))))
    outside = external_network(ports=(peer,))
    one, two = await plugged(world, network)
    (neighbour,) = await plugged(world, outside, dhcp=False)
    neighbour.ip("addr add 203.0.113.77/24 dev eth0")
    router = a_router(network, outside, FloatingIp(new_id(), "203.0.113.20", "10.0.0.6"))
    await world.plane.apply_router(router)
    with neighbour.listening(80) as server:
        assert two.reaches("203.0.113.77", 80)
        assert caller(server) == "::ffff:203.0.113.20"
        assert not one.reaches("203.0.113.77", 80)
    await world.plane.apply_router(replace(router, floating_ips=(FloatingIp(new_id(), "203.0.113.20", "10.0.0.5"),)))
    with one.listening(80), neighbour.listening(80) as server:
        assert one.reaches("203.0.113.77", 80)
        assert caller(server) == "::ffff:203.0.113.20"
        assert not two.reaches("203.0.113.77", 80)


async def test_two_networks_meet_in_a_router(world: Lab) -> None:
    first = a_network(a_port(MAC_A, "10.0.0.5"))
    second = a_network(
        a_port(MAC_B, "10.1.0.6", rules=(*OUT, replace(PING, remotes=("10.0.0.5/32",)))), cidr="10.1.0.0/24"
    )
    (one,), (two,) = await plugged(world, first), await plugged(world, second)
    legs = (
        Interface(new_id(), first.id, MAC_ROUTER, ("10.0.0.1/24",)),
        Interface(new_id(), second.id, MAC_GATE, ("10.1.0.1/24",)),
    )
    router = Router(new_id(), interfaces=legs, routes=(Route("192.0.2.0/24", "10.1.0.6"),))
    await world.plane.apply_router(router)
    assert one.pings("10.1.0.6")
    assert not two.pings("10.0.0.5")
    routes = world.spaces.names() and world.host.run("ip", "-n", f"wk-{world.tag}-r-{router.id}", "route")
    assert "192.0.2.0/24 via 10.1.0.6" in routes
    await world.plane.apply_router(replace(router, admin_up=False))
    assert not one.pings("10.1.0.6")


async def test_ipv6_by_advertisement_with_its_own_rules(world: Lab) -> None:
    addresses = ("fd00:1::f816:3eff:fe00:a", "fd00:1::f816:3eff:fe00:b")
    one_port, two_port = a_port(MAC_A, addresses[0]), a_port(MAC_B, addresses[1])
    subnet = Subnet(
        new_id(), "fd00:1::/64", "fd00:1::1", dhcp_ip="fd00:1::2", ipv6_ra_mode="slaac", ipv6_address_mode="slaac"
    )
    network = Network(new_id(), subnets=(subnet,), ports=(one_port, two_port))
    one, two = await plugged(world, network, dhcp=False)
    leg = Interface(new_id(), network.id, MAC_ROUTER, ("fd00:1::1/64",), advertise=(("fd00:1::/64", "slaac"),))
    await world.plane.apply_router(Router(new_id(), interfaces=(leg,)))
    for guest, address in ((one, addresses[0]), (two, addresses[1])):
        wait_for(guest, address)
    wait_for(one, "default via fe80::f816:3eff:fe00:1", "route")
    assert one.pings("fd00:1::1")
    assert not one.pings(addresses[1])
    await world.plane.apply_network(with_rules(network, 1, *OUT, PING6))
    assert one.pings(addresses[1])
    assert not two.pings(addresses[0])
    one.ip("addr add fd00:1::99/64 dev eth0 nodad")
    assert not one.pings(addresses[1], source="fd00:1::99")


async def test_admin_down_and_removed_ports_are_silent(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6", rules=(*OUT, PING)))
    one, _ = await plugged(world, network)
    assert one.pings("10.0.0.6")
    await world.plane.apply_network(
        replace(network, ports=(replace(network.ports[0], admin_up=False), network.ports[1]))
    )
    assert not one.pings("10.0.0.6")
    await world.plane.apply_network(network)
    assert one.pings("10.0.0.6")
    await world.plane.apply_network(replace(network, ports=network.ports[1:]))
    assert not one.pings("10.0.0.6")


async def test_an_address_is_free_for_the_next_guest_at_once(world: Lab) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"))
    await plugged(world, network)
    successor = replace(a_network(a_port(MAC_B, "10.0.0.5")), id=network.id, subnets=network.subnets)
    (two,) = await plugged(world, successor, dhcp=False)
    lease = two.dhcp()
    assert lease is not None and lease.address == "10.0.0.5"


@pytest.mark.parametrize("options", [(), (("ntp-server", "192.0.2.7"),)], ids=["plain", "with options of its own"])
async def test_a_newcomer_has_its_address_at_once_while_others_hold_theirs(
    world: Lab, options: tuple[tuple[str, str], ...]
) -> None:
    """dnsmasq has answered by now: what it was told before must not hinder it in reading what is new."""
    first, second = a_port(MAC_A, "10.0.0.5"), a_port(MAC_B, "10.0.0.6")
    both = a_network(first, second)
    both = replace(both, dhcp_hosts=tuple(replace(host, options=options) for host in both.dhcp_hosts))
    (one,) = await plugged(world, replace(both, ports=(first,), dhcp_hosts=both.dhcp_hosts[:1]))
    await world.plane.apply_network(both)
    two = world.plug(MAC_B, await world.plane.attachment(both.id, second.id), name="newcomer")
    lease = two.dhcp(1.0)
    assert lease is not None and lease.address == "10.0.0.6"
    assert one.dhcp(1.0) is not None


async def test_guests_on_the_external_network_are_guarded_as_well(world: Lab) -> None:
    ports = (a_port(MAC_A, "203.0.113.5"), a_port(MAC_B, "203.0.113.6", rules=(*OUT, PING)))
    hosts = tuple(DhcpHost(port.mac_address, port.fixed_ips) for port in ports)
    subnet = Subnet(new_id(), "203.0.113.0/24", "203.0.113.1", dhcp_ip="203.0.113.2")
    network = Network(new_id(), external=True, subnets=(subnet,), ports=ports, dhcp_hosts=hosts)
    one, two = await plugged(world, network)
    assert one.pings("203.0.113.6")
    assert not two.pings("203.0.113.5")
    assert one.pings(OUTSIDE)
    world.outside.ip(f"route add 203.0.113.0/24 via {HOST}")
    assert world.outside.pings("203.0.113.6")
    assert not world.outside.pings("203.0.113.5")
    listener = await world.plane.metadata_socket(network.id)
    assert listener is not None
    with listener, one.connect("169.254.169.254", 80):
        assert caller(listener) == "203.0.113.5"
    with world.host.listening(22):
        assert not one.reaches("203.0.113.1", 22)
        assert not one.reaches(HOST, 22)


def datagram(source_port: int, target_port: int) -> bytes:
    """From 10.0.0.5 to 10.0.0.6, with a valid header."""
    length = 28 + len(MARKER)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 1, 0, 64, 17, 0, b"\x0a\0\0\5", b"\x0a\0\0\6")
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + struct.pack("!HHHH", source_port, target_port, length - 20, 0) + MARKER


def caller(server: socket.socket) -> str:
    """The address that the next waiting connection comes from."""
    server.settimeout(1)
    connection, peer = server.accept()
    connection.close()
    return str(peer[0])


def wait_for(guest: Guest, text: str, what: str = "addr") -> None:
    for _ in range(60):
        if text in guest.run("ip", "-6", what):
            return
        time.sleep(0.1)
    raise AssertionError(f"no {text} within 6 s: " + guest.run("ip", "-6", what))
