"""A small world for dataplanes: a namespace that plays the host, one that plays the world outside, and guests.

A guest is a namespace whose card is joined to the port's tap the way a hypervisor does it: by opening the tap. A thread
carries frames between the two, so that what is tested is the path of a real guest's packets.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

from wolke.network.drivers.base import Attachment
from wolke.network.drivers.linux import LinuxDataplane
from wolke.network.drivers.linux.namespaces import Namespaces, run, set_switch

OUTSIDE = "198.51.100.1"
HOST = "198.51.100.2"
_TUNSETIFF = 0x400454CA
_TAP_FLAGS = 0x0002 | 0x1000 | 0x4000  # IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
_MAGIC = bytes.fromhex("63825363")


def opened_tap(name: str) -> int:
    """The tap of this name in the namespace this thread is in, as a hypervisor gets hold of it."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP_FLAGS))
    return descriptor


class Cables:
    """Carries frames between pairs of taps."""

    def __init__(self) -> None:
        self._pairs: dict[int, int] = {}
        self._poll = select.epoll()
        self._stop = os.pipe()
        self._poll.register(self._stop[0], select.EPOLLIN)
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def join(self, one: int, other: int) -> None:
        self._pairs |= {one: other, other: one}
        self._poll.register(one, select.EPOLLIN)
        self._poll.register(other, select.EPOLLIN)

    def part(self, one: int) -> None:
        other = self._pairs[one]
        for descriptor in (one, other):
            with contextlib.suppress(FileNotFoundError):
                self._poll.unregister(descriptor)
        time.sleep(0.01)  # whatever the thread is carrying just now
        for descriptor in (one, other):
            del self._pairs[descriptor]
            os.close(descriptor)

    def cut(self) -> None:
        os.write(self._stop[1], b"x")
        self._thread.join()
        self._poll.close()
        for descriptor in (*self._pairs, *self._stop):
            os.close(descriptor)

    def _carry(self) -> None:
        while True:
            for descriptor, event in self._poll.poll():
                if descriptor == self._stop[0]:
                    return
                try:
                    os.write(self._pairs[descriptor], os.read(descriptor, 70000))
                except BlockingIOError:
                    continue
                except OSError:
                    if event & (select.EPOLLERR | select.EPOLLHUP):
                        self._poll.unregister(descriptor)  # the tap is gone


@dataclass
class Place:
    """A namespace from which the test speaks."""

    name: str
    spaces: Namespaces
    link: str = "eth0"

    def ip(self, *commands: str) -> None:
        with self.spaces.inside(self.name):
            run(["ip", "-batch", "-"], "\n".join(commands) + "\n")

    def run(self, *argv: str) -> str:
        with self.spaces.inside(self.name):
            return run(argv)

    def socket(self, family: int, kind: int, protocol: int = 0, timeout_s: float = 1.0) -> socket.socket:
        with self.spaces.inside(self.name):
            made = socket.socket(family, kind, protocol)
        made.settimeout(timeout_s)
        return made

    @contextlib.contextmanager
    def listening(self, port: int) -> Iterator[socket.socket]:
        with self.socket(socket.AF_INET6, socket.SOCK_STREAM) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind(("::", port))
            server.listen()
            yield server

    def connect(self, address: str, port: int, timeout_s: float = 1.0) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self.socket(family, socket.SOCK_STREAM, timeout_s=timeout_s)
        try:
            made.connect((address, port))
        except OSError:
            made.close()
            raise
        return made

    def reaches(self, address: str, port: int, timeout_s: float = 0.6) -> bool:
        try:
            self.connect(address, port, timeout_s).close()
        except TimeoutError:
            return False
        except ConnectionRefusedError:
            return True  # the packets went there and back
        except OSError:
            return False
        return True

    def pings(self, address: str, timeout_s: float = 0.6, source: str = "") -> bool:
        six = ":" in address
        family, protocol = (socket.AF_INET6, 58) if six else (socket.AF_INET, 1)
        nonce = secrets.token_bytes(8)
        packet = struct.pack("!BBHHH", 128 if six else 8, 0, 0, os.getpid() & 0xFFFF, 1) + nonce
        if not six:
            packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        with self.socket(family, socket.SOCK_RAW, protocol, timeout_s) as pinger:
            if source:
                pinger.bind((source, 0))
            deadline = time.monotonic() + timeout_s
            try:
                pinger.sendto(packet, (address, 0))
                while time.monotonic() < deadline:
                    data, peer = pinger.recvfrom(2048)
                    reply = data[0] == 129 if six else data[(data[0] & 15) * 4] == 0
                    if reply and data.endswith(nonce) and peer[0] == address:
                        return True
            except OSError:
                return False
        return False


@dataclass
class Lease:
    address: str
    options: dict[int, bytes]

    @property
    def routes(self) -> dict[str, str]:
        """Option 121: destination -> way."""
        data, found = self.options.get(121, b""), {}
        while data:
            octets = (data[0] + 7) // 8
            destination = data[1 : 1 + octets].ljust(4, b"\0")
            found[f"{ip_address(destination)}/{data[0]}"] = str(ip_address(data[1 + octets : 5 + octets]))
            data = data[5 + octets :]
        return found


@dataclass
class Guest(Place):
    mac_address: str = ""
    cable: int = -1

    def dhcp(self, timeout_s: float = 3.0) -> Lease | None:
        """A whole conversation (discover, offer, request, acknowledgement); the card is then set up accordingly."""
        with self.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout_s=0.5) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.link.encode())
            client.bind(("0.0.0.0", 68))
            offer = self._ask(client, {53: b"\1"}, timeout_s)
            if offer is None:
                return None
            wish = {53: b"\3", 50: ip_address(offer.address).packed, 54: offer.options[54]}
            lease = self._ask(client, wish, timeout_s)
        if lease is not None:
            self._set_up(lease)
        return lease

    def _ask(self, client: socket.socket, options: dict[int, bytes], timeout_s: float) -> Lease | None:
        number = secrets.token_bytes(4)
        mac = bytes.fromhex(self.mac_address.replace(":", ""))
        options = options | {55: bytes([1, 3, 6, 12, 15, 26, 121])}
        body = b"".join(bytes([kind, len(value)]) + value for kind, value in options.items())
        head = struct.pack("!BBBB4sHH16s16s192s", 1, 1, 6, 0, number, 0, 0x8000, b"", mac, b"")
        packet = head + _MAGIC + body + b"\xff"
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            client.sendto(packet, ("255.255.255.255", 67))
            with contextlib.suppress(TimeoutError):
                data = client.recv(2048)
                if data[4:8] == number:
                    return Lease(str(ip_address(data[16:20])), _options(data[240:]))
        return None

    def _set_up(self, lease: Lease) -> None:
        length = ip_network(f"0.0.0.0/{ip_address(lease.options[1])}").prefixlen
        commands = [f"addr replace {lease.address}/{length} dev {self.link}"]
        for destination, way in lease.routes.items():
            commands.append(f"route replace {destination} via {way} dev {self.link}")
        if 26 in lease.options:
            commands.append(f"link set {self.link} mtu {int.from_bytes(lease.options[26])}")
        self.ip(*commands)

    def resolve(self, name: str, server: str) -> str | None:
        query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0"
        query += b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0\0\1\0\1"
        with self.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(query, (server, 53))
            answer = client.recv(2048)
        return str(ip_address(answer[-4:])) if answer[6:8] != b"\0\0" else None

    def send_frame(self, frame: bytes) -> None:
        with self.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind((self.link, 0))
            sender.send(frame)


@dataclass
class Lab:
    """The world. ``plane`` lives in the host's namespace."""

    state_dir: Path
    tag: str = field(default_factory=lambda: "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(4)))
    guests: dict[str, Guest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.spaces = Namespaces()
        self.cables = Cables()
        self.host = Place(f"lab-{self.tag}-host", self.spaces, "outer")
        self.outside = Place(f"lab-{self.tag}-outside", self.spaces)
        for place in (self.host, self.outside):
            self.spaces.create(place.name)
            place.ip("link set lo up")
        self.host.ip(f"link add outer type veth peer name eth0 netns {self.outside.name}")
        self.host.ip(f"addr add {HOST}/24 dev outer", "link set outer up")
        self.outside.ip(f"addr add {OUTSIDE}/24 dev eth0", "link set eth0 up")
        self.plane = self.new_plane()

    def new_plane(self) -> LinuxDataplane:
        """As after a restart of the process: it knows nothing but its directory."""
        with self.spaces.inside(self.host.name):
            return LinuxDataplane(self.state_dir, tag=self.tag)

    def plug(self, mac_address: str, attachment: Attachment, *, name: str) -> Guest:
        assert attachment.backend == "tap"
        guest = Guest(f"lab-{self.tag}-{name}", self.spaces, mac_address=mac_address)
        self.spaces.create(guest.name)
        with self.spaces.inside(guest.name):
            set_switch("net/ipv6/conf/default/accept_dad", "0")
            set_switch("net/ipv6/conf/default/router_solicitation_delay", "0")
            run(["ip", "tuntap", "add", "dev", "eth0", "mode", "tap", "vnet_hdr"])
            inner = opened_tap("eth0")
        with self.spaces.inside(attachment.netns or self.host.name):
            outer = opened_tap(attachment.device)
        self.cables.join(inner, outer)
        guest.cable = inner
        guest.ip("link set lo up", f"link set eth0 address {mac_address} up")
        self.guests[name] = guest
        return guest

    def unplug(self, name: str) -> None:
        guest = self.guests.pop(name)
        self.cables.part(guest.cable)
        self.spaces.delete(guest.name)

    def close(self) -> None:
        self.cables.cut()
        for place in (*self.guests.values(), self.outside, self.host):
            self.spaces.delete(place.name)
        self.spaces.close()


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while data and data[0] != 255:
        if data[0] == 0:
            data = data[1:]
            continue
        found[data[0]] = data[2 : 2 + data[1]]
        data = data[2 + data[1] :]
    return found
