"""A whole cloud with a guest in a network namespace of its own, and a shell in that guest that stays open: what logging in takes
is no part of what is measured."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.processes import Cloud
from tests.clients.running_cloud import SSH, NetworkNamespace
from wolke.cli.guest_image import GuestImage, build

_PATIENCE_S = 240.0  # an emulated guest starts on a busy machine
_NEWEST = {"openstack_api_version": "compute 2.96"}


class Shell:
    """In a guest, as root."""

    def __init__(self, key: Path, address: str) -> None:
        words = ["ssh", *SSH, "-i", str(key), f"root@{address}"]
        self._words = words
        self._process = subprocess.Popen([*words, "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the guest's shell has ended")
        return line.rstrip("\n")

    def says(self, command: str) -> str:
        """The last line of what the command prints; it must succeed."""
        self.send(f'{command}; echo "ended with $?"')
        said = ""
        while not (line := self.line()).startswith("ended with "):
            said = line
        if line != "ended with 0":
            raise RuntimeError(f"{command}: {line}: {said}")
        return said

    def put(self, source: Path, target: str) -> None:
        with source.open("rb") as data:
            subprocess.run([*self._words, f"cat >{target}; chmod +x {target}"], stdin=data, check=True)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


class Guest:
    """A server of a running cloud, and what of the cloud is near it."""

    def __init__(self, cloud: Cloud, server_id: str, image_id: str, shell: Shell) -> None:
        self.cloud, self.server_id, self.image_id, self.shell = cloud, server_id, image_id, shell

    def volume(self, **asked: Any) -> str:
        """One that is there."""
        made = self.cloud.call("POST", "/volume/v3/volumes", {"volume": {"size": 1, **asked}})["volume"]["id"]
        self.until(made, "available")
        return str(made)

    def until(self, volume_id: str, status: str, pause_s: float = 0.002) -> None:
        while (found := self.status(volume_id)) != status:
            if found.startswith("error"):
                raise RuntimeError(f"the volume is {found}")
            time.sleep(pause_s)

    def status(self, volume_id: str) -> str:
        return str(self.cloud.call("GET", f"/volume/v3/volumes/{volume_id}")["volume"]["status"])

    def attach(self, volume_id: str) -> None:
        """Accepted, no more."""
        body = {"volumeAttachment": {"volumeId": volume_id}}
        self.cloud.call("POST", self._attachments, body, **_NEWEST)

    def detach(self, volume_id: str) -> None:
        self.cloud.call("DELETE", f"{self._attachments}/{volume_id}", **_NEWEST)
        self.until(volume_id, "available", 0.05)

    @property
    def _attachments(self) -> str:
        return f"/compute/v2.1/servers/{self.server_id}/os-volume_attachments"

    @property
    def monitor(self) -> Path:
        """QEMU's own socket; the cloud connects to it only while it has something to say."""
        places = (*self.cloud.state.rglob("qmp"), *Path("/tmp").glob(f"wolke-{os.geteuid()}-*/*/qmp"))
        return next(one for one in places if one.parent.name == self.server_id)

    def file(self, volume_id: str) -> Path:
        """Of a volume that has one layer."""
        [found] = (self.cloud.state / "host/volumes/file/volumes" / volume_id).glob("*.qcow2")
        return found


@contextmanager
def running(folder: Path) -> Iterator[Guest]:
    """Needs root. Everything is gone afterwards."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wolke"
    image = build(cache / "guest-image", cache_dir=cache / "packages")
    folder.chmod(0o711)  # guests run under users of their own and must be able to pass
    namespace = NetworkNamespace(f"wkbench-{os.getpid()}")
    namespace.make()
    try:
        with namespace.inside(), Cloud(folder / "cloud", "--hypervisor", "qemu", "--dataplane", "linux") as cloud:
            guest = _boot(cloud, image, folder)
            try:
                yield guest
            finally:
                guest.shell.close()
                cloud.call("DELETE", f"/compute/v2.1/servers/{guest.server_id}")
    finally:
        namespace.remove()


def _boot(cloud: Cloud, image: GuestImage, folder: Path) -> Guest:
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    cloud.call("POST", "/compute/v2.1/os-keypairs", {"keypair": {"name": "bench", "public_key": public}})
    image_id, network_id = _upload(cloud, image), _network(cloud)
    flavors = cloud.call("GET", "/compute/v2.1/flavors")["flavors"]
    asked = {
        "name": "bench", "imageRef": image_id, "key_name": "bench", "networks": [{"uuid": network_id}],
        "flavorRef": next(one["id"] for one in flavors if one["name"] == "m1.micro"),
    }  # fmt: skip
    while not cloud.call("GET", "/compute/v2.1/os-hypervisors")["hypervisors"]:
        time.sleep(0.05)
    server_id = cloud.call("POST", "/compute/v2.1/servers", {"server": asked}, **_NEWEST)["server"]["id"]
    deadline = time.monotonic() + _PATIENCE_S
    while (server := cloud.call("GET", f"/compute/v2.1/servers/{server_id}")["server"])["status"] != "ACTIVE":
        if server["status"] == "ERROR" or time.monotonic() > deadline:
            raise RuntimeError(f"the server is {server['status']}: {server.get('fault')}")
        time.sleep(0.1)
    address = _floating(cloud, server_id)
    while not _answers(address):
        if time.monotonic() > deadline:
            raise RuntimeError("the guest does not answer")
        time.sleep(0.3)
    return Guest(cloud, server_id, image_id, Shell(key, address))


def _upload(cloud: Cloud, image: GuestImage) -> str:
    import urllib.request

    wanted = {"name": "guest", "disk_format": "qcow2", "container_format": "bare"}
    image_id = str(cloud.call("POST", "/image/v2/images", wanted)["id"])
    headers = {"x-auth-token": cloud.token, "content-type": "application/octet-stream"}
    address = f"{cloud.url}/image/v2/images/{image_id}/file"
    sent = urllib.request.Request(address, image.disk_qcow2.read_bytes(), headers, method="PUT")
    urllib.request.urlopen(sent, timeout=60).close()
    return image_id


def _network(cloud: Cloud) -> str:
    """Behind a router; the default security group lets ssh in."""
    network = "/network/v2.0"
    made = cloud.call("POST", f"{network}/networks", {"network": {"name": "bench"}})["network"]["id"]
    subnet = {"network_id": made, "ip_version": 4, "cidr": "10.31.0.0/24"}
    subnet_id = cloud.call("POST", f"{network}/subnets", {"subnet": subnet})["subnet"]["id"]
    gateway = {"external_gateway_info": {"network_id": _public(cloud)}}
    router = cloud.call("POST", f"{network}/routers", {"router": gateway})["router"]["id"]
    cloud.call("PUT", f"{network}/routers/{router}/add_router_interface", {"subnet_id": subnet_id})
    project = cloud.call("GET", "/identity/v3/auth/projects")["projects"][0]["id"]
    groups = cloud.call("GET", f"{network}/security-groups?name=default&project_id={project}")["security_groups"]
    rule = {"security_group_id": groups[0]["id"], "direction": "ingress", "protocol": "tcp",
            "port_range_min": 22, "port_range_max": 22}  # fmt: skip
    cloud.call("POST", f"{network}/security-group-rules", {"security_group_rule": rule})
    return str(made)


def _public(cloud: Cloud) -> str:
    return str(cloud.call("GET", "/network/v2.0/networks?router:external=true")["networks"][0]["id"])


def _floating(cloud: Cloud, server_id: str) -> str:
    [port] = cloud.call("GET", f"/network/v2.0/ports?device_id={server_id}")["ports"]
    asked = {"floatingip": {"floating_network_id": _public(cloud), "port_id": port["id"]}}
    return str(cloud.call("POST", "/network/v2.0/floatingips", asked)["floatingip"]["floating_ip_address"])


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), 2) as link:
            link.settimeout(5)
            return link.recv(4).startswith(b"SSH")
    except OSError:
        return False
