"""Providers, their trees, inventories, traits and aggregates."""

from wolke.core import ids


async def test_the_root_tells_the_versions_without_a_token(talk) -> None:
    version = (await talk.client.get("/")).json["versions"][0]
    assert (version["min_version"], version["max_version"], version["status"]) == ("1.0", "1.39", "CURRENT")
    assert (await talk.at("1.40").get("/resource_providers")).status == 406
    assert (await talk.at("x").get("/resource_providers")).status == 400
    assert (await talk.at("1.0", "member").get("/resource_providers")).status == 403


async def test_a_provider_is_made_renamed_and_deleted(talk) -> None:
    made = await talk.post("/resource_providers", {"name": "host1"})
    assert made.status == 200, made.body
    provider = made.json
    assert provider["generation"] == 0
    assert provider["parent_provider_uuid"] is None
    assert provider["root_provider_uuid"] == provider["uuid"]
    path = f"/resource_providers/{provider['uuid']}"
    assert made.headers["location"] == f"http://cloud.test/placement{path}"
    assert made.headers["cache-control"] == "no-cache"
    assert made.headers["last-modified"].endswith("GMT")
    assert {link["rel"]: link["href"] for link in provider["links"]}["usages"] == f"/placement{path}/usages"
    assert (await talk.get(path)).json == provider

    again = await talk.post("/resource_providers", {"name": "host1"})
    assert again.status == 409
    assert again.json["errors"][0]["code"] == "placement.duplicate_name"
    assert (await talk.post("/resource_providers", {"name": "x", "uuid": provider["uuid"]})).status == 409
    assert (await talk.put(path, {"name": "host2"})).json["name"] == "host2"
    assert (await talk.delete(path)).status == 204
    assert (await talk.get(path)).status == 404
    assert (await talk.delete(path)).status == 404


async def test_older_clients_see_what_they_know(talk) -> None:
    made = await talk.at("1.0").post("/resource_providers", {"name": "old"})
    assert (made.status, made.body) == (201, b"")
    [provider] = (await talk.at("1.0").get("/resource_providers")).json["resource_providers"]
    assert sorted(provider) == ["generation", "links", "name", "uuid"]
    assert [link["rel"] for link in provider["links"]] == ["self", "inventories", "usages"]
    assert (await talk.at("1.0").get(f"/resource_providers/{provider['uuid']}/traits")).status == 404
    refused = await talk.at("1.13").post("/resource_providers", {"name": "c", "parent_provider_uuid": provider["uuid"]})
    assert refused.status == 400


async def test_what_is_wrong_is_refused(talk) -> None:
    uuid = await talk.provider("host", {"VCPU": 4})
    path = f"/resource_providers/{uuid}"
    for method, where, body, status in (
        ("POST", "/resource_providers", {}, 400),
        ("POST", "/resource_providers", {"name": ""}, 400),
        ("POST", "/resource_providers", {"name": "a", "uuid": "b"}, 400),
        ("POST", "/resource_providers", {"name": "a", "parent_provider_uuid": ids.uuid()}, 400),
        ("POST", "/resource_providers", None, 400),
        ("GET", "/resource_providers?nonsense=1", None, 400),
        ("GET", "/resource_providers?uuid=x", None, 400),
        ("GET", "/resource_providers?resources=VCPU", None, 400),
        ("GET", "/resource_providers?resources=NOTHING:1", None, 400),
        ("GET", "/resource_providers?required=NO_SUCH", None, 400),
        ("GET", "/resource_providers?member_of=x", None, 400),
        ("GET", "/resource_providers/nowhere", None, 404),
        ("PUT", f"{path}/inventories", {"resource_provider_generation": 1, "inventories": {"NOPE": {"total": 1}}}, 400),
        ("PUT", f"{path}/inventories", {"resource_provider_generation": 1, "inventories": {"VCPU": {"total": 0}}}, 400),
        ("PUT", f"{path}/inventories", {"resource_provider_generation": 0, "inventories": {}}, 409),
        ("PUT", f"{path}/inventories/VCPU", {"resource_provider_generation": 1, "total": 1, "reserved": 2}, 400),
        ("PUT", f"{path}/inventories/DISK_GB", {"resource_provider_generation": 1, "total": 1}, 400),
        ("PUT", f"{path}/inventories/VCPU", {"resource_provider_generation": 1, "total": 10**30}, 400),
        ("POST", f"{path}/inventories", {"resource_class": "VCPU", "total": 1}, 409),
        ("GET", f"{path}/inventories/DISK_GB", None, 404),
        ("DELETE", f"{path}/inventories/DISK_GB", None, 404),
        ("PUT", f"{path}/traits", {"resource_provider_generation": 1, "traits": ["NO_SUCH"]}, 400),
        ("PUT", f"{path}/traits", {"resource_provider_generation": 7, "traits": []}, 409),
        ("PUT", f"{path}/aggregates", {"resource_provider_generation": 1, "aggregates": ["x"]}, 400),
        ("PUT", f"{path}/aggregates", {"resource_provider_generation": 7, "aggregates": []}, 409),
        ("PUT", "/traits/HW_MINE", None, 400),
        ("DELETE", "/traits/HW_CPU_X86_AVX2", None, 400),
        ("GET", "/traits/CUSTOM_NONE", None, 404),
        ("POST", "/resource_classes", {"name": "MINE"}, 400),
        ("DELETE", "/resource_classes/VCPU", None, 400),
        ("DELETE", "/resource_classes/CUSTOM_NONE", None, 404),
    ):
        answer = await talk.request(method, where, body)
        assert answer.status == status, (method, where, body, answer.body)
        assert answer.json["errors"][0]["status"] == status
    before = {"resource_provider_generation": 1, "total": 4, "reserved": 4}
    assert (await talk.at("1.25").put(f"{path}/inventories/VCPU", before)).status == 400
    assert (await talk.put(f"{path}/inventories/VCPU", before)).status == 200


async def test_inventories_are_replaced_as_a_whole_or_one_by_one(talk) -> None:
    uuid = await talk.provider("host")
    path = f"/resource_providers/{uuid}/inventories"
    put = await talk.put(
        path, {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8, "allocation_ratio": 16.0}}}
    )
    assert put.json == {
        "resource_provider_generation": 1,
        "inventories": {
            "VCPU": {
                "total": 8, "reserved": 0, "min_unit": 1, "max_unit": 2147483647, "step_size": 1, "allocation_ratio": 16.0,
            }
        },
    }  # fmt: skip
    made = await talk.post(path, {"resource_class": "DISK_GB", "total": 100, "reserved": 10})
    assert (made.status, made.json["resource_provider_generation"]) == (201, 2)
    one = await talk.put(f"{path}/DISK_GB", {"resource_provider_generation": 2, "total": 50})
    assert (one.json["total"], one.json["reserved"]) == (50, 0)
    assert (await talk.get(f"{path}/DISK_GB")).json["total"] == 50
    assert (await talk.delete(f"{path}/DISK_GB")).status == 204
    assert list((await talk.get(path)).json["inventories"]) == ["VCPU"]
    assert (await talk.at("1.4").delete(path)).status == 404
    assert (await talk.delete(path)).status == 204
    assert (await talk.get(path)).json["inventories"] == {}


async def test_providers_form_trees_without_loops(talk) -> None:
    root, other = await talk.provider("root"), await talk.provider("other")
    child = await talk.provider("child", parent=root)
    grandchild = await talk.provider("grandchild", parent=child)
    shown = (await talk.get(f"/resource_providers/{grandchild}")).json
    assert (shown["parent_provider_uuid"], shown["root_provider_uuid"]) == (child, root)
    tree = (await talk.get(f"/resource_providers?in_tree={child}")).json["resource_providers"]
    assert [one["name"] for one in tree] == ["root", "child", "grandchild"]
    assert (await talk.delete(f"/resource_providers/{child}")).status == 409
    assert (
        await talk.put(f"/resource_providers/{root}", {"name": "root", "parent_provider_uuid": grandchild})
    ).status == 400
    move = {"name": "child", "parent_provider_uuid": other}
    assert (await talk.at("1.36").put(f"/resource_providers/{child}", move)).status == 400
    assert (await talk.put(f"/resource_providers/{child}", move)).status == 200
    assert (await talk.get(f"/resource_providers/{grandchild}")).json["root_provider_uuid"] == other
    assert (await talk.put(f"/resource_providers/{child}", {"name": "c", "parent_provider_uuid": None})).status == 200
    assert (await talk.get(f"/resource_providers/{grandchild}")).json["root_provider_uuid"] == child


async def test_providers_are_found_by_what_they_have(talk) -> None:
    here, there = ids.uuid(), ids.uuid()
    fast = await talk.provider("fast", {"VCPU": 8}, traits=["HW_CPU_X86_AVX2", "STORAGE_DISK_SSD"], aggregates=[here])
    slow = await talk.provider("slow", {"VCPU": 2, "DISK_GB": 10}, traits=["HW_CPU_X86_AVX2"], aggregates=[there])
    await talk.provider("bare")
    for query, expected in {
        "name=fast": ["fast"],
        f"uuid={slow}": ["slow"],
        "resources=VCPU:4": ["fast"],
        "resources=VCPU:1,DISK_GB:1": ["slow"],
        "required=HW_CPU_X86_AVX2": ["fast", "slow"],
        "required=HW_CPU_X86_AVX2,!STORAGE_DISK_SSD": ["slow"],
        "required=in:STORAGE_DISK_SSD,STORAGE_DISK_HDD": ["fast"],
        f"member_of={here}": ["fast"],
        f"member_of=in:{here},{there}": ["fast", "slow"],
        f"member_of=!{here}": ["bare", "slow"],
        f"member_of={here}&member_of={there}": [],
    }.items():
        found = (await talk.get("/resource_providers?" + query)).json["resource_providers"]
        assert sorted(one["name"] for one in found) == expected, query
    for version, query in (
        ("1.13", "in_tree=" + fast),
        ("1.21", "required=!STORAGE_DISK_SSD"),
        ("1.38", "required=in:STORAGE_DISK_SSD"),
        ("1.31", f"member_of=!{here}"),
    ):
        assert (await talk.at(version).get("/resource_providers?" + query)).status == 400


async def test_traits_are_standard_or_custom(talk) -> None:
    assert (await talk.put("/traits/CUSTOM_GOLD")).status == 201
    assert (await talk.put("/traits/CUSTOM_GOLD")).status == 204
    assert (await talk.get("/traits/CUSTOM_GOLD")).status == 204
    assert (await talk.get("/traits?name=startswith:CUSTOM")).json == {"traits": ["CUSTOM_GOLD"]}
    assert (await talk.get("/traits?name=in:CUSTOM_GOLD,HW_CPU_X86_AVX2,NONE")).json["traits"] == [
        "CUSTOM_GOLD",
        "HW_CPU_X86_AVX2",
    ]
    uuid = await talk.provider("host", traits=["CUSTOM_GOLD"])
    assert (await talk.get("/traits?associated=true")).json["traits"] == ["CUSTOM_GOLD"]
    assert (await talk.delete("/traits/CUSTOM_GOLD")).status == 409
    assert (await talk.get(f"/resource_providers/{uuid}/traits")).json["traits"] == ["CUSTOM_GOLD"]
    assert (await talk.delete(f"/resource_providers/{uuid}/traits")).status == 204
    assert (await talk.delete("/traits/CUSTOM_GOLD")).status == 204


async def test_resource_classes_are_standard_or_custom(talk) -> None:
    assert (await talk.put("/resource_classes/CUSTOM_SEAT")).status == 201
    assert (await talk.put("/resource_classes/CUSTOM_SEAT")).status == 204
    assert (await talk.post("/resource_classes", {"name": "CUSTOM_SEAT"})).status == 409
    names = [one["name"] for one in (await talk.get("/resource_classes")).json["resource_classes"]]
    assert names[0] == "VCPU"
    assert names[-1] == "CUSTOM_SEAT"
    uuid = await talk.provider("theatre", {"CUSTOM_SEAT": 300})
    assert (await talk.delete("/resource_classes/CUSTOM_SEAT")).status == 409
    assert (await talk.at("1.6").put("/resource_classes/CUSTOM_SEAT", {"name": "CUSTOM_CHAIR"})).status == 409
    await talk.delete(f"/resource_providers/{uuid}/inventories")
    assert (await talk.at("1.6").put("/resource_classes/CUSTOM_SEAT", {"name": "CUSTOM_CHAIR"})).status == 200
    assert (await talk.get("/resource_classes/CUSTOM_CHAIR")).json["name"] == "CUSTOM_CHAIR"
    assert (await talk.delete("/resource_classes/CUSTOM_CHAIR")).status == 204


async def test_aggregates_have_a_generation_since_1_19(talk) -> None:
    uuid, group = await talk.provider("host"), ids.uuid()
    path = f"/resource_providers/{uuid}/aggregates"
    assert (await talk.at("1.1").put(path, [group])).json == {"aggregates": [group]}
    assert (await talk.get(path)).json == {"aggregates": [group], "resource_provider_generation": 1}
    assert (await talk.at("1.1").put(path, {"aggregates": []})).status == 400
