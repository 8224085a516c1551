"""Images through Compute's own door, as clients before 2.36 know it."""

from __future__ import annotations

from typing import cast

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.core.clock import HeldClock


async def snapshot(cloud: LifeCloud, old: AsgiClient, name: str) -> tuple[str, str]:
    """A server, and an image of it."""
    server = await cloud.create()
    await cloud.settle()
    cast(HeldClock, cloud.clock).move(5)
    answer = await old.post(f"/servers/{server.id}/action", {"createImage": {"name": name, "metadata": {"a": "b"}}})
    image_id = answer.headers["location"].rpartition("/")[2]
    shown = (await old.get(f"/images/{image_id}")).json["image"]
    assert (shown["status"], shown["server"]["id"]) == ("SAVING", server.id)
    await cloud.settle()
    return server.id, image_id


async def test_a_snapshot_is_found_by_what_it_is_of(cloud: LifeCloud, old: AsgiClient, member: AsgiClient) -> None:
    server_id, image_id = await snapshot(cloud, old, "picture")
    shown = (await old.get(f"/images/{image_id}")).json["image"]
    assert (shown["status"], shown["progress"], shown["metadata"]["a"]) == ("ACTIVE", 100, "b")
    for query in (f"server={server_id}", "name=picture", "type=snapshot", "limit=1", "status=ACTIVE&type=snapshot"):
        for path in ("/images", "/images/detail"):
            assert [one["id"] for one in (await old.get(f"{path}?{query}")).json["images"]] == [image_id], query
    assert {one["id"] for one in (await old.get("/images")).json["images"]} == {image_id, cloud.image_id}
    page = (await old.get(f"/images?marker={image_id}")).json
    assert [one["id"] for one in page["images"]] == [cloud.image_id] and "images_links" not in page
    assert (await old.get("/images?changes-since=2099-01-01T00:00:00Z")).json["images"] == []
    for wrong in ("limit=x", "changes-since=now", "minDisk=x", "marker=none"):
        assert (await old.get(f"/images?{wrong}")).status == 400, wrong
    assert (await member.get("/images")).status == 404, "newer clients ask the Image service"


async def test_metadata_of_an_image_is_its_owners(cloud: LifeCloud, old: AsgiClient) -> None:
    _, image_id = await snapshot(cloud, old, "picture")
    path = f"/images/{image_id}/metadata"
    assert (await old.post(path, {"metadata": {"c": "d"}})).json["metadata"]["a"] == "b"
    assert (await old.put(f"{path}/c", {"meta": {"c": "e"}})).json == {"meta": {"c": "e"}}
    assert (await old.get(f"{path}/c")).json == {"meta": {"c": "e"}}
    assert (await old.put(f"{path}/c", {"meta": {"x": "e"}})).status == 400
    assert (await old.delete(f"{path}/c")).status == 204
    assert [(await old.get(f"{path}/c")).status, (await old.delete(f"{path}/c")).status] == [404, 404]
    assert (await old.put(path, {"metadata": {"only": "this"}})).json == {"metadata": {"only": "this"}}
    other = old.using("other")
    assert (await other.post(path, {"metadata": {"c": "d"}})).status == 404
    assert (await other.post(f"/images/{cloud.image_id}/metadata", {"metadata": {"c": "d"}})).status == 403


async def test_an_image_is_deleted_by_its_owner(cloud: LifeCloud, old: AsgiClient) -> None:
    _, image_id = await snapshot(cloud, old, "picture")
    assert (await old.using("other").delete(f"/images/{image_id}")).status == 404
    assert (await old.using("other").delete(f"/images/{cloud.image_id}")).status == 403
    assert (await old.delete(f"/images/{image_id}")).status == 204
    assert (await old.delete(f"/images/{image_id}")).status == 404
