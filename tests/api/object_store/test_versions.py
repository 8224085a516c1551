"""Both ways of keeping what was: ``X-Versions-Enabled``, and the older copies to another container."""

from typing import Any

import pytest

MARKER = "application/x-deleted;swift_versions_deleted=1"


async def versioned(swift: Any, *contents: bytes) -> list[str]:
    """The numbers of the versions of ``/c/o``, the oldest first."""
    await swift.container("c", x_versions_enabled="true")
    return [(await swift.object("/c/o", content)).headers["x-object-version-id"] for content in contents]


async def listed(swift: Any, query: str = "") -> list[tuple[str, str, bool]]:
    answer = await swift.ann.get("/c?versions&format=json" + query)
    assert answer.status == 200, answer.body
    return [(one["name"], one["version_id"], one["is_latest"]) for one in answer.json]


async def test_every_version_can_be_read(swift: Any) -> None:
    first, second = await versioned(swift, b"one", b"two!")
    assert (await swift.ann.get("/c/o")).body == b"two!"
    assert (await swift.ann.get(f"/c/o?version-id={first}")).body == b"one"
    head = (await swift.ann.request("HEAD", "/c/o")).headers
    assert head["x-object-version-id"] == second
    assert head["content-location"] == swift.at(f"/c/o?version-id={second}")
    assert await listed(swift) == [("o", second, True), ("o", first, False)]
    figures = (await swift.ann.get("/c")).headers
    assert (figures["x-container-object-count"], figures["x-container-bytes-used"]) == ("1", "7")
    assert figures["x-versions-enabled"] == "True"


async def test_delete_leaves_a_marker_and_the_versions(swift: Any) -> None:
    (first,) = await versioned(swift, b"one")
    gone = await swift.ann.delete("/c/o")
    marker = gone.headers["x-object-version-id"]
    assert gone.status == 204
    assert (await swift.ann.get("/c/o")).status == 404
    assert await listed(swift) == [("o", marker, True), ("o", first, False)]
    told = await swift.ann.get(f"/c/o?version-id={marker}")
    assert (told.status, told.headers["content-type"]) == (404, MARKER)
    assert (await swift.ann.delete("/c/never-there")).status == 404


async def test_a_version_goes_for_good(swift: Any) -> None:
    first, second, third = await versioned(swift, b"1", b"2", b"3")
    gone = await swift.ann.delete(f"/c/o?version-id={second}")
    assert (gone.status, gone.headers["x-object-current-version-id"]) == (204, third)
    gone = await swift.ann.delete(f"/c/o?version-id={third}")
    assert gone.headers["x-object-current-version-id"] == "null"
    assert (await swift.ann.get("/c/o")).status == 404
    assert await listed(swift) == [("o", first, False)]
    assert (await swift.ann.delete(f"/c/o?version-id={third}")).status == 404


async def test_an_old_version_becomes_the_current_one_again(swift: Any) -> None:
    first, second = await versioned(swift, b"one", b"two")
    assert (await swift.ann.put(f"/c/o?version-id={first}", headers={"content-length": "0"})).status == 201
    assert (await swift.ann.get("/c/o")).body == b"one"
    assert await listed(swift) == [("o", second, False), ("o", first, True)]
    assert (await swift.ann.put(f"/c/o?version-id={first}", content=b"body")).status == 400
    assert (await swift.ann.put("/c/o?version-id=0000000001.00000", headers={"content-length": "0"})).status == 404


async def test_metadata_changes_without_a_new_version(swift: Any) -> None:
    first, second = await versioned(swift, b"one", b"two")
    assert (await swift.ann.post("/c/o", headers={"x-object-meta-a": "1"})).status == 202
    assert len(await listed(swift)) == 2
    assert (await swift.ann.get(f"/c/o?version-id={second}")).headers["x-object-meta-a"] == "1"
    assert (await swift.ann.post(f"/c/o?version-id={first}", headers={"x-object-meta-a": "1"})).status == 400


async def test_while_keeping_is_off_there_is_one_version_without_a_number(swift: Any) -> None:
    (first,) = await versioned(swift, b"one")
    await swift.ann.post("/c", headers={"x-versions-enabled": "false"})
    assert "x-object-version-id" not in (await swift.object("/c/o", b"two")).headers
    await swift.object("/c/o", b"three")
    assert await listed(swift) == [("o", "null", True), ("o", first, False)]
    await swift.ann.post("/c", headers={"x-versions-enabled": "true"})
    fourth = (await swift.object("/c/o", b"four")).headers["x-object-version-id"]
    assert await listed(swift) == [("o", fourth, True), ("o", "null", False), ("o", first, False)]
    assert (await swift.ann.get("/c/o?version-id=null")).body == b"three"
    assert (await swift.ann.delete("/c/o?version-id=null")).status == 204
    assert await listed(swift) == [("o", fourth, True), ("o", first, False)]


async def test_an_object_with_versions_expires_and_they_stay(swift: Any) -> None:
    await swift.container("c", x_versions_enabled="true")
    number = (await swift.object("/c/o", x_delete_after="5")).headers["x-object-version-id"]
    swift.clock.ahead_s = 10
    assert (await swift.ann.get("/c/o")).status == 404
    await swift.expirer.loop.drain()
    assert await swift.names("/c") == []
    assert (await swift.ann.get(f"/c/o?version-id={number}")).body == b"data"


async def test_a_list_goes_on_where_the_last_ended(swift: Any) -> None:
    await versioned(swift, b"1", b"2", b"3")
    for name in ("a", "b/x", "b/y", "z"):
        await swift.object("/c/" + name)
        await swift.object("/c/" + name)
    everything = await listed(swift)
    assert len(everything) == 11
    for limit in (1, 2, 3, 7):
        found: list[tuple[str, str, bool]] = []
        where = ""
        while page := await listed(swift, f"&limit={limit}{where}"):
            found += page
            where = f"&marker={page[-1][0]}&version_marker={page[-1][1]}"
        assert found == everything
    assert await listed(swift, "&reverse=true") == everything[::-1]
    newest = everything[6][1]
    assert await listed(swift, f"&reverse=true&limit=1&marker=o&version_marker={newest}") == [everything[5]]
    grouped = (await swift.ann.get("/c?versions&delimiter=/")).json
    assert [one.get("subdir", one.get("name")) for one in grouped] == ["a", "a", "b/", "o", "o", "o", "z", "z"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("&version_marker=1", 400), ("&marker=a&version_marker=x", 400), ("&delimiter=1", 400), ("&format=xml", 406)],
)
async def test_lists_of_versions_that_cannot_be(swift: Any, query: str, status: int) -> None:
    await versioned(swift)
    assert (await swift.ann.get("/c?versions" + query)).status == status


async def test_a_container_goes_once_its_versions_have(swift: Any) -> None:
    (number,) = await versioned(swift, b"1")
    marker = (await swift.ann.delete("/c/o")).headers["x-object-version-id"]
    assert (await swift.ann.delete("/c")).status == 409
    await swift.ann.delete(f"/c/o?version-id={number}")
    await swift.ann.delete(f"/c/o?version-id={marker}")
    assert (await swift.ann.delete("/c")).status == 204


async def test_who_was_let_in_to_read_reads_no_versions(swift: Any) -> None:
    (number,) = await versioned(swift, b"1")
    await swift.ann.post("/c", headers={"x-container-read": ".r:*,project-bob:bob"})
    bob = swift.visitor("bob")
    assert (await bob.get("/c/o")).status == 200
    assert (await bob.get(f"/c/o?version-id={number}")).status == 403
    assert (await swift.nobody.get(swift.at(f"/c/o?version-id={number}"))).status == 401


async def test_numbers_need_a_container_that_keeps_versions(swift: Any) -> None:
    await swift.container()
    await swift.object()
    assert (await swift.ann.get("/c/o?version-id=1700000000.00000")).status == 400
    assert (await swift.ann.get("/c/o?version-id=null")).headers["x-object-version-id"] == "null"


async def test_only_one_way_at_a_time(swift: Any) -> None:
    both = {"x-versions-location": "old", "x-history-location": "old"}
    assert (await swift.ann.put("/c", headers=both)).status == 400
    await swift.container("c", x_versions_location="old")
    assert (await swift.ann.post("/c", headers={"x-versions-enabled": "true"})).status == 400
    assert (await swift.ann.post("/c", headers={"x-remove-versions-location": "x"})).status == 204
    assert (await swift.ann.post("/c", headers={"x-versions-enabled": "true"})).status == 204
    assert (await swift.ann.post("/c", headers={"x-versions-location": "old"})).status == 400
    assert (await swift.ann.put("/d", headers={"x-versions-location": "a%2Fb"})).status == 412
    assert (await swift.ann.put("/d", headers={"x-versions-location": "\xff"})).status == 400


async def test_a_stack_gives_back_the_last_version(swift: Any) -> None:
    await swift.container("old")
    await swift.container("c", x_versions_location="old")
    for content in (b"1", b"2", b"3"):
        await swift.object("/c/o", content, x_object_meta_n=content.decode())
    kept = await swift.names("/old")
    assert [name.partition("/")[0] for name in kept] == ["001o", "001o"]
    assert (await swift.ann.get("/old/" + kept[0])).body == b"1"
    for content in (b"2", b"1"):
        assert (await swift.ann.delete("/c/o")).status == 204
        answer = await swift.ann.get("/c/o")
        assert (answer.body, answer.headers["x-object-meta-n"]) == (content, content.decode())
    assert (await swift.ann.delete("/c/o")).status == 204
    assert (await swift.ann.delete("/c/o")).status == 404


async def test_a_history_keeps_what_is_deleted_and_says_when(swift: Any) -> None:
    await swift.container("old")
    await swift.container("c", x_history_location="old")
    await swift.object("/c/o", b"1")
    assert (await swift.ann.delete("/c/o")).status == 204
    assert (await swift.ann.get("/c/o")).status == 404
    items = (await swift.ann.get("/old?format=json")).json
    assert [item["content_type"] for item in items] == ["application/octet-stream", MARKER]


async def test_without_the_other_container_nothing_is_overwritten(swift: Any) -> None:
    await swift.container("c", x_versions_location="missing")
    await swift.object("/c/o", b"1")
    assert (await swift.ann.put("/c/o", content=b"2")).status == 412
    assert (await swift.ann.get("/c/o")).body == b"1"
