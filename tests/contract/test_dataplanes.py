"""One suite over every dataplane there is; then how the linux one mends, continues and cleans up."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.dataplane_lab import OUTSIDE, Lab
from tests.contract.dataplane_records import (
    MAC_A,
    MAC_B,
    NEEDS_ROOT,
    a_network,
    a_port,
    a_router,
    external_network,
    new_id,
)
from wolke.core.drivers import Failure, Unsupported, load
from wolke.network.drivers import DRIVERS
from wolke.network.drivers.base import Dataplane, DhcpHost, FloatingIp

VICTIM = """
import asyncio, pickle, sys
from wolke.network.drivers.linux import LinuxDataplane
state_dir, tag, network, outside, router = pickle.load(open(sys.argv[1], "rb"))
async def main():
    plane = LinuxDataplane(state_dir, tag=tag)
    await plane.prepare()
    print("begin", flush=True)
    while True:
        await plane.apply_network(network)
        await plane.apply_network(outside)
        await plane.apply_router(router)
        await plane.remove_router(router.id)
        await plane.remove_network(outside.id)
        await plane.remove_network(network.id)
asyncio.run(main())
"""


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


@pytest.fixture(params=[pytest.param(name, marks=NEEDS_ROOT if name == "linux" else []) for name in DRIVERS])
async def plane(request: pytest.FixtureRequest) -> AsyncIterator[Dataplane]:
    made: Dataplane = (
        request.getfixturevalue("lab").plane if request.param == "linux" else load("network", DRIVERS, request.param)()
    )
    await made.prepare()
    yield made
    await made.teardown()
    await made.close()


async def test_what_was_applied_is_found_and_can_be_removed(plane: Dataplane) -> None:
    network = a_network(a_port(MAC_A, "10.0.0.5"))
    await plane.apply_network(network)
    await plane.apply_network(network)
    assert list(await plane.networks()) == [network.id]
    assert (await plane.attachment(network.id, network.ports[0].id)).backend in ("tap", "user", "none")
    await plane.remove_network(network.id)
    assert not await plane.networks()


async def test_removing_what_is_not_there_is_fine(plane: Dataplane) -> None:
    await plane.remove_network(new_id())
    await plane.remove_router(new_id())


async def test_capabilities_tell_the_truth(plane: Dataplane) -> None:
    network, outside = a_network(), external_network()
    await plane.apply_network(network)
    await plane.apply_network(outside)
    listener = await plane.metadata_socket(network.id)
    assert (listener is not None) is plane.capabilities.metadata
    if listener:
        listener.close()
    router = a_router(network, outside)
    if plane.capabilities.routers:
        await plane.apply_router(router)
        assert list(await plane.routers()) == [router.id]
        await plane.remove_router(router.id)
    else:
        with pytest.raises(Unsupported):
            await plane.apply_router(router)
    assert not await plane.routers()


async def test_teardown_leaves_nothing_to_be_found(plane: Dataplane) -> None:
    await plane.apply_network(a_network(a_port(MAC_A, "10.0.0.5")))
    await plane.teardown()
    assert not await plane.networks()
    assert not await plane.routers()


# What outlives a process, a mishap and a removal


@pytest.mark.root
@NEEDS_ROOT[1]
class TestLinux:
    async def test_applying_again_changes_nothing(self, world: Lab) -> None:
        network, outside = a_network(a_port(MAC_A, "10.0.0.5")), external_network()
        router = a_router(network, outside, FloatingIp(new_id(), "203.0.113.20", "10.0.0.5"))
        snapshots = []
        for plane in (world.plane, world.plane, world.new_plane()):
            await plane.apply_network(network)
            await plane.apply_network(outside)
            await plane.apply_router(router)
            snapshots.append(everything(world))
            if plane is not world.plane:
                await plane.close()
        assert snapshots[0] == snapshots[1] == snapshots[2]

    async def test_whatever_breaks_is_mended(self, world: Lab) -> None:
        network = a_network(a_port(MAC_A, "10.0.0.5"))
        outside = external_network()
        router = a_router(network, outside)
        names = world.plane._names
        place, router_place = names.network_ns(network.id), names.router_ns(router.id)
        damages = [
            (place, ["ip", "link", "del", names.bridge(network.id)]),
            (place, ["ip", "link", "del", names.plug(router.interfaces[0].port_id)]),
            (place, ["nft", "delete", "table", "bridge", names.table(network.id)]),
            (place, ["kill dnsmasq"]),
            (router_place, ["nft", "flush", "ruleset"]),
            (router_place, ["ip", "route", "flush", "default"]),
            (world.host.name, ["ip", "link", "del", names.bridge(outside.id)]),
            (world.host.name, ["ip", "netns", "del", router_place]),
            (world.host.name, ["ip", "netns", "del", place]),
        ]
        for step, (where, damage) in enumerate([("", ["true"]), *damages]):
            with world.spaces.inside(where):
                if damage[0] == "kill dnsmasq":
                    for pid in processes(world):
                        os.kill(pid, 9)
                else:
                    subprocess.run(damage, check=True)
            await world.plane.apply_network(outside)
            await world.plane.apply_network(network)
            await world.plane.apply_router(router)
            assert len(processes(world)) == 1
            mac = network.ports[0].mac_address
            guest = world.plug(mac, await world.plane.attachment(network.id, network.ports[0].id), name=f"m{step}")
            assert guest.dhcp() is not None, damage
            assert guest.pings(OUTSIDE), damage
            world.unplug(f"m{step}")

    async def test_a_killed_process_leaves_nothing_that_the_next_cannot_finish(
        self, world: Lab, tmp_path: Path
    ) -> None:
        network, outside = a_network(a_port(MAC_A, "10.0.0.5")), external_network()
        router = a_router(network, outside)
        records = tmp_path / "records"
        records.write_bytes(pickle.dumps((world.state_dir, world.tag, network, outside, router)))
        for delay_ms in (15, 50, 85, 120, 155, 190, 240):
            with world.spaces.inside(world.host.name):
                child = subprocess.Popen(
                    [sys.executable, "-c", VICTIM, str(records)], stdout=subprocess.PIPE, start_new_session=True
                )
            assert child.stdout
            with child.stdout:
                assert child.stdout.readline() == b"begin\n"
                time.sleep(delay_ms / 1000)
                os.killpg(child.pid, signal.SIGKILL)  # with whatever tool it is running just now
                child.wait()
        await world.plane.apply_network(network)
        await world.plane.apply_network(outside)
        await world.plane.apply_router(router)
        guest = world.plug(MAC_A, await world.plane.attachment(network.id, network.ports[0].id), name="guest")
        assert guest.dhcp() is not None
        assert guest.pings(OUTSIDE)
        assert len(processes(world)) == 1

    async def test_nothing_is_left(self, lab: Lab) -> None:
        await lab.plane.prepare()
        before = everything(lab)
        network, outside = a_network(a_port(MAC_A, "10.0.0.5")), external_network(ports=(a_port(MAC_B, "203.0.113.5"),))
        router = a_router(network, outside)
        for verb in ("remove", "teardown"):
            await lab.plane.apply_network(network)
            await lab.plane.apply_network(outside)
            await lab.plane.apply_router(router)
            if verb == "remove":
                await lab.plane.remove_router(router.id)
                await lab.plane.remove_network(network.id)
                await lab.plane.remove_network(outside.id)
            else:
                await lab.plane.close()
                lab.plane = lab.new_plane()
                await lab.plane.teardown()
                assert lab.host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "0"
                assert not Path(f"/run/wolke-{lab.tag}").exists()
            assert everything(lab) == before
            assert processes(lab) == []
        await lab.plane.close()

    @pytest.mark.parametrize(
        "spoilt",
        [{"id": "x; reboot"}, {"mtu": 7}, {"ports": (a_port("de:ad\nadd table x", "10.0.0.5"),)},
         {"ports": (a_port(MAC_A, "10.0.0.5 } drop"),)}],
    )  # fmt: skip
    async def test_what_is_malformed_is_refused(self, world: Lab, spoilt: dict[str, object]) -> None:
        with pytest.raises(Failure):
            await world.plane.apply_network(replace(a_network(), **spoilt))  # type: ignore[arg-type]
        assert not await world.plane.networks()

    async def test_hostile_names_and_options_stay_words(self, world: Lab) -> None:
        network = a_network(a_port(MAC_A, "10.0.0.5"), dns_domain="a b\nserver=/#/192.0.2.1")
        bad = (("router", "10.9.9.9\ndhcp-script=/x"), ("no\nsuch", "1"), ("ntp-server", "192.0.2.7"), ("999", "x"))
        host = DhcpHost(MAC_A, ("10.0.0.5",), "evil,10.0.0.9\nx=y #", bad)
        await world.plane.apply_network(replace(network, dhcp_hosts=(host,)))
        one = world.plug(MAC_A, await world.plane.attachment(network.id, network.ports[0].id), name="one")
        assert one.dhcp().options[12] == b"evil-10-0-0-9-x-y"


def everything(lab: Lab) -> list[str]:
    """All that can be seen of this cloud on the machine, without what moves by itself."""
    spaces = [name for name in lab.spaces.names() if f"-{lab.tag}-" in name]
    seen = [*spaces, *map(str, processes(lab))]
    for name in spaces:
        with lab.spaces.inside(name):
            seen += [shown("nft -a list ruleset"), shown("ip route"), shown("ip -6 route show proto static")]
            for link in json.loads(shown("ip -j addr")):
                if link:
                    addresses = [item["local"] for item in link["addr_info"] if item["family"] == "inet"]
                    seen.append(f"{link['ifname']} {link['mtu']} {link.get('master')} {link['address']} {addresses}")
    return seen


def shown(command: str) -> str:
    return subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout


def processes(lab: Lab) -> list[int]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"dnsmasq") and f"wolke-{lab.tag}/".encode() in b" ".join(words):
                found.append(int(path.name))
    return found
