"""Roles granted on projects, domains and the system; through groups, by inheritance and by implication."""

from __future__ import annotations

from typing import Any


async def _role(cloud: Any, name: str) -> str:
    return str((await cloud.identity.roles.by_name(name)).id)


async def test_a_grant_is_made_checked_listed_and_taken_back(cloud: Any) -> None:
    admin = await cloud.as_admin()
    user, group = await cloud.make("user", name="u"), await cloud.make("group", name="g")
    project, domain = await cloud.make("project", name="p"), await cloud.make("domain", name="d")
    role = await _role(cloud, "member")
    for actor in (f"users/{user['id']}", f"groups/{group['id']}"):
        for place, end in (
            (f"projects/{project['id']}", ""), (f"domains/{domain['id']}", ""), ("system", ""),
            (f"OS-INHERIT/projects/{project['id']}", "/inherited_to_projects"),
            (f"OS-INHERIT/domains/{domain['id']}", "/inherited_to_projects"),
        ):  # fmt: skip
            roles = f"/v3/{place}/{actor}/roles"
            path = f"{roles}/{role}{end}"
            assert (await admin.get(path)).status == 404
            for _ in range(2):
                assert (await admin.put(path)).status == 204, path
            assert (await admin.request("HEAD", path)).status == 204
            assert [r["name"] for r in (await admin.get(roles + end)).json["roles"]] == ["member"]
            assert (await admin.delete(path)).status == 204
            assert (await admin.delete(path)).status == 404
    missing = f"/v3/projects/{project['id']}/users/{user['id']}/roles/nothing"
    assert (await admin.put(missing)).status == 404
    assert (await admin.put(f"/v3/projects/nowhere/users/{user['id']}/roles/{role}")).status == 404
    assert (await admin.put(f"/v3/domains/{project['id']}/users/{user['id']}/roles/{role}")).status == 404


async def test_groups_and_inheritance_reach_into_tokens(cloud: Any) -> None:
    admin = await cloud.as_admin()
    user, group = await cloud.make("user", name="u", password="pw"), await cloud.make("group", name="g")
    top = await cloud.make("project", name="top")
    low = await cloud.make("project", name="low", parent_id=top["id"])
    await admin.put(f"/v3/groups/{group['id']}/users/{user['id']}")
    reader, member = await _role(cloud, "reader"), await _role(cloud, "member")
    await admin.put(f"/v3/projects/{top['id']}/groups/{group['id']}/roles/{reader}")
    path = f"/v3/OS-INHERIT/projects/{top['id']}/groups/{group['id']}/roles/{member}/inherited_to_projects"
    await admin.put(path)

    async def roles(project: Any) -> list[str]:
        answer = await cloud.login("u", "pw", {"project": {"id": project["id"]}})
        return [r["name"] for r in answer.json["token"]["roles"]] if answer.status == 201 else []

    assert await roles(top) == ["reader"]
    assert await roles(low) == ["member", "reader"]
    mine = await cloud.as_user("u", password="pw")
    assert {p["name"] for p in (await mine.get("/v3/auth/projects")).json["projects"]} == {"top", "low"}
    query = f"?effective&user.id={user['id']}&include_names"
    found = (await admin.get(f"/v3/role_assignments{query}")).json["role_assignments"]
    said = {(a["role"]["name"], a["scope"]["project"]["name"]) for a in found}
    assert said == {("reader", "top"), ("member", "low"), ("reader", "low")}
    assert all(a["user"]["domain"] == {"id": "default", "name": "Default"} for a in found)
    assert all(f"/groups/{group['id']}/users/" in a["links"]["membership"] for a in found)
    made = (await admin.get(f"/v3/role_assignments?group.id={group['id']}")).json["role_assignments"]
    assert len(made) == 2
    assert {a["scope"].get("OS-INHERIT:inherited_to") for a in made} == {None, "projects"}
    tree = await admin.get(f"/v3/role_assignments?scope.project.id={low['id']}&effective&include_subtree")
    assert {a["role"]["id"] for a in tree.json["role_assignments"]} == {member, reader}
    await admin.delete(f"/v3/groups/{group['id']}/users/{user['id']}")
    assert await roles(low) == []


async def test_assignments_are_filtered_and_contradictions_refused(cloud: Any) -> None:
    admin = await cloud.as_admin()

    async def count(query: str) -> int:
        answer = await admin.get(f"/v3/role_assignments{query}")
        assert answer.status == 200, answer.body
        return len(answer.json["role_assignments"])

    assert await count("") == 6
    assert await count("?scope.system=all") == 1
    assert await count(f"?role.id={await _role(cloud, 'admin')}") == 2
    assert await count("?scope.system=all&effective") == 4
    demo = (await cloud.identity.authenticate((await cloud.as_demo()).token)).user_id
    assert await count(f"?user.id={demo}") == 1
    assert await count(f"?user.id={demo}&effective") == 2
    assert await count("?scope.OS-INHERIT:inherited_to=projects") == 0
    for bad in ("?user.id=a&group.id=b", "?effective&group.id=b", "?scope.project.id=a&scope.domain.id=b",
                "?include_subtree"):  # fmt: skip
        assert (await admin.get(f"/v3/role_assignments{bad}")).status == 400, bad


async def test_roles_imply_roles_without_circles(cloud: Any) -> None:
    admin = await cloud.as_admin()
    one, two = await cloud.make("role", name="one"), await cloud.make("role", name="two")
    path = f"/v3/roles/{one['id']}/implies/{two['id']}"
    assert (await admin.get(path)).status == 404
    made = await admin.put(path)
    assert made.status == 201
    assert made.json["role_inference"]["implies"]["name"] == "two"
    assert (await admin.request("HEAD", path)).status == 204
    assert (await admin.put(f"/v3/roles/{two['id']}/implies/{one['id']}")).status == 409
    assert (await admin.put(f"/v3/roles/{one['id']}/implies/{await _role(cloud, 'admin')}")).status == 403
    rules = (await admin.get("/v3/role_inferences")).json["role_inferences"]
    assert {r["prior_role"]["name"] for r in rules} == {"admin", "manager", "member", "one"}
    implied = (await admin.get(f"/v3/roles/{one['id']}/implies")).json["role_inference"]["implies"]
    assert [r["name"] for r in implied] == ["two"]
    assert (await admin.delete(path)).status == 204
    assert (await admin.delete(path)).status == 404


async def test_a_domains_role_stays_in_its_domain_and_out_of_tokens(cloud: Any) -> None:
    admin = await cloud.as_admin()
    domain = await cloud.make("domain", name="d")
    project = await cloud.make("project", name="p", domain_id=domain["id"])
    user = await cloud.make("user", name="u", password="pw")
    role = await cloud.make("role", name="local", domain_id=domain["id"])
    await admin.put(f"/v3/roles/{role['id']}/implies/{await _role(cloud, 'reader')}")
    demo = (await cloud.identity.authenticate((await cloud.as_demo()).token)).project_id
    assert (await admin.put(f"/v3/projects/{demo}/users/{user['id']}/roles/{role['id']}")).status == 403
    assert (await admin.put(f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}")).status == 204
    token = (await cloud.login("u", "pw", {"project": {"id": project["id"]}})).json["token"]
    assert [r["name"] for r in token["roles"]] == ["reader"]
    assert role["id"] not in str((await admin.get("/v3/roles")).json)
    found = (await admin.get(f"/v3/roles?domain_id={domain['id']}")).json["roles"]
    assert [r["name"] for r in found] == ["local"]
