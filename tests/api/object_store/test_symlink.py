"""Links: what is done to them, and what through them."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import pytest


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


async def link(swift: Any, path: str, target: str, client: Any = None, content: bytes = b"", **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"x-symlink-target": target, "content-length": str(len(content)), **sent}
    return await (client or swift.ann).put(path, content=content, headers=sent)


@pytest.fixture(autouse=True)
async def containers(swift: Any) -> None:
    await swift.container()
    await swift.container("links")
    await swift.object("/c/o", b"hello", x_object_meta_colour="blue")


async def test_it_reads_as_what_it_names(swift: Any) -> None:
    assert (await link(swift, "/links/l", "c/o")).status == 201
    for method in ("GET", "HEAD"):
        answer = await swift.ann.request(method, "/links/l")
        assert answer.status == 200
        assert answer.headers["content-location"] == swift.at("/c/o")
        assert (answer.headers["etag"], answer.headers["x-object-meta-colour"]) == (md5(b"hello"), "blue")
    assert (await swift.ann.get("/links/l", headers={"range": "bytes=1-2"})).body == b"el"
    assert (await swift.ann.get("/links/l", headers={"if-none-match": md5(b"hello")})).status == 304


async def test_the_link_itself(swift: Any) -> None:
    await link(swift, "/links/l", "c/o", x_object_meta_mine="1")
    answer = await swift.ann.get("/links/l?symlink=get")
    assert (answer.status, answer.body) == (200, b"")
    assert (answer.headers["x-symlink-target"], answer.headers["content-type"]) == ("c/o", "application/symlink")
    assert answer.headers["x-object-meta-mine"] == "1"
    (shown,) = (await swift.ann.get("/links?format=json")).json
    assert (shown["symlink_path"], shown["bytes"]) == (swift.at("/c/o"), 0)


async def test_deleting_takes_the_link(swift: Any) -> None:
    await link(swift, "/links/l", "c/o")
    assert (await swift.ann.delete("/links/l")).status == 204
    assert await swift.names("/c") == ["o"]


async def test_new_metadata_goes_to_the_link_and_says_so(swift: Any) -> None:
    await link(swift, "/links/l", "c/o")
    answer = await swift.ann.post("/links/l", headers={"x-object-meta-colour": "red"})
    assert (answer.status, answer.headers["location"]) == (307, swift.at("/c/o"))
    assert (await swift.ann.get("/c/o")).headers["x-object-meta-colour"] == "blue"
    assert (await swift.ann.get("/links/l?symlink=get")).headers["x-object-meta-colour"] == "red"
    assert (await swift.ann.post("/c/o", headers={"x-symlink-target": "c/x"})).status == 400


async def test_a_target_need_not_be_there(swift: Any) -> None:
    assert (await link(swift, "/links/l", "nowhere/o")).status == 201
    answer = await swift.ann.get("/links/l")
    assert (answer.status, answer.headers["content-location"]) == (404, swift.at("/nowhere/o"))


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("o", {}, 412),
        ("/c/o", {}, 412),
        ("c/", {}, 412),
        ("%ff/o", {}, 412),
        ("c/%00", {}, 412),
        ("links/l", {}, 400),
        ("c/o", {"x_symlink_target_account": "a/b"}, 412),
        ("c/o", {"x_symlink_target_etag": 'a;b"'}, 400),
        ("c/o", {"x_symlink_target_etag": "0" * 32}, 409),
        ("c/gone", {"x_symlink_target_etag": "0" * 32}, 409),
        ("c/o", {"content": b"data"}, 400),
    ],
)
async def test_links_that_are_refused(swift: Any, target: str, headers: dict[str, Any], status: int) -> None:
    assert (await link(swift, "/links/l", target, **headers)).status == status
    assert await swift.names("/links") == []


async def test_two_hops_and_no_more(swift: Any) -> None:
    for at, to in (("1", "c/o"), ("2", "links/1"), ("3", "links/2")):
        await link(swift, f"/links/{at}", to)
    assert (await swift.ann.get("/links/2")).body == b"hello"
    answer = await swift.ann.get("/links/3")
    assert (answer.status, answer.body) == (409, b"Too many levels of symbolic links, maximum allowed is 2")


async def test_a_ring_has_an_end(swift: Any) -> None:
    await link(swift, "/links/a", "links/b")
    await link(swift, "/links/b", "links/a")
    assert (await swift.ann.get("/links/a")).status == 409


async def test_a_static_link_holds_to_what_it_was_made_for(swift: Any) -> None:
    assert (await link(swift, "/links/l", "c/o", x_symlink_target_etag=md5(b"hello"))).status == 201
    assert (await swift.ann.get("/links/l")).body == b"hello"
    (shown,) = (await swift.ann.get("/links?format=json")).json
    assert (shown["symlink_etag"], shown["symlink_bytes"]) == (md5(b"hello"), 5)
    await swift.object("/c/o", b"other")
    for headers in ({}, {"if-match": "x"}):
        answer = await swift.ann.get("/links/l", headers=headers)
        assert (answer.status, answer.headers["content-location"]) == (409, swift.at("/c/o"))


async def test_a_link_to_a_large_object(swift: Any) -> None:
    body = b'[{"path": "/c/o"}, {"path": "/c/o"}]'
    await swift.ann.put("/c/whole?multipart-manifest=put", content=body)
    etag = (await swift.ann.request("HEAD", "/c/whole")).headers["x-manifest-etag"]
    assert (await link(swift, "/links/l", "c/whole", x_symlink_target_etag=etag)).status == 201
    assert (await swift.ann.get("/links/l")).body == b"hellohello"
    assert (await swift.ann.get("/links/l?multipart-manifest=get")).json[0]["name"] == "/c/o"
    (shown,) = (await swift.ann.get("/links?format=json")).json
    assert shown["symlink_bytes"] == 10


async def test_segments_may_be_links(swift: Any) -> None:
    await link(swift, "/links/l", "c/o")
    body = b'[{"path": "/links/l"}, {"path": "/c/o", "range": "0-0"}]'
    assert (await swift.ann.put("/c/whole?multipart-manifest=put", content=body)).status == 201
    assert (await swift.ann.get("/c/whole")).body == b"helloh"


async def test_a_copy_is_of_the_target_or_of_the_link(swift: Any) -> None:
    await link(swift, "/links/l", "c/o")
    for query, body in (("", b"hello"), ("?symlink=get", b"")):
        assert (await swift.ann.request("COPY", f"/links/l{query}", headers={"destination": "c/copy"})).status == 201
        assert (await swift.ann.get("/c/copy?symlink=get")).body == body
    assert (await swift.ann.get("/c/copy")).body == b"hello"


async def test_across_accounts_only_where_the_reader_may(swift: Any) -> None:
    account = swift.at().removeprefix("/v1/")
    await swift.bob.put("/mine")
    assert (await link(swift, "/mine/l", "c/o", swift.bob, x_symlink_target_account=account)).status == 201
    assert (await swift.bob.get("/mine/l")).status == 403
    await swift.ann.post("/c", headers={"x-container-read": "b" * 32 + ":*"})
    answer = await swift.bob.get("/mine/l")
    assert (answer.body, answer.headers["content-location"]) == (b"hello", swift.at("/c/o"))
    etag = md5(b"nobody knows")
    assert (
        await link(swift, "/mine/s", "c/o", swift.bob, x_symlink_target_account=account, x_symlink_target_etag=etag)
    ).status == 409


async def test_names_of_any_kind(swift: Any) -> None:
    await swift.object("/c/%C3%A9%20%25", b"odd")
    assert (await link(swift, "/links/l", quote("c/é %"))).status == 201
    answer = await swift.ann.get("/links/l")
    assert (answer.body, answer.headers["content-location"]) == (b"odd", swift.at("/c/%C3%A9%20%25"))
