from __future__ import annotations

import base64
from typing import Any

from tests.conftest import ADMIN_PROJECT, MEMBER_PROJECT, AsgiClient
from tests.life_cloud import LifeCloud


def asked(cloud: LifeCloud, **more: Any) -> dict[str, Any]:
    server = {"name": "one", "flavorRef": "42", "imageRef": cloud.image_id, "networks": "auto"}
    return {"server": server | more}


async def boot(cloud: LifeCloud, client: AsgiClient, **more: Any) -> str:
    made = await client.post("/servers", asked(cloud, **more))
    assert made.status == 202, made.body
    server_id: str = made.json["server"]["id"]
    return server_id


async def test_a_server_is_asked_for_built_shown_and_deleted(cloud: LifeCloud, member: AsgiClient) -> None:
    made = await member.post("/servers", asked(cloud, name="web", metadata={"a": "b"}, tags=["x"], description="d"))
    assert made.status == 202, made.body
    server = made.json["server"]
    assert made.headers["location"] == f"http://cloud.test/compute/v2.1/servers/{server['id']}"
    assert set(server) == {"id", "links", "adminPass", "OS-DCF:diskConfig", "security_groups"}
    assert server["security_groups"] == [{"name": "default"}]

    building = (await member.get(f"/servers/{server['id']}")).json["server"]
    assert (building["status"], building["OS-EXT-STS:vm_state"]) == ("BUILD", "building")
    assert building["OS-EXT-STS:task_state"] == "scheduling"
    assert (building["hostId"], building["addresses"]) == ("", {})

    await cloud.settle()
    shown = (await member.get(f"/servers/{server['id']}")).json["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"], shown["OS-EXT-STS:power_state"]) == ("ACTIVE", None, 1)
    assert (shown["name"], shown["OS-EXT-SRV-ATTR:hostname"]) == ("web", "web")
    assert (shown["metadata"], shown["tags"], shown["description"]) == ({"a": "b"}, ["x"], "d")
    assert shown["flavor"] == {
        "vcpus": 1, "ram": 64, "disk": 0, "ephemeral": 0, "swap": 0, "original_name": "m1.nano", "extra_specs": {},
    }  # fmt: skip
    assert (shown["image"]["id"], shown["image"]["properties"]) == (cloud.image_id, {})
    assert shown["addresses"]["net"][0]["OS-EXT-IPS:type"] == "fixed"
    assert (len(shown["hostId"]), shown["OS-EXT-AZ:availability_zone"]) == (56, "nova")
    assert (shown["tenant_id"], shown["locked"], shown["server_groups"]) == (MEMBER_PROJECT, False, [])
    assert (shown["config_drive"], shown["key_name"], shown["progress"]) == ("", None, 0)
    assert "OS-EXT-SRV-ATTR:host" not in shown
    assert "host_status" not in shown

    assert (await member.delete(f"/servers/{server['id']}")).status == 204
    assert (await member.delete(f"/servers/{server['id']}")).status == 204
    deleting = (await member.get(f"/servers/{server['id']}")).json["server"]
    assert deleting["OS-EXT-STS:task_state"] == "deleting"
    await cloud.settle()
    gone = await member.get(f"/servers/{server['id']}")
    assert gone.json == {"itemNotFound": {"code": 404, "message": f"Instance {server['id']} could not be found."}}
    assert (await member.get("/servers")).json == {"servers": []}


async def test_an_admin_sees_where_it_runs(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    server_id = await boot(cloud, member)
    await cloud.settle()
    shown = (await admin.get(f"/servers/{server_id}")).json["server"]
    assert (shown["OS-EXT-SRV-ATTR:host"], shown["host_status"]) == ("host-1", "UP")
    assert shown["OS-EXT-SRV-ATTR:instance_name"] == f"instance-{server_id}"
    assert (await admin.get("/servers/detail")).json["servers"] == []
    everywhere = (await admin.get("/servers/detail?all_tenants=1")).json["servers"]
    assert [one["id"] for one in everywhere] == [server_id]
    assert (await admin.get(f"/servers?all_tenants=1&project_id={ADMIN_PROJECT}")).json["servers"] == []
    assert (await member.get("/servers?all_tenants=1")).status == 403


async def test_older_versions_show_less(cloud: LifeCloud, member: AsgiClient, old: AsgiClient) -> None:
    server_id = await boot(cloud, member, description="later")
    await cloud.settle()
    shown = (await old.get(f"/servers/{server_id}")).json["server"]
    assert shown["flavor"] == {
        "id": "42", "links": [{"rel": "bookmark", "href": "http://cloud.test/compute/flavors/42"}],
    }  # fmt: skip
    assert "properties" not in shown["image"]
    for later in ("description", "tags", "locked", "server_groups", "trusted_image_certificates", "scheduler_hints"):
        assert later not in shown
    middle = old.using(openstack_api_version="compute 2.46")
    assert (await middle.get(f"/servers/{server_id}")).json["server"]["description"] == "later"
    legacy = old.using(x_openstack_nova_api_version="2.47")
    answer = await legacy.get(f"/servers/{server_id}")
    assert answer.json["server"]["flavor"]["original_name"] == "m1.nano"
    assert ("openstack-api-version", "compute 2.47") in answer.header_list
    assert ("x-openstack-nova-api-version", "2.47") in answer.header_list


async def test_another_projects_server_is_not_there(cloud: LifeCloud, member: AsgiClient, other: AsgiClient) -> None:
    server_id = await boot(cloud, member)
    for method, path, body in (
        ("GET", "", None), ("DELETE", "", None), ("PUT", "", {"server": {"name": "x"}}), ("GET", "/ips", None),
        ("POST", "/action", {"os-stop": None}), ("GET", "/metadata", None), ("GET", "/tags", None),
        ("GET", "/os-interface", None), ("GET", "/os-instance-actions", None), ("GET", "/os-security-groups", None),
        ("POST", "/action", {"os-getConsoleOutput": {}}), ("GET", "/os-server-password", None),
    ):  # fmt: skip
        assert (await other.request(method, f"/servers/{server_id}{path}", body)).status == 404, (method, path)
    assert (await other.get("/servers")).json["servers"] == []


async def test_a_reader_reads(cloud: LifeCloud, member: AsgiClient) -> None:
    reader = member.using("reader")
    server_id = await boot(cloud, member)
    assert (await reader.get(f"/servers/{server_id}")).status == 200
    assert (await reader.post("/servers", asked(cloud))).status == 403
    assert (await reader.delete(f"/servers/{server_id}")).status == 403
    assert (await member.using("nobody").get("/servers")).status == 403


WRONG: tuple[dict[str, Any], ...] = (
    {"name": ""}, {"name": "   "}, {"name": "x" * 256}, {"name": 5}, {"flavorRef": "none"}, {"flavorRef": ""},
    {"imageRef": "none"}, {"imageRef": "00000000-0000-4000-8000-000000000000"}, {"imageRef": ""},
    {"networks": "some"}, {"networks": [{}]}, {"networks": [{"uuid": "x"}]},
    {"networks": [{"uuid": "00000000-0000-4000-8000-000000000000"}]}, {"key_name": "none"}, {"user_data": "é"},
    {"user_data": "A" * 65540}, {"metadata": {"": "x"}}, {"metadata": {"x": 5}}, {"metadata": {"x" * 256: "y"}},
    {"tags": ["a/b"]}, {"tags": ["a,b"]}, {"tags": [""]}, {"tags": [str(n) for n in range(51)]}, {"min_count": 0},
    {"min_count": 3, "max_count": 2}, {"min_count": "x"}, {"max_count": 100000}, {"availability_zone": "nowhere"},
    {"config_drive": "maybe"}, {"security_groups": [{"name": "none"}]}, {"hostname": "a_b"}, {"hostname": "x"},
    {"accessIPv4": "1.2.3"}, {"accessIPv6": "1.2.3.4"}, {"OS-DCF:diskConfig": "some"}, {"description": "\x07"},
    {"personality": []}, {"block_device_mapping_v2": [{"source_type": "volume", "uuid": "v", "boot_index": 0}]},
    {"block_device_mapping_v2": [{"source_type": "blank", "destination_type": "volume", "volume_size": 1}]},
    {"trusted_image_certificates": []}, {"unknown": 1}, {"adminPass": 5},
)  # fmt: skip


async def test_what_cannot_be_a_server_is_refused(cloud: LifeCloud, member: AsgiClient) -> None:
    for wrong in WRONG:
        refused = await member.post("/servers", asked(cloud, **wrong))
        assert refused.status == 400, (wrong, refused.body)
        assert refused.json["badRequest"]["message"]
    assert (await member.get("/servers")).json["servers"] == []


async def test_files_for_a_server_are_few_and_small(cloud: LifeCloud, member: AsgiClient) -> None:
    before = member.using(openstack_api_version="compute 2.56")
    good = {"path": "/a", "contents": "YQ=="}
    for wrong, status in (
        ([good] * 6, 403),
        ([good | {"path": "/" + "a" * 255}], 403),
        ([good | {"contents": "A" * 13656}], 403),
        ([good | {"contents": "no base64."}], 400),
        ([{"path": "/a"}], 400),
    ):
        assert (await before.post("/servers", asked(cloud, personality=wrong))).status == status, wrong
    server_id = await boot(cloud, before, personality=[good] * 5)
    await cloud.settle()
    rebuilt = {"rebuild": {"imageRef": cloud.image_id, "personality": [good | {"contents": "?"}]}}
    assert (await before.post(f"/servers/{server_id}/action", rebuilt)).status == 400
    rebuilt["rebuild"]["personality"] = [good | {"path": "/b"}]
    assert (await before.post(f"/servers/{server_id}/action", rebuilt)).status == 202
    assert (await cloud.server(server_id)).personality == [{"path": "/b", "contents": "YQ=="}]


async def test_every_field_of_the_newest_body_is_kept(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    group = await member.post("/os-server-groups", {"server_group": {"name": "g", "policy": "anti-affinity"}})
    group_id = group.json["server_group"]["id"]
    user_data = base64.b64encode(b"#!/bin/sh\n").decode()
    body = asked(
        cloud,
        name=" full ",
        networks=[{"uuid": cloud.network_id, "fixed_ip": "10.0.0.77", "tag": "front"}],
        user_data=user_data,
        config_drive=True,
        hostname="full.example.org",
        accessIPv4="192.0.2.1",
        accessIPv6="2001:0db8:0:0:0::1",
        availability_zone="nova",
        security_groups=[{"name": "default"}],
        trusted_image_certificates=["0b5d2c72-12cc-4ba6-a8d7-3ff5cc1d8cb8"],
        **{"OS-DCF:diskConfig": "AUTO"},
    ) | {"os:scheduler_hints": {"group": group_id}}
    made = await member.post("/servers", body)
    assert made.status == 202, made.body
    server_id = made.json["server"]["id"]
    await cloud.settle()
    shown = (await member.get(f"/servers/{server_id}")).json["server"]
    assert (shown["name"], shown["OS-EXT-SRV-ATTR:hostname"]) == ("full", "full.example.org")
    assert shown["addresses"]["net"][0]["addr"] == "10.0.0.77"
    assert (shown["accessIPv4"], shown["accessIPv6"]) == ("192.0.2.1", "2001:db8::1")
    assert (shown["config_drive"], shown["OS-DCF:diskConfig"]) == ("True", "AUTO")
    assert (shown["server_groups"], shown["scheduler_hints"]) == ([group_id], {"group": [group_id]})
    assert (shown["pinned_availability_zone"], shown["status"]) == ("nova", "ACTIVE")
    assert shown["trusted_image_certificates"] == ["0b5d2c72-12cc-4ba6-a8d7-3ff5cc1d8cb8"]
    assert (await admin.get(f"/servers/{server_id}")).json["server"]["OS-EXT-SRV-ATTR:user_data"] == user_data
    interface = (await member.get(f"/servers/{server_id}/os-interface")).json["interfaceAttachments"][0]
    assert (interface["tag"], interface["net_id"]) == ("front", cloud.network_id)
    members = (await member.get(f"/os-server-groups/{group_id}")).json["server_group"]["members"]
    assert members == [server_id]


async def test_many_at_once_are_numbered_and_share_a_reservation(cloud: LifeCloud, member: AsgiClient) -> None:
    made = await member.post("/servers", asked(cloud, min_count=2, max_count=3, return_reservation_id=True))
    reservation = made.json["reservation_id"]
    found = (await member.get(f"/servers?reservation_id={reservation}&sort_key=display_name&sort_dir=asc")).json
    assert [one["name"] for one in found["servers"]] == ["one-1", "one-2", "one-3"]


async def test_quota_is_what_the_rows_say(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    limit = {"quota_set": {"instances": 2, "cores": 10}}
    assert (await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}", limit)).json["quota_set"]["instances"] == 2
    made = await member.post("/servers", asked(cloud, min_count=1, max_count=5))
    assert made.status == 202
    assert len((await member.get("/servers")).json["servers"]) == 2
    over = await member.post("/servers", asked(cloud))
    message = "Quota exceeded for instances: Requested 1, but already used 2 of 2 instances"
    assert over.json == {"forbidden": {"code": 403, "message": message}}
    absolute = (await member.get("/limits")).json["limits"]["absolute"]
    assert (absolute["totalInstancesUsed"], absolute["totalCoresUsed"], absolute["totalRAMUsed"]) == (2, 2, 128)
    low = await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}", {"quota_set": {"instances": 1}})
    assert low.status == 400
    forced = {"quota_set": {"instances": 1, "force": True}}
    assert (await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}", forced)).status == 200
    await member.delete(f"/servers/{made.json['server']['id']}")
    await cloud.settle()
    assert (await member.get("/limits")).json["limits"]["absolute"]["totalInstancesUsed"] == 1


async def test_only_admins_choose_the_host(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    assert (await member.post("/servers", asked(cloud, availability_zone="nova:host-1"))).status == 403
    assert (await member.post("/servers", asked(cloud, host="host-1"))).status == 403
    assert (await admin.post("/servers", asked(cloud, host="host-9", networks="none"))).status == 400
    for chosen in ({"availability_zone": "nova:host-1"}, {"host": "host-1"}, {"hypervisor_hostname": "host-1"}):
        server_id = await boot(cloud, admin, networks="none", **chosen)
        await cloud.settle()
        shown = (await admin.get(f"/servers/{server_id}")).json["server"]
        assert (shown["status"], shown["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "host-1"), chosen


async def test_a_server_is_renamed_and_described(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await boot(cloud, member)
    changes = {"name": " new ", "description": None, "accessIPv4": "192.0.2.9", "hostname": "h.example.org"}
    updated = await member.put(f"/servers/{server_id}", {"server": changes})
    assert updated.status == 200
    assert (updated.json["server"]["name"], updated.json["server"]["accessIPv4"]) == ("new", "192.0.2.9")
    assert updated.json["server"]["OS-EXT-STS:vm_state"] == "building"
    before = member.using(openstack_api_version="compute 2.74")
    shown = (await before.put(f"/servers/{server_id}", {"server": {"name": "newer"}})).json["server"]
    assert shown["name"] == "newer"
    assert "OS-EXT-STS:vm_state" not in shown
    assert (await member.put(f"/servers/{server_id}", {"server": {"status": "ACTIVE"}})).status == 400


async def test_without_networks_before_2_37_there_may_be_none(cloud: LifeCloud, old: AsgiClient) -> None:
    body = asked(cloud)
    del body["server"]["networks"]
    assert (await old.post("/servers", body)).status == 202
    newest = old.using(openstack_api_version="compute 2.37")
    assert (await newest.post("/servers", body)).status == 400
    nowhere = old.using("other")
    assert (await nowhere.post("/servers", body)).status == 202
    auto = nowhere.using(openstack_api_version="compute 2.37")
    assert (await auto.post("/servers", asked(cloud))).status == 400


async def test_an_image_must_fit_its_flavor(cloud: LifeCloud, member: AsgiClient) -> None:
    images = cloud.http.using("member", "/image")
    big = {"name": "big", "disk_format": "raw", "container_format": "bare", "min_ram": 100, "min_disk": 5}
    image_id = (await images.post("/v2/images", big)).json["id"]
    refused = await member.post("/servers", asked(cloud, imageRef=image_id))
    assert "is not active" in refused.json["badRequest"]["message"]
    await images.put(
        f"/v2/images/{image_id}/file", content=b"\0" * 512, headers={"content-type": "application/octet-stream"}
    )
    refused = await member.post("/servers", asked(cloud, imageRef=image_id))
    assert refused.json["badRequest"]["message"] == "Flavor's memory is too small for requested image."
    refused = await member.post("/servers", asked(cloud, imageRef=image_id, flavorRef="1"))
    assert "Flavor's disk is smaller" in refused.json["badRequest"]["message"]
    assert (await member.post("/servers", asked(cloud, imageRef=image_id, flavorRef="2"))).status == 202
