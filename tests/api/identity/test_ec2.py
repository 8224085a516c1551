"""EC2 keys at work: signatures that other services ask Identity about, and the secret that the S3 door asks for."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from typing import Any

import pytest
from keystoneclient.contrib.ec2.utils import Ec2Signer

from wolke.core.clock import Clock
from wolke.core.db import open_database
from wolke.core.errors import Unauthorized
from wolke.identity.service import Identity


async def pair_of(cloud: Any, client: Any) -> dict[str, Any]:
    ctx = await cloud.identity.authenticate(client.token)
    made = await client.post(f"/v3/users/{ctx.user_id}/credentials/OS-EC2", {"tenant_id": ctx.project_id})
    assert made.status == 201, made.body
    return made.json["credential"]


async def as_service(cloud: Any) -> Any:
    return await cloud.as_user("agent", cloud.on("service"))


def stamp(form: str, ahead_s: float = 0) -> str:
    return time.strftime(form, time.gmtime(time.time() + ahead_s))


def version_2(pair: dict[str, Any], ahead_s: float = 0) -> dict[str, Any]:
    params = {"SignatureVersion": "2", "Action": "Test", "Timestamp": stamp("%Y-%m-%dT%H:%M:%SZ", ahead_s), "x y": "ü"}
    asked = {"host": "ec2.test:8773", "verb": "GET", "path": "/services/Cloud", "params": params, "headers": {}}
    return asked | {"access": pair["access"], "signature": Ec2Signer(pair["secret"]).generate(dict(asked))}


def version_4(pair: dict[str, Any], ahead_s: float = 0) -> dict[str, Any]:
    at = stamp("%Y%m%dT%H%M%SZ", ahead_s)
    headers = {
        "Host": "ec2.test",
        "X-Amz-Date": at,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={pair['access']}/{at[:8]}/r/ec2/aws4_request,"
        "SignedHeaders=host;x-amz-date,Signature=",
    }
    asked = {"host": "ec2.test", "verb": "GET", "path": "/", "params": {"b": "2", "a": "1"}, "headers": headers}
    asked["body_hash"] = hashlib.sha256(b"").hexdigest()
    return asked | {"access": pair["access"], "signature": Ec2Signer(pair["secret"]).generate(asked)}


@pytest.mark.parametrize("sign", [version_2, version_4])
async def test_a_service_gets_a_token_for_who_signed_an_ec2_request(cloud: Any, sign: Any) -> None:
    demo, service = await cloud.as_demo(), await as_service(cloud)
    pair = await pair_of(cloud, demo)
    asked = sign(pair)
    answer = await service.post("/v3/ec2tokens", {"credentials": asked})
    assert answer.status == 200, answer.body
    assert answer.json["token"]["user"]["name"] == "demo" and answer.json["token"]["project"]["name"] == "demo"
    assert answer.json["token"]["methods"] == ["ec2credential"]
    token = answer.headers["x-subject-token"]
    assert (await cloud.identity.authenticate(token)).project_name == "demo"
    for wrong in (
        asked | {"signature": "x"}, asked | {"access": "nobody"}, asked | {"verb": "PUT"}, asked | {"path": "/other"},
        sign(pair | {"secret": "other"}), sign(pair, -1000), sign(pair, 1000), asked | {"params": {}, "headers": {}},
    ):  # fmt: skip
        assert (await service.post("/v3/ec2tokens", {"credentials": wrong})).status == 401, wrong


async def test_a_service_gets_a_token_for_who_signed_an_s3_request(cloud: Any) -> None:
    pair, service = await pair_of(cloud, await cloud.as_demo()), await as_service(cloud)
    old = b"GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket/photo"
    new = b"AWS4-HMAC-SHA256\n20260101T000000Z\n20260101/r/s3/aws4_request\nabc"
    key = b"AWS4" + pair["secret"].encode()
    for part in (b"20260101", b"r", b"s3", b"aws4_request"):
        key = hmac.digest(key, part, "sha256")
    signatures = {
        old: base64.b64encode(hmac.digest(pair["secret"].encode(), old, "sha1")).decode(),
        new: hmac.digest(key, new, "sha256").hex(),
    }
    for text, signature in signatures.items():
        asked = {"access": pair["access"], "token": base64.urlsafe_b64encode(text).decode(), "signature": signature}
        answer = await service.post("/v3/s3tokens", {"credentials": asked})
        assert answer.status == 200, answer.body
        assert answer.json["token"]["project"]["name"] == "demo"
        for name in ("access", "signature"):
            assert (await service.post("/v3/s3tokens", {"credentials": asked | {name: "x"}})).status == 401


@pytest.mark.parametrize("path", ["/v3/ec2tokens", "/v3/s3tokens"])
async def test_only_services_may_ask_and_nonsense_is_400(cloud: Any, path: str) -> None:
    demo, service = await cloud.as_demo(), await as_service(cloud)
    asked = {"credentials": version_4(await pair_of(cloud, demo)) | {"token": ""}}
    assert (await cloud.client.post(path, asked)).status == 401
    assert (await demo.post(path, asked)).status == 403
    for body in (
        {}, {"credentials": None}, {"credentials": "x"}, {"credentials": []}, {"credentials": {"access": 1}},
        {"credentials": {"access": "a", "signature": "s", "params": [], "token": 7}},
        {"credentials": {"access": "a", "signature": "s", "params": {"a": {}}, "token": "\xff"}},
    ):  # fmt: skip
        assert (await service.post(path, body)).status == 400, body


async def test_the_secret_of_a_key_comes_with_its_users_standing(cloud: Any) -> None:
    project, user = await cloud.make("project", name="p"), await cloud.make("user", name="u", password="pw")
    await cloud.grant(user["id"], "member", project_id=project["id"])
    owner, admin = await cloud.as_user("u", {"project": {"id": project["id"]}}, "pw"), await cloud.as_admin()
    pair, secret = await pair_of(cloud, owner), cloud.identity.ec2_secret
    member = (await cloud.identity.roles.by_name("member")).id

    async def now() -> str | None:
        found = await secret(pair["access"])
        return None if found is None else found[1]

    ctx, text = await secret(pair["access"])
    assert (ctx.user_id, ctx.project_id, text) == (user["id"], project["id"], pair["secret"])
    assert ctx.roles == {"member", "reader"} and pair["secret"] not in repr(ctx)
    assert await secret("nobody") is None
    for path, off, on in (
        (f"/v3/users/{user['id']}", {"user": {"enabled": False}}, {"user": {"enabled": True}}),
        (f"/v3/projects/{project['id']}", {"project": {"enabled": False}}, {"project": {"enabled": True}}),
    ):
        assert (await admin.patch(path, off)).status == 200
        assert await now() is None
        assert (await admin.patch(path, on)).status == 200
        assert await now() == pair["secret"]
    grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{member}"
    await admin.delete(grant)
    assert await now() is None
    await admin.put(grant)
    assert await now() == pair["secret"]
    await admin.delete(f"/v3/users/{user['id']}/credentials/OS-EC2/{pair['access']}")
    assert await now() is None


async def test_another_process_knows_new_keys_and_dead_ones_at_once(cloud: Any, database_url: str) -> None:
    """As the object store's does: it reads the database that the cloud writes to."""
    db = await open_database(database_url, alone=False)
    other = Identity(db, cloud.identity.config, Clock(), public_url="http://store.test")
    await other.start()
    demo = await cloud.as_demo()
    pair = await pair_of(cloud, demo)
    ctx, secret = await other.ec2_secret(pair["access"])
    assert secret == pair["secret"] and (await other.authenticate(demo.token)).project_id == ctx.project_id
    await cloud.identity.rotate_keys()
    fresh = await cloud.as_demo()
    assert (await other.authenticate(fresh.token)).project_id == ctx.project_id
    await demo.delete(f"/v3/users/{ctx.user_id}/credentials/OS-EC2/{pair['access']}")
    await demo.delete("/v3/auth/tokens", headers={"x-subject-token": demo.token})
    if db.shared:
        await asyncio.sleep(0.05)  # the wake is on its way
    assert await other.ec2_secret(pair["access"]) is None
    with pytest.raises(Unauthorized):
        await other.authenticate(demo.token)
    await other.stop()
    await db.close()


async def test_asking_again_costs_a_dictionary(cloud: Any) -> None:
    pair = await pair_of(cloud, await cloud.as_demo())
    ask = cloud.identity.ec2_secret
    await ask(pair["access"])
    best = min([await timed(ask, pair["access"]) for _ in range(20)])
    assert best < 20e-6


async def timed(ask: Any, access: str) -> float:
    started = time.perf_counter()
    for _ in range(100):
        await ask(access)
    return (time.perf_counter() - started) / 100
