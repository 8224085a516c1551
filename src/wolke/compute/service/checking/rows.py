"""Servers' rows with one another and with what Placement, Network and Block Storage hold for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from wolke.compute.model import Fault, Server
from wolke.compute.service.checking.picture import Picture
from wolke.compute.service.life.places import resources
from wolke.compute.store import AGGREGATES, BLOCK_DEVICES, MIGRATIONS, SERVERS
from wolke.core.checks import Check, Finding
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.compute.service.checking import Checking

_OURS = ("INSTANCE", "MIGRATION")  # types of consumers that Compute makes
_HIDDEN = "detached"
Amounts = Mapping[str, Mapping[str, int]]


# -- states


def _stuck(picture: Picture) -> Iterator[Finding]:
    for server in picture.servers.values():
        if server.task is not None and (server.deadline_at is None or server.deadline_at < picture.late):
            until = f"should have ended at {server.deadline_at}" if server.deadline_at else "has no deadline"
            says = f"Server {server.id} is {server.task} ({server.verb}), which {until}."
        elif server.task is None and server.status == "BUILD":
            says = f"Server {server.id} is BUILD, and nobody builds it."
        elif server.task is None and server.due_at is not None and server.due_at < picture.late:
            says = f"Server {server.id} is {server.status}, which should have ended by itself at {server.due_at}."
        else:
            continue
        yield Finding(server.id, says, server.generation, server)


async def _end(checking: Checking, finding: Finding) -> None:
    server: Server = finding.thing
    if server.task is not None:
        await checking.life.overdue.end(server)
    elif server.status == "BUILD":
        await checking.life.building.give_up(server, "Nobody was building it.")
    else:
        await checking.life.timed.begin(server)


# -- Placement


def wanted(picture: Picture) -> dict[str, Amounts]:
    """Consumer → what it should have, of servers with which nothing is under way, and of their moves."""
    found: dict[str, Amounts] = {}
    for server in picture.settled():
        host = picture.hosts.get(server.host or "")
        found[server.id] = {host.id: resources(server)} if host is not None else {}
    for move in picture.moves:
        server_ = picture.alive(move.server_id)
        source = picture.hosts.get(move.source_host)
        if server_ is not None and server_.task is None and server_.status == "RESIZED" and source is not None:
            found[move.uuid] = {source.id: resources(server_, move.old_flavor)}
    return found


def _orphaned(picture: Picture) -> Iterator[Finding]:
    moves = {one.uuid for one in picture.moves}
    for consumer in sorted(picture.claims):
        deleted = consumer in picture.servers and picture.alive(consumer) is None
        ours = picture.consumers.get(consumer) in _OURS or deleted
        if ours and picture.alive(consumer) is None and consumer not in moves:
            amounts = " and ".join(_told(one) for one in picture.claims[consumer].values())
            state = "is deleted" if deleted else "does not exist"
            says = f"Placement holds {amounts} for {consumer}, a server or move that {state}."
            yield Finding(consumer, says)


async def _release(checking: Checking, finding: Finding) -> None:
    async with checking.life.db.transaction() as tx:
        if await tx.find(SERVERS, id=finding.about, where=[Where("status", "ne", "DELETED")]):
            return
        await checking.ground.placement.release(tx, finding.about)


def _misclaimed(picture: Picture) -> Iterator[Finding]:
    for consumer, should in wanted(picture).items():
        has = picture.claims.get(consumer, {})
        if {k: dict(v) for k, v in has.items()} != {k: dict(v) for k, v in should.items()}:
            names = {host.id: host.name for host in picture.hosts.values()}
            server = picture.servers.get(consumer)
            what = f"server {consumer}" if server is not None else f"move {consumer}"
            says = f"Placement holds {_where(has, names)} for {what}, and should hold {_where(should, names)}."
            yield Finding(consumer, says, (server.generation if server else None, str(has)), should)


async def _claim(checking: Checking, finding: Finding) -> None:
    placement, consumer = checking.ground.placement, finding.about
    async with checking.life.db.transaction() as tx:
        server = await tx.get(SERVERS, id=consumer)
        kind = "INSTANCE"
        if server is None:
            move = await tx.get(MIGRATIONS, uuid=consumer)
            server, kind = (await tx.get(SERVERS, id=move.server_id) if move else None), "MIGRATION"
        if server is None or server.task is not None:
            return
        await placement.release(tx, consumer)
        if finding.thing:
            await placement.claim(tx, consumer, finding.thing, server.project_id, server.user_id, kind)


def _where(amounts: Amounts, names: Mapping[str, str]) -> str:
    return " and ".join(f"{_told(one)} on {names.get(at, at)}" for at, one in sorted(amounts.items())) or "nothing"


def _told(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in sorted(amounts.items()))


# -- quota


def _miscounted(picture: Picture) -> Iterator[Finding]:
    for server in picture.settled():
        never = server.status == "ERROR" and server.launched_at is None and server.host is None
        should = server.status != "SOFT_DELETED" and not never
        if server.counted != should:
            state = "is counted" if server.counted else "is not counted"
            yield Finding(
                server.id,
                f"Server {server.id} is {server.status} and {state} against quota.",
                server.generation,
                server,
            )
        elif server.status not in ("RESIZED", "BUILD") and should:
            flavor = server.flavor
            if (server.vcpus, server.ram_mib) != (flavor.vcpus, flavor.ram_mib):
                says = (
                    f"Server {server.id} is charged {server.vcpus} cores and {server.ram_mib} MiB, and its flavor has "
                    f"{flavor.vcpus} and {flavor.ram_mib}."
                )
                yield Finding(server.id, says, server.generation, server)


async def _count_again(checking: Checking, finding: Finding) -> None:
    server: Server = finding.thing
    never = server.status == "ERROR" and server.launched_at is None and server.host is None
    counted = server.status != "SOFT_DELETED" and not never
    flavor = server.flavor
    async with checking.life.db.transaction() as tx:
        await checking.write(tx, server, counted=counted, vcpus=flavor.vcpus, ram_mib=flavor.ram_mib)


# -- ports


def _portless(picture: Picture) -> Iterator[Finding]:
    by_server: defaultdict[str, list[str]] = defaultdict(list)
    for port in picture.ports:
        if picture.alive(port.device_id) is None:
            by_server[port.device_id].append(port.id)
    for server_id, ports in by_server.items():
        which = f"Port {ports[0]} belongs" if len(ports) == 1 else f"Ports {', '.join(sorted(ports))} belong"
        yield Finding(server_id, f"{which} to server {server_id}, which does not exist.", tuple(sorted(ports)))


async def _drop_ports(checking: Checking, finding: Finding) -> None:
    await checking.ground.network.release_server_ports(finding.about)


def _misbound(picture: Picture) -> Iterator[Finding]:
    for port in picture.ports:
        server = picture.alive(port.device_id)
        if server is None or server.task is not None or server.status == "BUILD":
            continue
        if port.host != (server.host or "") or port.next_host is not None:
            where = f"host {port.host}" if port.host else "no host"
            should = f"is on host {server.host}" if server.host else "is on none"
            says = f"Port {port.id} is bound to {where}, and its server {server.id} {should}."
            yield Finding(port.id, says, (server.generation, port.revision_number), server)


async def _bind(checking: Checking, finding: Finding) -> None:
    server = await checking.life.db.get(SERVERS, id=finding.thing.id)
    if server is not None and server.task is None:
        await checking.ground.network.bind_server_ports(server.id, server.host or "")


# -- volumes


def _devices(picture: Picture) -> Iterator[Finding]:
    attached = {one.id for one in picture.attachments if one.status != _HIDDEN}
    for device in picture.devices:
        server = picture.alive(device.server_id)
        if server is None:
            yield Finding(
                device.id,
                f"Block device {device.id} is of server {device.server_id}, which does not exist.",
                None,
                device,
            )
        elif server.task is None and picture.volumes and device.attachment_id not in attached:
            if device.volume_id is None and device.attachment_id is None:
                continue  # one that was never made of its source
            says = (
                f"Server {server.id} has volume {device.volume_id} ({device.device_name}), and Block Storage knows no "
                "attachment of it."
            )
            yield Finding(device.id, says, server.generation, device)


async def _drop_device(checking: Checking, finding: Finding) -> None:
    device, storage = finding.thing, checking.ground.storage
    async with checking.life.db.transaction() as tx:
        if storage is not None and device.attachment_id is not None:
            await storage.attachments.drop_in(tx, device.attachment_id)
        await tx.delete(BLOCK_DEVICES, id=device.id)


def _attachments(picture: Picture) -> Iterator[Finding]:
    known = {one.attachment_id for one in picture.devices}
    for one in picture.attachments:
        if one.server_id is None or one.status == _HIDDEN or one.task is not None:
            continue
        server = picture.alive(one.server_id)
        if server is None:
            why = "which does not exist"
        elif server.task is None and one.id not in known:
            why = "which knows nothing of it"
        else:
            continue
        says = f"Volume {one.volume_id} is {one.status} to server {one.server_id}, {why}."
        yield Finding(one.id, says, one.updated_at, one)


async def _drop_attachment(checking: Checking, finding: Finding) -> None:
    storage = checking.ground.storage
    assert storage is not None
    async with checking.life.db.transaction() as tx:
        await storage.attachments.drop_in(tx, finding.about)


# -- moves, aggregates, groups


def _open_moves(picture: Picture) -> Iterator[Finding]:
    last = {one.server_id: one.id for one in sorted(picture.moves, key=lambda one: one.id)}
    for move in picture.moves:
        server = picture.alive(move.server_id)
        if server is None:
            why = "does not exist"
        elif server.task is None and server.status != "RESIZED":
            why = f"is {server.status} and not on its way"
        elif last[move.server_id] != move.id:
            why = "is on a later one"
        else:
            continue
        says = f"Migration {move.id} ({move.uuid}) of server {move.server_id} is {move.status}, and the server {why}."
        yield Finding(move.uuid, says, move.status, move)


async def _close_move(checking: Checking, finding: Finding) -> None:
    move = finding.thing
    changes = {"status": "error", "key": "", "updated_at": checking.ground.clock.now()}
    async with checking.life.db.transaction() as tx:
        await checking.ground.placement.release(tx, move.uuid)
        await tx.update(MIGRATIONS, changes, id=move.id, status=move.status)


def _moveless(picture: Picture) -> Iterator[Finding]:
    moving = {one.server_id for one in picture.moves}
    for server in picture.settled():
        if server.status == "RESIZED" and server.id not in moving:
            says = f"Server {server.id} waits for its resize to be confirmed, and there is no migration of it."
        elif server.other_host is not None and server.status != "RESIZED":
            says = f"Server {server.id} is {server.status}, and still counts on host {server.other_host}."
        else:
            continue
        yield Finding(server.id, says, server.generation, server)


async def _settle_move(checking: Checking, finding: Finding) -> None:
    server: Server = finding.thing
    status = server.status
    if status == "RESIZED":
        status = "ACTIVE" if server.power in ("running", "paused") else "SHUTOFF"
    changes = {"status": status, "other_host": None, "due_at": None}
    async with checking.life.db.transaction() as tx:
        await checking.write(tx, server, **changes, vcpus=server.flavor.vcpus, ram_mib=server.flavor.ram_mib)


def _aggregates(picture: Picture) -> Iterator[Finding]:
    for one in picture.aggregates:
        gone = [host for host in one.hosts if host not in picture.hosts]
        if gone:
            says = f"Aggregate {one.name} ({one.id}) names hosts that do not exist: {', '.join(gone)}."
            yield Finding(one.uuid, says, tuple(gone), one)


async def _leave_aggregate(checking: Checking, finding: Finding) -> None:
    one = finding.thing
    left = [host for host in one.hosts if host not in finding.mark]
    async with checking.life.db.transaction() as tx:
        await tx.update(AGGREGATES, {"hosts": left, "updated_at": checking.ground.clock.now()}, id=one.id)


def _groups(picture: Picture) -> Iterator[Finding]:
    for server in picture.settled():
        group_id = server.server_group_id
        if group_id is not None and group_id not in picture.groups:
            says = f"Server {server.id} is in server group {group_id}, which does not exist."
            yield Finding(server.id, says, server.generation, server)


async def _leave_group(checking: Checking, finding: Finding) -> None:
    async with checking.life.db.transaction() as tx:
        await checking.write(tx, finding.thing, server_group_id=None)


def _hostless(picture: Picture) -> Iterator[Finding]:
    for server in picture.settled():
        if server.host is not None and server.host not in picture.hosts:
            says = f"Server {server.id} is on host {server.host}, which does not exist."
            yield Finding(server.id, says, server.generation, server)


async def _mark_lost(checking: Checking, finding: Finding) -> None:
    server: Server = finding.thing
    fault = Fault(500, f"Its host {server.host} does not exist any more.", checking.ground.clock.now())
    async with checking.life.db.transaction() as tx:
        await checking.ground.placement.release(tx, server.id)
        await checking.write(tx, server, status="ERROR", host=None, power="nostate", fault=fault)


ROWS = (
    Check(
        "server-stuck",
        "servers on their way with their deadlines",
        "the verb is ended as a missed deadline ends it, with a fault that the owner can read",
        _stuck, _end,
    ),
    Check(
        "server-host-gone",
        "servers with the hosts that they are on",
        "the server is put in error, with the reason",
        _hostless, _mark_lost,
    ),
    Check(
        "allocation-without-server",
        "allocations in Placement with servers and moves",
        "the allocation is released",
        _orphaned, _release,
    ),
    Check(
        "allocation-disagrees",
        "allocations in Placement with servers' hosts and flavors",
        "what the server should have is claimed, if there is room",
        _misclaimed, _claim,
    ),
    Check(
        "server-miscounted",
        "what quota is charged for servers with their states and flavors",
        "it is charged what it is",
        _miscounted, _count_again,
    ),
    Check(
        "port-without-server",
        "ports of servers with the servers",
        "ports made for the server are deleted, those that a user made are let go of",
        _portless, _drop_ports,
    ),
    Check(
        "port-bound-elsewhere",
        "the hosts that ports are bound to with those that their servers are on",
        "the port is bound to its server's host",
        _misbound, _bind,
    ),
    Check(
        "device-disagrees",
        "servers' block devices with servers and with attachments of volumes",
        "the block device is deleted; the volume stays as it is",
        _devices, _drop_device,
    ),
    Check(
        "attachment-without-server",
        "attachments of volumes with the servers that they are for",
        "the attachment is deleted, and the volume is free",
        _attachments, _drop_attachment,
    ),
    Check(
        "migration-open",
        "migrations under way with what their servers do",
        "the migration is put in error, and what it had claimed is free",
        _open_moves, _close_move,
    ),
    Check(
        "server-without-migration",
        "servers that wait for a confirmation, or count on another host, with their migrations",
        "the server stays where and what it is, as if it had been confirmed",
        _moveless, _settle_move,
    ),
    Check(
        "aggregate-host-gone",
        "aggregates with the hosts that they name",
        "the aggregate names them no more",
        _aggregates, _leave_aggregate,
    ),
    Check(
        "server-group-gone",
        "servers with the server groups that they are in",
        "the server is in no group",
        _groups, _leave_group,
    ),
)  # fmt: skip
