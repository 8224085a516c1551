"""Static large objects: made of segments, read as one, and never as something that nobody meant."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest

PARTS = {"a": b"A" * 300_000, "b": b"B" * 300_000, "c": b"last"}


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


WHOLE = b"".join(PARTS.values())
ETAG = md5("".join(md5(data) for data in PARTS.values()).encode())
LIST = [{"path": f"/parts/{name}", "etag": md5(data), "size_bytes": len(data)} for name, data in PARTS.items()]


async def make(swift: Any, path: str, entries: Any, query: str = "", client: Any = None, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return await (client or swift.ann).put(f"{path}?multipart-manifest=put{query}", content=body, headers=sent)


@pytest.fixture(autouse=True)
async def segments(swift: Any) -> None:
    await swift.container("parts")
    await swift.container("c")
    for name, data in PARTS.items():
        await swift.object(f"/parts/{name}", data)
    answer = await make(swift, "/c/whole", LIST, x_object_meta_colour="blue", content_type="video/x")
    assert answer.status == 201, answer.body
    assert answer.headers["etag"] == f'"{ETAG}"'


async def test_it_reads_as_one(swift: Any) -> None:
    answer = await swift.ann.get("/c/whole")
    assert (answer.status, answer.body) == (200, WHOLE)
    headers = answer.headers
    assert (headers["etag"], headers["x-static-large-object"]) == (f'"{ETAG}"', "True")
    assert (headers["content-type"], headers["x-object-meta-colour"]) == ("video/x", "blue")
    head = await swift.ann.request("HEAD", "/c/whole")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(WHOLE)))
    assert head.headers["x-manifest-etag"] == md5((await swift.ann.get("/c/whole?multipart-manifest=get")).body)


@pytest.mark.parametrize("span", ["0-0", "299999-300000", "600000-", "-5", "100-599999", "299990-600003"])
async def test_ranges(swift: Any, span: str) -> None:
    answer = await swift.ann.get("/c/whole", headers={"range": f"bytes={span}"})
    first, _, last = span.partition("-")
    wanted = WHOLE[int(first) : int(last) + 1 if last else None] if first else WHOLE[-int(last) :]
    assert (answer.status, answer.body) == (206, wanted)


async def test_several_ranges_and_none(swift: Any) -> None:
    answer = await swift.ann.get("/c/whole", headers={"range": "bytes=299999-300000,-2"})
    assert answer.status == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    assert b"\r\n\r\nAB\r\n" in answer.body
    assert b"\r\n\r\nst\r\n" in answer.body
    answer = await swift.ann.get("/c/whole", headers={"range": "bytes=9999999-"})
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(WHOLE)}")


async def test_conditions_are_about_the_whole(swift: Any) -> None:
    assert (await swift.ann.get("/c/whole", headers={"if-none-match": ETAG})).status == 304
    assert (await swift.ann.get("/c/whole", headers={"if-match": f'"{ETAG}"'})).status == 200
    assert (await swift.ann.get("/c/whole", headers={"if-match": "other"})).status == 412


async def test_the_list_itself(swift: Any) -> None:
    answer = await swift.ann.get("/c/whole?multipart-manifest=get")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["etag"] == md5(answer.body)
    assert [(one["name"], one["bytes"], one["hash"]) for one in answer.json] == [
        (one["path"], one["size_bytes"], one["etag"]) for one in LIST
    ]
    assert (await swift.ann.get("/c/whole?multipart-manifest=get&format=raw")).json == LIST


async def test_lists_show_what_it_is(swift: Any) -> None:
    (shown,) = (await swift.ann.get("/c?format=json")).json
    assert (shown["bytes"], shown["slo_etag"]) == (len(WHOLE), f'"{ETAG}"')
    assert shown["hash"] == md5((await swift.ann.get("/c/whole?multipart-manifest=get")).body)


async def test_parts_of_it_by_number(swift: Any) -> None:
    answer = await swift.ann.get("/c/whole?part-number=2")
    assert (answer.status, answer.body) == (206, PARTS["b"])
    assert answer.headers["content-range"] == f"bytes 300000-599999/{len(WHOLE)}"
    assert answer.headers["x-parts-count"] == "3"
    head = await swift.ann.request("HEAD", "/c/whole?part-number=3")
    assert (head.status, head.headers["content-length"]) == (206, "4")
    assert (await swift.ann.get("/c/whole?part-number=4")).status == 416
    for wrong in ("0", "-1", "x", "²", "9" * 30):
        assert (await swift.ann.get(f"/c/whole?part-number={wrong}")).status == 400
    assert (await swift.ann.get("/c/whole?part-number=1", headers={"range": "bytes=0-1"})).status == 400


async def test_ranges_data_and_lists_within_a_list(swift: Any) -> None:
    nested = [
        {"data": "aGVsbG8="},
        {"path": "/c/whole", "range": "299999-300000"},
        {"path": "/parts/c", "range": "-2"},
        {"path": "/c/whole", "range": "-3"},
        {"path": "/parts/c", "range": "0-"},
    ]
    assert (await make(swift, "/c/outer", nested)).status == 201
    assert (await swift.ann.get("/c/outer")).body == b"helloABstastlast"
    kept = (await swift.ann.get("/c/outer?multipart-manifest=get")).json
    assert [one.get("range") for one in kept] == [None, "299999-300000", "2-3", "600001-600003", None]
    assert [one.get("sub_slo") for one in kept] == [None, True, None, True, None]


async def test_lists_within_lists_have_an_end(swift: Any) -> None:
    path = "/parts/c"
    for level in range(12):
        if (await make(swift, f"/c/l{level}", [{"path": path}])).status != 201:
            break
        path = f"/c/l{level}"
    assert (await swift.ann.get("/c/l9")).body == b"last"
    assert (await swift.ann.get(path)).status == 409


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"path": "/parts/gone"}, "404 Not Found"),
        ({"path": "/nowhere/gone"}, "404 Not Found"),
        ({"path": "/parts/a", "etag": "wrong"}, "Etag Mismatch"),
        ({"path": "/parts/a", "size_bytes": 5}, "Size Mismatch"),
        ({"path": "/parts/a", "range": "300000-"}, "Unsatisfiable Range"),
        ({"path": "/parts/empty"}, "Too small; each segment must be at least 1 byte."),
    ],
)
async def test_segments_that_will_not_do_are_listed(swift: Any, entry: dict[str, Any], said: str) -> None:
    await swift.object("/parts/empty", b"")
    answer = await make(swift, "/c/new", [entry, LIST[0]], accept="application/json")
    assert answer.status == 400
    assert answer.json["Errors"] == [[entry["path"], said]]
    assert (await swift.ann.get("/c/new")).status == 404


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b"[" * 50_000])
async def test_what_is_no_list_is_400(swift: Any, body: bytes) -> None:
    answer = await make(swift, "/c/new", body)
    assert answer.status == 400
    assert answer.headers["content-type"].startswith("text/plain")


async def test_limits(swift: Any) -> None:
    assert (await make(swift, "/c/new", [{"path": "/parts/a"}] * 1001)).status == 413
    assert (await make(swift, "/c/new", b" " * (8 << 20) + b"[]")).status == 413
    assert (await make(swift, "/c/new", [{"path": "/parts/c"}] * 1000)).status == 201
    assert (await swift.ann.get("/c/new")).body == b"last" * 1000


async def test_a_promise_of_the_client_holds(swift: Any) -> None:
    assert (await make(swift, "/c/new", LIST, etag="0" * 32)).status == 422
    assert (await make(swift, "/c/new", LIST, etag=ETAG)).status == 201
    assert (await swift.ann.put("/c/new", content=b"", headers={"x-static-large-object": "true"})).status == 400


async def test_a_heartbeat_while_it_goes_on(swift: Any) -> None:
    answer = await make(swift, "/c/new", LIST, "&heartbeat=on", accept="application/json")
    assert answer.status == 202
    assert answer.body.startswith(b" \r\n\r\n")
    assert (answer.json["Response Status"], answer.json["Etag"]) == ("201 Created", f'"{ETAG}"')
    answer = await make(swift, "/c/new", [{"path": "/parts/gone"}], "&heartbeat=on", accept="application/json")
    assert answer.json["Response Status"] == "400 Bad Request"


async def test_a_segment_that_changed_ends_it(swift: Any) -> None:
    await swift.object("/parts/a", b"other")
    assert (await swift.ann.get("/c/whole")).status == 409
    assert (await swift.ann.get("/c/whole", headers={"range": "bytes=300000-300001"})).body == b"BB"
    await swift.ann.delete("/parts/a")
    assert (await swift.ann.get("/c/whole")).status == 409
    assert (await swift.ann.request("HEAD", "/c/whole")).status == 200


async def test_who_may_read_the_list_may_not_read_all_that_it_names(swift: Any) -> None:
    await swift.ann.post("/c", headers={"x-container-read": ".r:*"})
    assert (await swift.nobody.get(swift.at("/c/whole"))).status == 409
    await swift.ann.post("/parts", headers={"x-container-read": ".r:*"})
    assert (await swift.nobody.get(swift.at("/c/whole"))).body == WHOLE


async def test_new_metadata_leaves_it_what_it_is(swift: Any) -> None:
    assert (await swift.ann.post("/c/whole", headers={"x-object-meta-colour": "red"})).status == 202
    answer = await swift.ann.get("/c/whole")
    assert (answer.body, answer.headers["x-object-meta-colour"]) == (WHOLE, "red")


async def test_a_copy_is_of_the_whole_or_of_the_list(swift: Any) -> None:
    assert (await swift.ann.request("COPY", "/c/whole", headers={"destination": "c/flat"})).status == 201
    flat = await swift.ann.get("/c/flat")
    assert flat.body == WHOLE
    assert "x-static-large-object" not in flat.headers
    headers = {"destination": "c/list"}
    assert (await swift.ann.request("COPY", "/c/whole?multipart-manifest=get", headers=headers)).status == 201
    assert (await swift.ann.get("/c/list")).headers["etag"] == f'"{ETAG}"'


async def test_deleting_it_with_all_its_segments(swift: Any) -> None:
    assert (await make(swift, "/c/outer", [{"path": "/c/whole"}, {"data": "aGk="}])).status == 201
    answer = await swift.ann.request(
        "DELETE", "/c/outer?multipart-manifest=delete", headers={"accept": "application/json"}
    )
    assert answer.json["Number Deleted"] == 5
    assert await swift.names("/parts") == await swift.names("/c") == []


async def test_deleting_what_is_no_list(swift: Any) -> None:
    await swift.object("/c/plain")
    for path, said in (("/c/plain", "Not an SLO manifest"), ("/c/gone", None)):
        answer = await swift.ann.request(
            "DELETE", f"{path}?multipart-manifest=delete", headers={"accept": "application/json"}
        )
        assert answer.status == 200
        assert answer.json["Errors"] == ([[path, said]] if said else [])
        assert answer.json["Number Not Found"] == (0 if said else 1)
    assert "plain" in await swift.names("/c")


async def test_the_list_alone_goes_by_an_ordinary_delete(swift: Any) -> None:
    assert (await swift.ann.delete("/c/whole")).status == 204
    assert await swift.names("/parts") == ["a", "b", "c"]


async def test_segments_may_be_left_to_the_expirer(swift: Any) -> None:
    answer = await swift.ann.delete("/c/whole?multipart-manifest=delete&async=on")
    assert answer.status == 204
    assert await swift.names("/c") == []
    swift.clock.ahead_s = 10
    assert (await swift.ann.get("/parts/a")).status == 404


async def test_many_readers_at_once(swift: Any) -> None:
    found = await asyncio.gather(*(swift.ann.get("/c/whole") for _ in range(8)))
    assert all(answer.body == WHOLE for answer in found)
