"""The steps of the demo, each a call of the public API by openstacksdk: find what is there, create what is not."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wolke.cli.demo.story import Story, StoryError
from wolke.state import StateDirectory, write_private

NAME = "wolke-demo"
CIDR = "10.20.0.0/24"
LOGIN_TIMEOUT_S = 90.0
CARRIED_TIMEOUT_S = 15.0
_SSH = (
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
    "-o",
    "BatchMode=yes",
)


@dataclass(frozen=True)
class Guest:
    server_id: str
    address: str
    answer: str
    login: str

    def facts(self) -> dict[str, str]:
        return {"server_id": self.server_id, "address": self.address, "answer": self.answer, "login": self.login}


def walk(member: Any, admin: Any, built: Any, directory: StateDirectory, story: Story) -> Guest:
    key_file = directory / "demo-key"
    with story.step("api", "Uploading the image"):
        image = _image(admin, built)
    floating = _has_floating_ips(admin)
    with story.step("api", "Creating network, router, security group and key"):
        network = _network(member, admin, routed=floating)
        _security_group(member)
        _key_pair(member, key_file)
    started = time.monotonic()
    with story.step("server", "Creating the server"):
        server = _server(member, image, network, config_drive=not floating)
    if not floating:
        return _console_guest(member, server, story)
    with story.step("api", "Giving it a floating IP"):
        address = _floating_ip(member, server)
    with story.step("ssh", f"Waiting for it to answer at {address}"):
        answer = _say_hello(key_file, address)
    story.took("boot", time.monotonic() - started)
    return Guest(server.id, address, answer, f"ssh {' '.join(_SSH[:4])} -i {key_file} root@{address}")


def _has_floating_ips(admin: Any) -> bool:
    """Without root the hosts' networks have none, and say so."""
    return any((agent.configuration or {}).get("floating_ips") for agent in admin.network.agents())


def _image(admin: Any, built: Any) -> Any:
    for image in admin.image.images(name=NAME, visibility="public"):
        if image.status == "active" and image.properties.get("recipe") == built.recipe:
            return image
    image = admin.image.create_image(
        NAME,
        filename=str(built.disk_qcow2),
        disk_format="qcow2",
        container_format="bare",
        visibility="public",
        recipe=built.recipe,
        wait=True,
        validate_checksum=True,
    )
    return admin.image.get_image(image.id)


def _network(member: Any, admin: Any, *, routed: bool) -> Any:
    network = member.network.find_network(NAME) or member.network.create_network(name=NAME)
    subnet = member.network.find_subnet(NAME) or member.network.create_subnet(
        name=NAME, network_id=network.id, ip_version=4, cidr=CIDR
    )
    if routed and member.network.find_router(NAME) is None:
        outside = next(iter(admin.network.networks(is_router_external=True)), None)
        if outside is None:
            raise StoryError("The cloud has no external network; an administrator creates one with --external.")
        router = member.network.create_router(name=NAME, external_gateway_info={"network_id": outside.id})
        member.network.add_interface_to_router(router, subnet_id=subnet.id)
    return network


def _security_group(member: Any) -> None:
    if member.network.find_security_group(NAME) is not None:
        return
    group = member.network.create_security_group(name=NAME, description="ssh and ping from anywhere")
    for rule in ({"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}, {"protocol": "icmp"}):
        member.network.create_security_group_rule(
            security_group_id=group.id, direction="ingress", ethertype="IPv4", **rule
        )


def _key_pair(member: Any, key_file: Path) -> None:
    known = member.compute.find_keypair(NAME)
    if known is not None and key_file.exists():
        return
    if known is not None:
        member.compute.delete_keypair(known)
    _generate_key(key_file)
    member.compute.create_keypair(name=NAME, public_key=key_file.with_suffix(".pub").read_text().strip())


def _generate_key(key_file: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    write_private(key_file, private.decode())
    write_private(key_file.with_suffix(".pub"), public.decode() + f" {NAME}\n")


def _server(member: Any, image: Any, network: Any, *, config_drive: bool) -> Any:
    server = member.compute.find_server(NAME)
    if server is not None:
        server = member.compute.get_server(server.id)
        if server.status == "SHUTOFF":
            member.compute.start_server(server)
        elif server.status == "ERROR" or server.image.id != image.id:
            member.compute.delete_server(server)
            member.compute.wait_for_delete(server, interval=0.2)
            server = None
    if server is None:
        server = member.compute.create_server(
            name=NAME,
            image_id=image.id,
            flavor_id=_flavor(member).id,
            networks=[{"uuid": network.id}],
            key_name=NAME,
            security_groups=[{"name": NAME}],
            config_drive=config_drive,
        )
    return _wait_for_server(member, server.id)


def _flavor(member: Any) -> Any:
    """The smallest that the guest is happy in."""
    flavors = [flavor for flavor in member.compute.flavors() if flavor.ram >= 128]
    if not flavors:
        raise StoryError("There is no flavor with at least 128 MiB of memory.")
    return min(flavors, key=lambda flavor: (flavor.ram, flavor.disk))


def _wait_for_server(member: Any, server_id: str) -> Any:
    deadline = time.monotonic() + LOGIN_TIMEOUT_S
    while time.monotonic() < deadline:
        server = member.compute.get_server(server_id)
        if server.status == "ACTIVE":
            return server
        if server.status == "ERROR":
            reason = (server.fault or {}).get("message", "no reason given")
            raise StoryError(f"The server could not be built: {reason}")
        time.sleep(0.1)
    raise StoryError(f"The server was not ACTIVE within {LOGIN_TIMEOUT_S:.0f} s (it is {server.status}).")


def _floating_ip(member: Any, server: Any) -> str:
    """An address that a host carries: before that it leads nowhere, or somewhere else."""
    port = next(iter(member.network.ports(device_id=server.id)))
    known = next(iter(member.network.ips(port_id=port.id)), None)
    if known is None:
        outside = next(iter(member.network.networks(is_router_external=True)))
        known = member.network.create_ip(floating_network_id=outside.id, port_id=port.id)
    deadline = time.monotonic() + CARRIED_TIMEOUT_S
    while known.status != "ACTIVE":
        if time.monotonic() > deadline:
            raise StoryError(f"No host carries the floating IP {known.floating_ip_address} (it is {known.status}).")
        time.sleep(0.1)
        known = member.network.get_ip(known.id)
    return str(known.floating_ip_address)


def _say_hello(key_file: Path, address: str) -> str:
    command = ["ssh", *_SSH, "-o", "ConnectTimeout=2", "-i", str(key_file), f"root@{address}", "/bin/hello"]
    deadline = time.monotonic() + LOGIN_TIMEOUT_S
    while True:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=_plain_environment()
        )
        if done.returncode == 0:
            return done.stdout
        if time.monotonic() > deadline:
            raise StoryError(
                f"The server at {address} did not answer by ssh: {done.stderr.strip() or 'no reason given'}"
            )
        time.sleep(0.2)


def _plain_environment() -> dict[str, str]:
    """Without the user's agent: the demo's key alone must do."""
    return {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}


def _console_guest(member: Any, server: Any, story: Story) -> Guest:
    """Without root there are no floating IPs: the guest is heard on its console."""
    deadline = time.monotonic() + LOGIN_TIMEOUT_S
    with story.step("boot", "Waiting for it on its console (no floating IPs without root)"):
        while time.monotonic() < deadline:
            output = member.compute.get_server_console_output(server.id)["output"]
            if "guest: ssh ready" in output:
                lines = [line for line in output.splitlines() if line.startswith("guest: ")]
                login = f"openstack console log show {NAME}"
                return Guest(server.id, "", "\n".join(lines), login)
            time.sleep(0.2)
    raise StoryError("The server did not say on its console that it is ready.")
