"""``/v1/account/container/object``: data and metadata."""

import hashlib
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

import pytest

MD5 = hashlib.md5(b"0123456789").hexdigest()


async def ten(swift: Any, **headers: str) -> Any:
    await swift.container()
    return await swift.object("/c/o", b"0123456789", **headers)


async def test_what_is_put_is_what_is_got(swift: Any) -> None:
    made = await ten(swift, content_type="text/x-digits", x_object_meta_colour="blue")
    assert made.headers["etag"] == MD5
    answer = await swift.ann.get("/c/o")
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.headers["etag"] == MD5
    assert answer.headers["content-type"] == "text/x-digits"
    assert answer.headers["x-object-meta-colour"] == "blue"
    assert answer.headers["last-modified"] == made.headers["last-modified"]
    changed = parsedate_to_datetime(answer.headers["last-modified"]).timestamp()
    assert 0 <= changed - float(answer.headers["x-timestamp"]) < 1


async def test_head_says_the_same_without_the_data(swift: Any) -> None:
    await ten(swift)
    got, told = await swift.ann.get("/c/o"), await swift.ann.request("HEAD", "/c/o")
    names = ("etag", "content-type", "content-length", "last-modified", "x-timestamp", "accept-ranges")
    assert [got.headers[name] for name in names] == [told.headers[name] for name in names]
    assert told.body == b""


async def test_large_data_goes_in_and_out_in_chunks(swift: Any) -> None:
    await swift.container()
    chunks = [bytes([n]) * 300_000 for n in range(8)]
    put = await swift.ann.put("/c/o", content=chunks, headers={"transfer-encoding": "chunked"})
    assert put.status == 201
    answer = await swift.ann.get("/c/o")
    assert answer.body == b"".join(chunks)
    assert answer.headers["content-length"] == "2400000"


async def test_a_type_is_guessed_where_none_is_given(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/a.png")
    await swift.object("/c/unknown")
    await swift.object("/c/b.png", content_type="text/plain", x_detect_content_type="true")
    for path, kind in (
        ("/c/a.png", "image/png"),
        ("/c/unknown", "application/octet-stream"),
        ("/c/b.png", "image/png"),
    ):
        assert (await swift.ann.get(path)).headers["content-type"] == kind


async def test_a_wrong_checksum_leaves_what_was_there(swift: Any) -> None:
    await ten(swift)
    assert (await swift.ann.put("/c/o", content=b"new", headers={"etag": MD5})).status == 422
    assert (await swift.ann.get("/c/o")).body == b"0123456789"
    assert (await swift.ann.put("/c/o", content=b"0123456789", headers={"etag": f'"{MD5}"'})).status == 201


async def test_fewer_bytes_than_announced_leave_nothing(swift: Any) -> None:
    await swift.container()
    answer = await swift.ann.put("/c/o", content=[b"abc"], headers={"content-length": "10"})
    assert answer.status == 499
    assert await swift.names("/c") == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 411),
        ({"content-length": "many"}, 400),
        ({"content-length": str((5 << 30) + 3)}, 413),
        ({"transfer-encoding": "gzip"}, 501),
        ({"content-length": "1", "x-delete-at": "soon"}, 400),
        ({"content-length": "1", "x-delete-at": "1"}, 400),
        ({"content-length": "1", "x-delete-after": "0"}, 400),
        ({"content-length": "1", "x-delete-after": "-5"}, 400),
        ({"content-length": "1", "x-delete-after": "x"}, 400),
        ({"content-length": "1", "if-none-match": '"abc"'}, 400),
        ({"content-length": "1", "x-object-manifest": "nonsense"}, 400),
        ({"content-length": "1", "x-object-meta-a": "v" * 257}, 400),
        ({"content-length": "1", "content-type": "text/\x01plain"}, 400),
    ],
)
async def test_what_is_refused_before_any_data_is_read(swift: Any, headers: dict[str, str], status: int) -> None:
    await swift.container()
    answer = await swift.ann.put("/c/o", content=[b"x"], headers=headers)
    assert answer.status == status, answer.body
    assert await swift.names("/c") == []


async def test_none_match_makes_only_what_is_not_there(swift: Any) -> None:
    await ten(swift)
    assert (await swift.ann.put("/c/o", content=b"x", headers={"if-none-match": "*"})).status == 412
    assert (await swift.ann.put("/c/new", content=b"x", headers={"if-none-match": "*"})).status == 201


async def test_nothing_is_put_into_a_container_that_is_not_there(swift: Any) -> None:
    assert (await swift.ann.put("/none/o", content=b"x")).status == 404


async def test_post_replaces_all_metadata_and_keeps_data_and_type(swift: Any) -> None:
    await ten(swift, content_type="a/b", x_object_meta_a="1", content_encoding="x-rot13", x_delete_after="1000")
    assert (await swift.ann.post("/c/o", headers={"x-object-meta-b": "2"})).status == 202
    answer = await swift.ann.get("/c/o")
    assert (answer.body, answer.headers["content-type"]) == (b"0123456789", "a/b")
    assert answer.headers["x-object-meta-b"] == "2"
    assert not {"x-object-meta-a", "content-encoding", "x-delete-at"} & set(answer.headers)
    await swift.ann.post("/c/o", headers={"content-type": "c/d", "content-disposition": "inline"})
    answer = await swift.ann.get("/c/o")
    assert (answer.headers["content-type"], answer.headers["content-disposition"]) == ("c/d", "inline")
    assert (await swift.ann.post("/c/none")).status == 404


async def test_metadata_and_types_are_utf8(swift: Any) -> None:
    text = "text/☃; name=ü".encode().decode("latin-1")
    await ten(swift, content_type=text, x_object_meta_a=text)
    headers = (await swift.ann.get("/c/o")).headers
    assert (headers["content-type"], headers["x-object-meta-a"]) == (text, text)
    assert (await swift.ann.get("/c?format=json")).json[0]["content_type"] == "text/☃; name=ü"


async def test_delete_is_for_good(swift: Any) -> None:
    await ten(swift)
    assert (await swift.ann.delete("/c/o")).status == 204
    assert (await swift.ann.delete("/c/o")).status == 404
    assert (await swift.ann.get("/c/o")).status == 404


@pytest.mark.parametrize(
    ("wish", "status", "body", "where"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=x-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
async def test_a_range(swift: Any, wish: str, status: int, body: bytes | None, where: str | None) -> None:
    await ten(swift)
    answer = await swift.ann.get("/c/o", headers={"range": wish})
    assert (answer.status, answer.headers.get("content-range")) == (status, where)
    assert body is None or answer.body == body


async def test_several_ranges_come_as_parts(swift: Any) -> None:
    await ten(swift, content_type="text/x")
    answer = await swift.ann.get("/c/o", headers={"range": "bytes=0-1,5-6,-1"})
    kind, _, boundary = answer.headers["content-type"].partition(";boundary=")
    assert (answer.status, kind) == (206, "multipart/byteranges")
    assert answer.headers["content-length"] == str(len(answer.body))
    parts = answer.body.split(f"\r\n--{boundary}".encode())[1:]
    assert parts.pop() == b"--\r\n"
    assert [part.partition(b"\r\n\r\n")[2] for part in parts] == [b"01", b"56", b"9"]
    assert b"Content-Range: bytes 5-6/10" in parts[1]


async def test_absurdly_many_ranges_are_refused(swift: Any) -> None:
    await ten(swift)
    for wish in (",".join(["0-"] * 8), ",".join(f"{n}-{n}" for n in range(60))):
        assert (await swift.ann.get("/c/o", headers={"range": "bytes=" + wish})).status == 416


async def test_a_range_holds_only_for_the_object_it_was_meant_for(swift: Any) -> None:
    await ten(swift)
    assert (await swift.ann.get("/c/o", headers={"range": "bytes=0-1", "if-range": f'"{MD5}"'})).body == b"01"
    assert (await swift.ann.get("/c/o", headers={"range": "bytes=0-1", "if-range": '"other"'})).status == 200


PAST, FUTURE = formatdate(0, usegmt=True), formatdate(4_000_000_000, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": MD5}, 200),
        ({"if-match": f'"x", "{MD5}"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"x"'}, 412),
        ({"if-none-match": MD5}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-modified-since": PAST}, 200),
        ({"if-modified-since": FUTURE}, 304),
        ({"if-modified-since": "some day"}, 200),
        ({"if-unmodified-since": PAST}, 412),
        ({"if-unmodified-since": FUTURE}, 200),
        ({"if-match": MD5, "if-unmodified-since": PAST}, 412),
    ],
)
async def test_conditions(swift: Any, headers: dict[str, str], status: int) -> None:
    await ten(swift)
    for method in ("GET", "HEAD"):
        answer = await swift.ann.request(method, "/c/o", headers=headers)
        assert answer.status == status
        assert answer.headers["etag"] == MD5 or status == 304


async def test_if_match_of_what_is_not_there(swift: Any) -> None:
    await swift.container()
    assert (await swift.ann.get("/c/o", headers={"if-match": "*"})).status == 412


async def test_etags_are_quoted_where_somebody_asks_for_it(swift: Any) -> None:
    await ten(swift)
    await swift.ann.post("", headers={"x-account-rfc-compliant-etags": "true"})
    assert (await swift.ann.get("/c/o")).headers["etag"] == f'"{MD5}"'
    await swift.ann.post("/c", headers={"x-container-rfc-compliant-etags": "false"})
    assert (await swift.ann.get("/c/o")).headers["etag"] == MD5


async def test_an_object_expires_and_is_cleared_away(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/after", x_delete_after="10")
    await swift.object("/c/at", x_delete_at=str(int(swift.clock.time()) + 20))
    await swift.object("/c/stays")
    assert int((await swift.ann.get("/c/after")).headers["x-delete-at"]) - int(swift.clock.time()) in (9, 10)
    swift.clock.ahead_s = 12
    assert (await swift.ann.get("/c/after")).status == 404
    assert (await swift.ann.get("/c/at")).status == 200
    assert await swift.names("/c") == ["after", "at", "stays"]
    await swift.expirer.loop.drain()
    assert await swift.names("/c") == ["at", "stays"]
    swift.clock.ahead_s = 30
    await swift.expirer.loop.drain()
    assert await swift.names("/c") == ["stays"]


async def test_what_has_expired_is_not_there_for_anybody(swift: Any) -> None:
    await swift.container()
    for name in ("deleted", "made", "changed"):
        await swift.object(f"/c/{name}", x_delete_after="10")
    swift.clock.ahead_s = 12
    assert (await swift.ann.delete("/c/deleted")).status == 404
    assert (await swift.ann.post("/c/changed", headers={"x-object-meta-a": "1"})).status == 404
    assert (await swift.ann.put("/c/made", content=b"x", headers={"if-none-match": "*"})).status == 201
    await swift.expirer.loop.drain()
    assert await swift.names("/c") == ["made"]


async def test_an_object_that_was_given_more_time_stays(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/o", x_delete_after="10")
    await swift.ann.post("/c/o", headers={"x-delete-after": "100"})
    swift.clock.ahead_s = 50
    await swift.expirer.loop.drain()
    assert (await swift.ann.get("/c/o")).status == 200


async def test_what_is_a_store_of_its_own_is_told_to_anybody(swift: Any) -> None:
    info = (await swift.nobody.get("/info")).json
    assert info["swift"]["max_file_size"] == 5 * (1 << 30) + 2
    assert info["swift"]["policies"] == [
        {"name": "default", "aliases": "default", "default": True},
        {"name": "silver", "aliases": "silver"},
    ]
    assert {"slo", "dlo", "tempurl", "bulk_upload", "symlink", "versioned_writes"} <= set(info)
    assert (await swift.nobody.get("/healthcheck")).body == b"OK"
    assert b"cross-domain-policy" in (await swift.nobody.get("/crossdomain.xml")).body
    assert (await swift.nobody.put("/info", content=b"")).status == 405
