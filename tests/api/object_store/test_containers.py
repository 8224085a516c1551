"""``/v1/account/container``."""

from typing import Any
from xml.etree import ElementTree

import pytest


async def test_put_makes_and_then_changes(swift: Any) -> None:
    assert (await swift.ann.put("/c", headers={"x-container-meta-a": "1"})).status == 201
    assert (await swift.ann.put("/c", headers={"x-container-meta-b": "2"})).status == 202
    headers = (await swift.ann.request("HEAD", "/c")).headers
    assert (headers["x-container-meta-a"], headers["x-container-meta-b"]) == ("1", "2")
    assert headers["x-storage-policy"] == "default"


async def test_metadata_is_taken_away(swift: Any) -> None:
    await swift.container("c", x_container_meta_a="1", x_container_meta_b="2")
    assert (
        await swift.ann.post("/c", headers={"x-remove-container-meta-a": "x", "x-container-meta-b": ""})
    ).status == 204
    assert not [n for n in (await swift.ann.get("/c")).headers if n.startswith("x-container-meta")]


async def test_names_keep_every_character(swift: Any) -> None:
    await swift.container("f%C3%BCr%20alle%3F")
    assert await swift.names("") == ["für alle?"]
    for path in ("/a", "a//b", "a/", "..", "%2e%2e/x", "?q%23"):
        name = path.replace("?", "%3F")
        assert (await swift.ann.put("/f%C3%BCr%20alle%3F/" + name, content=b"x")).status == 201, path
    assert await swift.names("/f%C3%BCr%20alle%3F") == ["..", "../x", "/a", "?q#", "a/", "a//b"]


async def test_names_have_limits(swift: Any) -> None:
    assert (await swift.ann.put("/" + "c" * 257)).status == 400
    assert (await swift.ann.put("/" + "c" * 256)).status == 201
    assert (await swift.ann.put("/" + "c" * 256 + "/" + "o" * 1025, content=b"")).status in (400, 411)


async def test_only_an_empty_container_is_deleted(swift: Any) -> None:
    await swift.container()
    await swift.object()
    assert (await swift.ann.delete("/c")).status == 409
    await swift.ann.delete("/c/o")
    assert (await swift.ann.delete("/c")).status == 204
    assert (await swift.ann.delete("/c")).status == 404
    assert (await swift.ann.get("/c")).status == 404


async def test_a_policy_is_chosen_once(swift: Any) -> None:
    assert (await swift.ann.put("/c", headers={"x-storage-policy": "gold"})).status == 400
    await swift.container("c", x_storage_policy="SILVER")
    assert (await swift.ann.put("/c", headers={"x-storage-policy": "default"})).status == 409
    assert (await swift.ann.put("/c", headers={"x-storage-policy": "silver"})).status == 202


async def filled(swift: Any) -> None:
    await swift.container()
    for name in ("a", "b/", "b/c", "b/d/e", "f--1", "f--2", "z"):
        await swift.object("/c/" + name)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("delimiter=/", ["a", "b/", "f--1", "f--2", "z"]),
        ("delimiter=--", ["a", "b/", "b/c", "b/d/e", "f--", "z"]),
        ("prefix=b/&delimiter=/", ["b/", "b/c", "b/d/"]),
        ("path=b", ["b/c"]),
        ("path=", ["a", "b/", "f--1", "f--2", "z"]),
        ("marker=b/&limit=2", ["b/c", "b/d/e"]),
        ("end_marker=b/c", ["a", "b/"]),
        ("reverse=on&marker=f--1", ["b/d/e", "b/c", "b/", "a"]),
        ("reverse=true&delimiter=/", ["z", "f--2", "f--1", "b/", "a"]),
        ("marker=b/&delimiter=/", ["f--1", "f--2", "z"]),
        ("prefix=nothing", []),
    ],
)
async def test_a_part_of_the_list(swift: Any, query: str, names: list[str]) -> None:
    await filled(swift)
    assert await swift.names("/c?" + query) == names


async def test_lists_say_what_an_object_is(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/b<&>/o", b"data", content_type="text/x-thing")
    item = (await swift.ann.get("/c?format=json")).json[0]
    assert item.pop("last_modified").endswith("0")
    assert item == {
        "name": "b<&>/o",
        "bytes": 4,
        "hash": "8d777f385d3dfec8815d20f7496026dc",
        "content_type": "text/x-thing",
    }
    assert (await swift.ann.get("/c?format=json&delimiter=/")).json == [{"subdir": "b<&>/"}]
    tree = ElementTree.fromstring((await swift.ann.get("/c?format=xml")).body)
    assert (tree.get("name"), tree[0].findtext("name"), tree[0].findtext("bytes")) == ("c", "b<&>/o", "4")
    folder = ElementTree.fromstring((await swift.ann.get("/c?format=xml&delimiter=/")).body)[0]
    assert (folder.tag, folder.get("name"), folder.findtext("name")) == ("subdir", "b<&>/", "b<&>/")


async def test_figures_follow_every_write(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/o", b"12345")
    await swift.object("/c/o", b"12")
    await swift.object("/c/p", b"1")
    headers = (await swift.ann.request("HEAD", "/c")).headers
    assert (headers["x-container-object-count"], headers["x-container-bytes-used"]) == ("2", "3")


async def test_quotas_are_exact_and_must_be_numbers(swift: Any) -> None:
    assert (await swift.ann.put("/c", headers={"x-container-meta-quota-bytes": "ten"})).status == 400
    assert (await swift.ann.put("/c", headers={"x-container-meta-quota-count": "-1"})).status == 400
    await swift.container("c", x_container_meta_quota_bytes="10", x_container_meta_quota_count="2")
    await swift.object("/c/a", b"123456789")
    assert (await swift.ann.put("/c/b", content=b"12")).status == 413
    await swift.object("/c/a", b"1")
    await swift.object("/c/b", b"123456789")
    assert (await swift.ann.put("/c/d", content=b"", headers={"content-length": "0"})).status == 413


async def test_browsers_of_other_sites_get_what_the_container_allows(swift: Any) -> None:
    await swift.container(
        "c",
        x_container_meta_access_control_allow_origin="https://good.test https://other.test",
        x_container_meta_access_control_max_age="5",
        x_container_meta_access_control_expose_headers="x-mine",
    )
    await swift.object("/c/o", b"d", x_object_meta_colour="red")
    asked = {"origin": "https://good.test", "access-control-request-method": "PUT"}
    told = await swift.nobody.request(
        "OPTIONS", swift.at("/c/o"), headers={**asked, "access-control-request-headers": "x-a, x-b"}
    )
    assert told.status == 200
    assert told.headers["access-control-allow-origin"] == "https://good.test"
    assert told.headers["access-control-allow-headers"] == "x-a, x-b"
    assert told.headers["access-control-max-age"] == "5"
    for wrong in ({"origin": "https://bad.test"}, {"access-control-request-method": "LICK"}):
        assert (await swift.nobody.request("OPTIONS", swift.at("/c/o"), headers={**asked, **wrong})).status == 401
    read = await swift.ann.get("/c/o", headers={"origin": "https://good.test"})
    assert read.headers["access-control-allow-origin"] == "https://good.test"
    exposed = read.headers["access-control-expose-headers"].split(", ")
    assert {"etag", "x-mine", "x-object-meta-colour"} <= set(exposed)
    assert (
        "access-control-allow-origin"
        not in (await swift.ann.get("/c/o", headers={"origin": "https://bad.test"})).headers
    )


async def test_what_is_not_there_and_may_not_be_known(swift: Any) -> None:
    assert (await swift.ann.get("/none")).status == 404
    assert (await swift.bob.using(prefix=swift.at()).get("/none")).status == 403
    assert (await swift.nobody.get(swift.at("/none"))).status == 401
