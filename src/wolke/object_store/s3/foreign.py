"""Objects whose data is elsewhere, as only Swift makes them: large objects put together from segments, and links.

Swift's own pipeline knows how to read them, so it is asked, in the name of the caller, whom this door has let in already: to
everything in the object's own account. What a link finds in another account is shown only to those whom that account lets in.
"""

from __future__ import annotations

from wolke.core.http import Params, Response
from wolke.object_store.api.call import Call as SwiftCall
from wolke.object_store.api.call import Handler
from wolke.object_store.model import version_text
from wolke.object_store.s3.call import MANIFEST_HEADER, Call, quoted
from wolke.object_store.s3.faults import Fault
from wolke.object_store.service import Found

_TAKEN = ("content-length", "content-range", "content-type", "etag")
_CODES = {404: "NoSuchKey", 416: "InvalidRange", 403: "AccessDenied", 401: "AccessDenied", 409: "InvalidRequest"}


def is_foreign(found: Found) -> bool:
    return bool(found.object.kind) or MANIFEST_HEADER in found.object.headers


async def read(handler: Handler, call: Call, found: Found, headers: dict[str, str]) -> Response:
    """``headers`` are what this door would say of the object; what is about its data comes from the other."""
    account = found.container.account
    asked = {"range": call.headers["range"]} if "range" in call.headers else {}
    version = call.version()
    query = Params(b"" if version is None else f"version-id={version_text(version)}".encode())
    swift = SwiftCall(
        call.request, call.request.method, account, found.container.name, found.name, asked, b"",
        query=query, trans_id=call.request_id, ctx=call.ctx,
    )  # fmt: skip
    swift.granted = lambda other: other.account == account
    answer = await handler(swift)
    if answer.status not in (200, 206):
        raise Fault(_CODES.get(answer.status, "InvalidRequest"), Key=found.name)
    theirs = {name.lower(): value for name, value in answer.headers.items()}
    merged = headers | {name: str(theirs[name]) for name in _TAKEN if name in theirs}
    if "etag" in merged:
        is_joined = MANIFEST_HEADER in theirs or "x-static-large-object" in theirs
        merged["etag"] = _etag(merged["etag"].strip('"'), is_joined)
    kind = merged.pop("content-type", answer.content_type or "")
    return Response(
        answer.status, answer.body, headers=merged, content_type=kind, chunks=answer.chunks, parts=answer.parts
    )


def _etag(etag: str, is_joined: bool) -> str:
    """As ``etag_of`` says it; behind a link there may be anything."""
    return quoted(f"{etag}-N" if is_joined and "-" not in etag else etag)
