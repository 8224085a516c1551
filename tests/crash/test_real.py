"""``kill -9`` of a whole cloud with QEMU and Linux networks, at random moments of create, associate, reboot and delete.

An undisturbed life of a server comes first: what the machine then has (processes, namespaces, links, addresses, nftables rules)
is what it must have after each death and restart. A picture counts kinds of things, so that another server's is the same.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running_cloud import NetworkNamespace, RunningCloud, eventually
from tests.crash.door import Door
from wolke.cli import packages

pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(bool(packages.missing(["up"])), reason="the host lacks programs for guests"),
]

SETTLED_S = 60
LATEST_S = 1.2  # of a kill, after the wish
LIVES = 8 if os.environ.get("CI_FULL") else 2
_HASTE = {"WOLKE_COMPUTE__GUEST_SHUTDOWN_TIMEOUT_S": "1"}  # nobody in the guest listens to its power button
Picture = Counter[str]


@pytest.fixture
def cloud() -> Iterator[RunningCloud]:
    folder = Path(tempfile.mkdtemp(prefix="wolke-crash-"))
    folder.chmod(0o711)  # guests run under users of their own
    made = RunningCloud(folder / "state")
    network = NetworkNamespace(f"wkcrash-{os.getpid()}")
    network.make()
    try:
        with network.inside():
            made.start(**_HASTE)
            try:
                yield made
            finally:
                made.end()
            assert made.left() == []
    finally:
        network.remove()
    shutil.rmtree(folder)


class Owner:
    """One user with a network, and at most one server and one floating IP on it."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud
        self.door = Door(cloud)
        make = self._make
        self.public = self.door.json("GET", "/network/v2.0/networks?router:external=true")["networks"][0]["id"]
        self.network = make("network", name="net")
        self.subnet = make("subnet", network_id=self.network, cidr="10.30.0.0/24", ip_version=4)
        self.router = ""
        self.route()
        self.floating = make("floatingip", floating_network_id=self.public)
        wish = {"name": "nothing", "disk_format": "raw", "container_format": "bare"}
        self.image = self.door.json("POST", "/image/v2/images", wish)["id"]
        self.door.call("PUT", f"/image/v2/images/{self.image}/file", content=bytes(1 << 20))
        flavors = self.door.json("GET", "/compute/v2.1/flavors")["flavors"]
        self.flavor = next(one["id"] for one in flavors if one["name"] == "m1.micro")

    def _make(self, noun: str, **values: Any) -> str:
        return str(self.door.json("POST", f"/network/v2.0/{noun}s", {noun: values})[noun]["id"])

    # -- wishes

    def route(self) -> None:
        """A router between the network and the world, with as much of it as is missing."""
        there = self.door.json("GET", "/network/v2.0/routers")["routers"]
        gateway = {"network_id": self.public}
        self.router = there[0]["id"] if there else self._make("router", external_gateway_info=gateway)
        if not self.legs():
            path = f"/network/v2.0/routers/{self.router}/add_router_interface"
            self.door.json("PUT", path, {"subnet_id": self.subnet})

    def unroute(self) -> None:
        for leg in self.legs():
            path = f"/network/v2.0/routers/{self.router}/remove_router_interface"
            self.door.json("PUT", path, {"port_id": leg["id"]})
        if self.door.json("GET", "/network/v2.0/routers")["routers"]:
            self.door.json("DELETE", f"/network/v2.0/routers/{self.router}")

    def legs(self) -> list[Any]:
        path = f"/network/v2.0/ports?network_id={self.network}&device_owner=network:router_interface"
        return list(self.door.json("GET", path)["ports"])

    def create(self) -> None:
        wish = {"name": "one", "flavorRef": self.flavor, "imageRef": self.image, "networks": [{"uuid": self.network}]}
        self.door.json("POST", "/compute/v2.1/servers", {"server": wish})

    def associate(self) -> None:
        self._map(self.ports()[0]["id"])

    def disassociate(self) -> None:
        self._map(None)

    def _map(self, port_id: str | None) -> None:
        self.door.json("PUT", f"/network/v2.0/floatingips/{self.floating}", {"floatingip": {"port_id": port_id}})

    def reboot(self) -> None:
        [server] = self.servers()
        self.door.json("POST", f"/compute/v2.1/servers/{server['id']}/action", {"reboot": {"type": "HARD"}})

    def delete(self) -> None:
        [server] = self.servers()
        self.door.json("DELETE", f"/compute/v2.1/servers/{server['id']}")

    # -- looks

    def servers(self) -> list[Any]:
        return list(self.door.json("GET", "/compute/v2.1/servers/detail")["servers"])

    def ports(self) -> list[Any]:
        ports = self.door.json("GET", f"/network/v2.0/ports?network_id={self.network}")["ports"]
        return [port for port in ports if port["device_owner"].startswith("compute:")]

    def mapped(self) -> tuple[str | None, str]:
        found = self.door.json("GET", f"/network/v2.0/floatingips/{self.floating}")["floatingip"]
        return found["port_id"], found["status"]

    def restless(self) -> list[str]:
        """What is still under way, or wrong, by what the API says."""
        servers, ports = self.servers(), self.ports()
        found = [f"{one['status']} {one['OS-EXT-STS:task_state']}" for one in servers if not _rests(one)]
        if [port["device_id"] for port in ports] != [server["id"] for server in servers]:
            found.append(f"ports of {[port['device_id'] for port in ports]}")
        found += [f"port {port['status']}" for port in ports if port["status"] != "ACTIVE"]
        port_id, status = self.mapped()
        if (status == "ACTIVE") != (port_id is not None) or (port_id and port_id not in [port["id"] for port in ports]):
            found.append(f"floating IP of {port_id} is {status}")
        used = self.door.json("GET", "/compute/v2.1/limits")["limits"]["absolute"]
        if (used["totalInstancesUsed"], used["totalCoresUsed"]) != (len(servers), len(servers)):
            found.append(f"limits count {used['totalInstancesUsed']} servers, {used['totalCoresUsed']} cores")
        placed = self._placed()
        return found + ([] if placed == len(servers) else [f"{placed} cores allocated"])

    def _placed(self) -> int:
        providers = self.door.json("GET", "/placement/resource_providers")["resource_providers"]
        path = f"/placement/resource_providers/{providers[0]['uuid']}/usages"
        return int(self.door.json("GET", path)["usages"].get("VCPU", 0))

    def picture(self) -> Picture:
        """What this machine has of the cloud, by kind."""
        found: Picture = Counter()
        for name in _processes(self.cloud):
            found[f"process {name}"] += 1
        known = {self.network: "network", self.router: "router", self.public: "public"}
        for namespace in os.listdir("/run/netns"):
            if namespace.startswith(f"wk-{self.cloud.tag}-"):
                kind = known.get(namespace[-36:], "other")
                found[f"namespace {kind}"] += 1
                found.update(f"{kind}: {one}" for one in _inside("-n", namespace))
        found.update(f"host: {one}" for one in _inside())
        return found


def _rests(server: Any) -> bool:
    return server["OS-EXT-STS:task_state"] is None and server["status"] == "ACTIVE"


def _processes(cloud: RunningCloud) -> Iterator[str]:
    """The programs that belong to the cloud, but for itself."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_text(errors="replace")
            if int(folder.name) != cloud.process.pid and (str(cloud.state) in line or f"/wolke-{cloud.tag}" in line):  # type: ignore[union-attr]
                yield Path(line.split("\0")[0]).name


def _inside(*where: str) -> Iterator[str]:
    """Links by the first letter of their name, addresses, and each line of the rules without what is a server's own."""
    for link in json.loads(_out("ip", "-j", *where, "address")):
        yield f"link {link['ifname'][0]}"
        yield from (f"address on {link['ifname'][0]}" for one in link["addr_info"] if one["scope"] == "global")
    rules = _out(*(("ip", "netns", "exec", where[1]) if where else ()), "nft", "-j", "list", "ruleset")
    for item in json.loads(rules)["nftables"]:
        for kind, one in item.items():
            if kind == "rule":
                yield f"rule in {one['chain'].partition('_')[0]}"
            elif kind != "metainfo":
                yield f"{kind} with {len(one.get('elem', ()))}"


def _out(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _settled(owner: Owner, wanted: Picture | None = None) -> Picture:
    """The picture, once nothing is under way and it is as ``wanted`` or does not change any more."""
    last: list[Any] = [None, None]

    def rests() -> bool:
        last[:] = [owner.restless(), owner.picture()]
        if wanted is not None:
            return last == [[], wanted]
        if last[0]:
            return False
        time.sleep(1.0)
        return bool(owner.picture() == last[1])

    try:
        eventually(rests, "", SETTLED_S)
    except AssertionError:
        more = last[1] - wanted if wanted else last[1]
        less = wanted - last[1] if wanted else None
        raise AssertionError(f"under way {last[0]}; too much {dict(more)}; too little {dict(less or {})}") from None
    return Picture(last[1])


def _killed_during(owner: Owner, wish: Callable[[], None], after_s: float) -> None:
    """The wish is made and the cloud dies; whether it was heard is open."""

    def say() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            wish()

    speaker = threading.Thread(target=say)
    speaker.start()
    time.sleep(after_s)
    owner.cloud.kill()
    speaker.join()
    owner.cloud.start(**_HASTE)


def _checked(cloud: RunningCloud, *words: str) -> tuple[int, list[tuple[str, str]]]:
    """What ``wolke check`` says: its exit code, and each finding's check and sentence."""
    command = (sys.executable, "-m", "wolke", "check", "--state", str(cloud.state), "--json", *words)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout, done.stderr
    return done.returncode, [(one["check"], one["says"]) for one in json.loads(done.stdout)["found"]]


def test_a_cloud_killed_at_any_moment_has_nothing_twice_and_nothing_left(cloud: RunningCloud) -> None:
    owner = Owner(cloud)
    owner.create()
    running = _settled(owner)
    owner.associate()
    mapped = _settled(owner)
    owner.disassociate()
    owner.unroute()
    alone = _settled(owner)
    owner.route()
    owner.delete()
    empty = _settled(owner)  # DHCP goes on answering on a network that had guests
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    print(f"seed {seed}")
    for _ in range(LIVES):
        _killed_during(owner, owner.create, chance.uniform(0, LATEST_S))
        if not owner.servers():
            owner.create()
        _settled(owner, running)
        _killed_during(owner, owner.associate, chance.uniform(0, LATEST_S / 4))
        if owner.mapped()[0] is None:
            owner.associate()
        _settled(owner, mapped)
        _killed_during(owner, owner.reboot, chance.uniform(0, LATEST_S / 2))
        _settled(owner, mapped)
        _killed_during(owner, owner.disassociate, chance.uniform(0, LATEST_S / 4))
        if owner.mapped()[0] is not None:
            owner.disassociate()
        _settled(owner, running)
        _killed_during(owner, owner.unroute, chance.uniform(0, LATEST_S / 2))
        owner.unroute()
        _settled(owner, alone)
        _killed_during(owner, owner.route, chance.uniform(0, LATEST_S / 2))
        owner.route()
        _settled(owner, running)
        _killed_during(owner, owner.delete, chance.uniform(0, LATEST_S / 2))
        if owner.servers() and _rests(owner.servers()[0]):
            owner.delete()
        _settled(owner, empty)
        assert _checked(cloud) == (0, [])


def test_check_sees_what_others_did_to_a_running_cloud(cloud: RunningCloud) -> None:
    owner = Owner(cloud)
    owner.create()
    _settled(owner)
    assert _checked(cloud) == (0, [])
    netns, tap = f"wk-{cloud.tag}-n-{owner.network}", f"t{cloud.tag}0123456789"
    _out("ip", "-n", netns, "tuntap", "add", "dev", tap, "mode", "tap")
    _out("ip", "netns", "exec", netns, "nft", "flush", "ruleset")
    _out("ip", "netns", "add", f"wk-{cloud.tag}-n-5eedf00d-0000-4000-8000-000000000000")
    status, said = _checked(cloud)
    text = " ".join(sentence for _, sentence in said)
    assert (status, {name for name, _ in said}) == (1, {"network-on-host"})
    assert f"tap {tap} belongs to no port" in text and "nftables rules" in text
    assert "network 5eedf00d-0000-4000-8000-000000000000 is carried, and should not be" in text
    assert _checked(cloud, "--repair")[0] == 0
    assert _checked(cloud) == (0, [])
