"""Whatever is asked, in whatever words: an answer, and never a 500. The calls are drawn anew with a seed that is shown."""

import random
from typing import Any
from urllib.parse import quote

import pytest

_VALUES = (
    "", "0", "-1", "9" * 20, "true", "false", "x" * 300, "\xff\xfe", "é☃".encode().decode("latin-1"), "a/b", "//", "%00",
    "%ff", "c/o", "c%2Fo", "bytes=0-", "bytes=0-0,5-", "bytes=-", "*", '"x"', "Thu, 01 Jan 1970 00:00:00 GMT", "{}",
    '{"admin":["a"]}', ".r:*", ".r:", "null", "1700000000.00000", "get", "put", "delete", "raw", "json", "xml", "chunked",
    "a,b,c", "\x00", "nan", 'text/plain; charset="', "multipart/form-data; boundary=x",
)  # fmt: skip
_HEADERS = (
    "x-object-meta-a", "x-container-meta-a", "x-account-meta-a", "x-remove-container-meta-a", "x-container-read",
    "x-container-write", "x-account-access-control", "x-copy-from", "x-copy-from-account", "destination",
    "destination-account", "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range",
    "content-type", "content-encoding", "etag", "x-delete-at", "x-delete-after", "x-object-manifest", "x-symlink-target",
    "x-symlink-target-etag", "x-versions-location", "x-history-location", "x-versions-enabled", "x-storage-policy", "origin",
    "accept", "x-trans-id-extra", "content-length", "transfer-encoding", "x-fresh-metadata", "x-if-delete-at",
    "x-container-meta-quota-bytes", "x-detect-content-type", "x-open-expired", "x-service-token", "x-auth-token", "host",
    "referer", "x-account-meta-quota-bytes",
)  # fmt: skip
_PARAMETERS = (
    "format", "limit", "marker", "end_marker", "prefix", "delimiter", "path", "reverse", "versions", "version_marker",
    "version-id", "multipart-manifest", "symlink", "bulk-delete", "extract-archive", "temp_url_sig", "temp_url_expires",
    "temp_url_prefix", "filename", "part-number", "heartbeat",
)  # fmt: skip
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS", "GET", "PUT")
_PATHS = (
    "",
    "/c",
    "/v",
    "/l",
    "/c/o",
    "/v/o",
    "/l/o",
    "/c/p/q",
    "/c/new",
    "/none/x",
    "/%ff",
    "/c/%E2%98%83",
    "//",
    "/c//",
)
_BODIES = (None, b"", b"data", [b"a", b"b"], b"[]", b'[{"path":"/c/o"}]', b"c/o\nc/p", b"\xff\xfe")


@pytest.mark.parametrize("draw", range(4))
async def test_nothing_that_is_sent_breaks_the_door(swift: Any, draw: int) -> None:
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    for name, header in (("c", "x-a"), ("v", "x-versions-enabled"), ("l", "x-container-meta-a")):
        await swift.ann.put(f"/{name}", headers={header: "true"})
        await swift.object(f"/{name}/o")
    await swift.ann.post("/l", headers={"x-versions-location": "c"})
    clients = (swift.ann, swift.ann, swift.visitor("bob"), swift.nobody.using(prefix=swift.at()))
    for _ in range(500):
        method, path, body = dice.choice(_METHODS), dice.choice(_PATHS), dice.choice(_BODIES)
        query = "&".join(
            f"{dice.choice(_PARAMETERS)}={quote(dice.choice(_VALUES).encode('latin-1'))}"
            for _ in range(dice.choice((0, 0, 1, 2)))
        )
        headers = {dice.choice(_HEADERS): dice.choice(_VALUES) for _ in range(dice.randrange(4))}
        where = f"{path}?{query}" if query else path
        answer = await dice.choice(clients).request(method, where, content=body, headers=headers)
        said = (seed, method, where, headers, body, answer.body[:200])
        assert answer.status < 500 or answer.status == 501, said
