"""Whatever a client sends to the filters is answered with what HTTP has for it, never with 500."""

from __future__ import annotations

import io
import itertools
import tarfile
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_numbers = itertools.count()
ODD = ["", "x", "c/o", "/c/o", "c/%ff", "c/\xff", "%00", "..", "true", "-1", "²", "9" * 400, '"', ";=,", "a" * 9000]
QUERY = [
    "multipart-manifest", "format", "heartbeat", "part-number", "async", "version-id", "symlink", "extract-archive",
    "bulk-delete", "temp_url_sig", "temp_url_expires", "temp_url_prefix", "temp_url_ip_range", "filename", "inline",
]  # fmt: skip
VALUES = [
    *ODD[:10],
    "get",
    "put",
    "delete",
    "raw",
    "on",
    "tar",
    "tar.gz",
    "tar.bz2",
    "f" * 64,
    "9999999999",
    "10.0.0.0/8",
]
HEADERS = [
    "x-symlink-target", "x-symlink-target-account", "x-symlink-target-etag", "x-object-manifest", "x-web-mode",
    "x-copy-from", "destination", "etag", "range", "if-match", "accept", "x-static-large-object", "content-type",
    "referer", "x-delete-at",
]  # fmt: skip
BODIES = [
    b"", b"[]", b'[{"path": "/c/o"}]', b'[{"path": "/c/o", "range": "1-"}, {"data": "aGk="}]', b"/c/o\n/c\n%ff",
    b"\xff\x00" * 300, b"------edge\r\n\r\n------edge--",
]  # fmt: skip
TYPES = ["multipart/form-data; boundary=----edge", "multipart/form-data; boundary=\xff", "text/plain"]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS"]),
    path=st.sampled_from(["", "/c", "/c/", "/c/o", "/c/l", "/c/d", "/c/s", "/c/new", "/gone/x", "/c/dir/"]),
    query=st.dictionaries(st.sampled_from(QUERY), st.sampled_from(VALUES), max_size=3),
    headers=st.dictionaries(st.sampled_from(HEADERS), st.sampled_from([*ODD, *TYPES]), max_size=3),
    body=st.sampled_from(BODIES),
    known=st.booleans(),
)
async def test_never_500(
    swift: Any,
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    known: bool,
) -> None:
    await swift.ann.put("/c", headers={"x-container-meta-web-index": "i", "x-container-meta-web-listings": "1"})
    await swift.ann.put("/c/o", content=b"hello", headers={"x-object-meta-a": "b"})
    await swift.ann.put("/c/l", headers={"x-symlink-target": "c/o", "content-length": "0"})
    await swift.ann.put("/c/d", headers={"x-object-manifest": "c/o", "content-length": "0"})
    await swift.ann.put("/c/s?multipart-manifest=put", content=b'[{"path": "/c/o"}]')
    client = swift.ann if known else swift.nobody.using(prefix=swift.at())
    answer = await client.request(method, f"{path}?{urlencode(query)}", content=body, headers=headers)
    assert answer.status < 500 or answer.status == 501, (answer.status, answer.body)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(max_size=40),
    key=st.sampled_from(
        [
            "user.meta.",
            "user.meta.a b",
            "user.meta.a(b",
            "user.meta.a\nb",
            "user.meta.é",
            "user.mime_type",
            "user.meta.:",
        ]
    ),
    value=st.text(max_size=20),
)
async def test_any_names_in_an_archive(swift: Any, name: str, key: str, value: str) -> None:
    box = f"box{next(_numbers)}"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(f"{box}/{name}")
        info.pax_headers = {f"SCHILY.xattr.{key}": value.replace("\x00", "")}
        archive.addfile(info)
    answer = await swift.ann.put("?extract-archive=tar", content=out.getvalue(), headers={"accept": "application/json"})
    assert answer.status == 200
    assert "500" not in answer.json["Response Status"], answer.json
    assert all(not status.startswith("5") for _, status in answer.json["Errors"])
    if answer.json["Number Files Created"]:
        (shown,) = (await swift.ann.get(f"/{box}?format=json")).json
        assert (await swift.ann.request("HEAD", f"/{box}/{quote(shown['name'])}")).status == 200
