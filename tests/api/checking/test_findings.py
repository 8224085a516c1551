"""Each check, on a cloud in which all is well but for one thing that was made wrong by hand, behind the cloud's back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tests.api.checking.street import Street
from tests.checked_cloud import check
from wolke.block_storage.drivers.base import Blank
from wolke.block_storage.drivers.base import Volume as DriverVolume
from wolke.block_storage.model import Transfer
from wolke.block_storage.store import ATTACHMENTS, BACKUPS, SNAPSHOTS, TRANSFERS, VOLUMES
from wolke.compute.drivers.base import GuestSpec
from wolke.compute.model import Aggregate
from wolke.compute.store import AGGREGATES, BLOCK_DEVICES, HOSTS, MIGRATIONS, SERVERS
from wolke.core import ids
from wolke.image.model import Member
from wolke.image.store import IMAGES, MEMBERS
from wolke.inspection import TABLE
from wolke.network.store import ALLOCATIONS as ADDRESSES
from wolke.network.store import FLOATING_IPS, PORT_GROUPS, PORTS
from wolke.placement.model import Allocation, Consumer
from wolke.placement.store import ALLOCATIONS, CONSUMERS, INVENTORIES

NOBODY = "5eedf00d-0000-4000-8000-000000000000"
LONG_AGO, EVEN_LONGER = "2025-01-01T00:00:00.000000Z", "2024-01-01T00:00:00.000000Z"
Wrong = Callable[[Street], Awaitable[None]]
WRONGS: dict[str, list[Wrong]] = {}


def wrong(check_name: str) -> Callable[[Wrong], Wrong]:
    def note(make: Wrong) -> Wrong:
        WRONGS.setdefault(check_name, []).append(make)
        return make

    return note


# -- Placement


@wrong("inventory-miscounted")
async def more_is_used_than_was_allocated(street: Street) -> None:
    host = await street.one(HOSTS, name="host-1")
    await street.change(INVENTORIES, {"used": 77}, provider=host.id, resource_class="VCPU")


@wrong("allocation-without-consumer")
async def a_consumer_is_gone(street: Street) -> None:
    host = await street.one(HOSTS, name="host-1")
    await street.insert(ALLOCATIONS, Allocation(NOBODY, host.id, "VCPU", 0, LONG_AGO))


@wrong("consumer-without-allocation")
async def a_consumer_has_nothing(street: Street) -> None:
    await street.insert(CONSUMERS, Consumer(NOBODY, "p", "u", None, 1, LONG_AGO, LONG_AGO))


# -- images


@wrong("image-without-data")
async def the_file_of_an_image_is_gone(street: Street) -> None:
    image = await street.one(IMAGES)
    (street.cloud.root / "images" / image.blob).unlink()


@wrong("upload-without-sender")
async def nobody_sends_any_more(street: Street) -> None:
    image = await street.one(IMAGES)
    changes = {"id": NOBODY, "status": "saving", "blob": None, "upload": ids.uuid()}
    await street.insert(IMAGES, msgspec.structs.replace(image, **changes))


@wrong("data-without-image")
async def a_file_belongs_to_no_image(street: Street) -> None:
    (street.cloud.root / "images" / NOBODY).write_bytes(b"whose?")


@wrong("leftovers-of-image")
async def a_member_of_no_image(street: Street) -> None:
    await street.insert(MEMBERS, Member(NOBODY, "somebody", "pending", LONG_AGO, LONG_AGO))


# -- networks


@wrong("floating-ip-leads-nowhere")
async def a_floating_ip_of_a_port_that_is_gone(street: Street) -> None:
    from wolke.network.model import FloatingIp

    one = FloatingIp(
        ids.uuid(), "p", "", "net", "172.24.4.9", ids.uuid(), NOBODY, "10.0.0.9", None, "ACTIVE", "", "", [], LONG_AGO,
        LONG_AGO, 1,
    )  # fmt: skip
    await street.insert(FLOATING_IPS, one)


@wrong("port-without-network")
async def a_network_is_gone(street: Street) -> None:
    port = await _port(street)
    other = {"id": ids.uuid(), "network_id": NOBODY, "fixed_ips": [], "device_id": "", "device_owner": "", "host": ""}
    await street.insert(PORTS, msgspec.structs.replace(port, **other))


@wrong("port-without-network")
async def a_router_is_gone(street: Street) -> None:
    port = await _port(street)
    other = {
        "id": ids.uuid(), "mac_address": "fa:16:3e:00:00:01", "fixed_ips": [], "device_id": NOBODY,
        "device_owner": "network:router_interface", "host": "",
    }  # fmt: skip
    await street.insert(PORTS, msgspec.structs.replace(port, **other))


@wrong("address-without-port")
async def an_address_is_kept_for_nobody(street: Street) -> None:
    from wolke.network.model import Allocation as Address

    kept = await street.one(ADDRESSES)
    await street.insert(ADDRESSES, Address(kept.subnet_id, "10.0.3.250", 99_999, kept.network_id, NOBODY))


@wrong("port-address-not-kept")
async def an_address_in_use_is_free(street: Street) -> None:
    port = await _port(street)
    await street.delete(ADDRESSES, port_id=port.id)


@wrong("port-in-no-group")
async def a_group_remembers_a_port(street: Street) -> None:
    from wolke.network.model import PortGroup

    member = await street.one(PORT_GROUPS)
    await street.insert(PORT_GROUPS, PortGroup(member.group_id, NOBODY))


@wrong("network-on-host")
async def a_host_lost_a_network(street: Street) -> None:
    street.dataplane.applied_networks.clear()


@wrong("network-on-host")
async def a_host_carries_a_network_too_many(street: Street) -> None:
    [network] = street.dataplane.applied_networks.values()
    await street.dataplane.apply_network(_renamed(network))


@wrong("network-on-host")
async def a_host_carries_other_rules(street: Street) -> None:
    from dataclasses import replace

    [network] = street.dataplane.applied_networks.values()
    await street.dataplane.apply_network(replace(network, ports=network.ports[1:]))


def _renamed(network: Any) -> Any:
    from dataclasses import replace

    return replace(network, id=NOBODY)


async def _port(street: Street) -> Any:
    return await street.one(PORTS, device_id=street.server)


# -- volumes


@wrong("storage-stuck")
async def a_volume_is_made_for_ever(street: Street) -> None:
    changes = {"verb": "extend", "task": "extending", "deadline_at": LONG_AGO, "host": "elsewhere"}
    await street.change(VOLUMES, changes | {"arguments": {"size_gib": 2}}, id=street.volume)


@wrong("storage-stuck")
async def nobody_makes_a_snapshot(street: Street) -> None:
    await street.change(SNAPSHOTS, {"status": "creating"}, id=street.snapshot)


@wrong("storage-stuck")
async def a_task_has_no_deadline(street: Street) -> None:
    await street.change(SNAPSHOTS, {"verb": "delete", "task": "deleting", "host": "elsewhere"}, id=street.snapshot)


@wrong("storage-stuck")
async def a_volume_is_reserved_for_ever(street: Street) -> None:
    made = await street.member.post("/attachments", {"attachment": {"volume_uuid": street.volume, "instance_uuid": street.server}})  # fmt: skip
    assert made.status == 200, made.body
    await street.change(ATTACHMENTS, {"deadline_at": LONG_AGO}, volume_id=street.volume)


@wrong("storage-waits-in-vain")
async def a_backup_is_gone(street: Street) -> None:
    changes = {"verb": "backup", "task": "backing-up", "deadline_at": "2030-01-01T00:00:00.000000Z"}
    await street.change(VOLUMES, changes, id=street.volume)


@wrong("volume-status")
async def a_volume_is_in_use_by_nobody(street: Street) -> None:
    await street.change(VOLUMES, {"status": "in-use"}, id=street.volume)


@wrong("volume-status")
async def a_volume_that_is_used_looks_free(street: Street) -> None:
    await street.change(VOLUMES, {"status": "available"}, id=street.attached)


@wrong("volume-attached-twice")
async def two_servers_have_a_volume(street: Street) -> None:
    attachment = await street.one(ATTACHMENTS, volume_id=street.attached)
    device = await street.one(BLOCK_DEVICES, volume_id=street.attached)
    other = msgspec.structs.replace(attachment, id=NOBODY, server_id=street.moved)
    await street.insert(ATTACHMENTS, other)
    twin = {"id": ids.uuid(), "server_id": street.moved, "attachment_id": NOBODY}
    await street.insert(BLOCK_DEVICES, msgspec.structs.replace(device, **twin))


@wrong("attachment-without-volume")
async def an_attachment_of_no_volume(street: Street) -> None:
    attachment = await street.one(ATTACHMENTS, volume_id=street.attached)
    other = {"id": NOBODY, "volume_id": NOBODY, "server_id": None}
    await street.insert(ATTACHMENTS, msgspec.structs.replace(attachment, **other))


@wrong("snapshot-without-volume")
async def a_snapshot_of_no_volume(street: Street) -> None:
    snapshot = await street.one(SNAPSHOTS, id=street.snapshot)
    await street.insert(SNAPSHOTS, msgspec.structs.replace(snapshot, id=NOBODY, volume_id=NOBODY))


@wrong("backup-without-parent")
async def a_parent_is_gone(street: Street) -> None:
    from wolke.block_storage.model import Backup

    backup = Backup(
        ids.uuid(), "p", "u", street.volume, None, NOBODY, None, None, 1, "available", None, None, 0, None, {}, None,
        "host-1", None, "box", 1, True, {}, {}, {}, None, LONG_AGO, None, LONG_AGO, None,
    )  # fmt: skip
    await street.insert(BACKUPS, backup)


@wrong("transfer-disagrees")
async def a_volume_awaits_nobody(street: Street) -> None:
    await street.change(VOLUMES, {"status": "awaiting-transfer"}, id=street.volume)


@wrong("transfer-disagrees")
async def a_transfer_of_nothing(street: Street) -> None:
    await street.insert(TRANSFERS, Transfer(NOBODY, ids.uuid(), "p", None, "s", "h", False, "p", None, False, LONG_AGO))


@wrong("group-gone")
async def a_group_is_gone(street: Street) -> None:
    await street.change(VOLUMES, {"group_id": NOBODY}, id=street.volume)


@wrong("volume-type-gone")
async def a_type_is_gone(street: Street) -> None:
    await street.change(VOLUMES, {"type_id": NOBODY}, id=street.volume)


@wrong("key-gone")
async def a_key_is_gone(street: Street) -> None:
    await street.change(VOLUMES, {"secret_id": NOBODY}, id=street.volume)


@wrong("volume-miscounted")
async def quota_forgot_an_extension(street: Street) -> None:
    await street.change(VOLUMES, {"counted_gib": 5}, id=street.volume)


@wrong("volume-without-data")
async def the_data_of_a_volume_is_gone(street: Street) -> None:
    await _backend(street, street.volume).delete(street.volume)
    await street.delete(SNAPSHOTS, id=street.snapshot)


@wrong("snapshot-without-data")
async def the_data_of_a_snapshot_is_gone(street: Street) -> None:
    await _backend(street, street.volume).delete_snapshot(street.volume, street.snapshot)


@wrong("data-without-volume")
async def a_backend_has_a_volume_too_many(street: Street) -> None:
    await _backend(street, street.volume).create(DriverVolume(NOBODY, 1), Blank())


@wrong("data-without-snapshot")
async def a_backend_has_a_snapshot_too_many(street: Street) -> None:
    await _backend(street, street.volume).snapshot(street.volume, NOBODY)


@wrong("volume-size")
async def a_backend_has_a_larger_volume(street: Street) -> None:
    await _backend(street, street.volume).extend(street.volume, 7)


def _backend(street: Street, volume_id: str) -> Any:
    found = [
        backend.driver
        for agent in street.cloud.storage_agents.values()
        for backend in agent._ground.backends.values()
        if volume_id in backend.driver._volumes  # type: ignore[attr-defined]
    ]
    return found[0]


# -- servers


@wrong("server-stuck")
async def a_server_is_stopped_for_ever(street: Street) -> None:
    changes = {"verb": "stop", "task": "powering-off", "deadline_at": LONG_AGO}
    await street.change(SERVERS, changes, id=street.server)


@wrong("server-stuck")
async def nobody_builds_a_server(street: Street) -> None:
    server = await street.one(SERVERS, id=street.server)
    await street.insert(
        SERVERS, msgspec.structs.replace(server, id=NOBODY, status="BUILD", host=None, launched_at=None)
    )


@wrong("server-stuck")
async def a_server_should_have_been_reclaimed(street: Street) -> None:
    changes = {"due_at": LONG_AGO}
    await street.change(SERVERS, changes, id=street.moved)


@wrong("server-host-gone")
async def a_server_is_on_a_host_that_never_was(street: Street) -> None:
    await street.change(SERVERS, {"host": "atlantis"}, id=street.server)
    await _forget_guest(street, street.server)
    await street.change(PORTS, {"host": ""}, device_id=street.server)


@wrong("allocation-without-server")
async def an_allocation_outlives_its_server(street: Street) -> None:
    host = await street.one(HOSTS, name="host-2")
    async with street.cloud.db.transaction() as tx:
        await street.cloud.placement.claim(tx, NOBODY, {host.id: {"VCPU": 1}}, "p", "u")


@wrong("allocation-disagrees")
async def a_server_has_no_allocation(street: Street) -> None:
    async with street.cloud.db.transaction() as tx:
        await street.cloud.placement.release(tx, street.server)


@wrong("allocation-disagrees")
async def a_move_has_no_allocation(street: Street) -> None:
    move = await street.one(MIGRATIONS, server_id=street.moved)
    async with street.cloud.db.transaction() as tx:
        await street.cloud.placement.release(tx, move.uuid)


@wrong("allocation-disagrees")
async def a_server_is_allocated_elsewhere(street: Street) -> None:
    host = await street.one(HOSTS, name="host-2")
    async with street.cloud.db.transaction() as tx:
        await street.cloud.placement.claim(tx, street.server, {host.id: {"VCPU": 3}}, "p", "u")


@wrong("server-miscounted")
async def quota_forgot_a_server(street: Street) -> None:
    await street.change(SERVERS, {"counted": False}, id=street.server)


@wrong("server-miscounted")
async def quota_remembers_another_flavor(street: Street) -> None:
    await street.change(SERVERS, {"vcpus": 9}, id=street.server)


@wrong("port-without-server")
async def a_port_outlives_its_server(street: Street) -> None:
    await street.change(PORTS, {"device_id": NOBODY}, device_id=street.server)


@wrong("port-bound-elsewhere")
async def a_port_is_bound_to_another_host(street: Street) -> None:
    await street.change(PORTS, {"host": "host-2"}, device_id=street.server)


@wrong("device-disagrees")
async def a_server_has_a_volume_that_block_storage_thinks_free(street: Street) -> None:
    await street.delete(ATTACHMENTS, volume_id=street.attached)
    await street.change(VOLUMES, {"status": "available"}, id=street.attached)


@wrong("device-disagrees")
async def a_block_device_of_no_server(street: Street) -> None:
    device = await street.one(BLOCK_DEVICES, volume_id=street.attached)
    gone = {"id": ids.uuid(), "server_id": NOBODY, "volume_id": NOBODY, "attachment_id": None}
    await street.insert(BLOCK_DEVICES, msgspec.structs.replace(device, **gone))


@wrong("attachment-without-server")
async def a_volume_is_attached_to_no_server(street: Street) -> None:
    await _attached_to(street, NOBODY)


@wrong("attachment-without-server")
async def a_server_knows_nothing_of_its_volume(street: Street) -> None:
    await _attached_to(street, street.server)


async def _attached_to(street: Street, server_id: str) -> None:
    attachment = await street.one(ATTACHMENTS, volume_id=street.attached)
    other = {"id": ids.uuid(), "volume_id": street.volume, "server_id": server_id}
    await street.insert(ATTACHMENTS, msgspec.structs.replace(attachment, **other))
    await street.change(VOLUMES, {"status": "in-use"}, id=street.volume)


@wrong("migration-open")
async def a_migration_never_ended(street: Street) -> None:
    move = await street.one(MIGRATIONS, server_id=street.moved)
    other = {"id": 999, "uuid": NOBODY, "server_id": street.server, "status": "migrating"}
    await street.insert(MIGRATIONS, msgspec.structs.replace(move, **other))


@wrong("server-without-migration")
async def a_server_waits_for_a_confirmation_of_nothing(street: Street) -> None:
    move = await street.one(MIGRATIONS, server_id=street.moved)
    await street.change(MIGRATIONS, {"status": "confirmed"}, id=move.id)
    async with street.cloud.db.transaction() as tx:
        await street.cloud.placement.release(tx, move.uuid)


@wrong("server-without-migration")
async def a_server_counts_on_another_host(street: Street) -> None:
    await street.change(SERVERS, {"other_host": "host-2"}, id=street.server)


@wrong("aggregate-host-gone")
async def an_aggregate_names_a_host_that_is_gone(street: Street) -> None:
    await street.insert(AGGREGATES, Aggregate(1, NOBODY, "rack", None, ["host-1", "atlantis"], {}, LONG_AGO, None))


@wrong("server-group-gone")
async def a_server_group_is_gone(street: Street) -> None:
    await street.change(SERVERS, {"server_group_id": NOBODY}, id=street.server)


@wrong("guest-without-server")
async def a_guest_of_a_server_that_nobody_knows(street: Street) -> None:
    await _driver(street).create(GuestSpec(NOBODY, "who", 1, 64, 1))


@wrong("guest-without-server")
async def a_guest_of_a_server_that_was_deleted(street: Street) -> None:
    server = await street.one(SERVERS, id=street.server)
    gone = {"id": NOBODY, "status": "DELETED", "counted": False, "host": None}
    await street.insert(SERVERS, msgspec.structs.replace(server, **gone))
    await _driver(street).create(GuestSpec(NOBODY, "who", 1, 64, 1))


@wrong("server-without-guest")
async def a_guest_is_gone(street: Street) -> None:
    await _forget_guest(street, street.server)


@wrong("server-power")
async def a_guest_is_off(street: Street) -> None:
    await _driver(street).stop(street.server, 0)


@wrong("server-power")
async def a_guest_runs_that_should_not(street: Street) -> None:
    await street.change(SERVERS, {"status": "SHUTOFF"}, id=street.server)


@wrong("aside-without-move")
async def something_is_kept_of_a_move_that_is_over(street: Street) -> None:
    driver = _driver(street)
    await driver.create(GuestSpec(NOBODY, "who", 1, 64, 1))
    await driver.set_aside(NOBODY)


@wrong("move-without-aside")
async def nothing_was_kept_of_a_move(street: Street) -> None:
    await _driver(street).forget_aside(street.moved)


def _driver(street: Street) -> Any:
    return street.cloud.hosts["host-1"].driver


async def _forget_guest(street: Street, server_id: str) -> None:
    await _driver(street).destroy(server_id)


# ------------------------------------------------------------------------------------------------------------- the tests

EVERY = {one.name: one for checks in TABLE.values() for one in checks}
CASES = [(name, make) for name, makes in WRONGS.items() for make in makes]
#: Made wrong where there are files: ``test_files.py``.
ELSEWHERE = {"volume-broken"}


def test_every_check_has_a_case_here_and_every_case_a_check() -> None:
    assert WRONGS.keys() | ELSEWHERE == EVERY.keys()


@pytest.mark.parametrize(("name", "make"), CASES, ids=[f"{name}: {make.__name__}" for name, make in CASES])
async def test_it_is_found_and_mended(street: Street, name: str, make: Wrong) -> None:
    await make(street)
    told = (await check(street.cloud)).told
    assert name in [one.check for one in told], told
    assert all(one.says.endswith(".") and one.mended is None for one in told), told
    mended = await check(street.cloud, repair=True)
    await street.cloud.settle()
    again = (await check(street.cloud)).told
    if EVERY[name].mend is not None:
        assert mended.left == [] and again == [], (mended.told, again)
    else:
        assert [one.check for one in mended.left] == [name] == [one.check for one in again]
