"""Sharing an image with another project."""

OTHER = "c0000000000040008000000000000000"


async def test_a_shared_image_is_listed_once_it_is_accepted(images) -> None:
    image = await images.image(b"data")
    path = image["self"]
    assert (await images.other.get(path)).status == 404
    added = await images.member.post(path + "/members", {"member": OTHER})
    assert added.status == 200, added.body
    assert added.json["status"] == "pending"
    assert added.json["image_id"] == image["id"]
    assert (await images.member.post(path + "/members", {"member": OTHER})).status == 409

    assert (await images.other.get(path)).status == 200
    assert (await images.other.get(path + "/file")).body == b"data"
    assert (await images.other.get("/v2/images")).json["images"] == []
    pending = (await images.other.get("/v2/images?visibility=shared&member_status=pending")).json["images"]
    assert [one["id"] for one in pending] == [image["id"]]

    accepted = await images.other.put(f"{path}/members/{OTHER}", {"status": "accepted"})
    assert accepted.status == 200, accepted.body
    assert [one["id"] for one in (await images.other.get("/v2/images")).json["images"]] == [image["id"]]
    await images.other.put(f"{path}/members/{OTHER}", {"status": "rejected"})
    assert (await images.other.get("/v2/images")).json["images"] == []
    assert (await images.other.get(path)).status == 200

    assert (await images.member.delete(f"{path}/members/{OTHER}")).status == 204
    assert (await images.member.delete(f"{path}/members/{OTHER}")).status == 404
    assert (await images.other.get(path)).status == 404


async def test_only_the_member_answers_and_only_the_owner_shares(images) -> None:
    image = await images.image()
    path = f"{image['self']}/members"
    await images.member.post(path, {"member": OTHER})
    assert (await images.member.put(f"{path}/{OTHER}", {"status": "accepted"})).status == 403
    assert (await images.other.post(path, {"member": "third"})).status == 403
    assert (await images.other.delete(f"{path}/{OTHER}")).status == 403
    assert (await images.other.delete(image["self"])).status == 403
    assert (await images.other.put(f"{path}/{OTHER}", {"status": "maybe"})).status == 400
    assert (await images.member.post(path, {})).status == 400


async def test_a_member_sees_itself_and_the_owner_sees_all(images) -> None:
    image = await images.image()
    path = f"{image['self']}/members"
    for member in (OTHER, "third"):
        await images.member.post(path, {"member": member})
    assert [m["member_id"] for m in (await images.member.get(path)).json["members"]] == [OTHER, "third"]
    assert [m["member_id"] for m in (await images.other.get(path)).json["members"]] == [OTHER]
    assert (await images.other.get(f"{path}/third")).status == 404
    assert (await images.member.get(f"{path}/third")).json["status"] == "pending"
    assert (await images.member.get(f"{path}/nobody")).status == 404


async def test_what_is_not_shared_has_no_members(images) -> None:
    image = await images.image(visibility="private")
    assert (await images.member.get(image["self"] + "/members")).status == 403
    assert (await images.member.post(image["self"] + "/members", {"member": OTHER})).status == 403


async def test_members_lose_an_image_that_becomes_private(images) -> None:
    image = await images.image()
    await images.member.post(image["self"] + "/members", {"member": OTHER})
    await images.patch(image["id"], {"op": "replace", "path": "/visibility", "value": "private"})
    assert (await images.other.get(image["self"])).status == 404
