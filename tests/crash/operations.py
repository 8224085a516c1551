"""What may be asked of a cloud that is used at random, how often, and what each acknowledged wish promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.conftest import MEMBER_PROJECT
from wolke.block_storage.model import Address
from wolke.block_storage.store import BACKUPS, GROUP_SNAPSHOTS, GROUPS, SNAPSHOTS, TRANSFERS, VOLUMES
from wolke.compute.store import BLOCK_DEVICES, SERVERS
from wolke.core.db import Table, Where

if TYPE_CHECKING:
    from tests.crash.walk import Walk

Op = Callable[["Walk"], Awaitable[str | None]]
GONE, HELD = "gone", frozenset({"available", "in-use"})
MOST_SERVERS, MOST_VOLUMES, MOST_GROUPS = 6, 8, 3
#: Types of volumes: one like the default, one for several servers at once, and one whose volumes are on the other back end.
OTHER_TYPE, SHARED_TYPE, ELSEWHERE_TYPE = "other", "shared", "elsewhere"
GROUP_TYPE = "kind"
BACKENDS = ("disks", "more")


async def _create_server(walk: Walk) -> str | None:
    if await walk.cloud.db.count(SERVERS, where=[Where("status", "ne", "DELETED")]) >= MOST_SERVERS:
        return None
    asked: dict[str, Any] = {"name": "s", "flavorRef": "1", "networks": "auto"}
    kind, volume = walk.chance.choice(("image", "image", "volume", "of image")), await walk.a_volume("available")
    sure = frozenset({"ACTIVE"})
    if kind == "of image" or (kind == "volume" and volume is not None and volume.bootable):
        source = {"source_type": "image", "uuid": walk.cloud.image_id, "volume_size": 1}
        if kind == "volume":
            source = {"source_type": "volume", "uuid": volume.id}
        goes = walk.chance.random() < 0.5
        asked["block_device_mapping_v2"] = [
            {**source, "destination_type": "volume", "boot_index": 0, "delete_on_termination": goes}
        ]
        sure |= {"ERROR"}  # the scheduler knows not where the volume is
        if kind == "volume":
            walk.promises.volumes[volume.id] = None
    else:
        asked["imageRef"] = walk.cloud.image_id
    answer = await walk.compute("POST", "/servers", {"server": asked})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        walk.promises.servers[answer.json["server"]["id"]] = sure
    return f"{answer.status} {answer.body[:60]!r} of {kind}"


def _action(body: Mapping[str, Any], frm: tuple[str, ...], to: tuple[str, ...], who: str = "member") -> Op:
    """``to`` may name "=": what it was. A server with volumes may find no way to take them along: it may stay what it was."""

    async def act(walk: Walk) -> str | None:
        server = await walk.a_server(*frm)
        if server is None:
            return None
        was = [server.status] if "=" in to or await walk.cloud.db.find(BLOCK_DEVICES, server_id=server.id) else []
        after = frozenset([one for one in to if one != "="] + was)
        call = walk.compute("POST", f"/servers/{server.id}/action", body, who)
        return await walk.asked_of(walk.promises.servers, server.id, after, call)

    return act


async def _rebuild(walk: Walk) -> str | None:
    return await _action({"rebuild": {"imageRef": walk.cloud.image_id}}, ("ACTIVE", "SHUTOFF"), ("=",))(walk)


async def _delete_server(walk: Walk) -> str | None:
    """Whatever is under way with it."""
    found = await walk.cloud.db.find(SERVERS, where=[Where("status", "ne", "DELETED")])
    if not found:
        return None
    server = walk.chance.choice(sorted(found, key=lambda one: one.created_at + one.id))
    said = await walk.asked_of(
        walk.promises.servers, server.id, frozenset({"DELETED"}), walk.compute("DELETE", f"/servers/{server.id}")
    )
    for key in [key for key in walk.promises.uses if key[0] == server.id]:
        del walk.promises.uses[key]
    return said


_PLUGGABLE = ("ACTIVE", "SHUTOFF", "PAUSED", "SHELVED_OFFLOADED")


async def _attach(walk: Walk) -> str | None:
    server, volume = await walk.a_server(*_PLUGGABLE), await walk.a_volume("available", "in-use")
    if server is None or volume is None or (volume.status == "in-use" and not volume.multiattach):
        return None
    kept: dict[Any, Any] = walk.promises.uses
    path = f"/servers/{server.id}/os-volume_attachments"
    call = walk.compute("POST", path, {"volumeAttachment": {"volumeId": volume.id}})
    sure = True if volume.host == server.host else None
    return await walk.asked_of(kept, (server.id, volume.id), sure, call)  # type: ignore[arg-type]


async def _detach(walk: Walk) -> str | None:
    devices = await walk.cloud.db.find(BLOCK_DEVICES)
    if not devices:
        return None
    device = walk.chance.choice(sorted(devices, key=lambda one: one.created_at + one.id))
    kept: dict[Any, Any] = walk.promises.uses
    path = f"/servers/{device.server_id}/os-volume_attachments/{device.volume_id}"
    return await walk.asked_of(kept, (device.server_id, device.volume_id), False, walk.compute("DELETE", path))  # type: ignore[arg-type]


async def _plug(walk: Walk) -> str | None:
    server = await walk.a_server("ACTIVE", "SHUTOFF")
    if server is None:
        return None
    answer = await walk.compute("POST", f"/servers/{server.id}/os-interface", {"interfaceAttachment": {}})
    assert answer.status < 500, answer.body
    return f"{answer.status} {server.id}"


async def _unplug(walk: Walk) -> str | None:
    server = await walk.a_server("ACTIVE", "SHUTOFF")
    if server is None:
        return None
    ports = (await walk.compute("GET", f"/servers/{server.id}/os-interface")).json["interfaceAttachments"]
    if len(ports) < 2:
        return None
    answer = await walk.compute("DELETE", f"/servers/{server.id}/os-interface/{ports[-1]['port_id']}")
    assert answer.status < 500, answer.body
    return f"{answer.status} {server.id}"


async def _create_volume(walk: Walk) -> str | None:
    if await walk.cloud.db.count(VOLUMES) >= MOST_VOLUMES:
        return None
    asked: dict[str, Any] = {"size": walk.chance.randint(1, 3)}
    kind = walk.chance.choice(("blank", "image", "snapshot", "volume", "shared"))
    sure = HELD
    if kind == "shared":
        asked["volume_type"] = SHARED_TYPE
    if kind == "image":
        asked["imageRef"] = walk.cloud.image_id
    elif kind == "snapshot" and (snapshot := await walk.a_row(SNAPSHOTS)):
        asked |= {"snapshot_id": snapshot.id, "size": snapshot.size_gib}
        sure |= {"error"}  # it may go meanwhile
    elif kind == "volume" and (source := await walk.a_volume("available")):
        asked |= {"source_volid": source.id, "size": source.size_gib}
        sure |= {"error"}
    answer = await walk.volume("POST", "/volumes", {"volume": asked})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        walk.promises.volumes[answer.json["volume"]["id"]] = sure
        walk.promises.sizes[answer.json["volume"]["id"]] = asked["size"]
    return f"{answer.status} {answer.body[:60]!r}"


async def _delete_volume(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "error")
    if volume is None:
        return None
    walk.promises.sizes.pop(volume.id, None)
    gone = frozenset({GONE})
    return await walk.asked_of(walk.promises.volumes, volume.id, gone, walk.volume("DELETE", f"/volumes/{volume.id}"))


async def _extend(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "in-use")
    if volume is None:
        return None
    before = walk.promises.sizes.pop(volume.id, None)
    walk.promises.write_down()
    answer = await walk.volume("POST", f"/volumes/{volume.id}/action", {"os-extend": {"new_size": volume.size_gib + 1}})
    assert answer.status < 500, answer.body
    after = volume.size_gib + 1 if answer.status == 202 and volume.status == "available" else None
    after = before if answer.status != 202 else after
    if after is not None:
        walk.promises.sizes[volume.id] = after
    return f"{answer.status} {volume.id}"


def _copy_of(noun: str, table: Table[Any], more: Callable[[Walk], dict[str, Any]]) -> Op:
    """A snapshot or a backup of a volume; that of one in use may fail."""

    async def act(walk: Walk) -> str | None:
        volume = await walk.a_volume("available", "in-use")
        if volume is None or await walk.cloud.db.count(table) >= MOST_VOLUMES:
            return None
        asked = {"volume_id": volume.id, "force": True, **more(walk)}
        answer = await walk.volume("POST", f"/{noun}s", {noun: asked})
        assert answer.status < 500, answer.body
        if answer.status == 202:
            sure = frozenset({"available"}) if volume.status == "available" else None
            walk.promises.of(table)[answer.json[noun]["id"]] = sure
        return f"{answer.status} {volume.id}"

    return act


def _delete(table: Table[Any], plural: str) -> Op:
    async def act(walk: Walk) -> str | None:
        one = await walk.a_row(table)
        if one is None:
            return None
        call = walk.volume("DELETE", f"/{plural}/{one.id}")
        return await walk.asked_of(walk.promises.of(table), one.id, frozenset({GONE}), call)

    return act


async def _restore(walk: Walk) -> str | None:
    """Onto a volume that is there, or onto a new one."""
    backup, volume = await walk.a_row(BACKUPS), await walk.a_volume("available")
    if backup is None or volume is None:
        return None
    if walk.chance.random() < 0.3 and await walk.cloud.db.count(VOLUMES) < MOST_VOLUMES:
        answer = await walk.volume("POST", f"/backups/{backup.id}/restore", {"restore": {"name": "restored"}})
        assert answer.status < 500, answer.body
        return f"{answer.status} {backup.id} onto a new one"
    call = walk.volume("POST", f"/backups/{backup.id}/restore", {"restore": {"volume_id": volume.id}})
    sure = HELD | {"error_restoring"}
    return await walk.asked_of(walk.promises.volumes, volume.id, sure, call)


async def _transfer(walk: Walk) -> str | None:
    """To somebody else, who takes it, or to nobody after all; it is the same volume."""
    volume = await walk.a_volume("available")
    if volume is None:
        return None
    answer = await walk.volume("POST", "/volume-transfers", {"transfer": {"volume_id": volume.id}})
    assert answer.status < 500, answer.body
    if answer.status != 202:
        return f"{answer.status} {volume.id}"
    made, sure = answer.json["transfer"], HELD | {"awaiting-transfer"}
    if walk.chance.random() < 0.5:
        call = walk.volume("DELETE", f"/volume-transfers/{made['id']}")
        return await walk.asked_of(walk.promises.volumes, volume.id, HELD, call)
    for who in ("other", "member"):  # and back, so that it can be used
        path = f"/volume-transfers/{made['id']}/accept"
        call = walk.volume("POST", path, {"accept": {"auth_key": made["auth_key"]}}, who)
        said = await walk.asked_of(walk.promises.volumes, volume.id, sure, call)
        if who == "other":
            back = await walk.volume("POST", "/volume-transfers", {"transfer": {"volume_id": volume.id}}, who)
            if back.status != 202:
                return said
            made = back.json["transfer"]
    return said


async def _drop_transfers(walk: Walk) -> str | None:
    found = await walk.cloud.db.find(TRANSFERS, project_id=MEMBER_PROJECT)
    if not found:
        return None
    one = walk.chance.choice(sorted(found, key=lambda one: one.created_at + one.id))
    return str((await walk.volume("DELETE", f"/volume-transfers/{one.id}")).status)


async def _revert(walk: Walk) -> str | None:
    snapshot = await walk.a_row(SNAPSHOTS)
    if snapshot is None:
        return None
    body = {"revert": {"snapshot_id": snapshot.id}}
    call = walk.volume("POST", f"/volumes/{snapshot.volume_id}/action", body)
    return await walk.asked_of(walk.promises.volumes, snapshot.volume_id, HELD | {"error"}, call)


async def _upload(walk: Walk) -> str | None:
    volume = await walk.a_volume("available")
    if volume is None:
        return None
    body = {"os-volume_upload_image": {"image_name": "u", "disk_format": "raw", "container_format": "bare"}}
    call = walk.volume("POST", f"/volumes/{volume.id}/action", body)
    return await walk.asked_of(walk.promises.volumes, volume.id, HELD, call)


async def _retype(walk: Walk) -> str | None:
    """It may mean a move to the other back end."""
    volume = await walk.a_volume("available", "in-use")
    if volume is None:
        return None
    wanted = walk.chance.choice(("default", OTHER_TYPE, SHARED_TYPE, ELSEWHERE_TYPE))
    policy = walk.chance.choice(("never", "on-demand"))
    body = {"os-retype": {"new_type": wanted, "migration_policy": policy}}
    call = walk.volume("POST", f"/volumes/{volume.id}/action", body)
    goes = await walk.cloud.db.find(BLOCK_DEVICES, volume_id=volume.id, delete_on_termination=True)
    return await walk.asked_of(walk.promises.volumes, volume.id, None if goes else HELD, call)


async def _migrate_volume(walk: Walk) -> str | None:
    """The guest of one that is in use takes it there, if there is one."""
    volume = await walk.a_volume("available", "in-use")
    if volume is None:
        return None
    there = Address.read(volume.backend)
    other = BACKENDS[1 - BACKENDS.index(there.backend)]
    body = {"os-migrate_volume": {"host": volume.backend.replace(there.backend, other)}}
    call = walk.volume("POST", f"/volumes/{volume.id}/action", body, "admin")
    goes = await walk.cloud.db.find(BLOCK_DEVICES, volume_id=volume.id, delete_on_termination=True)
    return await walk.asked_of(walk.promises.volumes, volume.id, None if goes else HELD, call)


async def _swap(walk: Walk) -> str | None:
    """When all is at rest the server has one of the two; which, is open: a copy that dies leaves the old one."""
    server, new = await walk.a_server("ACTIVE"), await walk.a_volume("available")
    if server is None or new is None:
        return None
    devices = [one for one in await walk.cloud.db.find(BLOCK_DEVICES, server_id=server.id) if one.volume_id]
    if not devices:
        return None
    old = walk.chance.choice(sorted(devices, key=lambda one: one.created_at + one.id))
    before = {}
    for volume_id in (old.volume_id, new.id):
        before[volume_id] = walk.promises.uses.pop((server.id, volume_id), None)
    goes = walk.promises.volumes.get(new.id)
    walk.promises.volumes[new.id] = None  # it goes with the server where the old one would
    walk.promises.write_down()
    path = f"/servers/{server.id}/os-volume_attachments/{old.volume_id}"
    answer = await walk.compute("PUT", path, {"volumeAttachment": {"volumeId": new.id}}, "admin")
    assert answer.status < 500, answer.body
    if answer.status >= 300:
        walk.promises.uses |= {(server.id, one): sure for one, sure in before.items() if sure is not None}
        walk.promises.volumes[new.id] = goes
    return f"{answer.status} {server.id} {old.volume_id} to {new.id} {answer.body[:200]!r}"


async def _create_group(walk: Walk) -> str | None:
    if await walk.cloud.db.count(GROUPS) >= MOST_GROUPS:
        return None
    asked = {"group_type": GROUP_TYPE, "volume_types": ["default", OTHER_TYPE, SHARED_TYPE, ELSEWHERE_TYPE]}
    answer = await walk.volume("POST", "/groups", {"group": asked})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        walk.promises.groups[answer.json["group"]["id"]] = frozenset({"available"})
    return f"{answer.status} {answer.body[:200]!r}"


async def _join_group(walk: Walk) -> str | None:
    group, volume = await walk.a_row(GROUPS), await walk.a_volume("available", "in-use")
    if group is None or volume is None or volume.group_id is not None:
        return None
    answer = await walk.volume("PUT", f"/groups/{group.id}", {"group": {"add_volumes": volume.id}})
    assert answer.status < 500, answer.body
    return f"{answer.status} {group.id} {volume.id}"


async def _leave_group(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "in-use")
    if volume is None or volume.group_id is None:
        return None
    answer = await walk.volume("PUT", f"/groups/{volume.group_id}", {"group": {"remove_volumes": volume.id}})
    assert answer.status < 500, answer.body
    return f"{answer.status} {volume.group_id} {volume.id}"


async def _snapshot_group(walk: Walk) -> str | None:
    group = await walk.a_row(GROUPS)
    if group is None or await walk.cloud.db.count(SNAPSHOTS) >= MOST_VOLUMES:
        return None
    answer = await walk.volume("POST", "/group_snapshots", {"group_snapshot": {"group_id": group.id}})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        sure = frozenset({"available", "error"})  # of a member in use it may fail
        walk.promises.group_snapshots[answer.json["group_snapshot"]["id"]] = sure
    return f"{answer.status} {group.id}"


async def _group_of_snapshot(walk: Walk) -> str | None:
    one = await walk.a_row(GROUP_SNAPSHOTS)
    if one is None or await walk.cloud.db.count(VOLUMES) >= MOST_VOLUMES:
        return None
    said = {"create-from-src": {"group_snapshot_id": one.id, "name": "again"}}
    answer = await walk.volume("POST", "/groups/action", said)
    assert answer.status < 500, answer.body
    if answer.status == 202:
        sure = frozenset({"available", "error"})  # its source may go meanwhile
        walk.promises.groups[answer.json["group"]["id"]] = sure
    return f"{answer.status} {one.id}"


async def _delete_group(walk: Walk) -> str | None:
    """And its volumes."""
    group = await walk.a_row(GROUPS)
    if group is None:
        return None
    inside = [one.id for one in await walk.cloud.db.find(VOLUMES, group_id=group.id)]
    before = {one: walk.promises.volumes.get(one) for one in inside}
    sizes = {one: walk.promises.sizes.pop(one) for one in inside if one in walk.promises.sizes}
    walk.promises.volumes |= dict.fromkeys(inside)
    call = walk.volume("POST", f"/groups/{group.id}/action", {"delete": {"delete-volumes": True}})
    said = await walk.asked_of(walk.promises.groups, group.id, frozenset({GONE}), call)
    taken = said.startswith("2")
    walk.promises.volumes |= dict.fromkeys(inside, frozenset({GONE})) if taken else before
    walk.promises.sizes |= {} if taken else sizes
    return said


_UP = ("ACTIVE",)
#: name → how often, and what.
OPERATIONS: dict[str, tuple[int, Op]] = {
    "create server": (10, _create_server),
    "delete server": (5, _delete_server),
    "stop": (3, _action({"os-stop": None}, _UP, ("SHUTOFF",))),
    "start": (4, _action({"os-start": None}, ("SHUTOFF",), ("ACTIVE",))),
    "pause": (2, _action({"pause": None}, _UP, ("PAUSED",))),
    "unpause": (3, _action({"unpause": None}, ("PAUSED",), ("ACTIVE",))),
    "suspend": (2, _action({"suspend": None}, _UP, ("SUSPENDED",))),
    "resume": (3, _action({"resume": None}, ("SUSPENDED",), ("ACTIVE",))),
    "reboot": (2, _action({"reboot": {"type": "HARD"}}, _UP, ("ACTIVE",))),
    "rebuild": (2, _rebuild),
    "resize": (4, _action({"resize": {"flavorRef": "2"}}, ("ACTIVE", "SHUTOFF"), ("RESIZED",))),
    "migrate": (4, _action({"migrate": None}, ("ACTIVE", "SHUTOFF"), ("RESIZED",), "admin")),
    "confirm": (4, _action({"confirmResize": None}, ("RESIZED",), ("ACTIVE", "SHUTOFF"))),
    "revert resize": (3, _action({"revertResize": None}, ("RESIZED",), ("ACTIVE", "SHUTOFF"))),
    "migrate live": (
        4,
        _action({"os-migrateLive": {"host": None, "block_migration": "auto"}}, ("ACTIVE", "PAUSED"), ("=",), "admin"),
    ),
    "shelve": (3, _action({"shelve": None}, ("ACTIVE", "SHUTOFF", "PAUSED"), ("SHELVED_OFFLOADED",))),
    "unshelve": (4, _action({"unshelve": None}, ("SHELVED_OFFLOADED",), ("ACTIVE",))),
    "rescue": (2, _action({"rescue": {}}, ("ACTIVE", "SHUTOFF"), ("RESCUED",))),
    "unrescue": (3, _action({"unrescue": None}, ("RESCUED",), ("ACTIVE",))),
    "back up server": (
        2,
        _action(
            {"createBackup": {"name": "b", "backup_type": "daily", "rotation": 1}},
            ("ACTIVE", "SHUTOFF"),
            ("=",),
            "admin",
        ),
    ),
    "picture": (2, _action({"createImage": {"name": "p"}}, ("ACTIVE", "SHUTOFF"), ("=",))),
    "plug": (2, _plug),
    "unplug": (2, _unplug),
    "attach": (10, _attach),
    "detach": (7, _detach),
    "create volume": (9, _create_volume),
    "delete volume": (4, _delete_volume),
    "extend": (3, _extend),
    "snapshot": (4, _copy_of("snapshot", SNAPSHOTS, lambda walk: {})),
    "delete snapshot": (3, _delete(SNAPSHOTS, "snapshots")),
    "back up": (4, _copy_of("backup", BACKUPS, lambda walk: {"incremental": walk.chance.random() < 0.5})),
    "restore": (3, _restore),
    "delete backup": (2, _delete(BACKUPS, "backups")),
    "transfer": (2, _transfer),
    "drop transfers": (1, _drop_transfers),
    "revert volume": (2, _revert),
    "retype": (3, _retype),
    "upload volume": (2, _upload),
    "swap": (4, _swap),
    "migrate volume": (2, _migrate_volume),
    "create group": (2, _create_group),
    "join group": (3, _join_group),
    "leave group": (1, _leave_group),
    "snapshot group": (3, _snapshot_group),
    "group of a snapshot": (2, _group_of_snapshot),
    "delete group snapshot": (2, _delete(GROUP_SNAPSHOTS, "group_snapshots")),
    "delete group": (2, _delete_group),
}
