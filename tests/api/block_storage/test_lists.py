"""Lists of volumes: pages, links, filters, counts."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from tests.api.block_storage.conftest import SmallCloud
from tests.conftest import AsgiClient
from wolke.block_storage.store import ATTACHMENTS, VOLUMES
from wolke.core import ids


async def many(cloud: SmallCloud, count: int) -> None:
    """Copies of one volume, each a second younger, every third in use."""
    first = await cloud.db.get(VOLUMES, id=(await cloud.volume(name="v0"))["id"])
    assert first is not None
    attachment = await cloud.service.attachments.reserve(cloud_context(), first.id, server_id=ids.uuid())
    async with cloud.db.transaction() as tx:
        for number in range(1, count):
            at = cloud.clock.after(number)
            one = msgspec.structs.replace(
                first, id=ids.uuid(), name=f"v{number}", created_at=at, counted=False, counted_gib=0
            )
            await tx.insert(VOLUMES, one)
            if number % 3 == 0:
                copy = msgspec.structs.replace(attachment, id=ids.uuid(), volume_id=one.id, status="attached")
                await tx.insert(ATTACHMENTS, copy)


def cloud_context() -> Any:
    from tests.api.block_storage.conftest import MEMBER

    return MEMBER


async def names(client: AsgiClient, query: str) -> list[str]:
    answer = await client.get(f"/volumes?{query}")
    assert answer.status == 200, answer.body
    return [one["name"] for one in answer.json["volumes"]]


async def test_pages_follow_links_to_the_end(cloud: SmallCloud, member: AsgiClient) -> None:
    await many(cloud, 7)
    found, path = [], "/volumes/detail?limit=3&sort=created_at:asc"
    while path:
        answer = (await member.get(path)).json
        found += [one["name"] for one in answer["volumes"]]
        links = answer.get("volumes_links")
        path = links[0]["href"].partition(member.prefix)[2] if links else ""
    assert found == [f"v{number}" for number in range(7)]


async def test_lists_sort_skip_and_count(cloud: SmallCloud, member: AsgiClient) -> None:
    await many(cloud, 5)
    assert await names(member, "limit=2") == ["v4", "v3"]
    assert await names(member, "limit=2&offset=1") == ["v3", "v2"]
    assert await names(member, "sort=name:desc&limit=2") == ["v4", "v3"]
    assert await names(member, "sort_key=name&sort_dir=asc&limit=2") == ["v0", "v1"]
    assert (await member.get("/volumes?with_count=True&limit=1")).json["count"] == 5
    assert "count" not in (await cloud.who("member", "3.44").get("/volumes?with_count=True")).json
    for wrong in (
        "limit=x",
        "limit=-1",
        "offset=-1",
        f"offset={2**40}",
        "sort=nothing",
        "sort=name:up",
        "sort=name&sort_key=id",
    ):
        assert (await member.get(f"/volumes?{wrong}")).status == 400, wrong
    assert (await member.get("/volumes?marker=nobody")).status == 404


async def test_volumes_are_found_by_what_is_said_of_them(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await cloud.volume(name="one", metadata={"k": "v", "x": 'qu"ote'}, size=2)
    await cloud.volume(name="other one")
    await cloud.act(made["id"], {"os-set_bootable": {"bootable": True}})
    for query in (
        "name=one", "status=available&size=2", "bootable=true", f"metadata={quote(repr({'k': 'v'}))}",
        "metadata=" + quote('{"x": "qu\\"ote"}'), "size=2", "availability_zone=nova&name=one",
    ):  # fmt: skip
        assert await names(member, query) == ["one"], query
    assert sorted(await names(member, "name~=one")) == ["one", "other one"]
    assert await names(member, "status=null") == []
    assert await names(member, "metadata=" + quote("{'k': 'w'}")) == []
    assert (await member.get("/volumes?metadata=[]")).status == 400
    assert await names(member, "created_at=gt:2030-01-01T00:00:00") == []
    assert len(await names(member, "created_at=gte:2020-01-01T00:00:00,lt:2030-01-01T00:00:00")) == 2
    assert (await member.get("/volumes?created_at=gt:yesterday")).status == 400


async def test_words_for_what_is_under_way_are_found_too(cloud: SmallCloud, member: AsgiClient) -> None:
    still, growing = await cloud.volume(name="still"), await cloud.volume(name="growing")
    await cloud.act(growing["id"], {"os-extend": {"new_size": 2}})
    assert await names(member, "status=extending") == ["growing"]
    assert await names(member, "status=available") == ["still"]
    await member.delete(f"/volumes/{still['id']}")
    assert await names(member, "status=deleting") == ["still"]


async def test_filters_that_are_not_offered_are_refused_since_3_31(cloud: SmallCloud, member: AsgiClient) -> None:
    await cloud.volume(name="one")
    assert (await member.get("/volumes?nonsense=1")).status == 400
    old = cloud.who("member", "3.30")
    assert await names(old, "nonsense=1") == ["one"]
    assert await names(cloud.who("admin"), "all_tenants=1&nonsense=1") == []
    offered = (await member.get("/resource_filters?resource=volume")).json["resource_filters"]
    assert "status" in offered[0]["filters"]


async def test_administrators_see_everybodys_when_they_ask(cloud: SmallCloud, admin: AsgiClient) -> None:
    made = await cloud.volume(name="members")
    assert await names(admin, "") == []
    assert await names(admin, "all_tenants=1") == ["members"]
    assert await names(admin, f"all_tenants=1&project_id={made['os-vol-tenant-attr:tenant_id']}") == ["members"]
    assert await names(admin, "all_tenants=1&project_id=none") == []
    assert await names(admin, "all_tenants=1&host=host-1@file%23pool") == ["members"]
