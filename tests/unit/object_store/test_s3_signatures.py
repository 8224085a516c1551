"""Signatures against those that Amazon's own library makes, and against everything that is not quite one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1Auth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from wolke.core.clock import Clock, HeldClock
from wolke.core.context import Context
from wolke.core.http import Request
from wolke.core.http.application import Api
from wolke.core.policy import Policy
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.signature import Caller, identify

API = Api("s3", "", (), None, Policy(()))
WHO = Credentials("access", "secret/+=")
REGIONS = ("RegionOne", "us-east-1")


async def keys(access: str) -> tuple[Context, str] | None:
    return (Context(user_id="u", project_id="p"), "secret/+=") if access == "access" else None


def received(method: str, url: str, headers: dict[str, Any]) -> Request:
    parts = urlsplit(url)
    raw = [(name.lower().encode(), str(value).encode()) for name, value in headers.items()]
    if not any(name == b"host" for name, _ in raw):
        raw.append((b"host", parts.netloc.encode()))
    scope = {
        "method": method, "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "headers": raw, "scheme": "http", "server": ("h", 80), "client": ("1.2.3.4", 5),
    }  # fmt: skip
    return Request(API, scope, None)


async def ask(method: str, url: str, headers: dict[str, Any], clock: Clock | None = None) -> Caller:
    return await identify(received(method, url, headers), keys, REGIONS, "", clock or Clock())


URLS = [
    "http://h:8080/bucket/key",
    "http://h:8080/bucket/a%20b%2Bc/%E2%98%83?versionId=null&partNumber=3",
    "http://h:8080/bucket?prefix=a%2Fb&delimiter=%2F&list-type=2",
    "http://h:8080/bucket/with//slashes/../dots?acl",
    "http://h:8080/",
]


@pytest.mark.parametrize("url", URLS)
async def test_version_4_in_the_header(url: str) -> None:
    request = AWSRequest("PUT", url, headers={"x-amz-meta-a": "  two   spaces ", "content-type": "a/b"})
    S3SigV4Auth(WHO, "s3", "RegionOne").add_auth(request)
    assert (await ask("PUT", url, dict(request.headers.items()))).ctx.project_id == "p"
    for spoilt in ("GET", "DELETE"):
        with pytest.raises(Fault, match="SignatureDoesNotMatch"):
            await ask(spoilt, url, dict(request.headers.items()))


@pytest.mark.parametrize("url", URLS)
async def test_version_4_in_the_query(url: str) -> None:
    request = AWSRequest("GET", url)
    S3SigV4QueryAuth(WHO, "s3", "us-east-1", expires=60).add_auth(request)
    assert (await ask("GET", request.url, {})).ctx.project_id == "p"
    for old, new in (("X-Amz-Expires=60", "X-Amz-Expires=61"), ("/h", "/g")):
        if old in request.url:
            with pytest.raises(Fault):
                await ask("GET", request.url.replace(old, new, 1), {"host": "other"})


async def test_version_2_in_the_header() -> None:
    url = "http://h:8080/bucket/a%20b?uploadId=x&acl&ignored=1"
    request = AWSRequest(
        "GET", url, headers={"x-amz-meta-b": "1", "Date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    )
    request.auth_path = None
    HmacV1Auth(WHO).add_auth(request)
    assert (await ask("GET", url, dict(request.headers.items()))).ctx.project_id == "p"
    with pytest.raises(Fault, match="SignatureDoesNotMatch"):
        await ask("GET", url.replace("uploadId=x", "uploadId=y"), dict(request.headers.items()))


def _signed(clock_at: datetime | None = None, **headers: str) -> dict[str, Any]:
    request = AWSRequest("GET", URLS[0], headers=headers)
    S3SigV4Auth(WHO, "s3", "RegionOne").add_auth(request)
    return dict(request.headers.items())


async def test_a_header_of_s3_that_is_not_signed_is_refused() -> None:
    headers = {**_signed(), "x-amz-acl": "public-read"}
    with pytest.raises(Fault, match="AccessDenied"):
        await ask("GET", URLS[0], headers)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=access"}, "AuthorizationHeaderMalformed"),
        (
            {"Authorization": "AWS4-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=0"},
            "AuthorizationHeaderMalformed",
        ),
        ({"Authorization": "AWS nobody"}, "InvalidArgument"),
        ({"X-Amz-Content-SHA256": "invalid"}, "InvalidArgument"),
        ({"X-Amz-Content-SHA256": ""}, "InvalidRequest"),
        ({"X-Amz-Date": "yesterday"}, "AccessDenied"),
        ({"X-Amz-Date": "20300230T000000Z"}, "AccessDenied"),
    ],
)
async def test_what_is_no_signature(change: dict[str, str], code: str) -> None:
    with pytest.raises(Fault) as caught:
        await ask("GET", URLS[0], {**_signed(), **change})
    assert caught.value.code == code


@pytest.mark.parametrize("minutes", [-16, 16])
async def test_a_clock_that_is_off(minutes: int) -> None:
    clock = HeldClock()
    clock._time = Clock().time() + minutes * 60
    with pytest.raises(Fault, match="RequestTimeTooSkewed"):
        await ask("GET", URLS[0], _signed(), clock)


async def test_a_signature_in_other_words_than_ascii_is_only_wrong() -> None:
    headers = _signed()
    headers["Authorization"] = headers["Authorization"].rpartition("=")[0] + "=ü"
    with pytest.raises(Fault, match="SignatureDoesNotMatch"):
        await ask("GET", URLS[0], headers)


async def test_nobody_signs_and_nobody_is_found() -> None:
    assert (await ask("GET", URLS[0], {})).anonymous
    stranger = AWSRequest("GET", URLS[0])
    S3SigV4Auth(Credentials("stranger", "s"), "s3", "RegionOne").add_auth(stranger)
    with pytest.raises(Fault, match="InvalidAccessKeyId"):
        await ask("GET", URLS[0], dict(stranger.headers.items()))
