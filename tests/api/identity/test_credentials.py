"""Application credentials, sealed blobs and EC2 key pairs."""

from __future__ import annotations

from typing import Any

from wolke.identity.store import CREDENTIALS


async def _me(cloud: Any, client: Any) -> str:
    return str((await cloud.identity.authenticate(client.token)).user_id)


def _login(credential: dict[str, Any]) -> dict[str, Any]:
    identity = {"methods": ["application_credential"], "application_credential": credential}
    return {"auth": {"identity": identity}}


async def test_an_application_credential_speaks_with_the_roles_it_was_given(cloud: Any) -> None:
    admin = await cloud.as_admin()
    me = await _me(cloud, admin)
    path = f"/v3/users/{me}/application_credentials"
    asked = {"name": "robot", "roles": [{"name": "reader"}], "description": "d", "expires_at": "2099-01-01T00:00:00"}
    made = await admin.post(path, {"application_credential": asked})
    assert made.status == 201, made.body
    robot = made.json["application_credential"]
    assert [r["name"] for r in robot["roles"]] == ["reader"]
    assert robot["expires_at"] == "2099-01-01T00:00:00.000000" and robot["unrestricted"] is False
    shown = (await admin.get(f"{path}/{robot['id']}")).json["application_credential"]
    assert "secret" not in shown and robot["secret"]
    assert [c["id"] for c in (await admin.get(path)).json["application_credentials"]] == [robot["id"]]
    by_name = {"name": "robot", "user": {"name": "admin", "domain": {"id": "default"}}, "secret": robot["secret"]}
    for credential in ({"id": robot["id"], "secret": robot["secret"]}, by_name):
        token = await cloud.client.post("/v3/auth/tokens", _login(credential))
        assert token.status == 201, token.body
        assert [r["name"] for r in token.json["token"]["roles"]] == ["reader"]
        assert token.json["token"]["project"]["name"] == "admin"
        assert token.json["token"]["application_credential"]["restricted"] is True
    bearer = cloud.client.using(token.headers["x-subject-token"])
    assert (await bearer.get("/v3/users")).status == 403
    assert (await bearer.post(path, {"application_credential": {"name": "more"}})).status == 403
    assert (await bearer.delete(f"{path}/{robot['id']}")).status == 403
    rescope = {"identity": {"methods": ["token"], "token": {"id": bearer.token}}, "scope": cloud.system}
    assert (await cloud.client.post("/v3/auth/tokens", {"auth": rescope})).status == 403
    scoped = _login({"id": robot["id"], "secret": robot["secret"]})
    scoped["auth"]["scope"] = cloud.system
    assert (await cloud.client.post("/v3/auth/tokens", scoped)).status == 401
    assert (await cloud.client.post("/v3/auth/tokens", _login({"id": robot["id"], "secret": "no"}))).status == 401
    assert (await cloud.client.post("/v3/auth/tokens", _login({"id": "no", "secret": "no"}))).status == 401
    assert (await admin.delete(f"{path}/{robot['id']}")).status == 204
    assert (await bearer.get("/v3/auth/projects")).status == 401


async def test_it_ends_with_its_time_and_with_its_owners_roles(cloud: Any) -> None:
    project, user = await cloud.make("project", name="p"), await cloud.make("user", name="u", password="pw")
    await cloud.grant(user["id"], "member", project_id=project["id"])
    owner = await cloud.as_user("u", {"project": {"id": project["id"]}}, "pw")
    path = f"/v3/users/{user['id']}/application_credentials"
    asked = {"name": "short", "secret": "chosen", "expires_at": cloud.clock.after(100)}
    made = (await owner.post(path, {"application_credential": asked})).json["application_credential"]
    login = _login({"id": made["id"], "secret": "chosen"})
    token = await cloud.client.post("/v3/auth/tokens", login)
    bearer = cloud.client.using(token.headers["x-subject-token"])
    assert (await bearer.get("/v3/auth/projects")).status == 200
    admin = await cloud.as_admin()
    member = (await cloud.identity.roles.by_name("member")).id
    grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{member}"
    await admin.delete(grant)
    assert (await bearer.get("/v3/auth/projects")).status == 401
    assert (await cloud.client.post("/v3/auth/tokens", login)).status == 401
    await admin.put(grant)
    assert (await bearer.get("/v3/auth/projects")).status == 200
    cloud.clock.ahead_s = 101
    assert (await cloud.client.post("/v3/auth/tokens", login)).status == 401
    assert (await bearer.get("/v3/auth/projects")).status == 401


async def test_nobody_makes_one_for_another_or_with_more_than_they_have(cloud: Any) -> None:
    admin, demo = await cloud.as_admin(), await cloud.as_demo()
    me = await _me(cloud, demo)
    path = f"/v3/users/{me}/application_credentials"
    body: dict[str, Any] = {"application_credential": {"name": "x"}}
    assert (await admin.post(path, body)).status == 403
    for more in (
        {"roles": [{"name": "admin"}]}, {"roles": [{"id": "nothing"}]}, {"roles": [{}]}, {"expires_at": "soon"},
        {"expires_at": "2001-01-01T00:00:00"}, {"access_rules": [{"path": "/x", "method": "GET", "service": "y"}]},
        {"unrestricted": "maybe"}, {"name": ""}, {"unknown": 1},
    ):  # fmt: skip
        answer = await demo.post(path, {"application_credential": {"name": "x", **more}})
        assert answer.status == 400, (more, answer.body)
    assert (await demo.post(path, body)).status == 201
    assert (await demo.post(path, body)).status == 409
    assert (await demo.get(f"/v3/users/{me}/access_rules")).json["access_rules"] == []


async def test_blobs_are_sealed_in_the_database(cloud: Any) -> None:
    demo = await cloud.as_demo()
    made = await demo.post("/v3/credentials", {"credential": {"type": "totp", "blob": "very-secret", "note": "n"}})
    assert made.status == 201, made.body
    one = made.json["credential"]
    assert (one["blob"], one["note"], one["user_id"]) == ("very-secret", "n", await _me(cloud, demo))
    stored = await cloud.identity.db.get(CREDENTIALS, id=one["id"])
    assert "very-secret" not in stored.sealed and stored.sealed not in repr(stored)
    path = f"/v3/credentials/{one['id']}"
    assert (await demo.patch(path, {"credential": {"blob": "other"}})).json["credential"]["blob"] == "other"
    agent = await cloud.as_user("agent", cloud.on("service"))
    assert (await agent.get(path)).status == 403
    assert (await agent.get("/v3/credentials")).json["credentials"] == []
    assert len((await demo.get("/v3/credentials?type=totp")).json["credentials"]) == 1
    foreign = {"credential": {"type": "x", "blob": "x", "user_id": await _me(cloud, agent)}}
    assert (await demo.post("/v3/credentials", foreign)).status == 403
    assert (await demo.delete(path)).status == 204
    assert (await demo.get(path)).status == 403


async def test_an_ec2_pair_is_found_by_its_access_key(cloud: Any) -> None:
    demo = await cloud.as_demo()
    ctx = await cloud.identity.authenticate(demo.token)
    path = f"/v3/users/{ctx.user_id}/credentials/OS-EC2"
    made = await demo.post(path, {"tenant_id": ctx.project_id})
    assert made.status == 201, made.body
    pair = made.json["credential"]
    found = await cloud.identity.credentials.ec2_pair(pair["access"])
    assert found is not None and found[1] == pair["secret"]
    assert (await demo.get(f"{path}/{pair['access']}")).json["credential"]["secret"] == pair["secret"]
    assert len((await demo.get(path)).json["credentials"]) == 1
    assert (await demo.delete(f"{path}/{pair['access']}")).status == 204
    assert await cloud.identity.credentials.ec2_pair(pair["access"]) is None
