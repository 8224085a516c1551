"""POST to an object: all its metadata anew, its type only if one is given; the data stays."""

from __future__ import annotations

from wolke.core.errors import BadRequest
from wolke.core.http import Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call
from wolke.object_store.api.gate import WRITE, Gate
from wolke.object_store.api.metadata import check_value
from wolke.object_store.api.objects.read import opens_expired
from wolke.object_store.api.objects.write import due, kept_headers
from wolke.object_store.model import Object, described, stamp_text


async def post(gate: Gate, call: Call) -> Response:
    container, _ = await gate.container(call, WRITE)
    if call.query.get("version-id"):
        raise BadRequest("POST to a specific version is not allowed")
    headers = kept_headers(call.headers)
    due_s = due(call.headers, gate.store.ground.now_s)
    content_type = call.headers.get("content-type", "")
    check_value("content-type", content_type)
    stamp = gate.store.ground.stamp()

    def change(old: Object) -> tuple[Object, int | None]:
        new = described(old, stamp=stamp, headers=headers, content_type=content_type or old.content_type)
        return new, due_s

    objects = gate.store.objects
    made = await objects.update(container, call.name, change, expired=opens_expired(gate, call))
    call.kept["made"] = made
    shown = {"X-Object-Version-Id": stamp_text(made.version)} if made.version else {}
    return answers.done(202, shown)
