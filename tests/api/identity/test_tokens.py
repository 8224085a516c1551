"""Getting a token, having it checked, and losing it."""

from __future__ import annotations

from typing import Any

import pytest


def by_password(user: Any, scope: Any = None) -> dict[str, Any]:
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return {"auth": auth | ({"scope": scope} if scope is not None else {})}


ADMIN = {"name": "admin", "domain": {"id": "default"}, "password": "admin-secret"}


async def test_a_password_buys_a_token_with_roles_and_catalog(cloud: Any) -> None:
    answer = await cloud.login("admin", scope=cloud.on("admin"))
    assert answer.status == 201
    assert len(answer.headers["x-subject-token"]) < 256
    token = answer.json["token"]
    assert token["methods"] == ["password"]
    assert token["user"]["name"] == "admin"
    assert token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert token["project"]["name"] == "admin"
    assert token["is_domain"] is False
    assert [r["name"] for r in token["roles"]] == ["admin", "manager", "member", "reader"]
    urls = {s["type"]: s["endpoints"][0]["url"] for s in token["catalog"]}
    assert urls["compute"] == "http://cloud.test/compute/v2.1"
    assert urls["object-store"] == f"http://cloud.test/object-store/v1/AUTH_{token['project']['id']}"
    assert token["expires_at"].endswith("Z")


async def test_an_unscoped_token_has_neither_roles_nor_catalog(cloud: Any) -> None:
    for scope in ("unscoped", {"unscoped": {}}, None):
        answer = await cloud.login("admin", scope=scope)
        assert answer.status == 201
        assert not {"roles", "catalog", "project", "domain", "system"} & set(answer.json["token"])
        assert (await cloud.client.using(answer.headers["x-subject-token"]).get("/v3/auth/catalog")).status == 403


async def test_system_and_domain_scopes(cloud: Any) -> None:
    system = (await cloud.login("admin", scope=cloud.system)).json["token"]
    assert system["system"] == {"all": True}
    assert "object-store" not in {s["type"] for s in system["catalog"] if s["endpoints"]}
    domain_scope = {"domain": {"name": "Default"}}
    assert (await cloud.login("admin", scope=domain_scope)).status == 401
    admin = (await cloud.login("admin")).json["token"]["user"]["id"]
    await cloud.grant(admin, "reader", domain_id="default")
    domain = (await cloud.login("admin", scope=domain_scope)).json["token"]
    assert domain["domain"] == {"id": "default", "name": "Default"}
    assert [r["name"] for r in domain["roles"]] == ["reader"]


async def test_nobody_learns_which_part_was_wrong(cloud: Any) -> None:
    for name, password, scope in (
        ("admin", "wrong", None),
        ("nobody", "admin-secret", None),
        ("demo", "demo-secret", cloud.on("admin")),
        ("demo", "demo-secret", cloud.on("nowhere")),
        ("demo", "demo-secret", cloud.system),
        ("demo", "demo-secret", {"domain": {"id": "nowhere"}}),
    ):
        answer = await cloud.login(name, password, scope)
        assert answer.status == 401
        assert answer.json["error"] == {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }


MALFORMED: list[Any] = [
    None, [], {}, {"auth": None}, {"auth": {}}, {"auth": {"identity": {}}}, {"auth": {"identity": {"methods": []}}},
    {"auth": {"identity": {"methods": "password"}}},
    {"auth": {"identity": {"methods": ["password"]}}},
    {"auth": {"identity": {"methods": ["token"]}}},
    by_password({}), by_password({"password": "x"}), by_password({"name": "admin", "password": "hush"}),
    by_password({"name": ["admin"], "password": "hush", "domain": {"id": "default"}}),
    by_password({"id": "x", "password": 1234567}),
    by_password(ADMIN, {"project": {"name": "admin"}}), by_password(ADMIN, {"system": {"all": False}}),
    by_password(ADMIN, {"project": {"id": "x"}, "domain": {"id": "y"}}), by_password(ADMIN, {}),
    by_password(ADMIN, "everything"), by_password(ADMIN, 5), by_password(ADMIN, {"project": "admin"}),
]  # fmt: skip


async def test_a_malformed_request_is_a_400_that_repeats_no_secret(cloud: Any) -> None:
    for body in MALFORMED:
        answer = await cloud.client.post("/v3/auth/tokens", body)
        assert answer.status == 400, (body, answer.body)
        assert b"hush" not in answer.body and b"1234567" not in answer.body


async def test_an_unknown_method_is_a_401_that_names_the_known(cloud: Any) -> None:
    answer = await cloud.client.post("/v3/auth/tokens", {"auth": {"identity": {"methods": ["oath"], "oath": {}}}})
    assert answer.status == 401
    assert "password" in answer.json["error"]["identity"]["methods"]


async def test_validation_says_what_the_token_said(cloud: Any) -> None:
    made = await cloud.login("demo", scope=cloud.on("demo"))
    sealed = made.headers["x-subject-token"]
    agent = await cloud.as_user("agent", cloud.on("service"))
    about = {"x-subject-token": sealed}
    shown = await agent.get("/v3/auth/tokens", headers=about)
    assert shown.status == 200
    assert shown.json == made.json
    assert shown.headers["x-subject-token"] == sealed
    assert "catalog" not in (await agent.get("/v3/auth/tokens?nocatalog", headers=about)).json["token"]
    admin = await cloud.as_admin()
    head = await admin.request("HEAD", "/v3/auth/tokens", headers=about)
    assert (head.status, head.body) == (200, b"")
    assert (await cloud.client.using(sealed).get("/v3/auth/tokens", headers=about)).status == 200


async def test_only_services_look_at_the_tokens_of_others(cloud: Any) -> None:
    admin, demo = await cloud.as_admin(), await cloud.as_demo()
    assert (await demo.get("/v3/auth/tokens", headers={"x-subject-token": admin.token})).status == 403
    assert (await demo.delete("/v3/auth/tokens", headers={"x-subject-token": admin.token})).status == 403
    assert (await admin.get("/v3/auth/tokens", headers={"x-subject-token": "x" * 200})).status == 404
    assert (await admin.get("/v3/auth/tokens")).status == 404
    assert (await cloud.client.get("/v3/auth/tokens", headers={"x-subject-token": admin.token})).status == 401


async def test_nonsense_is_no_token(cloud: Any) -> None:
    for token in ("", "x", "gAAAAA", "é" * 40, "g" * 5000, "=" * 50):
        client = cloud.client.using(token.encode().decode("latin-1"))
        assert (await client.get("/v3/users")).status == 401


async def test_a_deleted_token_is_dead_and_its_siblings_live(cloud: Any) -> None:
    one, other = await cloud.as_demo(), await cloud.as_demo()
    assert (await one.get("/v3/auth/projects")).status == 200
    assert (await one.delete("/v3/auth/tokens", headers={"x-subject-token": one.token})).status == 204
    assert (await one.get("/v3/auth/projects")).status == 401
    assert (await other.get("/v3/auth/projects")).status == 200
    admin = await cloud.as_admin()
    assert (await admin.get("/v3/auth/tokens", headers={"x-subject-token": one.token})).status == 404
    assert (await admin.delete("/v3/auth/tokens", headers={"x-subject-token": one.token})).status == 404


async def test_a_token_ends_at_its_time(cloud: Any) -> None:
    demo = await cloud.as_demo()
    assert (await demo.get("/v3/auth/projects")).status == 200
    cloud.clock.ahead_s = cloud.identity.config.token_lifetime_s + 1
    assert (await demo.get("/v3/auth/projects")).status == 401
    agent = await cloud.as_user("agent", cloud.on("service"))
    about = {"x-subject-token": demo.token}
    assert (await agent.get("/v3/auth/tokens", headers=about)).status == 404
    assert (await agent.get("/v3/auth/tokens?allow_expired=1", headers=about)).status == 200
    assert (await demo.get("/v3/auth/projects")).status == 401
    cloud.clock.ahead_s += cloud.identity.config.allow_expired_window_s
    agent = await cloud.as_user("agent", cloud.on("service"))
    assert (await agent.get("/v3/auth/tokens?allow_expired=1", headers=about)).status == 404


async def test_rescoping_keeps_the_end_and_the_chain(cloud: Any) -> None:
    first = await cloud.login("admin")
    cloud.clock.ahead_s = 60
    identity = {"methods": ["token"], "token": {"id": first.headers["x-subject-token"]}}
    second = await cloud.client.post("/v3/auth/tokens", {"auth": {"identity": identity, "scope": cloud.on("admin")}})
    assert second.status == 201
    old, new = first.json["token"], second.json["token"]
    assert new["expires_at"] == old["expires_at"]
    assert new["issued_at"] > old["issued_at"]
    assert new["methods"] == ["password", "token"]
    assert new["audit_ids"][1:] == old["audit_ids"]
    identity["token"]["id"] = "nonsense"
    assert (await cloud.client.post("/v3/auth/tokens", {"auth": {"identity": identity}})).status == 401


async def test_a_new_password_ends_the_old_tokens(cloud: Any) -> None:
    demo = await cloud.as_demo()
    me = (await demo.get("/v3/auth/tokens", headers={"x-subject-token": demo.token})).json["token"]["user"]["id"]
    change = {"user": {"password": "next", "original_password": "wrong"}}
    assert (await cloud.client.post(f"/v3/users/{me}/password", change)).status == 401
    change["user"]["original_password"] = "demo-secret"
    assert (await cloud.client.post(f"/v3/users/{me}/password", change)).status == 204
    assert (await demo.get("/v3/auth/projects")).status == 401
    assert (await cloud.login("demo")).status == 401
    fresh = await cloud.as_user("demo", cloud.on("demo"), "next")
    assert (await fresh.get("/v3/auth/projects")).status == 200
    admin = await cloud.as_admin()
    assert (await admin.patch(f"/v3/users/{me}", {"user": {"password": "reset"}})).status == 200
    assert (await fresh.get("/v3/auth/projects")).status == 401
    assert (await cloud.login("demo", "reset")).status == 201


@pytest.mark.parametrize("noun", ["user", "project", "domain"])
async def test_disabling_ends_the_tokens_for_good(cloud: Any, noun: str) -> None:
    domain = await cloud.make("domain", name="d")
    project = await cloud.make("project", name="p", domain_id=domain["id"])
    user = await cloud.make("user", name="u", password="pw", domain_id=domain["id"])
    await cloud.grant(user["id"], "member", project_id=project["id"])
    scope = {"project": {"id": project["id"]}}

    async def login() -> Any:
        return await cloud.login("u", "pw", scope, "d")

    bearer = cloud.client.using((await login()).headers["x-subject-token"])
    assert (await bearer.get("/v3/auth/projects")).status == 200
    admin = await cloud.as_admin()
    path = f"/v3/{noun}s/" + {"user": user, "project": project, "domain": domain}[noun]["id"]
    assert (await admin.patch(path, {noun: {"enabled": False}})).status == 200
    assert (await bearer.get("/v3/auth/projects")).status == 401
    assert (await login()).status == 401
    assert (await admin.patch(path, {noun: {"enabled": True}})).status == 200
    assert (await bearer.get("/v3/auth/projects")).status == 401
    assert (await login()).status == 201


async def test_a_role_taken_away_is_gone_from_the_tokens_that_are_out(cloud: Any) -> None:
    project = await cloud.make("project", name="p")
    user = await cloud.make("user", name="u", password="pw")
    await cloud.grant(user["id"], "manager", project_id=project["id"])
    bearer = await cloud.as_user("u", {"project": {"id": project["id"]}}, "pw")
    about = {"x-subject-token": bearer.token}
    assert len((await bearer.get("/v3/auth/tokens", headers=about)).json["token"]["roles"]) == 3
    await cloud.grant(user["id"], "reader", project_id=project["id"])
    admin = await cloud.as_admin()
    role_id = (await cloud.identity.roles.by_name("manager")).id
    path = f"/v3/projects/{project['id']}/users/{user['id']}/roles"
    assert (await admin.delete(f"{path}/{role_id}")).status == 204
    roles = (await bearer.get("/v3/auth/tokens", headers=about)).json["token"]["roles"]
    assert [r["name"] for r in roles] == ["reader"]
    assert (await admin.delete(f"{path}/{roles[0]['id']}")).status == 204
    assert (await bearer.get("/v3/auth/projects")).status == 401


async def test_what_one_may_have_a_token_for(cloud: Any) -> None:
    admin, demo = await cloud.as_user("admin"), await cloud.as_user("demo")
    assert [p["name"] for p in (await admin.get("/v3/auth/projects")).json["projects"]] == ["admin"]
    assert [p["name"] for p in (await demo.get("/v3/auth/projects")).json["projects"]] == ["demo"]
    assert (await admin.get("/v3/auth/system")).json["system"] == [{"all": True}]
    assert (await demo.get("/v3/auth/system")).json["system"] == []
    assert (await demo.get("/v3/auth/domains")).json["domains"] == []
    scoped = await cloud.as_demo()
    catalog = (await scoped.get("/v3/auth/catalog")).json["catalog"]
    assert {s["type"] for s in catalog} == {"identity", "compute", "object-store"}


async def test_a_default_project_is_where_one_lands(cloud: Any) -> None:
    project = await cloud.make("project", name="p")
    user = await cloud.make("user", name="u", password="pw", default_project_id=project["id"])
    assert "project" not in (await cloud.login("u", "pw")).json["token"]
    await cloud.grant(user["id"], "reader", project_id=project["id"])
    assert (await cloud.login("u", "pw")).json["token"]["project"]["id"] == project["id"]
    assert "project" not in (await cloud.login("u", "pw", "unscoped")).json["token"]


async def test_discovery_points_to_where_it_was_reached(cloud: Any) -> None:
    versions = await cloud.client.get("/")
    assert versions.status == 300
    assert versions.json["versions"]["values"][0]["links"][0]["href"] == "http://cloud.test/identity/v3/"
    assert (await cloud.client.get("/v3")).json["version"]["status"] == "stable"


async def test_a_service_token_adds_its_roles(cloud: Any) -> None:
    demo, agent = await cloud.as_demo(), await cloud.as_user("agent", cloud.on("service"))
    ctx = await cloud.identity.authenticate(demo.token, agent.token)
    assert ctx.user_name == "demo" and ctx.roles == {"member", "reader"}
    assert ctx.service_roles == {"service", "agent", "member", "reader"}
    assert (await demo.get("/v3/auth/projects", headers={"x-service-token": "nonsense"})).status == 401


async def test_who_asks_about_a_token_that_has_ended_hears_that_there_is_none(cloud: Any) -> None:
    demo, other = await cloud.as_demo(), await cloud.as_demo()
    subject = {"x-subject-token": other.token or ""}
    assert (await demo.request("HEAD", "/v3/auth/tokens", headers=subject)).status == 200
    assert (await demo.delete("/v3/auth/tokens", headers=subject)).status == 204
    assert (await demo.request("HEAD", "/v3/auth/tokens", headers=subject)).status == 404
