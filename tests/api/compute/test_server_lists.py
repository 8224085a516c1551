from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.api.compute.test_servers import boot
from tests.conftest import MEMBER_PROJECT, AsgiClient
from tests.life_cloud import LifeCloud


@pytest.fixture
async def three(cloud: LifeCloud, member: AsgiClient) -> list[str]:
    """web-1 (tagged red, green) and web-2 (red) are active, db is being built."""
    made = [
        await boot(cloud, member, name="web-1", tags=["red", "green"], metadata={"role": "web"}),
        await boot(cloud, member, name="web-2", tags=["red"], config_drive=True),
    ]
    await cloud.settle()
    return [*made, await boot(cloud, member, name="db", flavorRef="84")]


async def names(client: AsgiClient, query: str) -> list[str]:
    answer = await client.get(f"/servers?sort_key=display_name&sort_dir=asc&{query}")
    assert answer.status == 200, (query, answer.body)
    return [one["name"] for one in answer.json["servers"]]


async def test_filters_find_what_they_say(three: list[str], cloud: LifeCloud, member: AsgiClient) -> None:
    ip = (await member.get(f"/servers/{three[0]}")).json["server"]["addresses"]["net"][0]["addr"]
    for query, found in (
        ("", ["db", "web-1", "web-2"]),
        ("name=web", ["web-1", "web-2"]),
        ("name=WEB-1", ["web-1"]),
        (f"name={quote('^w.*[12]$')}", ["web-1", "web-2"]),
        ("status=ACTIVE", ["web-1", "web-2"]),
        ("status=build", ["db"]),
        ("status=ACTIVE&status=BUILD", ["db", "web-1", "web-2"]),
        ("status=SHUTOFF", []),
        ("status=RESCUE", []),
        ("flavor=84", ["db"]),
        (f"image={cloud.image_id}", ["db", "web-1", "web-2"]),
        ("image=none", []),
        (f"ip={quote(ip.replace('.', '[.]') + '$')}", ["web-1"]),
        ("ip=10.0.0", ["web-1", "web-2"]),
        ("ip6=::", []),
        ("tags=red", ["web-1", "web-2"]),
        ("tags=red,green", ["web-1"]),
        ("tags-any=green,blue", ["web-1"]),
        ("not-tags=red,green", ["db", "web-2"]),
        ("not-tags-any=red,blue", ["db"]),
        ("vm_state=active", ["web-1", "web-2"]),
        ("task_state=scheduling", ["db"]),
        ("power_state=1", ["web-1", "web-2"]),
        ("config_drive=true", ["web-2"]),
        ("locked=true", []),
        ("name=web&status=ACTIVE&tags=green", ["web-1"]),
        ("changes-since=2000-01-01T00:00:00Z", ["db", "web-1", "web-2"]),
        ("changes-before=2000-01-01T00:00:00Z", []),
    ):
        assert await names(member, query) == found, query


async def test_what_only_admins_may_ask(
    three: list[str], cloud: LifeCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    assert await names(member, "host=nowhere") == ["db", "web-1", "web-2"]
    assert await names(admin, "all_tenants=1&host=nowhere") == []
    assert await names(admin, "all_tenants=1&host=host-1") == ["web-1", "web-2"]
    assert await names(admin, f"all_tenants=1&tenant_id={MEMBER_PROJECT}") == ["db", "web-1", "web-2"]
    assert (await member.get("/servers?status=deleted")).status == 403
    await member.delete(f"/servers/{three[0]}")
    await cloud.settle()
    assert await names(admin, "all_tenants=1&deleted=true") == ["web-1"]
    assert await names(admin, "all_tenants=1&status=deleted") == ["web-1"]
    assert await names(member, "deleted=true") == ["db", "web-2"]
    assert await names(member, "changes-since=2000-01-01T00:00:00Z") == ["db", "web-1", "web-2"]


async def test_filters_that_make_no_sense(three: list[str], member: AsgiClient, old: AsgiClient) -> None:
    for wrong in ("status=odd", "unknown=1", "name=(", "locked=perhaps", "changes-since=then", "limit=x", "limit=-1",
                  "marker=none", "sort_key=user_data", "sort_dir=up", "ip=[", "changes-since=2030-01-01&changes-before=2020-01-01",
                  "name=" + "x" * 300, "launch_index=x" * 0 + "all_tenants=perhaps"):  # fmt: skip
        assert (await member.get(f"/servers?{wrong}")).status == 400, wrong
    assert await names(old, "unknown=1&tags=red&locked=1") == ["db", "web-1", "web-2"]
    assert await names(old, "status=odd") == []


async def test_a_pattern_cannot_stop_the_cloud(cloud: LifeCloud, member: AsgiClient) -> None:
    await boot(cloud, member, name="a" * 250 + "!")
    assert await names(member, f"name={quote('(a+)+$')}") == []
    assert (await member.get(f"/servers?name={quote('(((a{1000}){1000}){1000})')}")).status == 400


async def test_pages_follow_each_other(three: list[str], member: AsgiClient) -> None:
    seen: list[str] = []
    path = "/servers/detail?limit=1&sort_key=display_name&sort_dir=desc&name=."
    while True:
        page = (await member.get(path)).json
        seen += [one["name"] for one in page["servers"]]
        if "servers_links" not in page:
            break
        path = page["servers_links"][0]["href"].removeprefix("http://cloud.test/compute/v2.1")
    assert seen == ["web-2", "web-1", "db"]
    assert (await member.get("/servers?limit=0")).json == {"servers": []}


async def test_metadata_item_by_item(three: list[str], member: AsgiClient, admin: AsgiClient) -> None:
    at = f"/servers/{three[0]}/metadata"
    assert (await member.get(at)).json == {"metadata": {"role": "web"}}
    assert (await member.post(at, {"metadata": {"b": "2"}})).json == {"metadata": {"role": "web", "b": "2"}}
    assert (await member.put(f"{at}/b", {"meta": {"b": "3"}})).json == {"meta": {"b": "3"}}
    assert (await member.put(f"{at}/b", {"meta": {"c": "3"}})).status == 400
    assert (await member.get(f"{at}/b")).json == {"meta": {"b": "3"}}
    assert (await member.delete(f"{at}/b")).status == 204
    assert (await member.delete(f"{at}/b")).status == 404
    assert (await member.put(at, {"metadata": {"only": "this"}})).json == {"metadata": {"only": "this"}}
    for wrong in ({"metadata": {"a": None}}, {"metadata": []}, {}, {"metadata": {"x" * 256: "y"}}):
        assert (await member.post(at, wrong)).status == 400, wrong
    await admin.put(f"/os-quota-sets/{MEMBER_PROJECT}", {"quota_set": {"metadata_items": 1}})
    assert (await member.post(at, {"metadata": {"more": "2"}})).status == 403


async def test_tags_one_by_one(three: list[str], member: AsgiClient, old: AsgiClient) -> None:
    at = f"/servers/{three[1]}/tags"
    assert (await member.get(at)).json == {"tags": ["red"]}
    assert (await member.put(f"{at}/blue")).status == 201
    assert (await member.put(f"{at}/blue")).status == 204
    assert (await member.get(f"{at}/blue")).status == 204
    assert (await member.get(f"{at}/pink")).status == 404
    assert (await member.delete(f"{at}/blue")).status == 204
    assert (await member.delete(f"{at}/blue")).status == 404
    assert (await member.put(at, {"tags": ["b", "a"]})).json == {"tags": ["a", "b"]}
    assert (await member.put(at, {"tags": ["a", "a"]})).status == 400
    assert (await member.put(f"{at}/{'x' * 61}")).status == 400
    assert (await member.delete(at)).status == 204
    assert (await old.get(at)).status == 404
