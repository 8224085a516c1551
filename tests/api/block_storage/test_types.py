"""Volume types, QoS specs, encryption, retyping."""

from __future__ import annotations

from tests.api.block_storage.conftest import MEMBER, SmallCloud, backend
from tests.conftest import MEMBER_PROJECT, AsgiClient


async def made(admin: AsgiClient, **asked: object) -> str:
    answer = await admin.post("/types", {"volume_type": asked})
    assert answer.status == 200, answer.body
    return str(answer.json["volume_type"]["id"])


async def test_a_type_and_its_extra_specs(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    assert (await member.post("/types", {"volume_type": {"name": "mine"}})).status == 403
    type_id = await made(admin, name="fast", description="d", extra_specs={"volume_backend_name": "file"})
    assert (await admin.post("/types", {"volume_type": {"name": "fast"}})).status == 409
    for wrong in ("", "   ", None):
        assert (await admin.post("/types", {"volume_type": {"name": wrong}})).status == 400
    path = f"/types/{type_id}/extra_specs"
    assert (await admin.post(path, {"extra_specs": {"multiattach": "<is> True"}})).status == 200
    assert (await admin.put(f"{path}/multiattach", {"multiattach": "<is> False"})).json == {"multiattach": "<is> False"}
    assert (await admin.put(f"{path}/multiattach", {"other": "x"})).status == 400
    assert (await member.get(path)).json == {"extra_specs": {"multiattach": "<is> False"}}
    assert (await admin.delete(f"{path}/multiattach")).status == 202
    assert (await admin.get(f"{path}/multiattach")).status == 404
    changed = await admin.put(f"/types/{type_id}", {"volume_type": {"name": "faster", "is_public": False}})
    assert changed.json["volume_type"]["name"] == "faster"
    assert (await admin.put(f"/types/{type_id}", {"volume_type": {}})).status == 400
    assert (await admin.delete(f"/types/{type_id}")).status == 202
    assert (await admin.get(f"/types/{type_id}")).status == 404


async def test_a_type_in_use_stays(cloud: SmallCloud, admin: AsgiClient) -> None:
    type_id = await made(admin, name="used")
    assert (await cloud.volume(volume_type="used"))["volume_type"] == "used"
    assert (await admin.delete(f"/types/{type_id}")).status == 400


async def test_a_private_type_is_for_those_who_were_named(
    cloud: SmallCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    type_id = await made(admin, name="secret", **{"os-volume-type-access:is_public": False})
    assert (await member.get(f"/types/{type_id}")).status == 404
    assert (await member.post("/volumes", {"volume": {"size": 1, "volume_type": "secret"}})).status == 404
    said = {"addProjectAccess": {"project": MEMBER_PROJECT}}
    assert (await admin.post(f"/types/{type_id}/action", said)).status == 202
    assert (await admin.post(f"/types/{type_id}/action", said)).status == 409
    access = (await admin.get(f"/types/{type_id}/os-volume-type-access")).json["volume_type_access"]
    assert access == [{"volume_type_id": type_id, "project_id": MEMBER_PROJECT}]
    assert (await member.get(f"/types/{type_id}")).status == 200
    assert "secret" in [one["name"] for one in (await member.get("/types")).json["volume_types"]]
    said = {"removeProjectAccess": {"project": MEMBER_PROJECT}}
    assert (await admin.post(f"/types/{type_id}/action", said)).status == 202
    assert (await admin.post(f"/types/{type_id}/action", said)).status == 404


async def test_default_types(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    assert (await member.get("/types/default")).json["volume_type"]["name"] == "default"
    type_id = await made(admin, name="ours")
    bare = admin.using(prefix="/volume/v3")
    path = f"/default-types/{MEMBER_PROJECT}"
    assert (await bare.get(path)).status == 404
    said = {"default_type": {"volume_type": "ours"}}
    assert (await bare.put(path, said)).json["default_type"]["volume_type_id"] == type_id
    assert (await cloud.volume())["volume_type"] == "ours"
    assert len((await bare.get("/default-types")).json["default_types"]) == 1
    assert (await bare.delete(path)).status == 204
    assert (await cloud.volume())["volume_type"] == "default"
    assert (await bare.using("member").get(path)).status == 403


async def test_qos_specs_and_the_types_they_are_for(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    asked = {"name": "slow", "consumer": "front-end", "read_iops_sec": "100"}
    answer = await admin.post("/qos-specs", {"qos_specs": asked})
    specs = answer.json["qos_specs"]
    assert answer.status == 200 and specs["specs"] == {"read_iops_sec": "100"}
    assert (await admin.post("/qos-specs", {"qos_specs": asked})).status == 409
    assert (await admin.post("/qos-specs", {"qos_specs": {"name": "x", "consumer": "nobody"}})).status == 400
    path = f"/qos-specs/{specs['id']}"
    assert (await admin.put(path, {"qos_specs": {"write_iops_sec": "5"}})).json == {
        "qos_specs": {"write_iops_sec": "5"}
    }
    assert (await admin.put(f"{path}/delete_keys", {"keys": ["write_iops_sec"]})).status == 202
    assert (await admin.put(f"{path}/delete_keys", {"keys": ["write_iops_sec"]})).status == 404
    type_id = await made(admin, name="slow ones")
    assert (await admin.get(f"{path}/associate?vol_type_id={type_id}")).status == 202
    found = (await admin.get(f"{path}/associations")).json["qos_associations"]
    assert [one["id"] for one in found] == [type_id]
    assert (await admin.get(f"/types/{type_id}")).json["volume_type"]["qos_specs_id"] == specs["id"]
    assert (await admin.delete(path)).status == 400
    assert (await admin.get(f"{path}/disassociate?vol_type_id={type_id}")).status == 202
    assert (await admin.delete(path)).status == 202
    assert (await admin.get(path)).status == 404
    assert (await member.get("/qos-specs")).status == 403


async def encrypted(admin: AsgiClient, provider: str = "luks") -> str:
    type_id = await made(admin, name=f"sealed {provider}")
    asked = {"provider": provider, "control_location": "front-end", "cipher": "aes-xts-plain64", "key_size": 256}
    answer = await admin.post(f"/types/{type_id}/encryption", {"encryption": asked})
    assert answer.status == 200, answer.body
    return type_id


async def test_an_encrypted_volume_has_a_key_that_only_agents_see(
    cloud: SmallCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    type_id = await encrypted(admin)
    volume = await cloud.volume(volume_type=type_id)
    assert volume["encrypted"] is True
    told = (await member.get(f"/volumes/{volume['id']}/encryption")).json
    assert told["cipher"] == "aes-xts-plain64" and told["encryption_key_id"] == volume["encryption_key_id"]
    wish = cloud.hosts["host-1"].wishes[-1]
    passphrase = wish["specification"]["encryption"]["passphrase"]
    assert len(passphrase) > 30
    for path in (f"/volumes/{volume['id']}", f"/volumes/{volume['id']}/encryption", "/volumes/detail"):
        assert passphrase.encode() not in (await admin.get(path)).body
    clone = await cloud.volume(source_volid=volume["id"])
    again = cloud.hosts["host-1"].wishes[-1]["specification"]["encryption"]["passphrase"]
    assert again == passphrase and clone["encryption_key_id"] != volume["encryption_key_id"]
    assert not any(passphrase.encode() in path.read_bytes() for path in cloud.root.rglob("*") if path.is_file())


async def test_encryption_of_types(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    type_id = await encrypted(admin)
    path = f"/types/{type_id}/encryption"
    shown = (await admin.get(path)).json
    assert shown["provider"] == "luks" and shown["key_size"] == 256
    assert (await admin.get(f"{path}/cipher")).json == {"cipher": "aes-xts-plain64"}
    changed = await admin.put(f"{path}/{shown['encryption_id']}", {"encryption": {"key_size": 512}})
    assert changed.json == {"encryption": {"key_size": 512}}
    await cloud.volume(volume_type=type_id)
    assert (await admin.delete(f"{path}/{shown['encryption_id']}")).status == 400
    assert (await member.get(path)).status == 403
    strange = await encrypted(admin, "rot13")
    assert (await member.post("/volumes", {"volume": {"size": 1, "volume_type": strange}})).status == 400


async def test_retyping_in_place_and_by_moving(cloud: SmallCloud, admin: AsgiClient) -> None:
    hand = cloud.hosts["host-1"]
    hand.backends.append(backend("fast", tier="gold"))
    await hand.register()
    await made(admin, name="plain")
    await made(admin, name="gold", extra_specs={"tier": "gold"})
    await made(admin, name="nowhere", extra_specs={"tier": "lead"})
    volume = await cloud.volume(volume_type="plain", size=1)
    volume_id = volume["id"]

    async def retype(name: str, policy: str = "never") -> int:
        return (await cloud.act(volume_id, {"os-retype": {"new_type": name, "migration_policy": policy}})).status

    here = volume["os-vol-host-attr:host"]
    assert await retype("plain") == 400
    assert await retype("nowhere", "on-demand") == 400
    if "fast" not in here:
        assert await retype("gold") == 400
        assert await retype("gold", "on-demand") == 202
        assert await cloud.status(volume_id) == "retyping"
        await cloud.settle()
    else:
        assert await retype("gold") == 202
    shown = await cloud.shown(volume_id)
    assert (shown["status"], shown["volume_type"]) == ("available", "gold")
    assert shown["os-vol-host-attr:host"] == "host-1@fast#pool"


async def test_a_volume_moves_among_its_hosts_backends(cloud: SmallCloud) -> None:
    hand = cloud.hosts["host-1"]
    hand.backends = [backend(), backend("second", total_gib=10.0)]
    await hand.register()
    volume = await cloud.volume()
    assert volume["os-vol-host-attr:host"] == "host-1@file#pool"
    for wrong in ("host-1@file#pool", "nowhere@file#pool"):
        assert (await cloud.act(volume["id"], {"os-migrate_volume": {"host": wrong}}, "admin")).status == 400
    said = {"os-migrate_volume": {"host": "host-1@second#pool"}}
    assert (await cloud.act(volume["id"], said)).status == 403
    assert (await cloud.act(volume["id"], said, "admin")).status == 202
    assert (await cloud.shown(volume["id"]))["migration_status"] == "migrating"
    await cloud.settle()
    shown = await cloud.shown(volume["id"])
    assert (shown["os-vol-host-attr:host"], shown["migration_status"]) == ("host-1@second#pool", "success")
    assert (await cloud.service.volumes.show(MEMBER, volume["id"])).host == "host-1"
