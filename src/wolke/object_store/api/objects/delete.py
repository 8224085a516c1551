"""DELETE of an object: for good, or with a marker where versions are kept; of a version always for good."""

from __future__ import annotations

from wolke.core.errors import NotFound
from wolke.core.http import Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call
from wolke.object_store.api.gate import WRITE, Gate
from wolke.object_store.api.objects.read import version_number
from wolke.object_store.errors import VersionNotFound
from wolke.object_store.model import version_text


async def delete(gate: Gate, call: Call) -> Response:
    container, _ = await gate.container(call, WRITE)
    number = version_number(call, container)
    try:
        removed = await gate.store.objects.delete(container, call.name, number)
    except VersionNotFound:
        raise NotFound from None
    headers: dict[str, str] = {}
    if removed.marker is not None:
        headers["X-Object-Version-Id"] = version_text(removed.marker.version)
    elif number is not None and removed.gone is not None:
        headers["X-Object-Version-Id"] = version_text(removed.gone.version)
    return answers.done(204, headers)
