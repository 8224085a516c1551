"""Signature version 2, which old clients still speak: HMAC-SHA1 over a few lines, in a header or in the query."""

from __future__ import annotations

import base64
import hmac
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from wolke.core.http import Request
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.signature.claim import Claim, check_skew, no_date

_LATEST_S = 1 << 31

#: Query parameters that are part of the resource, and so are signed.
_SUBRESOURCES = frozenset({
    "accelerate", "acl", "analytics", "attributes", "cors", "defaultObjectAcl", "delete", "encryption", "inventory",
    "legal-hold", "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "ownershipControls",
    "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment",
    "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
    "response-content-type", "response-expires", "restore", "retention", "select", "select-type", "tagging", "torrent",
    "uploadId", "uploads", "versionId", "versioning", "versions", "website",
})  # fmt: skip


def from_header(request: Request, authorization: str, bucket_in_host: str, now_s: float) -> Claim:
    access, colon, signature = authorization.removeprefix("AWS ").strip().rpartition(":")
    if not colon:
        raise Fault("InvalidArgument", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature")
    date = request.headers.get("x-amz-date")
    text = date or request.headers.get("date") or ""
    try:
        check_skew(parsedate_to_datetime(text).timestamp(), now_s)
    except (ValueError, TypeError, IndexError):
        raise no_date() from None
    dated = "" if date is not None else text
    return _claim(request, access, signature, dated, bucket_in_host)


def from_query(request: Request, bucket_in_host: str, now_s: float) -> Claim:
    query = request.query
    access, signature, expires = (query.get(name) for name in ("AWSAccessKeyId", "Signature", "Expires"))
    if not (access and signature and expires):
        raise Fault(
            "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        )
    if not (expires.isascii() and expires.isdigit()) or len(expires) > 10 or int(expires) >= _LATEST_S:
        raise Fault("AccessDenied", f"Invalid date (should be seconds since epoch): {expires[:40]}")
    if int(expires) < now_s:
        raise Fault("AccessDenied", "Request has expired", Expires=expires)
    return _claim(request, access, signature, expires, bucket_in_host)


def _claim(request: Request, access: str, signature: str, dated: str, bucket_in_host: str) -> Claim:
    headers = request.headers
    own = sorted(name for name in headers if name.startswith("x-amz-"))
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), dated]
    lines += [f"{name}:{' '.join(headers[name].split())}" for name in own]
    signed = sorted((name, value) for name, value in request.query.pairs if name in _SUBRESOURCES)
    tail = "?" + "&".join(f"{name}={value}" if value else name for name, value in signed) if signed else ""
    path: bytes = request.scope.get("raw_path") or quote(request.path).encode()
    path = (f"/{bucket_in_host}".encode() if bucket_in_host else b"") + path
    head = "\n".join(lines).encode("latin-1") + b"\n"
    # Some clients sign a bucket with the slash that they do not send.
    other = head + path + b"/" + tail.encode() if path.count(b"/") == 1 and len(path) > 1 else b""
    payload = headers.get("x-amz-content-sha256", "")
    return Claim(access, signature, head + path + tail.encode(), _sign, other, payload=payload)


def _sign(secret: str, data: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), data, "sha1")).decode()
