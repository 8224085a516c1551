"""Dynamic large objects: all that begins alike, as one."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest


@pytest.fixture(autouse=True)
async def parts(swift: Any) -> None:
    await swift.container("parts")
    await swift.container("c")
    for number in range(1, 4):
        await swift.object(f"/parts/p{number}", bytes([48 + number]) * 4)
    await swift.object("/parts/q", b"not this")
    await swift.object("/c/whole", b"unseen", x_object_manifest="parts/p", content_type="text/whole")


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


ETAG = md5("".join(md5(bytes([48 + number]) * 4) for number in range(1, 4)).encode())


async def test_it_reads_as_one(swift: Any) -> None:
    answer = await swift.ann.get("/c/whole")
    assert (answer.status, answer.body) == (200, b"111122223333")
    assert (answer.headers["etag"], answer.headers["x-object-manifest"]) == (f'"{ETAG}"', "parts/p")
    assert answer.headers["content-type"] == "text/whole"
    head = await swift.ann.request("HEAD", "/c/whole")
    assert (head.headers["content-length"], head.headers["etag"]) == ("12", f'"{ETAG}"')


async def test_it_follows_what_is_there(swift: Any) -> None:
    await swift.object("/parts/p0", b"0")
    await swift.ann.delete("/parts/p2")
    assert (await swift.ann.get("/c/whole")).body == b"011113333"


@pytest.mark.parametrize(("span", "wanted"), [("3-4", b"12"), ("-5", b"23333"), ("8-", b"3333")])
async def test_ranges(swift: Any, span: str, wanted: bytes) -> None:
    answer = await swift.ann.get("/c/whole", headers={"range": f"bytes={span}"})
    assert (answer.status, answer.body) == (206, wanted)


async def test_ranges_that_are_not_served(swift: Any) -> None:
    assert (await swift.ann.get("/c/whole", headers={"range": "bytes=12-"})).status == 416
    assert (await swift.ann.get("/c/whole", headers={"range": "bytes=0-1,4-5"})).status == 200


async def test_conditions_are_about_the_whole(swift: Any) -> None:
    assert (await swift.ann.get("/c/whole", headers={"if-none-match": ETAG})).status == 304
    assert (await swift.ann.get("/c/whole", headers={"if-match": md5(b"unseen")})).status == 412


async def test_the_object_itself(swift: Any) -> None:
    answer = await swift.ann.get("/c/whole?multipart-manifest=get")
    assert (answer.body, answer.headers["etag"]) == (b"unseen", md5(b"unseen"))


@pytest.mark.parametrize("value", ["", "parts", "/", "parts/", "parts/p?x", "parts/p&x"])
async def test_manifests_that_name_nothing(swift: Any, value: str) -> None:
    answer = await swift.ann.put("/c/new", content=b"", headers={"x-object-manifest": value})
    assert answer.status == 400


async def test_names_are_escaped(swift: Any) -> None:
    await swift.object("/parts/%C3%A9%201", b"e")
    await swift.object("/c/e", b"", x_object_manifest="parts/%C3%A9%20")
    assert (await swift.ann.get("/c/e")).body == b"e"


async def test_more_than_a_page_of_segments(swift: Any) -> None:
    for number in range(1003):
        await swift.object(f"/parts/many/{number:05d}", b"%d," % (number % 10))
    await swift.object("/c/many", b"", x_object_manifest="parts/many/")
    answer = await swift.ann.get("/c/many")
    assert answer.body == b"".join(b"%d," % (number % 10) for number in range(1003))
    assert answer.headers["content-length"] == "2006"


async def test_who_may_not_list_gets_nothing(swift: Any) -> None:
    await swift.ann.post("/c", headers={"x-container-read": ".r:*"})
    assert (await swift.nobody.get(swift.at("/c/whole"))).status == 401
    await swift.ann.post("/parts", headers={"x-container-read": ".r:*,.rlistings"})
    assert (await swift.nobody.get(swift.at("/c/whole"))).body == b"111122223333"


async def test_a_container_that_is_not_there(swift: Any) -> None:
    await swift.object("/c/lost", b"", x_object_manifest="nowhere/p")
    assert (await swift.ann.get("/c/lost")).status == 404


async def test_one_that_begins_like_itself_has_an_end(swift: Any) -> None:
    await swift.object("/c/loop", b"xyz", x_object_manifest="c/loop")
    assert (await swift.ann.get("/c/loop")).body == b"xyz"


async def test_it_may_be_a_segment_of_a_static_one(swift: Any) -> None:
    body = b'[{"path": "/c/whole"}, {"path": "/parts/q", "range": "0-2"}]'
    assert (await swift.ann.put("/c/outer?multipart-manifest=put", content=body)).status == 201
    assert (await swift.ann.get("/c/outer")).body == b"111122223333not"
