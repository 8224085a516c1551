"""Servers with what hypervisors have: guests, their power, and what is set aside of servers that move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wolke.compute.model import Fault, Server
from wolke.compute.service.checking.picture import Picture
from wolke.core.checks import Check, Finding

if TYPE_CHECKING:
    from wolke.compute.service.checking import Checking

_NEEDS_GUEST = frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "RESIZED", "RESCUED", "SHELVED", "SOFT_DELETED"})
_POWERS = {
    "ACTIVE": ("running",),
    "RESCUED": ("running",),
    "PAUSED": ("paused",),
    "SUSPENDED": ("suspended",),
    "SHUTOFF": ("shutdown", "crashed"),
    "SHELVED": ("shutdown", "crashed"),
    "SOFT_DELETED": ("shutdown", "crashed"),
}


def _serverless(picture: Picture) -> Iterator[Finding]:
    for host, contents in picture.contents.items():
        for server_id in contents.guests:
            server = picture.alive(server_id)
            if server is None or host not in (server.host, server.other_host):
                where = "does not exist" if server is None else f"is on {server.host or 'no host'}"
                says = f"Host {host} has a guest of server {server_id}, which {where}."
                yield Finding(f"{host}/{server_id}", says, None, (host, server_id, server_id in picture.servers))


async def _remove_guest(checking: Checking, finding: Finding) -> None:
    """One that the cloud has known goes; one that it never heard of may be somebody's data, and is kept."""
    host, server_id, known = finding.thing
    await checking.on_host(host, "remove_guest" if known else "quarantine_guest", {"server_id": server_id})


def _guestless(picture: Picture) -> Iterator[Finding]:
    for server in picture.settled():
        contents = picture.contents.get(server.host or "")
        if contents is not None and server.status in _NEEDS_GUEST and server.id not in contents.guests:
            says = f"Server {server.id} is {server.status}, and host {server.host} has nothing of it."
            yield Finding(server.id, says, server.generation, server)


async def _mark_lost(checking: Checking, finding: Finding) -> None:
    server: Server = finding.thing
    now = checking.ground.clock.now()
    fault = Fault(500, "Its host has nothing of it any more. A rebuild makes it anew from its image.", now)
    async with checking.life.db.transaction() as tx:
        await checking.write(tx, server, status="ERROR", power="nostate", fault=fault)


def _powers(picture: Picture) -> Iterator[Finding]:
    for server in picture.settled():
        contents = picture.contents.get(server.host or "")
        power = contents.guests.get(server.id) if contents is not None and contents.settled else None
        if power is not None and power not in _POWERS.get(server.status, (power,)):
            says = f"Server {server.id} is {server.status}, and its guest on host {server.host} is {power}."
            yield Finding(server.id, says, (server.generation, power), server.host)


async def _compare_powers(checking: Checking, finding: Finding) -> None:
    await checking.on_host(finding.thing, "compare", {})


def _asides(picture: Picture) -> Iterator[Finding]:
    for host, contents in picture.contents.items():
        for server_id in contents.asides:
            server = picture.alive(server_id)
            if server is None or (server.task is None and server.other_host != host):
                says = f"Host {host} keeps what server {server_id} was before a move that is over."
                yield Finding(f"{host}/{server_id}", says, server.generation if server else None, (host, server_id))


async def _forget_aside(checking: Checking, finding: Finding) -> None:
    host, server_id = finding.thing
    await checking.on_host(host, "forget_aside", {"server_id": server_id})


def _nothing_aside(picture: Picture) -> Iterator[Finding]:
    for server in picture.settled():
        contents = picture.contents.get(server.other_host or "")
        if server.status == "RESIZED" and contents is not None and server.id not in contents.asides:
            says = f"Server {server.id} waits for its resize to be confirmed, and host {server.other_host} has not kept what it was."
            yield Finding(server.id, says, server.generation)


GUESTS = (
    Check(
        "guest-without-server",
        "guests on hosts (disks, processes, sockets) with servers",
        "the guest of a deleted server is removed; one that the cloud does not know is stopped and moved to the host's quarantine",
        _serverless, _remove_guest,
    ),
    Check(
        "server-without-guest",
        "servers with the guests on their hosts",
        "the server is put in error with the reason; a rebuild makes it anew",
        _guestless, _mark_lost,
    ),
    Check(
        "server-power",
        "what servers should do with what their guests do",
        "the host compares them at once, as it does by itself every now and then",
        _powers, _compare_powers,
    ),
    Check(
        "aside-without-move",
        "what hosts have set aside of servers with their moves",
        "it is thrown away",
        _asides, _forget_aside,
    ),
    Check(
        "move-without-aside",
        "servers that wait for a confirmation with what is set aside of them",
        "confirm the resize: it can no longer be reverted",
        _nothing_aside,
    ),
)  # fmt: skip
