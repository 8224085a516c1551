"""A cloud as its users have it: the stock ``openstack`` command and openstacksdk, and a real guest that answers by ssh.

One server serves most tests; each leaves it as it was found, ACTIVE and answering.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running_cloud import NetworkNamespace, RunningCloud, eventually
from wolke.cli import packages
from wolke.cli.guest_image import GuestImage

pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(bool(packages.missing(["up", "test"])), reason="the host lacks programs for guests"),
    pytest.mark.usefixtures("inside"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
]


@dataclass
class Server:
    """One that answers at a floating IP."""

    cloud: RunningCloud
    sdk: Any
    id: str
    address: str
    key: Path

    @property
    def now(self) -> Any:
        return self.sdk.compute.get_server(self.id)

    def says(self, command: str, user: str = "wolke") -> str:
        return self.cloud.answer(self.key, self.address, command, user)

    def boot_id(self) -> str:
        return self.says("cat /proc/sys/kernel/random/boot_id")

    def becomes(self, status: str) -> Any:
        return self.sdk.compute.wait_for_server(self.now, status, interval=0.3, wait=180)

    def booted_since(self, before: str) -> None:
        eventually(lambda: self.boot_id() != before, "the guest has booted again", pause_s=1)


@pytest.fixture(scope="module")
def sdk(cloud: RunningCloud, namespace: NetworkNamespace) -> Iterator[Any]:
    with namespace.inside():
        connection = cloud.connect()
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def image_id(cloud: RunningCloud, namespace: NetworkNamespace, guest_image: GuestImage) -> str:
    with namespace.inside():
        words = ("--disk-format", "qcow2", "--file", str(guest_image.disk_qcow2), "--public", "-f", "json")
        made = cloud.openstack("image", "create", "guest", *words, cloud="wolke-admin")
    assert (made["name"], made["status"]) == ("guest", "active")
    return str(made["id"])


@pytest.fixture(scope="module")
def server(
    cloud: RunningCloud, sdk: Any, namespace: NetworkNamespace, image_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """Made by the stock command alone, as a tutorial would."""
    key = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with namespace.inside():
        do = cloud.openstack
        do("network", "create", "net")
        do("subnet", "create", "net", "--network", "net", "--subnet-range", "10.30.0.0/24")
        do("router", "create", "router", "--external-gateway", "public")
        do("router", "add", "subnet", "router", "net")
        do("security", "group", "create", "open")
        do("security", "group", "rule", "create", "open", "--protocol", "tcp", "--dst-port", "22")
        do("keypair", "create", "key", "--public-key", str(key.with_suffix(".pub")))
        words = ("--image", image_id, "--flavor", "m1.micro", "--network", "net", "--key-name", "key")
        made = do("server", "create", "web-1", *words, "--security-group", "open", "--wait", "-f", "json")
        assert made["status"] == "ACTIVE"
        address = do("floating", "ip", "create", "public", "-f", "json")["floating_ip_address"]
        do("server", "add", "floating", "ip", "web-1", address)
        found = Server(cloud, sdk, made["id"], address, key)
        found.says("true")
    return found


def test_the_guest_has_the_address_that_the_api_says_by_dhcp(server: Server) -> None:
    addresses = server.now.addresses["net"]
    fixed = next(one["addr"] for one in addresses if one["OS-EXT-IPS:type"] == "fixed")
    assert next(one["addr"] for one in addresses if one["OS-EXT-IPS:type"] == "floating") == server.address
    assert f"inet {fixed}/24" in server.says("ip -4 addr show eth0")
    assert "default via 10.30.0.1" in server.says("ip route")


def test_the_guest_knows_its_name_and_its_metadata(server: Server) -> None:
    assert server.says("hostname") == "web-1\n"
    answer = server.says("wget -qO- http://169.254.169.254/openstack/latest/meta_data.json")
    assert server.id in answer and '"web-1"' in answer
    assert "ssh-ed25519" in server.says("wget -qO- http://169.254.169.254/latest/meta-data/public-keys/0/openssh-key")


def test_the_guest_reaches_its_gateway_and_its_nameserver(server: Server) -> None:
    assert "0% packet loss" in server.says("ping -c 1 -W 5 10.30.0.1", "root")
    assert "nameserver 10.30.0." in server.says("cat /etc/resolv.conf")


def test_only_the_key_opens_the_guest(server: Server, tmp_path: Path) -> None:
    stranger = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    refused = server.cloud.ssh(stranger, server.address, "true")
    assert refused.returncode == 255 and "Permission denied" in refused.stderr


def test_a_security_group_blocks_until_it_permits(server: Server) -> None:
    def pings() -> bool:
        return subprocess.run(["ping", "-c", "1", "-W", "1", server.address], capture_output=True).returncode == 0

    assert not pings()
    group = server.sdk.network.find_security_group("open")
    rule = server.sdk.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="icmp"
    )
    eventually(pings, "ping passes", 10)
    server.sdk.network.delete_security_group_rule(rule.id)
    eventually(lambda: not pings(), "ping is blocked again", 10)


def test_a_soft_reboot_asks_the_guest_and_keeps_its_files(server: Server) -> None:
    before = server.boot_id()
    server.says("echo kept >/home/wolke/kept; sync")
    server.sdk.compute.reboot_server(server.id, "SOFT")
    server.becomes("ACTIVE")
    server.booted_since(before)
    assert server.says("cat kept") == "kept\n"


def test_a_hard_reboot_does_not_ask(server: Server) -> None:
    before = server.boot_id()
    server.sdk.compute.reboot_server(server.id, "HARD")
    server.becomes("ACTIVE")
    server.booted_since(before)


def test_the_console_log_holds_what_the_guest_said(server: Server) -> None:
    log = server.cloud.openstack("console", "log", "show", "web-1")
    assert "guest: dhcp eth0 10.30.0." in log and "guest: ssh ready" in log
    assert len(server.cloud.openstack("console", "log", "show", "--lines", "2", "web-1").splitlines()) <= 3


def test_a_stopped_server_has_no_process_and_starts_again(server: Server) -> None:
    server.sdk.compute.stop_server(server.id)
    server.becomes("SHUTOFF")
    assert server.cloud.guests() == []
    server.sdk.compute.start_server(server.id)
    server.becomes("ACTIVE")
    server.says("true")


def test_a_paused_guest_stands_still_and_goes_on(server: Server) -> None:
    before = server.boot_id()
    server.sdk.compute.pause_server(server.id)
    server.becomes("PAUSED")
    assert server.cloud.ssh(server.key, server.address, "true").returncode == 255
    server.sdk.compute.unpause_server(server.id)
    server.becomes("ACTIVE")
    assert server.boot_id() == before


def test_a_suspended_guest_gives_up_its_memory_and_goes_on(server: Server) -> None:
    before = server.boot_id()
    server.sdk.compute.suspend_server(server.id)
    server.becomes("SUSPENDED")
    assert server.cloud.guests() == []
    server.sdk.compute.resume_server(server.id)
    server.becomes("ACTIVE")
    assert server.boot_id() == before


def test_an_image_of_a_server_boots_with_its_files(server: Server, sdk: Any) -> None:
    server.says("echo golden >/home/wolke/golden; sync")
    image = sdk.compute.create_server_image(server.id, "golden", wait=True, timeout=180)
    server.becomes("ACTIVE")
    flavor = sdk.compute.find_flavor("m1.micro")
    network = sdk.network.find_network("net")
    twin = sdk.compute.create_server(
        name="twin", image_id=image.id, flavor_id=flavor.id, networks=[{"uuid": network.id}], key_name="key",
        security_groups=[{"name": "open"}],
    )  # fmt: skip
    twin = sdk.compute.wait_for_server(twin, interval=0.3, wait=180)
    port = next(iter(sdk.network.ports(device_id=twin.id)))
    outside = sdk.network.find_network("public")
    address = sdk.network.create_ip(floating_network_id=outside.id, port_id=port.id)
    assert server.cloud.answer(server.key, address.floating_ip_address, "cat golden; hostname") == "golden\ntwin\n"
    sdk.compute.delete_server(twin.id)
    sdk.compute.wait_for_delete(twin, interval=0.3, wait=60)
    assert list(sdk.network.ports(device_id=twin.id)) == []
    assert sdk.network.get_ip(address.id).port_id is None
    sdk.network.delete_ip(address.id)
    sdk.image.delete_image(image.id)
    assert len(server.cloud.guests()) == 1


def test_a_rebuilt_server_keeps_its_address_and_loses_its_files(server: Server, image_id: str) -> None:
    server.says("echo lost >/home/wolke/lost; sync")
    server.sdk.compute.rebuild_server(server.id, image=image_id)
    server.becomes("ACTIVE")
    eventually(lambda: server.says("ls /home/wolke/lost 2>/dev/null || echo gone") == "gone\n", "the file is gone")
    assert server.says("hostname") == "web-1\n"


def test_a_second_cloud_in_the_same_place_is_refused(server: Server) -> None:
    answer = server.cloud.wolke("up", "--listen", "127.0.0.1:8799")
    assert answer.returncode == 1
    assert "a cloud already runs in" in answer.stderr and f"process {server.cloud.process.pid}" in answer.stderr  # type: ignore[union-attr]


def test_a_killed_control_plane_leaves_its_guests_to_the_next(server: Server) -> None:
    before = server.boot_id()
    guests = server.cloud.guests()
    server.cloud.kill()
    assert server.boot_id() == before
    server.cloud.start()
    assert server.now.status == "ACTIVE" and server.boot_id() == before
    assert server.cloud.guests() == guests
    server.sdk.compute.reboot_server(server.id, "HARD")
    server.becomes("ACTIVE")
    server.booted_since(before)


def test_down_ends_guests_and_up_brings_them_back(server: Server) -> None:
    before = server.boot_id()
    server.cloud.down()
    assert server.cloud.left() == []
    server.cloud.start()
    assert server.boot_id() != before
    assert server.becomes("ACTIVE").power_state == 1


def test_a_deleted_server_leaves_nothing(server: Server, cloud: RunningCloud, sdk: Any) -> None:
    """The last: it takes the server that the others used."""
    admin = cloud.connect("wolke-admin")
    ports = [port.id for port in sdk.network.ports(device_id=server.id)]
    assert ports
    cloud.openstack("server", "delete", "web-1", "--wait")
    assert list(sdk.network.ports(device_id=server.id)) == []
    provider = next(iter(admin.placement.resource_providers()))
    eventually(lambda: _used(admin, provider) == {0}, "nothing is allocated", 10)
    assert cloud.guests() == []
    assert not [path for path in (cloud.state / "host/guests").iterdir() if server.id in path.name]
    admin.close()
    started = time.monotonic()
    cloud.openstack("router", "remove", "subnet", "router", "net")
    assert time.monotonic() - started < 60


def _used(admin: Any, provider: Any) -> set[int]:
    answer = admin.placement.get(f"/resource_providers/{provider.id}/usages")
    return set(answer.json()["usages"].values())
