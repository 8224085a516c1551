"""Who asks: a request's signature, whichever of S3's four kinds it is, or none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.http import Request
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.signature import v2, v4
from wolke.object_store.s3.signature.claim import Caller, ChunkSigner, Claim, authentic

#: The caller and the secret that an access key stands for; None if there is no such key.
Keys = Callable[[str], Awaitable[tuple[Context, str] | None]]

__all__ = ["Caller", "ChunkSigner", "Claim", "Keys", "identify", "is_signed", "named_key"]

ANONYMOUS = Caller()
_V4_QUERY = frozenset({"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"})


def is_signed(request: Request) -> bool:
    authorization = request.headers.get("authorization", "")
    if authorization.startswith(("AWS4-HMAC-SHA256", "AWS ")):
        return True
    query: bytes = request.scope["query_string"]
    return b"X-Amz-" in query or b"AWSAccessKeyId=" in query


async def identify(request: Request, keys: Keys, regions: tuple[str, ...], bucket_in_host: str, clock: Clock) -> Caller:
    """The caller, whose signature was checked; or nobody, if there is none. Raises ``Fault``."""
    claim = _claim(request, regions, bucket_in_host, clock.time())
    if claim is None:
        return ANONYMOUS
    found = await keys(claim.access)
    if found is None:
        raise Fault("InvalidAccessKeyId", AWSAccessKeyId=claim.access)
    ctx, secret = found
    return authentic(claim, ctx, secret)


def _claim(request: Request, regions: tuple[str, ...], bucket_in_host: str, now_s: float) -> Claim | None:
    authorization = request.headers.get("authorization", "")
    query: bytes = request.scope["query_string"]
    presigned = b"X-Amz-" in query or b"AWSAccessKeyId=" in query
    if authorization.startswith(("AWS4-HMAC-SHA256", "AWS ")):
        if presigned and not _V4_QUERY.isdisjoint(request.query.names()):
            raise Fault("InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                        "Signature query string parameter or the Authorization header should be specified")  # fmt: skip
        if authorization.startswith("AWS4"):
            return v4.from_header(request, authorization, regions, now_s)
        return v2.from_header(request, authorization, bucket_in_host, now_s)
    if not presigned:
        return None
    names = set(request.query.names())
    if names & _V4_QUERY:
        return v4.from_query(request, regions, now_s)
    if "AWSAccessKeyId" in names:
        return v2.from_query(request, bucket_in_host, now_s)
    return None


def named_key(request: Request) -> str:
    """The access key that a presigned URL names, unproven."""
    query = request.query
    credential = query.get("X-Amz-Credential")
    return credential.rsplit("/", 4)[0] if credential else query.get("AWSAccessKeyId") or ""
