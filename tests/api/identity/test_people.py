"""Users, groups, projects and domains: made, found, changed, and gone."""

from __future__ import annotations

from typing import Any


async def test_a_user_keeps_what_it_was_given_but_shows_no_password(cloud: Any) -> None:
    admin = await cloud.as_admin()
    made = await cloud.make("user", name="ann", password="hush", email="ann@x", shoe={"size": 38}, enabled=True)
    assert made["email"] == "ann@x" and made["shoe"] == {"size": 38}
    assert made["domain_id"] == "default"
    assert "password" not in made and "default_project_id" not in made
    path = f"/v3/users/{made['id']}"
    assert made["links"]["self"] == f"http://cloud.test/identity{path}"
    changed = await admin.patch(path, {"user": {"email": "new", "name": "anna"}})
    assert (changed.json["user"]["email"], changed.json["user"]["shoe"]) == ("new", {"size": 38})
    assert (await admin.get(path)).json == changed.json
    assert (await admin.delete(path)).status == 204
    assert (await admin.get(path)).status == 404
    assert (await admin.get(path)).json["error"]["message"] == f"Could not find user: {made['id']}."


async def test_names_are_unique_within_their_domain(cloud: Any) -> None:
    admin = await cloud.as_admin()
    domain = await cloud.make("domain", name="d")
    for noun in ("user", "group", "project", "role"):
        first = await cloud.make(noun, name="same")
        again = await admin.post(f"/v3/{noun}s", {noun: {"name": "same"}})
        assert again.status == 409, again.body
        assert again.json["error"]["title"] == "Conflict"
        other = await cloud.make(noun, name="same", domain_id=domain["id"])
        assert other["domain_id"] == domain["id"] != first["domain_id"]
        third = await cloud.make(noun, name="else")
        assert (await admin.patch(f"/v3/{noun}s/{third['id']}", {noun: {"name": "same"}})).status == 409
    assert (await admin.post("/v3/domains", {"domain": {"name": "d"}})).status == 409


async def test_bad_bodies_are_refused_and_secrets_not_repeated(cloud: Any) -> None:
    admin = await cloud.as_admin()
    for noun, values in (
        ("user", {}), ("user", {"name": ""}), ("user", {"name": " "}), ("user", {"name": 5}),
        ("user", {"name": "x" * 256}), ("user", {"name": "x", "enabled": "yes"}),
        ("user", {"name": "x", "password": 123454321}), ("user", {"name": "x", "password": ["hush123454321"]}),
        ("user", {"name": {"password": "hush123454321"}}),
        ("user", {"name": "x", "password": "123454321" * 1000}),
        ("user", {"name": "x", "domain_id": "no such"}), ("user", {"name": "x", "options": {"fly": True}}),
        ("user", {"name": "x", "extra": "x" * 70_000}), ("user", {"name": "x", "default_project_id": "default"}),
        ("project", {"name": "x" * 65}), ("project", {"name": "x", "tags": ["a,b"]}),
        ("project", {"name": "x", "tags": "a"}), ("domain", {"name": None}), ("group", {"description": "x"}),
        ("role", {"name": "x" * 256}),
    ):  # fmt: skip
        answer = await admin.post(f"/v3/{noun}s", {noun: values})
        assert answer.status == 400, (noun, values, answer.body)
        assert b"123454321" not in answer.body
    for body in (None, [], "x", {}, {"user": []}, {"users": {}}):
        assert (await admin.post("/v3/users", body)).status == 400
    assert (await admin.post("/v3/users", {"user": {"name": "x", "domain_id": "nowhere"}})).status == 404
    big = await admin.post("/v3/users", {"user": {"name": "big", "number": 2**70}})
    assert big.status in (201, 400)


async def test_lists_are_filtered_sorted_and_paged(cloud: Any) -> None:
    admin = await cloud.as_admin()
    for name in ("beta", "alpha", "Gamma", "alphabet"):
        await cloud.make("group", name=name, description=f"all of {name}")

    async def names(query: str) -> list[str]:
        answer = await admin.get(f"/v3/groups{query}")
        assert answer.status == 200, answer.body
        return [g["name"] for g in answer.json["groups"]]

    assert await names("") == ["Gamma", "alpha", "alphabet", "beta"]
    assert await names("?name=beta") == ["beta"]
    assert await names("?name__contains=lpha") == ["alpha", "alphabet"]
    assert await names("?name__startswith=g") == []
    assert await names("?name__istartswith=g") == ["Gamma"]
    assert await names("?name__endswith=bet&name__contains=alp") == ["alphabet"]
    assert await names("?domain_id=elsewhere") == []
    first = (await admin.get("/v3/groups?limit=3")).json
    assert len(first["groups"]) == 3 and "truncated" not in first
    rest = await admin.get(first["links"]["next"].removeprefix("http://cloud.test/identity"))
    assert [g["name"] for g in rest.json["groups"]] == ["beta"]
    assert rest.json["links"]["next"] is None
    for bad in ("limit=-1", "limit=x", "marker=nowhere"):
        assert (await admin.get(f"/v3/groups?{bad}")).status == 400


async def test_a_long_list_says_that_it_was_cut(cloud: Any) -> None:
    object.__setattr__(cloud.identity.config, "list_limit", 2)
    admin = await cloud.as_admin()
    answer = (await admin.get("/v3/users")).json
    assert answer["truncated"] is True and len(answer["users"]) == 2
    rest = await admin.get(answer["links"]["next"].removeprefix("http://cloud.test/identity"))
    assert len(rest.json["users"]) == 1


async def test_groups_and_their_members(cloud: Any) -> None:
    admin = await cloud.as_admin()
    group, user = await cloud.make("group", name="g"), await cloud.make("user", name="u", password="pw")
    path = f"/v3/groups/{group['id']}/users"
    assert (await admin.get(f"{path}/{user['id']}")).status == 404
    for _ in range(2):
        assert (await admin.put(f"{path}/{user['id']}")).status == 204
    assert (await admin.request("HEAD", f"{path}/{user['id']}")).status == 204
    assert [u["name"] for u in (await admin.get(path)).json["users"]] == ["u"]
    bearer = await cloud.as_user("u", password="pw")
    assert [g["name"] for g in (await bearer.get(f"/v3/users/{user['id']}/groups")).json["groups"]] == ["g"]
    assert (await admin.delete(f"{path}/{user['id']}")).status == 204
    assert (await admin.delete(f"{path}/{user['id']}")).status == 404
    assert (await admin.put(f"{path}/nobody")).status == 404


async def test_projects_stand_in_a_tree(cloud: Any) -> None:
    admin = await cloud.as_admin()
    top = await cloud.make("project", name="top")
    mid = await cloud.make("project", name="mid", parent_id=top["id"])
    low = await cloud.make("project", name="low", parent_id=mid["id"])
    assert (top["parent_id"], low["parent_id"], low["domain_id"]) == ("default", mid["id"], "default")
    shown = (await admin.get(f"/v3/projects/{low['id']}?parents_as_ids")).json["project"]
    assert shown["parents"] == {mid["id"]: {top["id"]: {"default": None}}}
    shown = (await admin.get(f"/v3/projects/{top['id']}?subtree_as_ids")).json["project"]
    assert shown["subtree"] == {mid["id"]: {low["id"]: None}}
    shown = (await admin.get(f"/v3/projects/{top['id']}?subtree_as_list")).json["project"]
    assert [one["project"]["name"] for one in shown["subtree"]] == ["mid", "low"]
    assert (await admin.delete(f"/v3/projects/{mid['id']}")).status == 403
    assert (await admin.patch(f"/v3/projects/{top['id']}", {"project": {"enabled": False}})).status == 403
    deep = await cloud.make("project", name="deep", parent_id=low["id"])
    too_deep = {"project": {"name": "x", "parent_id": deep["id"]}}
    assert (await admin.post("/v3/projects", too_deep)).status == 403
    assert (await admin.patch(f"/v3/projects/{low['id']}", {"project": {"parent_id": top["id"]}})).status == 403
    assert (await admin.delete(f"/v3/projects/{deep['id']}")).status == 204
    assert (await admin.delete(f"/v3/projects/{low['id']}")).status == 204


async def test_tags_of_a_project(cloud: Any) -> None:
    admin = await cloud.as_admin()
    one = await cloud.make("project", name="one", tags=["blue", "red"])
    await cloud.make("project", name="two", tags=["red"])

    async def named(query: str) -> set[str]:
        return {p["name"] for p in (await admin.get(f"/v3/projects?{query}")).json["projects"]} & {"one", "two"}

    assert await named("tags=red,blue") == {"one"}
    assert await named("tags-any=red,blue") == {"one", "two"}
    assert await named("not-tags=red,blue") == {"two"}
    assert await named("not-tags-any=blue") == {"two"}
    path = f"/v3/projects/{one['id']}/tags"
    assert (await admin.put(f"{path}/green")).status == 201
    assert (await admin.get(path)).json["tags"] == ["blue", "green", "red"]
    assert (await admin.get(f"{path}/green")).status == 204
    assert (await admin.delete(f"{path}/green")).status == 204
    assert (await admin.get(f"{path}/green")).status == 404
    assert (await admin.put(path, {"tags": ["x"]})).json["tags"] == ["x"]
    assert (await admin.delete(path)).status == 204
    assert (await admin.get(path)).json["tags"] == []


async def test_a_domain_goes_with_all_that_is_in_it_but_only_when_disabled(cloud: Any) -> None:
    admin = await cloud.as_admin()
    domain = await cloud.make("domain", name="d")
    inside = {
        noun: await cloud.make(noun, name="in", domain_id=domain["id"]) for noun in ("user", "group", "project", "role")
    }
    await cloud.grant(inside["user"]["id"], "member", project_id=inside["project"]["id"])
    path = f"/v3/domains/{domain['id']}"
    assert (await admin.get(f"/v3/projects/{domain['id']}")).json["project"]["is_domain"] is True
    assert (await admin.delete(path)).status == 403
    assert (await admin.patch(path, {"domain": {"enabled": False}})).json["domain"]["enabled"] is False
    assert (await admin.delete(path)).status == 204
    for noun, record in inside.items():
        assert (await admin.get(f"/v3/{noun}s/{record['id']}")).status == 404
    left = (await admin.get("/v3/role_assignments")).json["role_assignments"]
    assert inside["user"]["id"] not in str(left)


async def test_what_is_immutable_stays_until_it_is_no_more(cloud: Any) -> None:
    admin = await cloud.as_admin()
    project = await cloud.make("project", name="p", options={"immutable": True})
    path = f"/v3/projects/{project['id']}"
    assert (await admin.patch(path, {"project": {"description": "x"}})).status == 403
    assert (await admin.delete(path)).status == 403
    assert (await admin.patch(path, {"project": {"options": {"immutable": False}}})).status == 200
    assert (await admin.delete(path)).status == 204
    role = await cloud.identity.roles.by_name("member")
    assert (await admin.delete(f"/v3/roles/{role.id}")).status == 403


async def test_members_see_themselves_and_nothing_else(cloud: Any) -> None:
    demo, agent = await cloud.as_demo(), await cloud.as_user("agent")
    me = (await cloud.identity.authenticate(demo.token)).user_id
    other = (await cloud.identity.authenticate(agent.token)).user_id
    assert (await demo.get(f"/v3/users/{me}")).status == 200
    for path in (f"/v3/users/{other}", "/v3/users/nobody", "/v3/users", "/v3/groups", "/v3/projects", "/v3/domains",
                 "/v3/roles", "/v3/role_assignments", "/v3/services", "/v3/endpoints"):  # fmt: skip
        assert (await demo.get(path)).status == 403, path
    assert (await demo.patch(f"/v3/users/{me}", {"user": {"enabled": False}})).status == 403
    assert (await demo.post("/v3/projects", {"project": {"name": "x"}})).status == 403
    answer = await demo.get("/v3/users")
    assert "identity:list_users" in answer.json["error"]["message"]


async def test_a_domain_manager_rules_the_domain_and_only_it(cloud: Any) -> None:
    domain = await cloud.make("domain", name="d")
    boss = await cloud.make("user", name="boss", password="pw", domain_id=domain["id"])
    await cloud.grant(boss["id"], "manager", domain_id=domain["id"])
    login = await cloud.login("boss", "pw", {"domain": {"id": domain["id"]}}, "d")
    manager = cloud.client.using(login.headers["x-subject-token"])
    made = await manager.post("/v3/users", {"user": {"name": "worker"}})
    assert made.status == 201 and made.json["user"]["domain_id"] == domain["id"]
    project = (await manager.post("/v3/projects", {"project": {"name": "p"}})).json["project"]
    assert {u["name"] for u in (await manager.get("/v3/users")).json["users"]} == {"boss", "worker"}
    assert (await manager.post("/v3/users", {"user": {"name": "x", "domain_id": "default"}})).status == 403
    demo = (await cloud.identity.authenticate((await cloud.as_demo()).token)).user_id
    assert (await manager.get(f"/v3/users/{demo}")).status == 403
    path = f"/v3/projects/{project['id']}/users/{made.json['user']['id']}/roles"
    member, admin = [(await cloud.identity.roles.by_name(name)).id for name in ("member", "admin")]
    assert (await manager.put(f"{path}/{member}")).status == 204
    assert (await manager.put(f"{path}/{admin}")).status == 403
    assert {r["name"] for r in (await manager.get("/v3/roles")).json["roles"]} >= {"member", "reader"}
    foreign = f"/v3/projects/{project['id']}/users/{demo}/roles/{member}"
    assert (await manager.put(foreign)).status == 403


async def test_the_systems_reader_sees_all_and_changes_nothing(cloud: Any) -> None:
    user = await cloud.make("user", name="auditor", password="pw")
    await cloud.grant(user["id"], "reader")
    auditor = await cloud.as_user("auditor", cloud.system, "pw")
    for path in ("/v3/users", "/v3/projects", "/v3/roles", "/v3/role_assignments", "/v3/endpoints"):
        assert (await auditor.get(path)).status == 200
    assert (await auditor.post("/v3/users", {"user": {"name": "x", "domain_id": "default"}})).status == 403
