"""Many objects in one request: an archive that is unpacked as it comes in, and a list of what shall be deleted.

Each member and each line is a call of its own by the same caller, who may do no more here than one at a time. The answer is a
report (``reports``).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlencode

from wolke.core.errors import BadRequest, CloudError, Refused, TooLarge, Unauthorized
from wolke.core.http import Params, Response
from wolke.object_store.api.call import NO_QUERY, Call, Handler
from wolke.object_store.filters.reports import Report, reported
from wolke.object_store.filters.tar import BadTar, Member, Tar, unpacked
from wolke.object_store.service import ObjectStore
from wolke.object_store.service.limits import CONTAINER_NAME_BYTES, OBJECT_BYTES, OBJECT_NAME_BYTES

MOST_CONTAINERS = 10_000
MOST_FAILED = 1000
MOST_DELETES = 10_000
AT_ONCE = 4
_LINE_BYTES = 3 * (CONTAINER_NAME_BYTES + OBJECT_NAME_BYTES + 2)  # each byte may be escaped
_PACKINGS = {"tar": "", "tar.gz": "gz", "tar.bz2": "bz2"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z\x80-\U0010ffff-]{1,256}")
_ATTRIBUTES = ("SCHILY.xattr.user.", "LIBARCHIVE.xattr.user.")

INFO: dict[str, Any] = {
    "bulk_upload": {"max_containers_per_extraction": MOST_CONTAINERS, "max_failed_extractions": MOST_FAILED},
    "bulk_delete": {"max_deletes_per_request": MOST_DELETES, "max_failed_deletes": MOST_FAILED},
}


def filter_bulk(handler: Handler, store: ObjectStore) -> Handler:
    def answer(call: Call) -> Awaitable[Response]:
        return bulk(call) if call.query.pairs else handler(call)

    async def bulk(call: Call) -> Response:
        query = call.query
        if call.method == "PUT" and (kind := query.get("extract-archive")) is not None:
            packing = _PACKINGS.get(kind.lower().strip("."))
            if packing is None:
                return Response(400, b"Unsupported archive format", content_type="text/plain")
            return await Extraction(handler, call, packing).answer()
        if call.method in ("POST", "DELETE") and "bulk-delete" in query:
            return await _delete_listed(handler, call)
        return await handler(call)

    return answer


def has_length(call: Call) -> bool:
    if isinstance(call.data, bytes) or "content-length" in call.headers:
        return True
    return "chunked" in call.headers.get("transfer-encoding", "").lower()


def body_of(call: Call) -> AsyncIterator[bytes]:
    return _once(call.data) if isinstance(call.data, bytes) else call.data


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


# -- unpacking


class Extraction:
    def __init__(self, handler: Handler, call: Call, packing: str) -> None:
        self._handler = handler
        self._call = call
        self._packing = packing
        self._base = f"{call.container}/{call.name}".strip("/") if call.name else call.container
        self._report = Report("extract", 201, number_files_created=0)
        self._seen: set[str] = set()
        self._made = 0
        self._headers = {
            name: value
            for name, value in call.headers.items()
            if name in ("x-delete-at", "x-delete-after") or name.startswith("x-object-meta-")
        }

    async def answer(self) -> Response:
        return await reported(self._call, self._report, self._run)

    async def _run(self) -> None:
        report = self._report
        if not has_length(self._call):
            raise Refused(411, "Length Required")
        tar = Tar(unpacked(body_of(self._call), self._packing))
        try:
            async for member in tar:
                if len(report.errors) >= MOST_FAILED:
                    break
                if member.regular:
                    await self._member(member, tar)
        except BadTar as refused:
            raise BadRequest(f"Invalid Tar File: {refused}") from None
        if report.errors:
            report.refuse(report.worst, "")
        elif not report.figures["Number Files Created"]:
            raise BadRequest("Invalid Tar File: No Valid Files")

    async def _member(self, member: Member, tar: Tar) -> None:
        raw = member.name.removeprefix(b"./").lstrip(b"/")
        if self._base:
            raw = self._base.encode("utf-8", "surrogateescape") + b"/" + raw
        if b"/" not in raw:
            return None  # a file that would be in no container
        try:
            container, _, name = raw.decode().partition("/")
        except UnicodeDecodeError:
            return self._report.failed(raw, 412)
        if b"\0" in raw or not container or not name:
            return self._report.failed(raw, 412)
        if member.size > OBJECT_BYTES or member.sparse:
            return self._report.failed(raw, 400 if member.sparse else 413)
        problem = None if container in self._seen else await self._ensure(container)
        headers = {**self._headers, **_described(member), "content-length": str(member.size)}
        data = tar.data() if member.size else b""
        response = await self._handler(self._call.sub("PUT", container, name, headers, data))
        self._seen.add(container)
        if 200 <= response.status < 300:
            return self._report.count("Number Files Created")
        if problem is not None:
            self._report.failed(container, problem)
        self._report.failed(raw, response.status)
        if response.status == 401:
            raise Unauthorized
        return None

    async def _ensure(self, container: str) -> int | None:
        """The status of what went wrong: objects may still go in, where an access list says so."""
        response = await self._handler(self._call.sub("HEAD", container))
        if response.status == 404:
            response = await self._handler(self._call.sub("PUT", container, headers={"content-length": "0"}))
            self._made += response.status == 201
            if self._made > MOST_CONTAINERS:
                raise BadRequest(f"More than {MOST_CONTAINERS} containers to create from tar.")
        if response.status == 401:
            raise Unauthorized
        return None if 200 <= response.status < 300 else response.status


def _described(member: Member) -> dict[str, str]:
    """Extended attributes of the file, as GNU's and BSD's tar write them: its type and metadata."""
    found = {}
    for key, value in member.attributes.items():
        if key.startswith(_ATTRIBUTES):
            name = key.split(".xattr.user.", 1)[1].lower()
            if name == "mime_type":
                found["content-type"] = value.decode("utf-8", "surrogateescape")
            elif name.startswith("meta.") and _HEADER_NAME.fullmatch(name[5:]):
                found["x-object-meta-" + name[5:]] = value.decode("utf-8", "surrogateescape")
    return found


# -- deleting


class Doomed(NamedTuple):
    """``path``: ``/container/object``, or a container. ``problem``: why it cannot even be tried, as status or in words."""

    path: str
    version: str | None = None
    problem: int | str | None = None


async def _delete_listed(handler: Handler, call: Call) -> Response:
    report = Report("delete", 200, number_deleted=0, number_not_found=0)

    async def work() -> None:
        kind = call.headers.get("content-type", "")
        if kind and not kind.startswith("text/plain"):
            raise Refused(406, "Not Acceptable")
        if not has_length(call):
            raise Refused(411, "Length Required")
        doomed = [Doomed(path) async for path in lines(body_of(call))]
        await delete_all(handler, call, report, _in_turn(doomed))

    return await reported(call, report, work)


async def lines(data: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """Names as they are, of a list in which they are escaped. What is not UTF-8 comes with surrogates. Raises ``CloudError``."""
    rest, count = b"", 0
    async for chunk in data:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE_BYTES or any(len(line) > _LINE_BYTES for line in whole):
            raise BadRequest("Invalid File Name")
        count += len(whole)
        if count > MOST_DELETES:
            raise TooLarge(f"Maximum Bulk Deletes: {MOST_DELETES} per request")
        for line in whole:
            if line.strip():
                yield unquote_to_bytes(line.strip()).decode("utf-8", "surrogateescape")
    if rest.strip():
        if count + 1 > MOST_DELETES:
            raise TooLarge(f"Maximum Bulk Deletes: {MOST_DELETES} per request")
        yield unquote_to_bytes(rest.strip()).decode("utf-8", "surrogateescape")


async def _in_turn(doomed: Iterable[Doomed]) -> AsyncIterator[Doomed]:
    """Objects before containers, which must be empty."""
    everything = list(doomed)
    for is_container in (False, True):
        for one in everything:
            if ("/" not in one.path.strip("/")) == is_container:
                yield one


async def delete_all(handler: Handler, call: Call, report: Report, doomed: AsyncIterator[Doomed]) -> None:
    """A few at a time; containers only when all objects before them have had their turn."""
    batch: list[Doomed] = []
    async for one in doomed:
        is_container = "/" not in one.path.strip("/")
        if len(batch) >= AT_ONCE or (is_container and batch and "/" in batch[0].path.strip("/")):
            await _delete(handler, call, report, batch)
            batch = []
        batch.append(one)
    await _delete(handler, call, report, batch)
    if report.errors:
        report.refuse(report.worst, "")
    elif not (report.figures["Number Deleted"] or report.figures["Number Not Found"]):
        raise BadRequest("Invalid bulk delete.")


async def _delete(handler: Handler, call: Call, report: Report, batch: list[Doomed]) -> None:
    found = await asyncio.gather(*(_delete_one(handler, call, one) for one in batch))
    for one, status in zip(batch, found, strict=True):
        if status == 404:
            report.count("Number Not Found")
        elif isinstance(status, int) and 200 <= status < 300:
            report.count("Number Deleted")
        else:
            report.failed(one.path, status)
    if len(report.errors) >= MOST_FAILED:
        raise BadRequest("Max delete failures exceeded")


async def _delete_one(handler: Handler, call: Call, one: Doomed) -> int | str:
    if one.problem is not None:
        return one.problem
    try:
        one.path.encode()
    except UnicodeEncodeError:
        return 412
    container, _, name = one.path.lstrip("/").partition("/")
    if not container or "\0" in one.path:
        return 412
    query = NO_QUERY if one.version is None else Params(urlencode({"version-id": one.version}).encode())
    try:
        return (await handler(call.sub("DELETE", container, name, query=query))).status
    except CloudError as refused:
        return refused.status
