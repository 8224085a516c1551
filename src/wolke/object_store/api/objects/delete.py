"""DELETE of an object: for good, or with a marker where versions are kept; of a version always for good."""

from __future__ import annotations

import contextlib

from wolke.core.errors import NotFound
from wolke.core.http import Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call
from wolke.object_store.api.gate import WRITE, Gate
from wolke.object_store.api.objects import legacy
from wolke.object_store.api.objects.legacy import LOCATION
from wolke.object_store.api.objects.read import version_number
from wolke.object_store.errors import ObjectNotFound, VersionNotFound
from wolke.object_store.model import Container, version_text


async def delete(gate: Gate, call: Call) -> Response:
    container, _ = await gate.container(call, WRITE)
    number = version_number(call, container)
    if number is not None:
        return await _delete_version(gate, call, container, number)
    if LOCATION in container.system and await legacy.delete(gate, container, call.name):
        return answers.done(204)
    removed = await gate.store.objects.delete(container, call.name)
    if removed.marker is None:
        return answers.done(204)
    return answers.done(204, {"X-Object-Version-Id": version_text(removed.marker.version)})


async def _delete_version(gate: Gate, call: Call, container: Container, number: int) -> Response:
    objects = gate.store.objects
    try:
        await objects.delete(container, call.name, number, promote=False)
    except VersionNotFound:
        raise NotFound from None
    current = 0
    with contextlib.suppress(ObjectNotFound):
        current = (await objects.find(container, call.name)).object.version
    shown = {"X-Object-Version-Id": version_text(number), "X-Object-Current-Version-Id": version_text(current)}
    return answers.done(204, shown)
