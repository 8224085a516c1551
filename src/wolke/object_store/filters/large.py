"""What filters tell each other of an object that is more than its own data."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple

from wolke.core.errors import CloudError, Conflict
from wolke.core.http import Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call, Handler
from wolke.object_store.model import MANIFEST, Object
from wolke.object_store.service import ObjectStore
from wolke.object_store.service.joined import Source

HASH = "list-hash"  # in ``system``: the ETag of the manifest itself, where the object's own is that of the whole
_WHOLE, _DEPTH = "whole", "depth"
_DEEPEST = 10


class Whole(NamedTuple):
    """What GET would send. ``etag`` without quotes."""

    source: Source
    etag: str


def tell(call: Call, whole: Whole) -> None:
    call.kept[_WHOLE] = whole


def own_etag(value: Object) -> str:
    """That of the data that is stored, be it a manifest."""
    return value.system.get(HASH, value.etag) if value.kind == MANIFEST else value.etag


def is_composed(value: Object) -> bool:
    """From the parts of an upload by S3; such an ETag is made of theirs."""
    return "-" in value.etag and not value.kind


async def look(handler: Handler, store: ObjectStore, call: Call, place: tuple[str, str]) -> tuple[int, Call]:
    """HEAD of a part of what ``call`` found, by the same caller: status, and the call, which knows the rest if that is 200."""
    account = call.found.container.account if call.found is not None else call.account
    headers = {"referer": call.headers["referer"]} if "referer" in call.headers else {}
    sub = call.sub("HEAD", *place, headers, account=account)
    sub.kept[_DEPTH] = call.kept.get(_DEPTH, 1) + 1
    if sub.kept[_DEPTH] > _DEEPEST + 1:
        raise Conflict  # nested too deeply
    response = await handler(sub)
    return response.status if response.status != 200 or sub.found is not None else 404, sub


def whole(store: ObjectStore, call: Call) -> Whole:
    """Of a call that found something."""
    told: Whole | None = call.kept.get(_WHOLE)
    if told is not None:
        return told
    assert call.found is not None
    return Whole(store.objects.body(call.found), call.found.object.etag)


async def spoken(work: Awaitable[Response]) -> Response:
    """What it refuses as an answer, for the filters before this one, which look at answers."""
    try:
        return await work
    except CloudError as error:
        return answers.refusal(error)
