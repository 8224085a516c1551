"""Backups: how they are made on each other, restored, moved as records, and given up."""

from __future__ import annotations

from typing import Any

from tests.api.block_storage.conftest import MEMBER, SmallCloud
from tests.conftest import AsgiClient

CONTENTS = {"contents": {"blocks": 3}, "object_count": 4, "container": "volumebackups"}


async def backup(cloud: SmallCloud, volume_id: str, **asked: Any) -> dict[str, Any]:
    cloud.hosts["host-1"].learns["backup", "storing"] = CONTENTS
    cloud.clock.move(1)
    answer = await cloud.who("member").post("/backups", {"backup": {"volume_id": volume_id, **asked}})
    assert answer.status == 202, answer.body
    await cloud.settle()
    return (await cloud.who("member").get(f"/backups/{answer.json['backup']['id']}")).json["backup"]


async def test_a_backup_is_made_and_goes(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume(size=2)
    answer = await member.post("/backups", {"backup": {"volume_id": volume["id"], "name": "b", "metadata": {"k": "v"}}})
    assert answer.status == 202
    path = f"/backups/{answer.json['backup']['id']}"
    assert await cloud.status(volume["id"]) == "backing-up"
    assert (await member.get(path)).json["backup"]["status"] == "creating"
    assert (await member.delete(path)).status == 400
    cloud.hosts["host-1"].learns["backup", "storing"] = CONTENTS
    await cloud.settle()
    shown = (await member.get(path)).json["backup"]
    assert (shown["status"], shown["object_count"], shown["size"]) == ("available", 4, 2)
    assert await cloud.status(volume["id"]) == "available"
    assert (await member.put(path, {"backup": {"name": "new"}})).json["backup"]["name"] == "new"
    assert (await member.delete(path)).status == 202
    await cloud.settle()
    assert (await member.get(path)).status == 404


async def test_backups_are_built_on_the_one_before(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    asked = {"backup": {"volume_id": volume["id"], "incremental": True}}
    assert (await member.post("/backups", asked)).status == 400
    first = await backup(cloud, volume["id"])
    second = await backup(cloud, volume["id"], incremental=True)
    wish = cloud.hosts["host-1"].wishes[-1]
    assert wish["arguments"]["parent"]["id"] == first["id"]
    assert wish["arguments"]["parent"]["contents"] == {"blocks": 3}
    assert second["is_incremental"] is True
    assert (await member.get(f"/backups/{first['id']}")).json["backup"]["has_dependent_backups"] is True
    assert (await member.delete(f"/backups/{first['id']}")).status == 400
    assert (await member.delete(f"/backups/{second['id']}")).status == 202
    await cloud.settle()
    assert (await member.delete(f"/backups/{first['id']}")).status == 202


async def test_a_backup_is_restored_to_a_new_volume(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await backup(cloud, (await cloud.volume(size=2, metadata={"kept": "yes"}))["id"])
    answer = await member.post(f"/backups/{made['id']}/restore", {"restore": {"name": "again"}})
    assert answer.status == 202, answer.body
    told = answer.json["restore"]
    assert told["volume_name"] == "again"
    assert (await member.get(f"/backups/{made['id']}")).json["backup"]["status"] == "restoring"
    await cloud.settle()
    shown = await cloud.shown(told["volume_id"])
    assert (shown["status"], shown["size"], shown["metadata"]) == ("available", 2, {"kept": "yes"})
    assert (await member.get(f"/backups/{made['id']}")).json["backup"]["status"] == "available"
    assert [wish["task"] for wish in cloud.hosts["host-1"].wishes][-2:] == ["creating", "restoring"]
    of_it = await member.post("/volumes", {"volume": {"size": 3, "backup_id": made["id"]}})
    assert of_it.status == 202
    await cloud.settle()
    assert await cloud.status(of_it.json["volume"]["id"]) == "available"


async def test_a_backup_is_restored_over_a_volume_and_may_fail(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume(size=2)
    made = await backup(cloud, volume["id"])
    small = await cloud.volume(size=1)
    path = f"/backups/{made['id']}/restore"
    assert (await member.post(path, {"restore": {"volume_id": small["id"]}})).status == 400
    assert (await member.post(path, {"restore": {"volume_id": volume["id"]}})).status == 202
    assert await cloud.status(volume["id"]) == "restoring-backup"
    assert (await member.post(path, {"restore": {"volume_id": volume["id"]}})).status == 400
    cloud.hosts["host-1"].refuses = lambda wish: "an object is not what it was"
    await cloud.settle()
    assert await cloud.status(volume["id"]) == "error_restoring"
    assert (await member.get(f"/backups/{made['id']}")).json["backup"]["status"] == "available"
    assert "an object is not what it was" in (await cloud.messages())[0]


async def test_a_backup_that_fails_lets_the_volume_go(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    cloud.hosts["host-1"].refuses = lambda wish: "the store is away"
    made = await backup(cloud, volume["id"])
    assert (made["status"], made["fail_reason"]) == ("error", "the store is away")
    assert await cloud.status(volume["id"]) == "available"


async def test_a_backup_that_takes_too_long_lets_the_volume_go(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    answer = await member.post("/backups", {"backup": {"volume_id": volume["id"]}})
    cloud.clock.move(14 * 3600)
    await cloud.reconciler.drain()
    assert (await member.get(f"/backups/{answer.json['backup']['id']}")).json["backup"]["status"] == "error"
    assert await cloud.status(volume["id"]) == "available"


async def test_a_restore_whose_volume_cannot_be_made_fails(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await backup(cloud, (await cloud.volume())["id"])
    cloud.hosts["host-1"].refuses = lambda wish: "no room"
    answer = await member.post(f"/backups/{made['id']}/restore", {"restore": {}})
    await cloud.settle()
    assert await cloud.status(answer.json["restore"]["volume_id"]) == "error"
    assert (await member.get(f"/backups/{made['id']}")).json["backup"]["status"] == "available"


async def test_a_record_brings_a_backup_back(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    volume = await cloud.volume()
    made = await backup(cloud, volume["id"], name="kept")
    assert (await member.get(f"/backups/{made['id']}/export_record")).status == 403
    record = (await admin.get(f"/backups/{made['id']}/export_record")).json
    assert (await admin.post("/backups/import_record", record)).status == 400
    await member.delete(f"/backups/{made['id']}")
    await cloud.settle()
    assert (await admin.post("/backups/import_record", record)).status == 201
    await cloud.settle()
    shown = (await admin.get(f"/backups/{made['id']}")).json["backup"]
    assert (shown["status"], shown["name"], shown["object_count"]) == ("available", "kept", 4)
    for nonsense in ("bm9uc2Vuc2U=", "%%%", "e30="):
        said = {"backup-record": {**record["backup-record"], "backup_url": nonsense}}
        assert (await admin.post("/backups/import_record", said)).status == 400


async def test_a_backup_of_a_snapshot_holds_it(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    answer = await member.post("/snapshots", {"snapshot": {"volume_id": volume["id"]}})
    snapshot_id = answer.json["snapshot"]["id"]
    await cloud.settle()
    asked = {"volume_id": volume["id"], "snapshot_id": snapshot_id}
    assert (await member.post("/backups", {"backup": asked})).status == 202
    assert (await member.get(f"/snapshots/{snapshot_id}")).json["snapshot"]["status"] == "backing-up"
    assert (await member.delete(f"/snapshots/{snapshot_id}")).status == 400
    await cloud.settle()
    assert (await member.get(f"/snapshots/{snapshot_id}")).json["snapshot"]["status"] == "available"


async def test_an_encrypted_backup_keeps_its_key(cloud: SmallCloud, admin: AsgiClient, member: AsgiClient) -> None:
    type_id = (await admin.post("/types", {"volume_type": {"name": "sealed"}})).json["volume_type"]["id"]
    asked = {"provider": "luks", "control_location": "front-end"}
    await admin.post(f"/types/{type_id}/encryption", {"encryption": asked})
    volume, plain = await cloud.volume(volume_type="sealed"), await cloud.volume()
    passphrase = cloud.hosts["host-1"].wishes[0]["specification"]["encryption"]["passphrase"]
    made = await backup(cloud, volume["id"])
    path = f"/backups/{made['id']}/restore"
    assert (await member.post(path, {"restore": {"volume_id": plain["id"]}})).status == 400
    again = (await member.post(path, {"restore": {}})).json["restore"]["volume_id"]
    await cloud.settle()
    await member.delete(f"/volumes/{volume['id']}")
    await cloud.settle()
    restored = await cloud.service.volumes.show(MEMBER, again)
    assert await cloud.service.needs.secrets.open(cloud.db, restored.secret_id or "") == passphrase
