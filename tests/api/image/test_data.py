"""Bytes in and out of images."""

import asyncio
import hashlib
import os

import pytest

from wolke.core import ids
from wolke.core.db import Database
from wolke.image.config import ImageConfig
from wolke.image.drivers.memory import MemoryDriver
from wolke.image.store import IMAGES


async def test_what_was_uploaded_is_downloaded(images) -> None:
    data = os.urandom(3 * 1024 * 1024 + 17)
    image = await images.image()
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    assert (await images.upload(image["id"], pieces)).status == 204
    image = (await images.member.get(image["self"])).json
    assert image["status"] == "active"
    assert (image["size"], image["virtual_size"]) == (len(data), len(data))
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", hashlib.sha512(data).hexdigest())
    answer = await images.reader.using("member").get(image["file"])
    assert (answer.status, answer.body) == (200, data)
    assert answer.headers["content-md5"] == image["checksum"]
    # Once: clients refuse an answer that has it twice.
    assert [value for name, value in answer.header_list if name == "content-length"] == [str(len(data))]
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_an_empty_image_is_an_image(images) -> None:
    image = await images.image(b"")
    assert (image["status"], image["size"]) == ("active", 0)
    assert (await images.member.get(image["file"])).body == b""


async def test_data_comes_once(images) -> None:
    image = await images.image(b"first")
    assert (await images.upload(image["id"], b"second")).status == 409
    assert (await images.member.get(image["file"])).body == b"first"


async def test_an_upload_says_what_it_is_and_needs_formats(images) -> None:
    image = await images.image()
    answer = await images.member.put(image["file"], content=b"x", headers={"content-type": "text/plain"})
    assert answer.status == 415
    bare = (await images.member.post("/v2/images", {"name": "no formats"})).json
    assert (await images.upload(bare["id"], b"x")).status == 400
    assert (await images.upload(image["id"], b"x", images.reader)).status == 403
    assert (await images.upload(image["id"], b"x", images.other)).status == 404
    assert (await images.upload(image["id"], b"xyz", **{"x-openstack-image-size": "4"})).status == 400
    assert (await images.member.get(image["self"])).json["status"] == "queued"
    assert images.stored() == []


async def test_there_is_nothing_to_download_before_there_is_data(images) -> None:
    image = await images.image()
    assert (await images.member.get(image["file"])).status == 204


async def test_a_range_can_be_asked_for(images) -> None:
    image = await images.image(b"0123456789")
    for header, status, expected in (
        ("bytes=0-3", 206, b"0123"),
        ("bytes=8-", 206, b"89"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=10-", 416, None),
        ("bytes=4-2", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=0-1,3-4", 416, None),
        ("lines=1-2", 200, b"0123456789"),
    ):
        answer = await images.member.get(image["file"], headers={"range": header})
        assert answer.status == status
        if expected is not None:
            assert answer.body == expected
        if status == 206:
            start = b"0123456789".index(expected)
            assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/10"
            assert answer.headers["content-length"] == str(len(expected))


async def test_a_deactivated_image_is_withheld_from_all_but_admins(images) -> None:
    image = await images.image(b"data")
    path = image["self"]
    assert (await images.other.post(path + "/actions/deactivate")).status == 404
    for _ in range(2):
        assert (await images.member.post(path + "/actions/deactivate")).status == 204
    assert (await images.member.get(path)).json["status"] == "deactivated"
    assert (await images.member.get(path + "/file")).status == 403
    assert (await images.admin.get(path + "/file")).body == b"data"
    assert (await images.member.post(path + "/actions/reactivate")).status == 204
    assert (await images.member.get(path + "/file")).body == b"data"
    queued = await images.image()
    assert (await images.member.post(queued["self"] + "/actions/deactivate")).status == 403


async def test_staged_data_becomes_active_by_its_import(images) -> None:
    image = await images.image()
    path = image["self"]
    wish = {"method": {"name": "glance-direct"}}
    assert (await images.member.post(path + "/import", wish)).status == 409
    headers = {"content-type": "application/octet-stream"}
    assert (await images.member.put(path + "/stage", content=b"staged", headers=headers)).status == 204
    assert (await images.member.get(path)).json["status"] == "uploading"
    assert (await images.member.get(path + "/file")).status == 204
    assert (await images.member.post(path + "/import", {"method": {"name": "web-download"}})).status == 400
    await images.settle()
    assert (await images.member.post(path + "/import", wish)).status == 202
    assert (await images.member.get(path)).json["status"] == "active"
    assert (await images.member.get(path + "/file")).body == b"staged"


async def test_the_agent_fills_a_reserved_image(images) -> None:
    image = await images.image(visibility="private")
    assert (await images.upload(image["id"], b"snapshot", images.agent)).status == 204
    assert (await images.agent.get(image["file"])).body == b"snapshot"


async def test_an_image_of_the_declared_format_is_taken(images, qemu_image) -> None:
    for disk_format in ("qcow2", "vmdk", "vdi", "vhdx"):
        image = await images.image(qemu_image(disk_format), disk_format=disk_format)
        assert image["virtual_size"] == 1 << 20


async def test_an_image_that_is_not_what_it_claims_is_refused_and_leaves_nothing(images, qemu_image) -> None:
    for disk_format, data in (
        ("raw", qemu_image("qcow2")),
        ("qcow2", b"\0" * 4096),
        ("qcow2", qemu_image("vmdk")),
        ("qcow2", qemu_image("qcow2", "-b", "/etc/passwd", "-F", "raw", "-u")),
        ("qcow2", qemu_image("qcow2", "-o", "data_file=elsewhere,data_file_raw=on")),
        ("vmdk", qemu_image("vmdk", "-o", "subformat=monolithicFlat")),
        ("vmdk", b"# Disk DescriptorFile\nversion=1\n"),
        ("raw", b"# Disk DescriptorFile\nversion=1\n"),
        ("iso", b"\0" * 100_000),
    ):
        image = await images.image(disk_format=disk_format)
        answer = await images.upload(image["id"], [data[:1000], data[1000:]])
        assert answer.status == 415, (disk_format, answer.body)
        assert (await images.member.get(image["self"])).json["status"] == "queued"
        assert images.stored() == []


async def test_a_client_that_leaves_leaves_nothing(images) -> None:
    image = await images.image()
    messages = iter(
        [{"type": "http.request", "body": b"x" * 3_000_000, "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive():
        return next(messages)

    async def send(message):
        raise AssertionError("nobody listens")

    headers = [(b"x-auth-token", b"member"), (b"content-type", b"application/octet-stream")]
    scope = {"type": "http", "method": "PUT", "path": "/image" + image["file"], "query_string": b"", "headers": headers}
    await images.member.app({**scope, "scheme": "http"}, receive, send)
    assert (await images.member.get(image["self"])).json["status"] == "queued"
    assert images.stored() == []
    assert (await images.upload(image["id"], b"again")).status == 204


async def test_an_image_deleted_while_it_comes_in_stays_deleted(images) -> None:
    image = await images.image()
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield b"one"
        started.set()
        await go_on.wait()
        yield b"two"

    from wolke.core.context import system_context
    from wolke.image.errors import ImageGone

    upload = asyncio.create_task(images.service.upload(system_context(), image["id"], slowly()))
    await started.wait()
    assert (await images.member.get(image["self"])).json["status"] == "saving"
    assert (await images.upload(image["id"], b"second")).status == 409
    assert (await images.member.delete(image["self"])).status == 204
    go_on.set()
    with pytest.raises(ImageGone):
        await upload
    assert images.stored() == []
    assert (await images.member.get(image["self"])).status == 404


async def test_the_data_of_a_deleted_image_goes_when_the_loop_looks(images) -> None:
    image = await images.image(b"data")
    kept = await images.image(b"kept")
    assert len(images.stored()) == 2
    await images.member.delete(image["self"])
    await images.settle()
    assert len(images.stored()) == 1
    assert (await images.member.get(kept["file"])).body == b"kept"


async def test_an_upload_whose_process_died_is_put_back(images, database: Database) -> None:
    """What kill -9 leaves: a row in saving, and a part of the data that nobody holds."""
    driver = images.service.driver
    image = await images.image()
    for kind in ("nothing", "part", "whole"):
        dead = ids.uuid()
        async with database.transaction() as tx:
            await tx.update(IMAGES, {"status": "saving", "upload": dead}, id=image["id"])
        if kind != "nothing":
            (driver.directory / (dead + (".part" if kind == "part" else ""))).write_bytes(b"half")
        await images.settle()
        assert (await images.member.get(image["self"])).json["status"] == "queued", kind
        assert images.stored() == [], kind
    assert (await images.upload(image["id"], b"again")).status == 204


async def test_an_upload_that_lives_is_left_alone_by_the_loop(images, database: Database) -> None:
    image = await images.image()
    upload = ids.uuid()
    writer = await images.service.driver.begin(upload)
    async with database.transaction() as tx:
        await tx.update(IMAGES, {"status": "saving", "upload": upload}, id=image["id"])
    await images.settle()
    assert (await images.member.get(image["self"])).json["status"] == "saving"
    await writer.commit()
    await images.settle()
    assert (await images.member.get(image["self"])).json["status"] == "saving"
    assert images.stored() == [upload]
    await writer.close()


class TestLittleRoom:
    @pytest.fixture
    def image_config(self) -> ImageConfig:
        return ImageConfig(size_cap_bytes=1000, project_quota_bytes=1500)

    async def test_too_much_is_refused_and_leaves_nothing(self, images) -> None:
        image = await images.image()
        assert (await images.upload(image["id"], b"x" * 1001)).status == 413
        assert (await images.upload(image["id"], [b"x" * 500] * 3)).status == 413
        assert (await images.member.get(image["self"])).json["status"] == "queued"
        assert images.stored() == []
        assert (await images.upload(image["id"], b"x" * 1000)).status == 204
        second = await images.image()
        answer = await images.upload(second["id"], [b"x" * 501])
        assert answer.status == 413
        assert "500 bytes remaining" in answer.json["message"]
        assert (await images.upload(second["id"], b"x" * 500)).status == 204

    async def test_two_uploads_at_once_do_not_outrun_the_quota(self, images) -> None:
        both = [await images.image() for _ in range(2)]
        answers = await asyncio.gather(*(images.upload(image["id"], b"x" * 1000) for image in both))
        assert sorted(answer.status for answer in answers) == [204, 413]
        assert len(images.stored()) == 1

    async def test_a_full_disk_is_said_and_leaves_nothing(self, images) -> None:
        images.service.driver = MemoryDriver(capacity_bytes=10)
        image = await images.image()
        answer = await images.upload(image["id"], b"x" * 11)
        assert answer.status == 413
        assert "disk space" in answer.json["message"]
        assert (await images.member.get(image["self"])).json["status"] == "queued"
        assert await images.service.driver.blobs() == []
        assert (await images.upload(image["id"], b"x" * 10)).status == 204
        assert (await images.member.get(image["file"])).body == b"x" * 10
