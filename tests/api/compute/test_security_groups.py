"""Security groups under Compute's old addresses, until 2.35, and those of a server."""

from __future__ import annotations

import pytest

from tests.conftest import AsgiClient

GROUP = {"security_group": {"name": " web ", "description": "http"}}


async def test_a_group_is_made_changed_and_deleted_through_compute(old: AsgiClient) -> None:
    answer = await old.post("/os-security-groups", GROUP)
    group = answer.json["security_group"]
    assert answer.status == 200 and (group["name"], group["description"], group["rules"]) == (" web ", "http", [])
    path = f"/os-security-groups/{group['id']}"
    assert (await old.get(path)).json["security_group"] == group
    listed = (await old.get("/os-security-groups")).json["security_groups"]
    assert {one["name"] for one in listed} == {"default", " web "} and group in listed
    changed = await old.put(path, {"security_group": {"name": "www", "description": None}})
    assert (changed.json["security_group"]["name"], changed.json["security_group"]["description"]) == ("www", "")
    assert (await old.delete(path)).status == 202
    assert (await old.get(path)).status == 404


async def test_a_rule_is_said_in_novas_words(old: AsgiClient) -> None:
    group = (await old.post("/os-security-groups", GROUP)).json["security_group"]
    wish = {
        "parent_group_id": group["id"],
        "ip_protocol": "tcp",
        "from_port": 80,
        "to_port": "81",
        "cidr": "10.0.0.0/8",
    }
    answer = await old.post("/os-security-group-rules", {"security_group_rule": wish})
    rule = answer.json["security_group_rule"]
    assert answer.status == 200 and rule == {
        "id": rule["id"], "parent_group_id": group["id"], "ip_protocol": "tcp", "from_port": 80, "to_port": 81,
        "group": {}, "ip_range": {"cidr": "10.0.0.0/8"},
    }  # fmt: skip
    pings = {
        "parent_group_id": group["id"],
        "ip_protocol": "ICMP",
        "from_port": -1,
        "to_port": -1,
        "group_id": group["id"],
    }
    named = (await old.post("/os-security-group-rules", {"security_group_rule": pings})).json["security_group_rule"]
    assert (named["from_port"], named["ip_range"], named["group"]["name"]) == (-1, {}, " web ")
    shown = (await old.get(f"/os-security-groups/{group['id']}")).json["security_group"]["rules"]
    assert rule in shown and named in shown and len(shown) == 2
    assert (await old.delete(f"/os-security-group-rules/{rule['id']}")).status == 202
    assert (await old.delete(f"/os-security-group-rules/{rule['id']}")).status == 404


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"ip_protocol": "gopher"}, 400), ({"from_port": 70000}, 400), ({"cidr": "10.0.0.0/99"}, 400),
        ({"from_port": 90, "to_port": 80}, 400), ({"parent_group_id": "x"}, 400),
        ({"parent_group_id": "00000000-0000-4000-8000-000000000000"}, 404), ({}, 400),
    ],
)  # fmt: skip
async def test_a_rule_that_is_wrong_is_refused(old: AsgiClient, wrong: dict[str, object], status: int) -> None:
    group = (await old.post("/os-security-groups", GROUP)).json["security_group"]
    wish = {"parent_group_id": group["id"], "ip_protocol": "tcp", "from_port": 80, "to_port": 80, "cidr": "10.0.0.0/8"}
    if not wrong:  # the same one twice
        assert (await old.post("/os-security-group-rules", {"security_group_rule": wish})).status == 200
    assert (await old.post("/os-security-group-rules", {"security_group_rule": wish | wrong})).status == status


async def test_refusals_of_groups(old: AsgiClient, member: AsgiClient, other: AsgiClient) -> None:
    group = (await old.post("/os-security-groups", GROUP)).json["security_group"]
    assert (await old.get("/os-security-groups/x")).status == 400
    assert (await old.post("/os-security-groups", {"security_group": {"name": "x"}})).status == 400
    assert (
        await old.post("/os-security-groups", {"security_group": {"name": "default", "description": ""}})
    ).status == 400
    assert (await member.get("/os-security-groups")).status == 404  # the newest version has it no more
    stranger = other.using("other", openstack_api_version="compute 2.1")
    assert (await stranger.get(f"/os-security-groups/{group['id']}")).status == 404
    assert (await stranger.delete(f"/os-security-groups/{group['id']}")).status == 404
