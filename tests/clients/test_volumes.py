"""Volumes in real guests: what one has written, another reads."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
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

_MIB = 1 << 20


def _find(volume_id: str) -> str:
    """A shell command that prints a file of the disk which has the volume's id for its serial number."""
    return f"grep -ls {volume_id[:20]} /sys/block/vd*/serial"  # as much as virtio shows


class Pair:
    """Two servers that answer at floating IPs, by name; and what more are made of."""

    def __init__(
        self, cloud: RunningCloud, sdk: Any, key: Path, image_id: str, servers: dict[str, tuple[str, str]]
    ) -> None:
        self.cloud, self.sdk, self._key, self.image_id, self._servers = cloud, sdk, key, image_id, servers

    def boot(self, name: str, device: dict[str, Any]) -> Any:
        """One that starts from a volume, at the address that ``writer`` has had."""
        compute, network = self.sdk.compute, self.sdk.network
        server = compute.create_server(
            name=name, flavor_id=compute.find_flavor("m1.micro").id, key_name="disks",
            networks=[{"uuid": network.find_network("disks").id}], security_groups=[{"name": "disks"}],
            block_device_mapping=[{"destination_type": "volume", "boot_index": 0, **device}],
        )  # fmt: skip
        server = compute.wait_for_server(server, "ACTIVE", interval=0.2, wait=120)
        address = self._servers["writer"][1]
        [port] = network.ports(device_id=server.id)
        network.update_ip(network.find_ip(address), port_id=port.id)
        self._servers[name] = (server.id, address)
        eventually(lambda: self.says(name, "hostname") == f"{name}\n", "the address is that of the new guest")
        return server

    def delete(self, name: str) -> None:
        server_id, _ = self._servers.pop(name)
        server = self.sdk.compute.get_server(server_id)
        self.sdk.compute.delete_server(server)
        self.sdk.compute.wait_for_delete(server, interval=0.2, wait=60)

    def says(self, name: str, command: str) -> str:
        return self.cloud.answer(self._key, self._servers[name][1], command, "root")

    def attach(self, name: str, volume_id: str) -> str:
        """The disk as the guest names it."""
        self.cloud.openstack("server", "add", "volume", self._servers[name][0], volume_id)
        self.sdk.block_storage.wait_for_status(self.volume(volume_id), "in-use", ["error"], interval=0.1, wait=30)
        seen = _find(volume_id)
        eventually(lambda: self.says(name, f"{seen} || true").strip() != "", "the guest sees the disk", 20, 0.2)
        return "/dev/" + self.says(name, seen).split("/")[3]

    def detach(self, name: str, volume_id: str) -> None:
        self.cloud.openstack("server", "remove", "volume", self._servers[name][0], volume_id)
        self.sdk.block_storage.wait_for_status(self.volume(volume_id), "available", ["error"], interval=0.1, wait=60)

    def volume(self, volume_id: str) -> Any:
        return self.sdk.block_storage.get_volume(volume_id)


@pytest.fixture(scope="module")
def pair(
    cloud: RunningCloud, namespace: NetworkNamespace, guest_image: GuestImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    key = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with namespace.inside():
        do = cloud.openstack
        image = ("--disk-format", "qcow2", "--file", str(guest_image.disk_qcow2), "-f", "json")
        image_id = do("image", "create", "guest-of-volumes", *image)["id"]
        do("network", "create", "disks")
        do("subnet", "create", "disks", "--network", "disks", "--subnet-range", "10.31.0.0/24")
        do("router", "create", "disks", "--external-gateway", "public")
        do("router", "add", "subnet", "disks", "disks")
        do("security", "group", "create", "disks")
        do("security", "group", "rule", "create", "disks", "--protocol", "tcp", "--dst-port", "22")
        do("keypair", "create", "disks", "--public-key", str(key.with_suffix(".pub")))
        words = ("--image", image_id, "--flavor", "m1.micro", "--network", "disks", "--key-name", "disks")
        servers = {}
        for name in ("writer", "reader"):
            made = do("server", "create", name, *words, "--security-group", "disks", "--wait", "-f", "json")
            address = do("floating", "ip", "create", "public", "-f", "json")["floating_ip_address"]
            do("server", "add", "floating", "ip", name, address)
            servers[name] = (made["id"], address)
        connection = cloud.connect()
        found = Pair(cloud, connection, key, image_id, servers)
        for name in servers:
            found.says(name, "true")
    yield found
    connection.close()


def test_what_one_guest_wrote_another_reads_and_a_snapshot_keeps(pair: Pair) -> None:
    volume = pair.sdk.block_storage.create_volume(size=1, name="data")
    pair.sdk.block_storage.wait_for_status(volume, "available", ["error"], interval=0.1, wait=30)
    disk = pair.attach("writer", volume.id)
    assert int(pair.says("writer", f"cat /sys/block/{disk[5:]}/size")) * 512 == 1024 * _MIB
    pair.says("writer", "dd if=/dev/urandom of=/tmp/secret bs=64k count=64 2>/dev/null")
    pair.says("writer", f"dd if=/tmp/secret of={disk} bs=64k 2>/dev/null; sync")
    wanted = pair.says("writer", "sha256sum </tmp/secret")

    snapshot = pair.sdk.block_storage.create_snapshot(volume_id=volume.id, is_forced=True, name="then")
    pair.sdk.block_storage.wait_for_status(snapshot, "available", ["error"], interval=0.1, wait=30)
    pair.says("writer", f"dd if=/dev/zero of={disk} bs=64k seek=64 count=16 2>/dev/null; sync")
    pair.sdk.block_storage.extend_volume(volume.id, 2)
    grown = f"cat /sys/block/{disk[5:]}/size"
    eventually(lambda: int(pair.says("writer", grown)) * 512 == 2048 * _MIB, "the guest sees it grow", 20, 0.3)

    pair.detach("writer", volume.id)
    assert pair.says("writer", f"test -e {disk} || echo gone") == "gone\n"
    disk = pair.attach("reader", volume.id)
    read = f"dd if={disk} bs=64k count=64 2>/dev/null | sha256sum"
    assert pair.says("reader", read) == wanted

    server_id = pair._servers["reader"][0]
    boot = pair.says("reader", "cat /proc/sys/kernel/random/boot_id")
    pair.sdk.compute.reboot_server(server_id, "HARD")
    pair.sdk.compute.wait_for_server(pair.sdk.compute.get_server(server_id), "ACTIVE", interval=0.3, wait=120)
    eventually(
        lambda: pair.says("reader", "cat /proc/sys/kernel/random/boot_id") != boot,
        "the guest has booted again",
        pause_s=1,
    )
    seen = pair.says("reader", _find(volume.id)).split("/")[3]
    assert pair.says("reader", f"dd if=/dev/{seen} bs=64k count=64 2>/dev/null | sha256sum") == wanted
    pair.detach("reader", volume.id)


def test_a_server_leaves_its_root_volume_to_the_next(pair: Pair) -> None:
    first = pair.boot("first", {"source_type": "image", "uuid": pair.image_id, "volume_size": 1})
    assert not first.image.get("id")
    [volume_id] = [one.id for one in first.attached_volumes]
    pair.says("first", "dd if=/dev/urandom of=/root/kept bs=64k count=16 2>/dev/null; sync")
    wanted = pair.says("first", "sha256sum /root/kept")
    pair.delete("first")
    volume = pair.volume(volume_id)
    assert (volume.status, volume.is_bootable) == ("available", True)

    pair.boot("second", {"source_type": "volume", "uuid": volume_id, "delete_on_termination": True})
    assert pair.says("second", "sha256sum /root/kept") == wanted
    pair.delete("second")
    pair.sdk.block_storage.wait_for_delete(volume, interval=0.2, wait=60)
