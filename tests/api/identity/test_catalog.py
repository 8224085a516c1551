"""Regions, services, endpoints, and how they show in the catalog."""

from __future__ import annotations

from typing import Any


async def test_a_new_endpoint_is_in_the_next_catalog(cloud: Any) -> None:
    admin = await cloud.as_admin()
    service = await cloud.make("service", type="dns", name="designate", description="names")
    assert service["description"] == "names" and service["enabled"] is True
    region = await cloud.make("region", id="north", description="cold")
    url = "$(public_url)s/dns/%(tenant_id)s/"
    endpoint = await cloud.make("endpoint", service_id=service["id"], interface="public", region_id="north", url=url)
    assert endpoint["url"] == "http://cloud.test/dns/%(tenant_id)s/"
    token = (await cloud.login("demo", scope=cloud.on("demo"))).json["token"]
    shown = next(s for s in token["catalog"] if s["type"] == "dns")["endpoints"][0]
    assert shown == {
        "id": endpoint["id"], "interface": "public", "region": "north", "region_id": "north",
        "url": f"http://cloud.test/dns/{token['project']['id']}/",
    }  # fmt: skip
    path = f"/v3/endpoints/{endpoint['id']}"
    assert (await admin.patch(path, {"endpoint": {"enabled": False}})).json["endpoint"]["enabled"] is False
    token = (await cloud.login("demo", scope=cloud.on("demo"))).json["token"]
    assert next(s for s in token["catalog"] if s["type"] == "dns")["endpoints"] == []
    assert (await admin.delete(f"/v3/regions/{region['id']}")).status == 403
    assert (await admin.delete(f"/v3/services/{service['id']}")).status == 204
    assert (await admin.get(path)).status == 404
    assert (await admin.delete(f"/v3/regions/{region['id']}")).status == 204


async def test_filters_of_the_catalog(cloud: Any) -> None:
    admin = await cloud.as_admin()
    compute = (await admin.get("/v3/services?type=compute")).json["services"]
    assert [s["name"] for s in compute] == ["nova"]
    assert len((await admin.get(f"/v3/endpoints?service_id={compute[0]['id']}")).json["endpoints"]) == 1
    assert len((await admin.get("/v3/endpoints?interface=public")).json["endpoints"]) == 3
    assert (await admin.get("/v3/endpoints?region_id=south")).json["endpoints"] == []
    child = await cloud.make("region", parent_region_id="RegionOne")
    assert [r["id"] for r in (await admin.get("/v3/regions?parent_region_id=RegionOne")).json["regions"]] == [
        child["id"]
    ]
    assert (await (await cloud.as_demo()).get("/v3/regions")).status == 200


async def test_what_is_wrong_with_the_catalog_is_refused(cloud: Any) -> None:
    admin = await cloud.as_admin()
    service = (await admin.get("/v3/services?type=compute")).json["services"][0]["id"]
    good = {"service_id": service, "interface": "public", "url": "http://x"}
    for more, status in (
        ({"interface": "secret"}, 400), ({"url": "$(password)s"}, 400), ({"url": ""}, 400), ({"url": None}, 400),
        ({"service_id": "nothing"}, 404), ({"region_id": "nowhere"}, 404), ({"enabled": "x"}, 400),
    ):  # fmt: skip
        assert (await admin.post("/v3/endpoints", {"endpoint": good | more})).status == status, more
    assert (await admin.post("/v3/regions", {"region": {"id": "RegionOne"}})).status == 409
    assert (await admin.post("/v3/regions", {"region": {"parent_region_id": "nowhere"}})).status == 404
    assert (await admin.patch("/v3/regions/RegionOne", {"region": {"parent_region_id": "RegionOne"}})).status == 400
    assert (await admin.post("/v3/services", {"service": {"name": "x"}})).status == 400


async def test_a_region_is_made_under_a_chosen_id(cloud: Any) -> None:
    admin = await cloud.as_admin()
    made = await admin.put("/v3/regions/west", {"region": {"description": "wet"}})
    assert (made.status, made.json["region"]["id"], made.json["region"]["description"]) == (201, "west", "wet")
    assert (await admin.put("/v3/regions/west", {"region": {}})).status == 409
    assert (await admin.put("/v3/regions/east", {"region": {"id": "west"}})).status == 400


async def test_an_endpoint_makes_the_region_it_names_the_old_way(cloud: Any) -> None:
    admin = await cloud.as_admin()
    service = (await admin.get("/v3/services?type=compute")).json["services"][0]["id"]
    endpoint = await cloud.make("endpoint", service_id=service, interface="internal", region="old", url="http://x")
    assert (endpoint["region"], endpoint["region_id"]) == ("old", "old")
    assert (await admin.get("/v3/regions/old")).status == 200
    path = f"/v3/endpoints/{endpoint['id']}"
    assert (await admin.patch(path, {"endpoint": {"region": "older"}})).json["endpoint"]["region_id"] == "older"
    assert (await admin.patch(path, {"endpoint": {"region_id": "oldest"}})).status == 404
