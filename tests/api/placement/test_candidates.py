"""GET /allocation_candidates."""

import pytest

from wolke.core import ids


async def test_a_host_with_room_is_a_candidate(talk) -> None:
    host = await talk.provider("host", {"VCPU": 4, "MEMORY_MB": 1024}, traits=["COMPUTE_NODE"])
    await talk.provider("full", {"VCPU": 1, "MEMORY_MB": 1024})
    answer = await talk.get("/allocation_candidates?resources=VCPU:2,MEMORY_MB:512&required=COMPUTE_NODE")
    assert answer.json == {
        "allocation_requests": [
            {"allocations": {host: {"resources": {"VCPU": 2, "MEMORY_MB": 512}}}, "mappings": {"": [host]}}
        ],
        "provider_summaries": {
            host: {
                "resources": {"VCPU": {"capacity": 4, "used": 0}, "MEMORY_MB": {"capacity": 1024, "used": 0}},
                "traits": ["COMPUTE_NODE"],
                "parent_provider_uuid": None,
                "root_provider_uuid": host,
            }
        },
    }
    [request] = answer.json["allocation_requests"]
    body = {"project_id": "p", "user_id": "u", "consumer_generation": None, "consumer_type": "INSTANCE", **request}
    assert (await talk.put(f"/allocations/{ids.uuid()}", body)).status == 204


async def test_older_clients_see_what_they_know(talk) -> None:
    host = await talk.provider("host", {"VCPU": 4, "DISK_GB": 5}, traits=["COMPUTE_NODE"])
    path = "/allocation_candidates?resources=VCPU:1"
    old = (await talk.at("1.10").get(path)).json
    assert old["allocation_requests"] == [
        {"allocations": [{"resource_provider": {"uuid": host}, "resources": {"VCPU": 1}}]}
    ]
    assert old["provider_summaries"] == {host: {"resources": {"VCPU": {"capacity": 4, "used": 0}}}}
    assert "traits" in (await talk.at("1.17").get(path)).json["provider_summaries"][host]
    assert "DISK_GB" in (await talk.at("1.27").get(path)).json["provider_summaries"][host]["resources"]
    assert "mappings" not in (await talk.at("1.33").get(path)).json["allocation_requests"][0]
    assert (await talk.at("1.9").get(path)).status == 404


async def placed(talk, query: str) -> list[dict]:
    answer = await talk.get("/allocation_candidates?" + query)
    assert answer.status == 200, answer.body
    return [
        {uuid: one["resources"] for uuid, one in request["allocations"].items()}
        for request in answer.json["allocation_requests"]
    ]


async def test_a_tree_fulfils_a_request_together(talk) -> None:
    root = await talk.provider("root", {"MEMORY_MB": 100})
    numa = [
        await talk.provider(f"numa{n}", {"VCPU": 2}, parent=root, traits=t)
        for n, t in enumerate([[], ["HW_NUMA_ROOT"]])
    ]
    either = await placed(talk, "resources=MEMORY_MB:10,VCPU:1")
    assert sorted(map(str, either)) == sorted(str({root: {"MEMORY_MB": 10}, one: {"VCPU": 1}}) for one in numa)
    assert await placed(talk, "resources=MEMORY_MB:10,VCPU:1&required=HW_NUMA_ROOT") == [
        {root: {"MEMORY_MB": 10}, numa[1]: {"VCPU": 1}}
    ]
    assert await placed(talk, "resources=VCPU:3") == []
    spread = await placed(talk, "resources_A=VCPU:1&resources_B=VCPU:1&group_policy=isolate")
    assert all(len(one) == 2 for one in spread)
    assert {numa[0]: {"VCPU": 2}} in await placed(talk, "resources1=VCPU:1&resources2=VCPU:1&group_policy=none")
    assert await placed(talk, "resources1=VCPU:2&resources2=VCPU:2&group_policy=isolate&limit=1") != []
    assert await placed(talk, "resources1=VCPU:1&required1=!HW_NUMA_ROOT") == [{numa[0]: {"VCPU": 1}}]
    assert await placed(talk, "resources=MEMORY_MB:1&root_required=HW_NUMA_ROOT") == []
    subtree = "resources_A=VCPU:1&resources_B=VCPU:1&group_policy=none&same_subtree=_A,_B"
    assert all(len(one) == 1 for one in await placed(talk, subtree))
    assert (await talk.at("1.28").get("/allocation_candidates?resources=VCPU:1")).json["allocation_requests"] == []


async def test_a_shared_disk_is_used_by_the_hosts_of_its_aggregate(talk) -> None:
    group = ids.uuid()
    disk = await talk.provider("disk", {"DISK_GB": 100}, traits=["MISC_SHARES_VIA_AGGREGATE"], aggregates=[group])
    near = await talk.provider("near", {"VCPU": 4}, aggregates=[group])
    await talk.provider("far", {"VCPU": 4})
    assert await placed(talk, "resources=VCPU:1,DISK_GB:10") == [{near: {"VCPU": 1}, disk: {"DISK_GB": 10}}]
    assert await placed(talk, f"resources=VCPU:1&member_of={group}") == [{near: {"VCPU": 1}}]
    assert await placed(talk, f"resources=VCPU:1&in_tree={near}") == [{near: {"VCPU": 1}}]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_wrong_is_refused(talk) -> None:
    for query in (
        "", "resources=", "resources=VCPU", "resources=VCPU:0", "resources=VCPU:1,VCPU:1", "resources=NOPE:1",
        "resources=VCPU:99999999999", "resources=VCPU:1&resources=VCPU:2", "resources=VCPU:1&limit=0", "resources=VCPU:1&limit=x",
        "resources=VCPU:1&required=NOPE", "resources=VCPU:1&required=", "resources=VCPU:1&required=HW_NUMA_ROOT,!HW_NUMA_ROOT",
        "resources=VCPU:1&member_of=x", "resources=VCPU:1&in_tree=x", "resources=VCPU:1&nonsense=1",
        "resources=VCPU:1&group_policy=odd", "resources1=VCPU:1&resources2=VCPU:1", "required=HW_NUMA_ROOT",
        "resources=VCPU:1&required1=HW_NUMA_ROOT", "resources1=VCPU:1&same_subtree=_X", "resources=VCPU:1&root_required=NOPE",
    ):  # fmt: skip
        answer = await talk.get("/allocation_candidates?" + query)
        assert answer.status == 400, (query, answer.body)
    for version, query in (
        ("1.15", "limit=1"),
        ("1.16", "required=HW_NUMA_ROOT"),
        ("1.24", "resources1=VCPU:1"),
        ("1.32", "resources_A=VCPU:1"),
        ("1.34", "root_required=HW_NUMA_ROOT"),
    ):
        assert (await talk.at(version).get(f"/allocation_candidates?resources=VCPU:1&{query}")).status == 400
