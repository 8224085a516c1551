"""The agents' door: what a host's agent tells its controllers, and asks of them. Only the role ``agent`` comes in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from wolke.block_storage.model import Outcome
from wolke.block_storage.service.life import HostReport, Life
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Api, Request, Response, Route
from wolke.core.policy import Policy, Rule
from wolke.core.schema import array, one_of, record, string

AGENT_RULES = (Rule("block_storage:agent", "role:agent", "What agents of hosts tell and ask."),)
_KEEP_ALIVE_S = 10.0
_MOST = 1000
_NAME = string(least=1, most=255, pattern=r"^[^\x00@#/]*$")
_ID = string(least=1, most=64)
_KIND = one_of("volume", "snapshot", "backup", "attachment")
_GENERATION = {"type": "integer", "minimum": 0, "maximum": 2**53}
_OBJECT: Mapping[str, Any] = {"type": "object"}
_GIB = {"type": "number", "minimum": 0, "maximum": 2**53}
_POOL = record(
    {
        "name": _NAME, "total_gib": _GIB, "free_gib": _GIB, "provisioned_gib": _GIB,
        "reserved_percentage": {"type": "integer", "minimum": 0, "maximum": 100}, "thin": {"type": "boolean"},
        "max_over_subscription_ratio": {"type": "number", "minimum": 1, "maximum": 1e6}, "capabilities": _OBJECT,
    },
    required=("name", "total_gib", "free_gib"),
)  # fmt: skip
_BACKEND = record(
    {
        "name": _NAME, "driver": _NAME, "pools": array(_POOL, most=100), "capabilities": _OBJECT,
        "state": one_of("up", "down"), "reason": {"type": ["string", "null"], "maxLength": 1000},
    },
    required=("name", "driver", "pools"),
)  # fmt: skip
_REPORT = record(
    {
        "backends": array(_BACKEND, most=100), "backups": {"type": "boolean"}, "started_at": string(most=64),
        "address": string(),
    },
    required=("backends",),
)  # fmt: skip
_ITEM = record({"kind": _KIND, "id": _ID}, required=("kind", "id"))
_OUTCOME = record(
    {
        "kind": _KIND, "id": _ID, "task": _ID, "generation": _GENERATION, "learnt": _OBJECT,
        "failure": {"type": ["string", "null"], "maxLength": 10000},
    },
    required=("kind", "id", "task", "generation"),
)  # fmt: skip


async def report(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    return await life.hosts.report(request.params["host"], msgspec.convert(request.body, HostReport, strict=False))


async def due(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    """``[kind, id, generation, task]`` of everything that is due."""
    return {"due": await life.hosts.due(request.params["host"])}


async def wishes(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    wanted = [(one["kind"], one["id"]) for one in request.body["items"]]
    return {"wishes": await life.hosts.wishes(request.params["host"], wanted)}


async def outcomes(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    """``refused``: ``kind/id`` → why what was said of it does not count."""
    said = [msgspec.convert(one, Outcome) for one in request.body["outcomes"]]
    answers = await life.outcomes.record(request.params["host"], said)
    return {"refused": {f"{kind}/{one_id}": error.message for (kind, one_id), error in answers.items() if error}}


async def contents(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    """Every volume and snapshot that the host has; whatever else is on its backends is nobody's."""
    return await life.hosts.contents(request.params["host"])


async def answer(life: Life, ctx: Context, request: Request) -> None:
    if not {"value", "failure"} & set(request.body):
        raise BadRequest("An answer has a value or a failure.")
    await life.questions.answer(request.params["host"], request.params["question_id"], request.body)


async def wakes(life: Life, ctx: Context, request: Request) -> Response:
    """A line of JSON for every wake: ``{"look": true, "questions": […]}``, and ``{}`` now and then to show that we live."""
    chunks = _lines(life, request.params["host"], request)
    return Response(200, headers={"Cache-Control": "no-store"}, content_type="application/x-ndjson", chunks=chunks)


async def _lines(life: Life, host: str, request: Request) -> AsyncIterator[bytes]:
    gone = asyncio.create_task(request.gone())
    try:
        with life.wakes.listen(host) as event:
            event.set()
            while not gone.done():
                line: dict[str, Any] = {}
                if event.is_set():
                    event.clear()
                    line = {"look": True, "questions": await life.questions.open(host)}
                yield msgspec.json.encode(line) + b"\n"
                waiting = asyncio.create_task(event.wait())
                await asyncio.wait((waiting, gone), timeout=_KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone


def _row(method: str, path: str, handler: Any, body: Mapping[str, Any] | None = None, status: int = 200) -> Route:
    return Route(method, path, handler, rule="block_storage:agent", body=body, status=status, body_limit_bytes=16 << 20)


ROUTES: tuple[Route, ...] = (
    _row("PUT", "/v1/hosts/{host}", report, _REPORT),
    _row("GET", "/v1/hosts/{host}/due", due),
    _row("POST", "/v1/hosts/{host}/wishes", wishes, record({"items": array(_ITEM, most=_MOST)}, required=("items",))),
    _row("POST", "/v1/hosts/{host}/outcomes", outcomes,
         record({"outcomes": array(_OUTCOME, most=_MOST)}, required=("outcomes",))),
    _row("GET", "/v1/hosts/{host}/contents", contents),
    _row("GET", "/v1/hosts/{host}/wakes", wakes),
    _row("POST", "/v1/hosts/{host}/answers/{question_id}", answer, _OBJECT, 204),
)  # fmt: skip


def build_agent_api(life: Life, overrides: Mapping[str, str] | None = None) -> Api:
    return Api("block-storage-agent", "/agent/block-storage", ROUTES, life, Policy(AGENT_RULES, overrides), quiet=True)
