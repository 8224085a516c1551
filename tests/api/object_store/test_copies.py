"""COPY and ``X-Copy-From``."""

from typing import Any

import pytest


async def source(swift: Any) -> None:
    await swift.container("a")
    await swift.container("b", x_storage_policy="silver")
    await swift.object("/a/o", b"0123456789", content_type="a/b", x_object_meta_colour="blue", x_object_meta_size="big")


@pytest.mark.parametrize("how", ["COPY", "PUT"])
@pytest.mark.parametrize("to", ["a", "b"])
async def test_a_copy_is_the_data_and_its_metadata(swift: Any, how: str, to: str) -> None:
    await source(swift)
    if how == "COPY":
        answer = await swift.ann.request("COPY", "/a/o", headers={"destination": f"/{to}/sub/copy%3F"})
    else:
        headers = {"x-copy-from": "a/o", "content-length": "0"}
        answer = await swift.ann.put(f"/{to}/sub/copy%3F", headers=headers)
    assert answer.status == 201
    assert answer.headers["x-copied-from"] == "a/o"
    copy = await swift.ann.get(f"/{to}/sub/copy%3F")
    assert (copy.body, copy.headers["content-type"]) == (b"0123456789", "a/b")
    assert copy.headers["x-object-meta-colour"] == "blue"
    await swift.ann.delete("/a/o")
    assert (await swift.ann.get(f"/{to}/sub/copy%3F")).body == b"0123456789"


async def test_metadata_of_the_request_is_added_or_stands_alone(swift: Any) -> None:
    await source(swift)
    added = {"destination": "a/added", "x-object-meta-colour": "red", "content-type": "c/d"}
    await swift.ann.request("COPY", "/a/o", headers=added)
    headers = (await swift.ann.get("/a/added")).headers
    assert (headers["x-object-meta-colour"], headers["x-object-meta-size"], headers["content-type"]) == (
        "red",
        "big",
        "c/d",
    )
    fresh = {"destination": "a/fresh", "x-object-meta-new": "1", "x-fresh-metadata": "true"}
    await swift.ann.request("COPY", "/a/o", headers=fresh)
    headers = (await swift.ann.get("/a/fresh")).headers
    assert [name for name in headers if name.startswith("x-object-meta-")] == ["x-object-meta-new"]


async def test_a_part_can_be_copied(swift: Any) -> None:
    await source(swift)
    await swift.ann.request("COPY", "/a/o", headers={"destination": "a/part", "range": "bytes=2-4"})
    assert (await swift.ann.get("/a/part")).body == b"234"


async def test_conditions_are_those_of_the_source(swift: Any) -> None:
    await source(swift)
    wrong = {"destination": "a/x", "if-match": '"other"'}
    assert (await swift.ann.request("COPY", "/a/o", headers=wrong)).status == 412
    assert await swift.names("/a") == ["o"]


async def test_an_object_copied_to_itself_gets_new_metadata(swift: Any) -> None:
    await source(swift)
    assert (
        await swift.ann.request("COPY", "/a/o", headers={"destination": "a/o", "x-object-meta-x": "1"})
    ).status == 201
    answer = await swift.ann.get("/a/o")
    assert (answer.body, answer.headers["x-object-meta-x"]) == (b"0123456789", "1")


async def test_an_old_version_is_copied(swift: Any) -> None:
    await swift.container("a", x_versions_enabled="true")
    first = (await swift.object("/a/o", b"one")).headers["x-object-version-id"]
    await swift.object("/a/o", b"two")
    answer = await swift.ann.request("COPY", f"/a/o?version-id={first}", headers={"destination": "a/copy"})
    assert answer.headers["x-copied-from-version-id"] == first
    assert (await swift.ann.get("/a/copy")).body == b"one"


async def test_both_accounts_must_agree(swift: Any) -> None:
    await source(swift)
    await swift.bob.put("/theirs")
    there = {"destination": "theirs/o", "destination-account": "AUTH_" + "b" * 32}
    assert (await swift.ann.request("COPY", "/a/o", headers=there)).status == 403
    await swift.bob.post("/theirs", headers={"x-container-write": "project-ann:ann"})
    assert (await swift.ann.request("COPY", "/a/o", headers=there)).status == 201
    assert (await swift.bob.get("/theirs/o")).body == b"0123456789"
    back = {"x-copy-from": "a/o", "x-copy-from-account": "AUTH_" + "a" * 32, "content-length": "0"}
    assert (await swift.bob.put("/theirs/p", headers=back)).status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 412),
        ({"destination": "just-a-container"}, 412),
        ({"destination": "none/o"}, 404),
        ({"destination": "a/o", "destination-account": "a/b"}, 412),
    ],
)
async def test_destinations_that_are_none(swift: Any, headers: dict[str, str], status: int) -> None:
    await source(swift)
    assert (await swift.ann.request("COPY", "/a/o", headers=headers)).status == status


async def test_sources_that_are_none(swift: Any) -> None:
    await source(swift)
    assert (await swift.ann.put("/a/x", headers={"x-copy-from": "a", "content-length": "0"})).status == 412
    assert (await swift.ann.put("/a/x", headers={"x-copy-from": "a/none", "content-length": "0"})).status == 404
    assert (await swift.ann.put("/a/x", content=b"body", headers={"x-copy-from": "a/o"})).status == 400
