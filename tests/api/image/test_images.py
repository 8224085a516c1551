"""Images as rows: create, show, list, change, delete."""

import pytest

from wolke.image.config import ImageConfig

OWN = "b0000000000040008000000000000000"


async def test_a_new_image_is_queued_and_belongs_to_the_callers_project(images) -> None:
    answer = await images.member.post("/v2/images", {"name": "debian", "os_distro": "debian", "tags": ["a", "b", "a"]})
    assert answer.status == 201, answer.body
    image = answer.json
    assert image["status"] == "queued"
    assert image["owner"].startswith("b00000")
    assert image["visibility"] == "shared"
    assert image["os_distro"] == "debian"
    assert image["tags"] == ["a", "b"]
    assert (image["size"], image["checksum"], image["os_hash_value"]) == (None, None, None)
    assert image["file"] == f"/v2/images/{image['id']}/file"
    assert answer.headers["location"] == f"http://cloud.test/image/v2/images/{image['id']}"
    assert answer.headers["openstack-image-import-methods"] == "glance-direct"
    assert (await images.member.get(image["self"])).json == image


async def test_an_id_can_be_chosen_once(images) -> None:
    chosen = {"id": "11111111-2222-4333-8444-555555555555"}
    assert (await images.member.post("/v2/images", chosen)).json["id"] == chosen["id"]
    again = await images.member.post("/v2/images", chosen)
    assert again.status == 409
    assert "already exists" in again.json["message"]


async def test_a_body_that_is_wrong_is_refused(images) -> None:
    for body, status in (
        ({"status": "active"}, 403),
        ({"size": 5}, 403),
        ({"os_glance_x": "y"}, 403),
        ({"locations": []}, 403),
        ({"visibility": "public"}, 403),
        ({"owner": "c0000000000040008000000000000000"}, 403),
        ({"id": "no uuid"}, 400),
        ({"min_disk": -1}, 400),
        ({"min_ram": 2**31}, 400),
        ({"min_ram": 10**30}, 400),
        ({"protected": "yes"}, 400),
        ({"disk_format": "floppy"}, 400),
        ({"custom": 5}, 400),
        ({"custom": {"a": "b"}}, 400),
        ({"name": "x" * 256}, 400),
        ({"tags": ["x" * 256]}, 400),
        ({"tags": [str(n) for n in range(129)]}, 413),
        ({f"p{n}": "" for n in range(129)}, 413),
        ([], 400),
        (None, 400),
    ):
        answer = await images.member.post("/v2/images", body)
        assert answer.status == status, (body, answer.body)
        assert answer.json["code"].startswith(str(status))


async def test_a_reader_creates_nothing(images) -> None:
    assert (await images.reader.post("/v2/images", {"name": "x"})).status == 403


async def test_another_projects_private_image_is_not_found(images) -> None:
    image = await images.image(visibility="private")
    path = f"/v2/images/{image['id']}"
    for answer in (
        await images.other.get(path),
        await images.other.delete(path),
        await images.other.get(path + "/file"),
        await images.other.put(path + "/tags/x"),
        await images.patch(image["id"], {"op": "replace", "path": "/name", "value": "mine"}, who=images.other),
    ):
        assert answer.status == 404
    assert (await images.reader.get(path)).status == 200
    assert (await images.admin.get(path)).status == 200


async def test_a_public_image_is_seen_by_all_and_changed_by_its_owner(images) -> None:
    image = await images.image(who=images.admin, visibility="public")
    path = f"/v2/images/{image['id']}"
    assert (await images.other.get(path)).json["name"] == "disk"
    assert (await images.other.delete(path)).status == 403
    assert (await images.patch(image["id"], {"op": "remove", "path": "/x"}, who=images.other)).status == 403


async def test_a_patch_changes_fields_and_custom_properties(images) -> None:
    image = await images.image(hw_disk_bus="virtio")
    answer = await images.patch(
        image["id"],
        {"op": "replace", "path": "/name", "value": "renamed"},
        {"op": "add", "path": "/os_type", "value": "linux"},
        {"op": "add", "path": "/a~1b", "value": "slash"},
        {"op": "replace", "path": "/hw_disk_bus", "value": "scsi"},
        {"op": "replace", "path": "/tags", "value": ["x"]},
        {"op": "replace", "path": "/min_ram", "value": 512},
    )
    assert answer.status == 200, answer.body
    changed = answer.json
    assert (changed["name"], changed["os_type"], changed["a/b"]) == ("renamed", "linux", "slash")
    assert (changed["hw_disk_bus"], changed["tags"], changed["min_ram"]) == ("scsi", ["x"], 512)
    answer = await images.patch(image["id"], {"op": "remove", "path": "/os_type"})
    assert "os_type" not in answer.json


async def test_a_patch_that_is_wrong_is_refused(images) -> None:
    image = await images.image()
    for operation, status in (
        ({"op": "replace", "path": "/id", "value": "x"}, 403),
        ({"op": "replace", "path": "/status", "value": "active"}, 403),
        ({"op": "add", "path": "/locations/-", "value": {}}, 403),
        ({"op": "replace", "path": "/owner", "value": "x"}, 403),
        ({"op": "replace", "path": "/visibility", "value": "public"}, 403),
        ({"op": "remove", "path": "/name"}, 403),
        ({"op": "remove", "path": "/absent"}, 409),
        ({"op": "replace", "path": "/absent", "value": "x"}, 409),
        ({"op": "move", "path": "/name", "value": "x"}, 400),
        ({"op": "replace", "path": "name", "value": "x"}, 400),
        ({"op": "replace", "path": "/a/b", "value": "x"}, 400),
        ({"op": "replace", "path": "/name"}, 400),
        ({"op": "replace", "path": "/protected", "value": "maybe"}, 400),
        ({"op": "add", "path": "/custom", "value": 5}, 400),
        ({"op": "add", "path": "/" + "x" * 256, "value": "5"}, 400),
        ("remove everything", 400),
        ({}, 400),
    ):
        answer = await images.patch(image["id"], operation)
        assert answer.status == status, (operation, answer.body)
    assert (await images.member.get(image["self"])).json == image


async def test_a_patch_needs_its_media_type(images) -> None:
    image = await images.image()
    answer = await images.member.patch(image["self"], [])
    assert answer.status == 415
    assert "json-patch" in answer.headers["accept-patch"]


async def test_formats_are_settled_once_there_is_data(images) -> None:
    image = await images.image(b"data")
    answer = await images.patch(image["id"], {"op": "replace", "path": "/disk_format", "value": "qcow2"})
    assert answer.status == 403


async def test_a_protected_image_stays_until_it_is_not(images) -> None:
    image = await images.image(protected=True)
    assert (await images.member.delete(image["self"])).status == 403
    await images.patch(image["id"], {"op": "replace", "path": "/protected", "value": False})
    assert (await images.member.delete(image["self"])).status == 204
    assert (await images.member.get(image["self"])).status == 404
    assert (await images.member.delete(image["self"])).status == 404


async def test_tags_come_and_go(images) -> None:
    image = await images.image()
    for _ in range(2):
        assert (await images.member.put(image["self"] + "/tags/blue")).status == 204
    assert (await images.member.get(image["self"])).json["tags"] == ["blue"]
    assert (await images.member.get("/v2/images?tag=blue")).json["images"][0]["id"] == image["id"]
    assert (await images.member.get("/v2/images?tag=blue&tag=red")).json["images"] == []
    assert (await images.member.delete(image["self"] + "/tags/blue")).status == 204
    assert (await images.member.delete(image["self"] + "/tags/blue")).status == 404
    assert (await images.member.put(image["self"] + "/tags/" + "x" * 256)).status == 400


async def names(who, query: str = "") -> list[str]:
    answer = await who.get("/v2/images" + query)
    assert answer.status == 200, answer.body
    return [image["name"] for image in answer.json["images"]]


async def test_a_list_shows_what_the_caller_may_see(images) -> None:
    await images.image(name="mine", visibility="private")
    await images.image(name="shared", visibility="shared")
    await images.image(name="commune", visibility="community")
    await images.image(name="public", who=images.admin, visibility="public")
    assert sorted(await names(images.member)) == ["commune", "mine", "public", "shared"]
    assert sorted(await names(images.other)) == ["public"]
    assert sorted(await names(images.other, "?visibility=community")) == ["commune"]
    assert sorted(await names(images.other, "?visibility=all")) == ["commune", "public"]
    assert sorted(await names(images.other, f"?owner={OWN}")) == ["commune"]
    assert sorted(await names(images.admin)) == ["mine", "public", "shared"]
    assert sorted(await names(images.admin, "?visibility=all")) == ["commune", "mine", "public", "shared"]
    assert sorted(await names(images.admin, "?visibility=private")) == ["mine"]


async def test_hidden_images_are_shown_to_who_asks(images) -> None:
    await images.image(name="old", os_hidden=True)
    await images.image(name="new")
    assert await names(images.member) == ["new"]
    assert await names(images.member, "?os_hidden=true") == ["old"]


async def test_a_list_is_filtered(images) -> None:
    await images.image(b"12345", name="a", os_distro="debian", min_ram=5)
    await images.image(name="b,c", disk_format="qcow2", protected=True)
    await images.image(b"1", name="d", os_distro="arch", id="11111111-2222-4333-8444-555555555555")
    for query, expected in {
        "name=a": ["a"],
        'name=in:a,"b,c"': ["a", "b,c"],
        "status=active": ["a", "d"],
        "status=in:active,queued": ["a", "b,c", "d"],
        "disk_format=qcow2": ["b,c"],
        "os_distro=debian": ["a"],
        "os_distro=debian&os_distro=arch": [],
        "size_min=2": ["a"],
        "size_max=2": ["d"],
        "protected=true": ["b,c"],
        "min_ram=5": ["a"],
        "id=11111111-2222-4333-8444-555555555555": ["d"],
        "created_at=gt:2020-01-01T00:00:00Z": ["a", "b,c", "d"],
        "created_at=lt:2020-01-01T00:00:00Z": [],
        "nonsense=x": [],
    }.items():
        assert sorted(await names(images.member, "?" + query)) == expected, query


async def test_what_is_shown_as_its_time_finds_an_image(images) -> None:
    image = await images.image()
    for op in ("eq", "gte", "lte"):
        assert await names(images.member, f"?created_at={op}:{image['created_at']}") == ["disk"]
    for op in ("gt", "lt", "neq"):
        assert await names(images.member, f"?created_at={op}:{image['created_at']}") == []


async def test_a_query_that_is_wrong_is_refused(images) -> None:
    for query in (
        "limit=x", "limit=-1", "marker=nowhere", "sort_key=owner", "sort_dir=up", "sort=name:up", "size_min=x",
        "sort=name&sort_key=name", "visibility=odd", "member_status=odd", "created_at=yesterday", "protected=perhaps",
        'name=in:"a', "size_min=99999999999999999999", "updated_at=gt:0001-01-01T00:00:00%2B14:00",
    ):  # fmt: skip
        assert (await images.member.get("/v2/images?" + query)).status == 400, query


async def test_pages_follow_each_other_by_their_links(images) -> None:
    for name in "abcde":
        await images.image(name=name)
    path, seen = "/v2/images?limit=2&sort=name:desc", []
    while path:
        body = (await images.member.get(path)).json
        seen += [image["name"] for image in body["images"]]
        assert body["first"] == "/v2/images?limit=2&sort=name%3Adesc"
        path = body.get("next")
    assert seen == list("edcba")
    assert await names(images.member) == list("edcba")
    assert await names(images.member, "?sort_key=name&sort_dir=asc&limit=0") == []


async def test_schemas_and_versions_can_be_read(images) -> None:
    for name in ("image", "images", "member", "members"):
        assert (await images.member.get(f"/v2/schemas/{name}")).json["name"] in (name, "images", "members")
    assert (await images.member.get("/v2/schemas/metadefs")).status == 404
    assert (await images.member.get("/v2/info/import")).json["import-methods"]["value"] == ["glance-direct"]
    root = await images._client.get("/")
    assert root.status == 300
    assert root.json["versions"][0] == {
        "id": "v2.9",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": "http://cloud.test/image/v2/"}],
    }
    assert (await images._client.get("/versions")).status == 200


class TestSmallLimits:
    @pytest.fixture
    def image_config(self) -> ImageConfig:
        return ImageConfig(tags_max=1, properties_max=1, members_max=1)

    async def test_counts_are_bounded_on_change_too(self, images) -> None:
        image = await images.image(one="1")
        assert (await images.patch(image["id"], {"op": "add", "path": "/two", "value": "2"})).status == 413
        assert (await images.member.put(image["self"] + "/tags/a")).status == 204
        assert (await images.member.put(image["self"] + "/tags/b")).status == 413
        assert (await images.member.post(image["self"] + "/members", {"member": "x"})).status == 200
        assert (await images.member.post(image["self"] + "/members", {"member": "y"})).status == 413
