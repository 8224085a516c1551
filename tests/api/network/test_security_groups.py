import pytest


async def test_every_project_has_a_default_group(cloud, kind):
    groups = (await cloud.client.get("/v2.0/security-groups")).json["security_groups"]
    assert [g["name"] for g in groups] == ["default"]
    rules = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in groups[0]["security_group_rules"]}
    own = groups[0]["id"]
    assert rules == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", own),
        ("ingress", "IPv6", own),
    }
    assert kind(await cloud.client.delete(f"/v2.0/security-groups/{own}")) == (409, "SecurityGroupCannotRemoveDefault")
    renamed = await cloud.client.put(f"/v2.0/security-groups/{own}", {"security_group": {"name": "x"}})
    assert kind(renamed) == (409, "SecurityGroupCannotUpdateDefault")
    again = await cloud.client.post("/v2.0/security-groups", {"security_group": {"name": "default"}})
    assert kind(again) == (409, "SecurityGroupDefaultAlreadyExists")


async def test_a_group_and_its_rules(cloud, kind):
    group = await cloud.make("security_group", name="web")
    assert len(group["security_group_rules"]) == 2
    wanted = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp", "port_range_min": 80, "port_range_max": 80}  # fmt: skip
    rule = await cloud.make("security_group_rule", **wanted)
    assert (rule["ethertype"], rule["protocol"], rule["remote_ip_prefix"]) == ("IPv4", "tcp", None)
    same = await cloud.client.post("/v2.0/security-group-rules", {"security_group_rule": wanted | {"protocol": "6"}})
    assert kind(same) == (409, "SecurityGroupRuleExists")
    assert rule["id"] in same.json["NeutronError"]["message"]
    assert kind(await cloud.as_("other").get(f"/v2.0/security-group-rules/{rule['id']}")) == (
        404,
        "SecurityGroupRuleNotFound",
    )
    found = (
        await cloud.client.get(f"/v2.0/security-group-rules?security_group_id={group['id']}&direction=ingress")
    ).json
    assert [r["id"] for r in found["security_group_rules"]] == [rule["id"]]
    assert (await cloud.client.delete(f"/v2.0/security-group-rules/{rule['id']}")).status == 204
    network, _ = await cloud.network()
    port = await cloud.make("port", network_id=network["id"], security_groups=[group["id"]])
    assert kind(await cloud.client.delete(f"/v2.0/security-groups/{group['id']}")) == (409, "SecurityGroupInUse")
    await cloud.client.delete(f"/v2.0/ports/{port['id']}")
    assert (await cloud.client.delete(f"/v2.0/security-groups/{group['id']}")).status == 204


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"protocol": "tcp", "port_range_min": 90, "port_range_max": 80}, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 80}, "SecurityGroupInvalidPortValue"),
        ({"port_range_min": 80, "port_range_max": 80}, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "icmp", "port_range_min": 256}, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmp", "port_range_max": 1}, "SecurityGroupMissingIcmpType"),
        ({"protocol": "gre", "port_range_min": 1, "port_range_max": 1}, "SecurityGroupInvalidProtocolForPort"),
        ({"protocol": "carrier-pigeon"}, "SecurityGroupInvalidProtocolType"),
        ({"protocol": "ipv6-icmp"}, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"remote_ip_prefix": "::/0"}, "SecurityGroupRuleParameterConflict"),
        (
            {"remote_ip_prefix": "0.0.0.0/0", "remote_group_id": "00000000-0000-4000-8000-000000000000"},
            "SecurityGroupRemoteGroupAndRemoteIpPrefix",
        ),
        ({"direction": "sideways"}, "HTTPBadRequest"),
        ({"port_range_min": 70000}, "HTTPBadRequest"),
    ],
)
async def test_rules_that_make_no_sense(cloud, kind, values, name):
    group = (await cloud.client.get("/v2.0/security-groups")).json["security_groups"][0]
    rule = {"security_group_id": group["id"], "direction": "ingress", **values}
    answer = await cloud.client.post("/v2.0/security-group-rules", {"security_group_rule": rule})
    assert kind(answer) == (400, name)
