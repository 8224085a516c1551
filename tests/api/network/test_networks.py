async def test_a_network_with_a_subnet_lives_and_dies(cloud, kind):
    network, subnet = await cloud.network()
    client = cloud.as_("member")
    shown = (await client.get(f"/v2.0/networks/{network['id']}")).json["network"]
    assert shown["subnets"] == [subnet["id"]]
    assert (shown["status"], shown["mtu"], shown["shared"], shown["router:external"]) == ("ACTIVE", 1450, False, False)
    assert shown["tenant_id"] == shown["project_id"]
    assert (subnet["gateway_ip"], subnet["allocation_pools"]) == (
        "10.0.0.1",
        [{"start": "10.0.0.2", "end": "10.0.0.254"}],
    )
    changed = await client.put(f"/v2.0/networks/{network['id']}", {"network": {"name": "new", "admin_state_up": False}})
    assert changed.json["network"]["name"] == "new"
    assert changed.json["network"]["revision_number"] > shown["revision_number"]
    assert (await client.delete(f"/v2.0/networks/{network['id']}")).status == 204
    assert kind(await client.get(f"/v2.0/subnets/{subnet['id']}")) == (404, "SubnetNotFound")
    assert kind(await client.get(f"/v2.0/networks/{network['id']}")) == (404, "NetworkNotFound")


async def test_a_network_with_a_port_is_in_use(cloud, kind):
    network, subnet = await cloud.network()
    await cloud.make("port", network_id=network["id"])
    assert kind(await cloud.as_("member").delete(f"/v2.0/networks/{network['id']}")) == (409, "NetworkInUse")
    assert kind(await cloud.as_("member").delete(f"/v2.0/subnets/{subnet['id']}")) == (409, "SubnetInUse")


async def test_others_see_a_network_only_if_it_is_shared(cloud, kind):
    network, subnet = await cloud.network(token="admin")
    path = f"/v2.0/networks/{network['id']}"
    assert kind(await cloud.as_("other").get(path)) == (404, "NetworkNotFound")
    assert kind(await cloud.as_("other").delete(path)) == (404, "NetworkNotFound")
    assert (await cloud.as_("admin").put(path, {"network": {"shared": True}})).status == 200
    assert (await cloud.as_("other").get(path)).json["network"]["shared"] is True
    assert (await cloud.as_("other").get(f"/v2.0/subnets/{subnet['id']}")).status == 200
    assert kind(await cloud.as_("other").delete(path)) == (403, "PolicyNotAuthorized")


async def test_what_only_admins_may_say_and_see(cloud, kind):
    client = cloud.as_("member")
    for name, value in (("shared", True), ("router:external", True), ("provider:segmentation_id", 7)):
        answer = await client.post("/v2.0/networks", {"network": {name: value}})
        assert kind(answer) == (403, "PolicyNotAuthorized"), name
    network = await cloud.make("network")
    assert not [name for name in network if name.startswith("provider:")]
    shown = (await cloud.as_("admin").get(f"/v2.0/networks/{network['id']}")).json["network"]
    assert shown["provider:network_type"] == "vxlan"
    assert shown["provider:segmentation_id"] >= 1


async def test_a_segment_is_given_once(cloud, kind):
    wanted = {"provider:network_type": "vxlan", "provider:segmentation_id": 77}
    await cloud.make("network", "admin", **wanted)
    again = await cloud.as_("admin").post("/v2.0/networks", {"network": wanted})
    assert again.status == 409, again.body


async def test_bulk_is_all_or_none(cloud, kind):
    client = cloud.as_("member")
    answer = await client.post("/v2.0/networks", {"networks": [{"name": "a"}, {"name": "b"}]})
    assert [n["name"] for n in answer.json["networks"]] == ["a", "b"]
    answer = await client.post("/v2.0/networks", {"networks": [{"name": "c"}, {"name": "d", "mtu": 9000}]})
    assert kind(answer) == (400, "InvalidInput")
    assert (await client.get("/v2.0/networks?name=c")).json["networks"] == []


async def test_bodies_that_make_no_sense(cloud, kind):
    client = cloud.as_("member")
    for body in (
        {},
        [],
        {"network": 5},
        {"net": {}},
        {"network": {"name": 5}},
        {"network": {"colour": "red"}},
        {"network": {"id": "x"}},
        {"network": {"admin_state_up": "maybe"}},
        {"network": {"mtu": 10**30}},
        {"network": {"name": "x" * 256}},
        {"networks": []},
    ):
        assert kind(await client.post("/v2.0/networks", body)) == (400, "HTTPBadRequest"), body
    assert kind(await client.request("POST", "/v2.0/networks", content=b"{")) == (400, "HTTPBadRequest")


async def test_lists_are_filtered_sorted_and_paged(cloud, kind):
    client = cloud.as_("member")
    for name in ("b", "a", "c"):
        await cloud.make("network", name=name, admin_state_up=name != "b")
    names = lambda answer: [n["name"] for n in answer.json["networks"]]  # noqa: E731
    assert names(await client.get("/v2.0/networks?sort_key=name&sort_dir=asc")) == ["a", "b", "c"]
    assert names(await client.get("/v2.0/networks?name=a&name=c&sort_key=name&sort_dir=desc")) == ["c", "a"]
    assert names(await client.get("/v2.0/networks?admin_state_up=False")) == ["b"]
    assert (await client.get("/v2.0/networks?name=a&fields=name")).json["networks"] == [{"name": "a"}]
    assert kind(await client.get("/v2.0/networks?colour=red")) == (400, "HTTPBadRequest")
    assert kind(await client.get("/v2.0/networks?limit=-1")) == (400, "HTTPBadRequest")
    first = await client.get("/v2.0/networks?sort_key=name&sort_dir=asc&limit=2")
    assert names(first) == ["a", "b"]
    links = {one["rel"]: one["href"] for one in first.json["networks_links"]}
    second = await client.get(links["next"].removeprefix("http://cloud.test/network"))
    assert names(second) == ["c"]
    assert "next" not in {one["rel"] for one in second.json["networks_links"]}
    back = {one["rel"]: one["href"] for one in second.json["networks_links"]}["previous"]
    assert names(await client.get(back.removeprefix("http://cloud.test/network"))) == ["a", "b"]


async def test_a_change_of_an_older_revision_is_refused(cloud, kind):
    network = await cloud.make("network")
    client, path = cloud.as_("member"), f"/v2.0/networks/{network['id']}"
    header = {"if-match": f"revision_number={network['revision_number']}"}
    assert (await client.put(path, {"network": {"name": "x"}}, headers=header)).status == 200
    assert kind(await client.put(path, {"network": {"name": "y"}}, headers=header)) == (
        412,
        "RevisionNumberConstraintFailed",
    )


async def test_tags(cloud, kind):
    network = await cloud.make("network", name="tagged")
    await cloud.make("network", name="bare")
    client, path = cloud.as_("member"), f"/v2.0/networks/{network['id']}/tags"
    assert (await client.put(path, {"tags": ["Red", "blue"]})).json == {"tags": ["Red", "blue"]}
    assert (await client.put(path + "/green")).status == 201
    assert (await client.get(path + "/green")).status == 204
    assert kind(await client.get(path + "/red")) == (404, "TagNotFound")
    names = lambda answer: [n["name"] for n in answer.json["networks"]]  # noqa: E731
    assert names(await client.get("/v2.0/networks?tags=Red,green")) == ["tagged"]
    assert names(await client.get("/v2.0/networks?tags=red")) == []
    assert names(await client.get("/v2.0/networks?tags-any=red,blue")) == ["tagged"]
    assert names(await client.get("/v2.0/networks?not-tags-any=blue")) == ["bare"]
    assert (await client.delete(path + "/green")).status == 204
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).json == {"tags": []}


async def test_quota(cloud, kind):
    project = (await cloud.make("network"))["project_id"]
    admin, member = cloud.as_("admin"), cloud.as_("member")
    assert kind(await member.put(f"/v2.0/quotas/{project}", {"quota": {"network": 5}})) == (403, "PolicyNotAuthorized")
    assert (await admin.put(f"/v2.0/quotas/{project}", {"quota": {"network": 1}})).json["quota"]["network"] == 1
    answer = await member.post("/v2.0/networks", {"network": {}})
    assert kind(answer) == (409, "OverQuota")
    details = (await member.get(f"/v2.0/quotas/{project}/details.json")).json["quota"]["network"]
    assert details == {"limit": 1, "used": 1, "reserved": 0}
    assert [q["project_id"] for q in (await admin.get("/v2.0/quotas")).json["quotas"]] == [project]
    assert (await admin.delete(f"/v2.0/quotas/{project}")).status == 204
    assert (await member.get(f"/v2.0/quotas/{project}")).json["quota"]["network"] == 100
    assert kind(await admin.put(f"/v2.0/quotas/{project}", {"quota": {"network": "many"}})) == (400, "HTTPBadRequest")


async def test_discovery(cloud):
    client = cloud.client
    assert (await client.get("/")).json["versions"][0]["id"] == "v2.0"
    assert {r["collection"] for r in (await client.get("/v2.0/")).json["resources"]} >= {"networks", "floatingips"}
    aliases = {e["alias"] for e in (await client.get("/v2.0/extensions")).json["extensions"]}
    assert {"router", "security-group"} <= aliases
    assert (await client.get("/v2.0/extensions/router")).json["extension"]["alias"] == "router"
    assert (await client.get("/v2.0/extensions/teleport")).status == 404
