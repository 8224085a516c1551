"""The end of a static large object with all its segments: at once with a report, or (``async``) left to the expirer."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import quote, urlencode

from wolke.core.errors import BadRequest, CloudError, NotFound
from wolke.core.http import Params, Response
from wolke.object_store.api import lists
from wolke.object_store.api.call import NO_QUERY, Call, Handler
from wolke.object_store.filters import manifests
from wolke.object_store.filters.bulk import Doomed, delete_all
from wolke.object_store.filters.large import is_composed
from wolke.object_store.filters.manifests import Segment
from wolke.object_store.filters.reports import Report, reported
from wolke.object_store.model import MANIFEST
from wolke.object_store.service import ObjectStore

_WAITING = manifests.MOST_SEGMENTS * 10
_LISTS = 10_000


async def delete_whole(handler: Handler, store: ObjectStore, call: Call) -> Response:
    query = call.query
    if lists.is_true(query.get("async")):
        return await _later(handler, store, call)
    report = Report("delete", 200, number_deleted=0, number_not_found=0)

    async def work() -> None:
        await delete_all(handler, call, report, _everything(handler, store, call))

    return await reported(call, report, work)


class _Waiting(NamedTuple):
    path: str
    version: str | None
    is_list: bool
    problem: int | str | None = None


async def _everything(handler: Handler, store: ObjectStore, call: Call) -> AsyncIterator[Doomed]:
    """All segments, and each list once its segments had their turn."""
    waiting = deque([_Waiting(f"/{call.container}/{call.name}", call.query.get("version-id"), True)])
    looked_at = 0
    while waiting:
        if len(waiting) > _WAITING or looked_at > _LISTS:
            raise BadRequest("Too many buffered slo segments to delete.")
        one = waiting.popleft()
        if not one.is_list:
            yield Doomed(one.path, one.version, one.problem)
            continue
        looked_at += 1
        problem: int | str | None = None
        try:
            found = await segments_of(handler, store, call, one.path, one.version)
            waiting.extend(_Waiting(part.name, None, part.sub_slo) for part in found if part.data is None)
        except CloudError as refused:
            problem = 404 if refused.status == 404 else refused.message
        waiting.append(one._replace(is_list=False, problem=problem))


async def segments_of(
    handler: Handler, store: ObjectStore, call: Call, path: str, version: str | None
) -> list[Segment]:
    container, _, name = path.lstrip("/").partition("/")
    query = NO_QUERY if version is None else Params(urlencode({"version-id": version}).encode())
    sub = call.sub("HEAD", container, name, query=query)
    response = await handler(sub)
    if response.status == 404:
        raise NotFound("SLO manifest not found")
    if response.status in (401, 403):
        raise BadRequest("401 Unauthorized" if response.status == 401 else "403 Forbidden")
    found = sub.found
    if response.status == 200 and found is not None and is_composed(found.object):
        return []
    if response.status != 200 or found is None or found.object.kind != MANIFEST:
        raise BadRequest("Not an SLO manifest")
    body = store.objects.body(found)
    return manifests.load(b"".join([chunk async for chunk in body.chunks(0, body.size)]))


async def _later(handler: Handler, store: ObjectStore, call: Call) -> Response:
    """Each segment expires now. The list itself goes at once."""
    path = f"/{call.container}/{call.name}"
    found = await segments_of(handler, store, call, path, call.query.get("version-id"))
    segments = [one for one in found if one.data is None]
    containers = sorted({one.place[0] for one in segments})
    if len(containers) > 1:
        shown = ", ".join(f'"{quote(name)}"' for name in containers)
        raise BadRequest(f"All segments must be in one container. Found segments in {shown}")
    if any(one.sub_slo for one in segments):
        raise BadRequest("No segments may be large objects.")
    may = await handler(call.sub("HEAD", call.container))
    if may.status >= 300:
        return may
    for one in segments:
        sub = call.sub("POST", *one.place, {"x-delete-at": str(store.ground.now_s() + 1)})
        response = await handler(sub)
        if response.status >= 300 and response.status != 404:
            return response
    call.query = _plain(call.query)
    return await handler(call)


def _plain(query: Params) -> Params:
    left = Params(b"")
    left.pairs = [pair for pair in query.pairs if pair[0] == "version-id"]
    return left
