"""What Compute once kept itself, and other services keep now: floating IPs, networks, hosts by their older names, the audit log."""

from __future__ import annotations

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud

ABSENT = "7f3c3d3e-0000-4000-8000-000000000000"


async def _public(admin: AsgiClient) -> str:
    network = admin.using("admin", "/network")
    made = await network.post("/v2.0/networks", {"network": {"name": "outside", "router:external": True}})
    network_id = made.json["network"]["id"]
    subnet = {"network_id": network_id, "cidr": "198.51.100.0/24", "ip_version": 4}
    assert (await network.post("/v2.0/subnets", {"subnet": subnet})).status == 201
    return str(network_id)


async def test_a_floating_ip_is_made_in_a_pool(old: AsgiClient, admin: AsgiClient, cloud: LifeCloud) -> None:
    await _public(admin)
    assert (await old.get("/os-floating-ip-pools")).json == {"floating_ip_pools": [{"name": "outside"}]}
    answer = await old.post("/os-floating-ips", {"pool": "outside"})
    made = answer.json["floating_ip"]
    assert answer.status == 200 and made["pool"] == "outside" and made["instance_id"] is made["fixed_ip"] is None
    assert (await old.get(f"/os-floating-ips/{made['id']}")).json["floating_ip"] == made
    assert (await old.get("/os-floating-ips")).json["floating_ips"] == [made]
    assert (await old.using("other").get(f"/os-floating-ips/{made['id']}")).status == 404
    assert (await old.delete(f"/os-floating-ips/{made['id']}")).status == 202
    assert (await old.delete(f"/os-floating-ips/{made['id']}")).status == 404
    assert (await old.post("/os-floating-ips", {"pool": "inside"})).status == 404


async def test_a_floating_ip_of_nobody_is_not_given_away(old: AsgiClient, cloud: LifeCloud) -> None:
    made = await old.post("/servers", {"server": {"name": "s", "imageRef": cloud.image_id, "flavorRef": "1"}})
    path = f"/servers/{made.json['server']['id']}/action"
    assert (await old.post(path, {"addFloatingIp": {"address": "198.51.100.7"}})).status == 404
    assert (await old.post(path, {"removeFloatingIp": {"address": "198.51.100.7"}})).status == 404
    assert (await old.post(path, {"addFloatingIp": {"address": "here"}})).status == 400


async def test_networks_by_their_old_names(old: AsgiClient, admin: AsgiClient) -> None:
    found = (await old.get("/os-tenant-networks")).json["networks"]
    assert found and all(set(one) == {"id", "label", "cidr"} for one in found)
    shown = (await old.get(f"/os-networks/{found[0]['id']}")).json["network"]
    assert shown["label"] == found[0]["label"] and shown["gateway"] is None
    assert (await old.get(f"/os-networks/{ABSENT}")).status == 404
    assert (await admin.get("/os-networks")).status == 404  # in the newest version


async def test_a_hosts_resources_are_shown_by_project(old: AsgiClient, cloud: LifeCloud) -> None:
    admin = old.using("admin")
    assert (await old.get("/os-hosts")).status == 403
    hosts = (await admin.get("/os-hosts?zone=nova")).json["hosts"]
    assert hosts == [{"host_name": "host-1", "service": "compute", "zone": "nova"}]
    assert (await admin.get("/os-hosts?zone=elsewhere")).json == {"hosts": []}
    await old.post("/servers", {"server": {"name": "s", "imageRef": cloud.image_id, "flavorRef": "1"}})
    await cloud.settle()
    rows = {one["resource"]["project"]: one["resource"] for one in (await admin.get("/os-hosts/host-1")).json["host"]}
    assert rows["(used_now)"]["cpu"] == 1 and rows["(total)"]["cpu"] > 1 and len(rows) == 4
    changed = await admin.put("/os-hosts/host-1", {"status": "disable"})
    assert changed.json == {"host": "host-1", "status": "disabled"}
    assert (await admin.get("/os-services")).json["services"][0]["status"] == "disabled"
    for wrong in ({}, {"status": "perhaps"}, {"maintenance_mode": "perhaps"}):
        assert (await admin.put("/os-hosts/host-1", wrong)).status == 400
    assert (await admin.put("/os-hosts/host-2", {"status": "enable"})).status == 404
    assert (await admin.get("/os-hosts/host-2/reboot")).status == 404
    assert (await admin.get("/os-hosts/host-1/reboot")).status == 501


async def test_no_host_has_told_of_its_servers(old: AsgiClient) -> None:
    admin = old.using("admin")
    told = (await admin.get("/os-instance_usage_audit_log")).json["instance_usage_audit_logs"]
    assert told["hosts_not_run"] == ["host-1"] and told["log"] == {}
    before = (await admin.get("/os-instance_usage_audit_log/2026-01-15%2010:00:00")).json["instance_usage_audit_log"]
    assert (before["period_beginning"], before["period_ending"]) == ("2025-12-01 00:00:00", "2026-01-01 00:00:00")
    assert (await admin.get("/os-instance_usage_audit_log/soon")).status == 400
    assert (await old.get("/os-instance_usage_audit_log")).status == 403


async def test_nothing_is_found_where_the_id_was_forgotten(member: AsgiClient) -> None:
    assert (await member.get("/servers")).status == 200
    for method, path in (("GET", "/servers/"), ("DELETE", "/servers/"), ("GET", "/os-simple-tenant-usage/")):
        assert (await member.request(method, path)).status == 404, path
