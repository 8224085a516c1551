from __future__ import annotations

import re

from tests.api.compute.test_servers import boot
from tests.conftest import ADMIN_PROJECT, MEMBER_PROJECT, AsgiClient
from tests.life_cloud import LifeCloud
from wolke.compute.api import ROUTES
from wolke.compute.versions import VERSIONS


async def test_discovery_tells_the_versions(cloud: LifeCloud) -> None:
    anyone = cloud.http.using(prefix="/compute")
    version = (await anyone.get("/")).json["versions"][-1]
    assert (version["id"], version["min_version"], version["status"]) == ("v2.1", "2.1", "CURRENT")
    assert version["links"] == [{"rel": "self", "href": "http://cloud.test/compute/v2.1/"}]
    one = (await anyone.get("/v2.1/")).json["version"]
    assert (one["version"], one["links"][0]["rel"]) == ("2.104", "self")
    member = cloud.http.using("member", "/compute/v2.1")
    for asked, status in (("2.104", 200), ("2.105", 406), ("3.0", 406), ("2.0", 406), ("x", 400), ("latest", 200)):
        answer = await member.get("/flavors", headers={"openstack-api-version": f"compute {asked}"})
        assert answer.status == status, asked
    assert (await member.get("/extensions")).status == 200


async def test_no_query_has_what_is_not_known(admin: AsgiClient) -> None:
    """Said in one place for all that is read; some lists were strict before."""
    for route in ROUTES:
        if route.method != "GET" or not route.auth or not route.served(VERSIONS.maximum):
            continue
        path = re.sub(r"\{\w+\}", "1", route.path.removeprefix("/v2.1"))
        answer = await admin.get(f"{path}?colour=red")
        assert (answer.status, "'colour' was unexpected" in str(answer.json)) == (400, True), path
    for path, version, status in (
        ("/os-aggregates?colour=red", "2.101", 200),
        ("/os-services?colour=red", "2.74", 200),
        ("/os-services?colour=red", "2.75", 400),
        ("/os-hypervisors?colour=red", "2.53", 400),
        ("/os-migrations?user_id=x", "2.79", 400),
        ("/os-migrations?user_id=x", "2.80", 200),
    ):
        asked = admin.using(openstack_api_version=f"compute {version}")
        assert (await asked.get(path)).status == status, (path, version)


async def test_hypervisors_through_the_ages(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    server_id = await boot(cloud, member)
    await cloud.settle()
    assert (await member.get("/os-hypervisors")).status == 403
    brief = (await admin.get("/os-hypervisors?with_servers=true")).json["hypervisors"][0]
    assert (brief["hypervisor_hostname"], brief["state"], brief["status"]) == ("host-1", "up", "enabled")
    assert brief["servers"] == [{"name": f"instance-{server_id}", "uuid": server_id}]
    newest = (await admin.get(f"/os-hypervisors/{brief['id']}")).json["hypervisor"]
    assert "vcpus" not in newest
    assert newest["service"]["id"] == brief["id"]
    at_2_87 = admin.using(openstack_api_version="compute 2.87")
    before = (await at_2_87.get(f"/os-hypervisors/{brief['id']}")).json["hypervisor"]
    assert (before["running_vms"], before["vcpus_used"], before["memory_mb_used"]) == (1, 1, 64)
    assert isinstance(before["cpu_info"], dict)
    assert (await at_2_87.get(f"/os-hypervisors/{brief['id']}/uptime")).status == 200
    statistics = (await at_2_87.get("/os-hypervisors/statistics")).json["hypervisor_statistics"]
    assert (statistics["count"], statistics["running_vms"]) == (1, 1)
    assert (await admin.get("/os-hypervisors/statistics")).status == 404
    first = admin.using(openstack_api_version="compute 2.1")
    oldest = (await first.get("/os-hypervisors/detail")).json["hypervisors"][0]
    assert isinstance(oldest["id"], int)
    assert isinstance(oldest["cpu_info"], str)
    assert (await first.get(f"/os-hypervisors/{oldest['id']}")).status == 200
    assert (await first.get("/os-hypervisors/host/servers")).json["hypervisors"][0]["servers"][0]["uuid"] == server_id
    assert (await first.get("/os-hypervisors/nothing/search")).status == 404
    assert (await admin.get("/os-hypervisors?hypervisor_hostname_pattern=st-1")).json["hypervisors"]
    assert (await admin.get("/os-hypervisors?hypervisor_hostname_pattern=zzz")).status == 404
    assert (await admin.get("/os-hypervisors?limit=1")).json["hypervisors_links"]
    assert (await admin.get("/os-hypervisors/1")).status == 400
    assert (await admin.get("/os-hypervisors/00000000-0000-4000-8000-000000000000")).status == 404


async def test_a_service_is_disabled_and_forced_down(cloud: LifeCloud, admin: AsgiClient, member: AsgiClient) -> None:
    service = (await admin.get("/os-services?binary=nova-compute")).json["services"][0]
    assert (service["host"], service["zone"], service["status"], service["state"]) == (
        "host-1",
        "nova",
        "enabled",
        "up",
    )
    at = f"/os-services/{service['id']}"
    assert (await member.put(at, {"status": "disabled"})).status == 403
    off = await admin.put(at, {"status": "disabled", "disabled_reason": "repair"})
    assert (off.json["service"]["status"], off.json["service"]["disabled_reason"]) == ("disabled", "repair")
    server_id = await boot(cloud, member)
    await cloud.settle()
    failed = (await member.get(f"/servers/{server_id}")).json["server"]
    assert failed["status"] == "ERROR"
    assert failed["fault"]["code"] == 500
    assert failed["fault"]["message"]
    assert (await admin.put(at, {"forced_down": True})).json["service"]["state"] == "down"
    assert (await admin.put(at, {})).status == 400
    assert (await admin.put(at, {"status": "enabled", "disabled_reason": "x"})).status == 400
    assert (await admin.put("/os-services/1", {"status": "enabled"})).status == 400
    first = admin.using(openstack_api_version="compute 2.1")
    named = {"host": "host-1", "binary": "nova-compute"}
    assert (await first.put("/os-services/enable", named)).json["service"]["status"] == "enabled"
    assert (await first.put("/os-services/disable-log-reason", named | {"disabled_reason": "y"})).status == 200
    assert (await first.put("/os-services/enable", named | {"host": "none"})).status == 404
    assert "forced_down" not in (await first.get("/os-services")).json["services"][0]


async def test_an_aggregate_makes_a_zone(cloud: LifeCloud, admin: AsgiClient, member: AsgiClient) -> None:
    zones = (await member.get("/os-availability-zone")).json["availabilityZoneInfo"]
    assert zones == [{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}]
    made = await admin.post("/os-aggregates", {"aggregate": {"name": "ssd", "availability_zone": "zone-1"}})
    assert made.status == 200
    at = f"/os-aggregates/{made.json['aggregate']['id']}"
    assert (await admin.post("/os-aggregates", {"aggregate": {"name": "ssd"}})).status == 409
    assert (await admin.post(f"{at}/action", {"add_host": {"host": "none"}})).status == 404
    assert (await admin.post(f"{at}/action", {"add_host": {"host": "host-1"}})).json["aggregate"]["hosts"] == ["host-1"]
    assert (await admin.post(f"{at}/action", {"add_host": {"host": "host-1"}})).status == 409
    assert (await member.get("/os-availability-zone/detail")).status == 403
    detail = (await admin.get("/os-availability-zone/detail")).json["availabilityZoneInfo"][0]
    assert (detail["zoneName"], list(detail["hosts"])) == ("zone-1", ["host-1"])
    server_id = await boot(cloud, member, availability_zone="zone-1")
    await cloud.settle()
    assert (await member.get(f"/servers/{server_id}")).json["server"]["OS-EXT-AZ:availability_zone"] == "zone-1"
    assert (await admin.put(at, {"aggregate": {"availability_zone": "zone-2"}})).status == 409
    assert (await admin.put(at, {"aggregate": {"name": "fast"}})).json["aggregate"]["name"] == "fast"
    metadata = {"set_metadata": {"metadata": {"ssd": "true", "none": None}}}
    changed = (await admin.post(f"{at}/action", metadata)).json["aggregate"]["metadata"]
    assert changed == {"availability_zone": "zone-1", "ssd": "true"}
    assert (await admin.delete(at)).status == 400
    assert (await admin.post(f"{at}/action", {"remove_host": {"host": "host-1"}})).status == 409
    await member.delete(f"/servers/{server_id}")
    await cloud.settle()
    assert (await admin.post(f"{at}/action", {"remove_host": {"host": "host-1"}})).status == 200
    assert (await admin.delete(at)).status == 200
    assert (await admin.get(at)).status == 404
    assert (await member.get("/os-aggregates")).status == 403
    assert (await admin.get("/os-aggregates/x")).status == 404


async def test_a_server_is_let_go_of_its_zone_and_pinned_to_it_again(
    cloud: LifeCloud, admin: AsgiClient, member: AsgiClient
) -> None:
    await admin.post("/os-aggregates", {"aggregate": {"name": "ssd", "availability_zone": "zone-1"}})
    await admin.post("/os-aggregates/1/action", {"add_host": {"host": "host-1"}})
    path = f"/servers/{await boot(cloud, member, availability_zone='zone-1')}"

    async def pin(zone: str | None, client: AsgiClient = member) -> tuple[int, object]:
        answer = await client.put(path, {"server": {"pinned_availability_zone": zone}})
        shown = (await member.get(path)).json["server"]["pinned_availability_zone"]
        assert answer.status != 200 or answer.json["server"]["pinned_availability_zone"] == shown
        return answer.status, shown

    assert await pin(None) == (200, None)
    assert await pin("zone-1") == (409, None), "it is nowhere yet"
    await cloud.settle()
    assert await pin("nova") == (409, None)
    assert await pin("zone-1") == (200, "zone-1")
    assert await pin("zone-1") == (200, "zone-1")
    assert await pin("nova") == (409, "zone-1")
    assert await pin(None, member.using(openstack_api_version="compute 2.103")) == (400, "zone-1")
    assert await pin(None) == (200, None)
    assert await pin(None) == (200, None)


async def test_server_groups_old_and_new(
    cloud: LifeCloud, member: AsgiClient, other: AsgiClient, old: AsgiClient
) -> None:
    asked = {"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}}
    made = (await member.post("/os-server-groups", asked)).json["server_group"]
    assert (made["policy"], made["rules"], made["members"]) == ("anti-affinity", {"max_server_per_host": 2}, [])
    before = (await old.get(f"/os-server-groups/{made['id']}")).json["server_group"]
    assert (before["policies"], before["metadata"]) == (["anti-affinity"], {})
    assert "project_id" not in before
    oldest = {"server_group": {"name": "o", "policies": ["affinity"]}}
    assert (await old.post("/os-server-groups", oldest)).status == 200
    assert (
        await old.post("/os-server-groups", {"server_group": {"name": "o", "policies": ["soft-affinity"]}})
    ).status == 400
    for wrong in ({"policy": "none"}, {"policy": "affinity"}, {"name": ""}, {"rules": {"max_server_per_host": 0}}):
        body = {"server_group": asked["server_group"] | wrong}
        assert (await member.post("/os-server-groups", body)).status == 400, wrong
    assert (await other.get(f"/os-server-groups/{made['id']}")).status == 404
    assert (await other.delete(f"/os-server-groups/{made['id']}")).status == 404
    assert len((await member.get("/os-server-groups")).json["server_groups"]) == 2
    assert len((await member.using("admin").get("/os-server-groups?all_projects=1&limit=1")).json["server_groups"]) == 1
    assert (await member.delete(f"/os-server-groups/{made['id']}")).status == 204
    assert (await member.get(f"/os-server-groups/{made['id']}")).status == 404


async def test_quota_sets_by_version_and_whose(admin: AsgiClient, member: AsgiClient, old: AsgiClient) -> None:
    mine = (await member.get(f"/os-quota-sets/{MEMBER_PROJECT}")).json["quota_set"]
    assert set(mine) == {"id", "cores", "instances", "key_pairs", "metadata_items", "ram", "server_group_members",
                         "server_groups"}  # fmt: skip
    before = (await old.get(f"/os-quota-sets/{MEMBER_PROJECT}")).json["quota_set"]
    assert (before["injected_files"], before["floating_ips"]) == (5, -1)
    assert (await member.get(f"/os-quota-sets/{ADMIN_PROJECT}")).status == 403
    assert (await member.put(f"/os-quota-sets/{MEMBER_PROJECT}", {"quota_set": {"cores": 1}})).status == 403
    first = admin.using(openstack_api_version="compute 2.1")
    legacy = {"quota_set": {"cores": "7", "floating_ips": 3, "injected_files": 9}}
    assert (await first.put(f"/os-quota-sets/{MEMBER_PROJECT}", legacy)).json["quota_set"]["cores"] == 7
    assert (await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}", legacy)).status == 400
    for user in ("", "?user_id=somebody"):
        answer = await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}{user}", {"quota_set": {"cores": 5}})
        assert answer.json["quota_set"]["cores"] == 5
    too_much = await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}?user_id=somebody", {"quota_set": {"cores": 6}})
    assert too_much.status == 400
    detail = (await admin.get(f"/os-quota-sets/{MEMBER_PROJECT}/detail")).json["quota_set"]
    assert detail["cores"] == {"limit": 5, "in_use": 0, "reserved": 0}
    assert (await admin.delete(f"/os-quota-sets/{MEMBER_PROJECT}")).status == 202
    assert (await admin.get(f"/os-quota-sets/{MEMBER_PROJECT}")).json["quota_set"]["cores"] == 400
    assert (await member.get(f"/os-quota-sets/{MEMBER_PROJECT}/defaults")).json["quota_set"]["cores"] == 400
    classes = (await admin.get("/os-quota-class-sets/default")).json["quota_class_set"]
    assert classes["server_groups"] == 50
    for wrong in ({"cores": -2}, {"cores": 2**31}, {"cores": "x"}, {"apples": 1}):
        assert (await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}", {"quota_set": wrong})).status == 400, wrong


async def test_usage_counts_hours(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    await boot(cloud, member)
    await cloud.settle()
    cloud.clock.move(7200)  # type: ignore[attr-defined]
    usage = (await member.get(f"/os-simple-tenant-usage/{MEMBER_PROJECT}")).json["tenant_usage"]
    assert (usage["total_hours"], usage["total_memory_mb_usage"], usage["total_vcpus_usage"]) == (2.0, 128.0, 2.0)
    assert usage["server_usages"][0]["state"] == "active"
    assert (await member.get(f"/os-simple-tenant-usage/{ADMIN_PROJECT}")).status == 403
    assert (await member.get("/os-simple-tenant-usage")).status == 403
    everyone = (await admin.get("/os-simple-tenant-usage?limit=1")).json
    assert everyone["tenant_usages"][0]["tenant_id"] == MEMBER_PROJECT
    assert "server_usages" not in everyone["tenant_usages"][0]
    assert everyone["tenant_usages_links"]
    assert (await admin.get("/os-simple-tenant-usage?start=x")).status == 400
    assert (await admin.get("/os-simple-tenant-usage?start=2026-02-01&end=2026-01-01")).status == 400


async def test_what_is_always_empty_and_what_is_told_from_outside(
    cloud: LifeCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    server_id = await boot(cloud, member)
    for path, found in (
        ("os-server-password", {"password": ""}), ("os-volume_attachments", {"volumeAttachments": []}),
        ("topology", {"nodes": [], "pagesize_kb": None}),
    ):  # fmt: skip
        assert (await member.get(f"/servers/{server_id}/{path}")).json == found
    assert (await member.delete(f"/servers/{server_id}/os-server-password")).status == 204
    assert (await admin.get("/os-migrations")).json == {"migrations": []}
    event = {"name": "network-changed", "server_uuid": server_id}
    told = await admin.post("/os-server-external-events", {"events": [event]})
    assert told.json["events"][0]["code"] == 200
    both = {"events": [event, event | {"server_uuid": "none"}]}
    assert (await admin.post("/os-server-external-events", both)).status == 207
    assert (await member.post("/os-server-external-events", {"events": [event]})).status == 403
