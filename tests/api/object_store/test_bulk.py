"""Archives that are unpacked, and lists of what shall go."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
from typing import Any

import pytest

JSON = {"accept": "application/json"}


def archive(files: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=options.get("format", tarfile.PAX_FORMAT)) as made:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.pax_headers = options.get("pax", {})
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


async def unpack(swift: Any, data: bytes, path: str = "", kind: str = "tar", client: Any = None, **headers: str) -> Any:
    cut = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    sent = {**JSON, "content-length": str(len(data)), **{n.replace("_", "-"): v for n, v in headers.items()}}
    answer = await (client or swift.ann).put(f"{path}?extract-archive={kind}", content=cut, headers=sent)
    assert answer.status == 200
    return answer.json


@pytest.mark.parametrize(("kind", "pack"), [("tar", bytes), ("tar.gz", gzip.compress), ("tar.bz2", bz2.compress)])
async def test_files_become_objects_and_folders_containers(swift: Any, kind: str, pack: Any) -> None:
    files = {"one/a": b"1", "one/deep/b": b"x" * 5000, "./two/c": b"", "/two/é": b"e", "nowhere": b"lost"}
    report = await unpack(swift, pack(archive(files)), kind=kind)
    assert report == {
        "Number Files Created": 4, "Response Status": "201 Created", "Response Body": "", "Errors": [],
    }  # fmt: skip
    assert await swift.names("/one") == ["a", "deep/b"]
    assert await swift.names("/two") == ["c", "é"]
    assert (await swift.ann.get("/one/deep/b")).body == b"x" * 5000


async def test_below_a_folder(swift: Any) -> None:
    await swift.container()
    report = await unpack(swift, archive({"a": b"1", "../../etc/passwd": b"2"}), "/c/pre/fix", x_object_meta_from="tar")
    assert report["Number Files Created"] == 2
    assert await swift.names("/c") == ["pre/fix/../../etc/passwd", "pre/fix/a"]
    assert (await swift.ann.get("/c/pre/fix/a")).headers["x-object-meta-from"] == "tar"


async def test_attributes_become_metadata(swift: Any) -> None:
    pax = {"SCHILY.xattr.user.mime_type": "text/fancy", "LIBARCHIVE.xattr.user.meta.Lunch": "soup"}
    await unpack(swift, archive({"c/a": b"1"}, pax=pax))
    headers = (await swift.ann.get("/c/a")).headers
    assert (headers["content-type"], headers["x-object-meta-lunch"]) == ("text/fancy", "soup")


async def test_what_fails_is_listed_and_the_rest_is_there(swift: Any) -> None:
    files = {"c/ok": b"1", f"c/{'x' * 1100}": b"2", f"{'y' * 300}/a": b"3", "c/fine": b"4"}
    report = await unpack(swift, archive(files))
    assert report["Number Files Created"] == 2
    assert report["Response Status"] == "400 Bad Request"
    assert [status for _, status in report["Errors"]] == ["400 Bad Request", "400 Bad Request", "404 Not Found"]
    assert await swift.names("/c") == ["fine", "ok"]


async def test_links_and_devices_are_passed_over(swift: Any) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("c/strange")
            info.type, info.linkname = kind, "/etc/passwd"
            made.addfile(info)
    report = await unpack(swift, out.getvalue())
    assert report["Response Body"] == "Invalid Tar File: No Valid Files"
    assert (await swift.ann.get("/c")).status == 404


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", "tar", "Invalid Tar File: empty file"),
        (b"x" * 2000, "tar", "Invalid Tar File"),
        (b"x" * 2000, "tar.gz", "Invalid Tar File: the data is not packed as it says"),
        (archive({"c/a": b"x" * 9000})[:4000], "tar", "Invalid Tar File: unexpected end of data"),
    ],
)
async def test_what_is_no_archive_is_said_in_the_report(swift: Any, data: bytes, kind: str, said: str) -> None:
    report = await unpack(swift, data, kind=kind)
    assert report["Response Status"] == "400 Bad Request"
    assert report["Response Body"].startswith(said)
    assert report["Number Files Created"] == 0
    assert (await swift.ann.get("/c")).status in (404, 204)


async def test_half_a_file_is_not_there(swift: Any) -> None:
    data = archive({"c/whole": b"1", "c/half": b"x" * 9000})
    report = await unpack(swift, data[: len(data) // 2])
    assert (report["Number Files Created"], report["Response Status"]) == (1, "400 Bad Request")
    assert await swift.names("/c") == ["whole"]


async def test_too_many_failures_end_it(swift: Any) -> None:
    long = "x" * 1100
    report = await unpack(swift, archive({f"c/{long}{n}": b"" for n in range(1100)}, format=tarfile.GNU_FORMAT))
    assert len(report["Errors"]) == 1000


async def test_too_many_containers_end_it(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wolke.object_store.filters.bulk.MOST_CONTAINERS", 5)
    report = await unpack(swift, archive({f"c{n}/a": b"" for n in range(10)}))
    assert report["Response Body"] == "More than 5 containers to create from tar."
    assert report["Number Files Created"] == 5


async def test_nobody_gets_in_this_way(swift: Any) -> None:
    client = swift.visitor("bob")
    report = await unpack(swift, archive({"c/a": b"1"}), client=client)
    assert report["Number Files Created"] == 0
    assert report["Errors"][-1][1] == "403 Forbidden"
    report = await unpack(swift, archive({"c/a": b"1"}), swift.at(), client=swift.nobody)
    assert report["Response Status"] == "401 Unauthorized"


async def test_an_archive_of_another_kind(swift: Any) -> None:
    answer = await swift.ann.put("/c?extract-archive=zip", content=b"PK")
    assert (answer.status, answer.body) == (400, b"Unsupported archive format")


async def test_the_report_speaks_what_the_client_reads(swift: Any) -> None:
    data = archive({"c/a": b"1"})
    text = await swift.ann.put("?extract-archive=tar", content=data)
    assert text.body == b"Number Files Created: 1\nResponse Body: \nResponse Status: 201 Created\nErrors:\n"
    xml = await swift.ann.put("?extract-archive=tar", content=data, headers={"accept": "text/xml"})
    assert b"<number_files_created>1</number_files_created>" in xml.body
    none = await swift.ann.put("?extract-archive=tar", content=data, headers={"accept": "image/png"})
    assert b"Response Status: 406 Not Acceptable" in none.body


# -- deleting


async def delete(swift: Any, lines: str | bytes, client: Any = None, **headers: str) -> Any:
    body = lines.encode() if isinstance(lines, str) else lines
    sent = {**JSON, "content-type": "text/plain", "content-length": str(len(body)), **headers}
    cut = [body[at : at + 11] for at in range(0, len(body), 11)] or [b""]
    answer = await (client or swift.ann).request("POST", "?bulk-delete", content=cut, headers=sent)
    assert answer.status == 200
    return answer.json


async def test_objects_first_and_then_their_containers(swift: Any) -> None:
    await swift.container()
    for name in ("a", "b%20c", "d%2Fe"):
        await swift.object(f"/c/{name}")
    report = await delete(swift, "/c\n/c/a\n\nc/b%20c\r\n/c/d/e\n/c/gone\n/nowhere")
    assert report == {
        "Number Deleted": 4, "Number Not Found": 2, "Response Status": "200 OK", "Response Body": "", "Errors": [],
    }  # fmt: skip
    assert (await swift.ann.get("/c")).status == 404


async def test_what_cannot_go_is_listed(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/left")
    report = await delete(swift, b"/c\n/c/%ff\n/c/%00\n/%00/x")
    assert report["Response Status"] == "400 Bad Request"
    assert sorted(report["Errors"]) == [
        ["/%00/x", "412 Precondition Failed"],
        ["/c", "409 Conflict"],
        ["/c/%00", "412 Precondition Failed"],
        ["/c/%FF", "412 Precondition Failed"],
    ]


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        ("", "400 Bad Request", "Invalid bulk delete."),
        ("/c/x" * 2000, "400 Bad Request", "Invalid File Name"),
        ("/c/x\n" * 10_001, "413 Request Entity Too Large", "Maximum Bulk Deletes: 10000 per request"),
    ],
)
async def test_lists_that_are_refused(swift: Any, lines: str, status: str, said: str) -> None:
    report = await delete(swift, lines)
    assert (report["Response Status"], report["Response Body"]) == (status, said)


async def test_only_plain_text_is_a_list(swift: Any) -> None:
    report = await delete(swift, "/c/a", **{"content-type": "application/json"})
    assert report["Response Status"] == "406 Not Acceptable"


async def test_nobody_deletes_this_way_what_they_may_not(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/a")
    report = await delete(swift, "/c/a", swift.visitor("bob"))
    assert report["Errors"] == [["/c/a", "403 Forbidden"]]
    assert await swift.names("/c") == ["a"]
