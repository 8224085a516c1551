"""DELETE of an object: for good, or with a marker where versions are kept; of a version always for good."""

from __future__ import annotations

import contextlib

from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call
from wolke.object_store.api.gate import WRITE, Gate, denied
from wolke.object_store.api.lists import MARKER_TYPE
from wolke.object_store.api.objects import legacy
from wolke.object_store.api.objects.legacy import LOCATION
from wolke.object_store.api.objects.read import version_number
from wolke.object_store.errors import ObjectNotFound, VersionNotFound
from wolke.object_store.model import MARKER, SUSPENDED, Container, version_text


async def delete(gate: Gate, call: Call) -> Response:
    container, verdict = await gate.container(call, WRITE)
    number = version_number(call, container)
    if (at := call.headers.get("x-if-delete-at")) is not None and not at.isdecimal():
        raise BadRequest("Bad X-If-Delete-At header value")
    if number is not None:
        if number and not (verdict.owner or call.inner or call.granted is not None):
            raise denied(call)
        return await _delete_version(gate, call, container, number)
    if LOCATION in container.system and await legacy.delete(gate, container, call.name):
        return answers.done(204)
    if container.versioning == SUSPENDED:
        await gate.store.objects.unlink(container, call.name)
        return answers.done(204)
    removed = await gate.store.objects.delete(container, call.name)
    if removed.marker is None:
        return answers.done(204)
    headers = {"X-Object-Version-Id": version_text(removed.marker.version)}
    return answers.done(204, headers) if removed.was_there else answers.page(404, headers)


async def _delete_version(gate: Gate, call: Call, container: Container, number: int) -> Response:
    """``null`` where there is none with that name means whatever is current: it goes, and its version stays."""
    objects = gate.store.objects
    try:
        removed = await objects.delete(container, call.name, number, promote=False)
    except VersionNotFound:
        if number:
            raise NotFound from None
        await objects.unlink(container, call.name)
        return answers.done(204)
    current = 0
    with contextlib.suppress(ObjectNotFound):
        current = (await objects.find(container, call.name)).object.version
    shown = {"X-Object-Version-Id": version_text(number), "X-Object-Current-Version-Id": version_text(current)}
    was_marker = removed.gone is not None and removed.gone.kind == MARKER
    return answers.done(204, shown, MARKER_TYPE if was_marker else answers.HTML)
