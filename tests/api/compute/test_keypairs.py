from __future__ import annotations

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.conftest import AsgiClient

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0f3Ua1l0gUBa3L3tAQuJx2cfV3dVkJyUD3wT9V3X9l somebody@somewhere"


async def test_a_key_is_imported_listed_shown_and_deleted(member: AsgiClient) -> None:
    made = await member.post("/os-keypairs", {"keypair": {"name": "mine", "public_key": PUBLIC}})
    assert made.status == 201, made.body
    pair = made.json["keypair"]
    assert (pair["name"], pair["type"], pair["public_key"]) == ("mine", "ssh", PUBLIC)
    assert len(pair["fingerprint"].split(":")) == 16
    assert "private_key" not in pair
    assert [one["keypair"]["name"] for one in (await member.get("/os-keypairs")).json["keypairs"]] == ["mine"]
    shown = (await member.get("/os-keypairs/mine")).json["keypair"]
    assert shown["user_id"] == pair["user_id"]
    assert (await member.post("/os-keypairs", {"keypair": {"name": "mine", "public_key": PUBLIC}})).status == 409
    assert (await member.delete("/os-keypairs/mine")).status == 204
    assert (await member.get("/os-keypairs/mine")).status == 404


async def test_before_2_92_a_key_is_made_and_its_private_half_given_once(old: AsgiClient) -> None:
    made = await old.post("/os-keypairs", {"keypair": {"name": "made"}})
    assert made.status == 200
    pair = made.json["keypair"]
    load_pem_private_key(pair["private_key"].encode(), None)
    assert pair["public_key"].startswith("ssh-rsa ")
    assert "type" not in pair
    assert "private_key" not in (await old.get("/os-keypairs/made")).json["keypair"]
    assert (await old.delete("/os-keypairs/made")).status == 202
    x509 = old.using(openstack_api_version="compute 2.2")
    certificate = (await x509.post("/os-keypairs", {"keypair": {"name": "c", "type": "x509"}})).json["keypair"]
    assert certificate["public_key"].startswith("-----BEGIN CERTIFICATE-----")
    assert len(certificate["fingerprint"].split(":")) == 20


async def test_names_and_keys_are_looked_at(member: AsgiClient, old: AsgiClient) -> None:
    assert (await member.post("/os-keypairs", {"keypair": {"name": "me@home", "public_key": PUBLIC}})).status == 201
    assert (await old.post("/os-keypairs", {"keypair": {"name": "me@home", "public_key": PUBLIC}})).status == 400
    assert (await member.post("/os-keypairs", {"keypair": {"name": "none"}})).status == 400
    for wrong in ("ssh-rsa", "ssh-rsa !!!", "ssh-rsa AAAA", PUBLIC.replace("ssh-ed25519", "ssh-rsa"), "é ü"):
        refused = await member.post("/os-keypairs", {"keypair": {"name": "x", "public_key": wrong}})
        assert refused.status == 400, wrong
    assert (await member.post("/os-keypairs", {"keypair": {"name": " x", "public_key": PUBLIC}})).status == 400
    assert (await member.post("/os-keypairs", {"keypair": {"name": "x\n", "public_key": PUBLIC}})).status == 400


async def test_others_keys_are_for_admins(member: AsgiClient, admin: AsgiClient) -> None:
    made = await member.post("/os-keypairs", {"keypair": {"name": "mine", "public_key": PUBLIC}})
    user = made.json["keypair"]["user_id"]
    assert (await admin.get("/os-keypairs/mine")).status == 404
    assert (await admin.get(f"/os-keypairs/mine?user_id={user}")).status == 200
    assert (await member.get("/os-keypairs?user_id=somebody")).status == 403
    await admin.post("/os-keypairs", {"keypair": {"name": "given", "public_key": PUBLIC, "user_id": user}})
    page = (await member.get("/os-keypairs?limit=1")).json
    assert [one["keypair"]["name"] for one in page["keypairs"]] == ["given"]
    assert "marker=given" in page["keypairs_links"][0]["href"]
    rest = (await member.get("/os-keypairs?marker=given")).json["keypairs"]
    assert [one["keypair"]["name"] for one in rest] == ["mine"]


async def test_a_user_has_so_many_and_no_more(member: AsgiClient, admin: AsgiClient) -> None:
    project = (await member.get("/limits")).json["limits"]["absolute"]
    assert project["maxTotalKeypairs"] == 100
    await admin.put("/os-quota-class-sets/default", {"quota_class_set": {"key_pairs": 1}})
    assert (await member.post("/os-keypairs", {"keypair": {"name": "a", "public_key": PUBLIC}})).status == 201
    over = await member.post("/os-keypairs", {"keypair": {"name": "b", "public_key": PUBLIC}})
    assert over.json == {"forbidden": {"code": 403, "message": "Quota exceeded, too many key pairs."}}
