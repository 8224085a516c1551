from __future__ import annotations

from tests.conftest import MEMBER_PROJECT, AsgiClient


async def test_a_new_cloud_has_flavors_and_they_come_with_all_they_are(member: AsgiClient, old: AsgiClient) -> None:
    flavors = (await member.get("/flavors/detail")).json["flavors"]
    assert [one["name"] for one in flavors] == [
        "m1.tiny", "m1.small", "m1.medium", "m1.large", "m1.nano", "m1.xlarge", "m1.micro",
    ]  # fmt: skip
    nano = next(one for one in flavors if one["id"] == "42")
    assert nano == {
        "id": "42", "name": "m1.nano", "ram": 64, "disk": 0, "swap": 0, "vcpus": 1,
        "OS-FLV-EXT-DATA:ephemeral": 0, "os-flavor-access:is_public": True,
        "description": None, "extra_specs": {},
        "links": [
            {"rel": "self", "href": "http://cloud.test/compute/v2.1/flavors/42"},
            {"rel": "bookmark", "href": "http://cloud.test/compute/flavors/42"},
        ],
    }  # fmt: skip
    before = (await old.get("/flavors/42")).json["flavor"]
    assert (before["swap"], before["rxtx_factor"], before["OS-FLV-DISABLED:disabled"]) == ("", 1.0, False)
    assert "description" not in before
    assert "extra_specs" not in before


async def test_a_list_is_picked_sorted_and_paged(member: AsgiClient) -> None:
    big = (await member.get("/flavors?minRam=4096&minDisk=80&sort_key=memory_mb&sort_dir=desc")).json["flavors"]
    assert [one["id"] for one in big] == ["5", "4"]
    page = (await member.get("/flavors?limit=2")).json
    assert [one["id"] for one in page["flavors"]] == ["1", "2"]
    following = page["flavors_links"][0]["href"]
    assert following == "http://cloud.test/compute/v2.1/flavors?limit=2&marker=2"
    assert [one["id"] for one in (await member.get("/flavors?limit=2&marker=2")).json["flavors"]] == ["3", "4"]
    assert (await member.get("/flavors?marker=none")).status == 400
    assert (await member.get("/flavors?limit=-1")).status == 400
    assert (await member.get("/flavors?minRam=much")).status == 400
    assert (await member.get("/flavors?sort_key=secret")).status == 400


async def test_flavors_are_found_by_name_since_2_102(member: AsgiClient) -> None:
    for path in ("/flavors", "/flavors/detail"):
        assert [one["id"] for one in (await member.get(f"{path}?name=m1.small")).json["flavors"]] == ["2"]
    assert (await member.get("/flavors?name=m1.none")).json == {"flavors": []}
    assert (await member.get("/flavors?sort_key=rxtx_factor")).status == 400
    for version, status in (("2.101", 400), ("2.74", 200)):
        answer = await member.using(openstack_api_version=f"compute {version}").get("/flavors?name=m1.small")
        assert answer.status == status, version
        assert status == 400 or len(answer.json["flavors"]) == 7, "it was ignored then"


async def test_an_admin_makes_describes_and_deletes_one(admin: AsgiClient, member: AsgiClient) -> None:
    asked = {"name": "own", "ram": "128", "vcpus": 1, "disk": 0, "id": "own.1"}
    assert (await member.post("/flavors", {"flavor": asked})).status == 403
    made = await admin.post("/flavors", {"flavor": asked})
    assert (made.status, made.json["flavor"]["id"], made.json["flavor"]["ram"]) == (200, "own.1", 128)
    again = await admin.post("/flavors", {"flavor": asked | {"id": "own.2"}})
    assert again.json == {"conflictingRequest": {"code": 409, "message": "Flavor with name own already exists."}}
    assert (await admin.post("/flavors", {"flavor": asked | {"name": "other"}})).status == 409
    described = await admin.put("/flavors/own.1", {"flavor": {"description": "mine"}})
    assert described.json["flavor"]["description"] == "mine"
    assert (await admin.delete("/flavors/own.1")).status == 202
    gone = await member.get("/flavors/own.1")
    assert gone.json == {"itemNotFound": {"code": 404, "message": "Flavor own.1 could not be found."}}


async def test_what_is_no_flavor_is_refused(admin: AsgiClient) -> None:
    good = {"name": "x", "ram": 1, "vcpus": 1, "disk": 0}
    for wrong in ({"ram": 0}, {"ram": 2**31}, {"ram": "0"}, {"vcpus": -1}, {"name": ""}, {"name": " x"}, {"id": "a/b"},
                  {"disk": "-1"}, {"rxtx_factor": 2}, {"colour": "red"}, {"swap": "9999999999"}):  # fmt: skip
        assert (await admin.post("/flavors", {"flavor": good | wrong})).status == 400, wrong
    before = admin.using(openstack_api_version="compute 2.101")
    assert (await before.post("/flavors", {"flavor": good | {"rxtx_factor": 0}})).status == 400
    made = (await before.post("/flavors", {"flavor": good | {"rxtx_factor": "2.0"}})).json["flavor"]
    assert made["rxtx_factor"] == 2.0


async def test_a_private_flavor_is_seen_by_those_who_may_use_it(
    admin: AsgiClient, member: AsgiClient, other: AsgiClient
) -> None:
    asked = {"name": "private", "ram": 1, "vcpus": 1, "disk": 0, "id": "p", "os-flavor-access:is_public": False}
    await admin.post("/flavors", {"flavor": asked})
    assert (await member.get("/flavors/p")).status == 404
    granted = await admin.post("/flavors/p/action", {"addTenantAccess": {"tenant": MEMBER_PROJECT}})
    assert {"flavor_id": "p", "tenant_id": MEMBER_PROJECT} in granted.json["flavor_access"]
    assert (await admin.post("/flavors/p/action", {"addTenantAccess": {"tenant": MEMBER_PROJECT}})).status == 409
    assert (await member.post("/flavors/p/action", {"addTenantAccess": {"tenant": MEMBER_PROJECT}})).status == 403
    assert (await member.get("/flavors/p")).status == 200
    assert (await other.get("/flavors/p")).status == 404
    ids = {one["id"] for one in (await admin.get("/flavors?is_public=None")).json["flavors"]}
    assert {"p", "1"} <= ids
    assert [one["id"] for one in (await admin.get("/flavors?is_public=False")).json["flavors"]] == ["p"]
    assert (await admin.get("/flavors?is_public=perhaps")).status == 400
    taken = await admin.post("/flavors/p/action", {"removeTenantAccess": {"tenant": MEMBER_PROJECT}})
    assert taken.status == 200
    assert (await admin.post("/flavors/p/action", {"removeTenantAccess": {"tenant": MEMBER_PROJECT}})).status == 404
    assert (await admin.get("/flavors/1/os-flavor-access")).status == 404


async def test_extra_specs_come_and_go(admin: AsgiClient, member: AsgiClient) -> None:
    specs = {"extra_specs": {"hw:cpu_policy": "shared", "aggregate:ssd": True}}
    added = await admin.post("/flavors/1/os-extra_specs", specs)
    assert added.json == {"extra_specs": {"hw:cpu_policy": "shared", "aggregate:ssd": "True"}}
    assert (await member.get("/flavors/1/os-extra_specs/hw:cpu_policy")).json == {"hw:cpu_policy": "shared"}
    put = await admin.put("/flavors/1/os-extra_specs/hw:cpu_policy", {"hw:cpu_policy": "dedicated"})
    assert put.json == {"hw:cpu_policy": "dedicated"}
    assert (await admin.put("/flavors/1/os-extra_specs/a", {"b": "c"})).status == 400
    assert (await admin.delete("/flavors/1/os-extra_specs/aggregate:ssd")).status == 200
    assert (await admin.delete("/flavors/1/os-extra_specs/aggregate:ssd")).status == 404
    assert (await member.get("/flavors/1/os-extra_specs")).json == {"extra_specs": {"hw:cpu_policy": "dedicated"}}
    assert (await admin.post("/flavors/1/os-extra_specs", {"extra_specs": {"a/b": "c"}})).status == 400


async def test_a_list_without_details_has_no_swap_at_any_version(old: AsgiClient) -> None:
    answer = await old.get("/flavors?limit=1")
    assert answer.status == 200 and set(answer.json["flavors"][0]) == {"id", "name", "links"}
