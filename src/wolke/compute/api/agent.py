"""The agents' door: what a host's agent tells its controllers, and asks of them. Only the role ``agent`` comes in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from wolke.compute.model import Outcome
from wolke.compute.service.life import HostReport, Life, PowerReport
from wolke.compute.service.life.errors import BadReport, NoMetadata
from wolke.core.context import Context
from wolke.core.http import Api, Request, Response, Route
from wolke.core.policy import Policy, Rule
from wolke.core.schema import array, record, string

AGENT_RULES = (Rule("compute:agent", "role:agent", "What agents of hosts tell and ask."),)
_KEEP_ALIVE_S = 10.0
_MOST = 1000
_ID = string(least=1, most=64)
_OBJECT: Mapping[str, Any] = {"type": "object"}
_GENERATION = {"type": "integer", "minimum": 0, "maximum": 2**53}
_OUTCOME = {
    "generation": _GENERATION, "task": _ID, "learnt": {"type": "object"},
    "failure": {"type": ["string", "null"], "maxLength": 10000},
}  # fmt: skip
_POWER = {"server_id": _ID, "generation": _GENERATION, "power": _ID, "returned": {"type": "boolean"}}
_AMOUNT = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_INVENTORY = record(
    {"vcpus": _AMOUNT, "ram_mib": _AMOUNT, "disk_gib": _AMOUNT},
    required=("vcpus", "ram_mib", "disk_gib"),
    additional=True,
)
_PROGRESS = {
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 2**62},
    "maxProperties": 6,
}
_REPORT = {
    "driver": _ID, "capabilities": {"type": "object"}, "inventory": _INVENTORY, "started_at": string(most=64),
    "address": string(), "door": {"type": "object"},
}  # fmt: skip


async def report(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    return await life.hosts.report(request.params["host"], msgspec.convert(request.body, HostReport))


async def due(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    return {"due": await life.hosts.due(request.params["host"])}


async def wishes(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    return {"wishes": await life.hosts.wishes(request.params["host"], request.body["servers"])}


async def outcome(life: Life, ctx: Context, request: Request) -> None:
    body = {name: value for name, value in request.body.items() if name != "host"}
    server_id = request.params["server_id"]
    said = {server_id: msgspec.convert(body, Outcome)}
    error = (await life.outcomes.record(request.body["host"], said))[server_id]
    if error is not None:
        raise error


async def outcomes(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    said = {one["server_id"]: msgspec.convert(one, Outcome) for one in request.body["outcomes"]}
    answers = await life.outcomes.record(request.params["host"], said)
    return {"refused": {server_id: error.message for server_id, error in answers.items() if error is not None}}


async def servers(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    return {"servers": await life.hosts.servers(request.params["host"])}


async def powers(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    said = [msgspec.convert(one, PowerReport) for one in request.body["powers"]]
    return {"changed": await life.hosts.powers(request.params["host"], said)}


async def connections(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    served = bool(request.body.get("served", False))
    return await life.disks.connections(
        request.params["host"], request.params["server_id"], request.body["devices"], served=served
    )


async def move_key(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    return {"key": await life.hosts.key(request.params["host"], request.params["server_id"])}


async def move_progress(life: Life, ctx: Context, request: Request) -> dict[str, Any]:
    return {"wanted": await life.live.progress(request.params["host"], request.params["server_id"], request.body)}


async def answer(life: Life, ctx: Context, request: Request) -> None:
    if not {"value", "failure"} & set(request.body):
        raise BadReport("an answer has a value or a failure")
    await life.questions.answer(request.params["host"], request.params["question_id"], request.body)


async def metadata(life: Life, ctx: Context, request: Request) -> Response:
    params = request.params
    content = await life.metadata(params["network_id"], params["address"], params.get("path", ""))
    kind = "application/json" if params.get("path", "").endswith(".json") else "text/plain; charset=utf-8"
    return Response(200, content, content_type=kind)


async def keep_password(life: Life, ctx: Context, request: Request) -> None:
    """What a guest posts; there is one thing that it may."""
    words = request.params["path"].split("/")
    if len(words) != 3 or words[0] != "openstack" or words[2] != "password":
        raise NoMetadata
    await life.keep_password(request.params["network_id"], request.params["address"], request.body["content"])


async def wakes(life: Life, ctx: Context, request: Request) -> Response:
    return Response(200, chunks=_lines(life, request), content_type="application/x-ndjson")


async def _lines(life: Life, request: Request) -> AsyncIterator[bytes]:
    """A line per wake, with the questions that are open; an empty object now and then to show that the line is alive."""
    host = request.params["host"]
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
    return Route(method, path, handler, rule="compute:agent", body=body, status=status, body_limit_bytes=16 << 20)


_SAID = record({"server_id": _ID, **_OUTCOME}, required=("server_id", "generation", "task"))
ROUTES: tuple[Route, ...] = (
    _row("PUT", "/v1/hosts/{host}", report, record(_REPORT, required=("driver", "capabilities", "inventory"))),
    _row("GET", "/v1/hosts/{host}/due", due),
    _row("POST", "/v1/hosts/{host}/wishes", wishes, record({"servers": array(_ID)}, required=("servers",))),
    _row("POST", "/v1/hosts/{host}/outcomes", outcomes,
         record({"outcomes": array(_SAID, most=_MOST)}, required=("outcomes",))),
    _row("POST", "/v1/servers/{server_id}/outcome", outcome,
         record({"host": _ID, **_OUTCOME}, required=("host", "generation", "task")), 204),
    _row("GET", "/v1/hosts/{host}/servers", servers),
    _row("POST", "/v1/hosts/{host}/powers", powers,
         record({"powers": array(record(_POWER, required=("server_id", "generation", "power")), most=_MOST)},
                required=("powers",))),
    _row("GET", "/v1/hosts/{host}/moves/{server_id}", move_key),
    _row("POST", "/v1/hosts/{host}/moves/{server_id}/progress", move_progress, _PROGRESS),
    _row("POST", "/v1/hosts/{host}/connections/{server_id}", connections,
         record({"devices": array(_ID), "served": {"type": "boolean"}}, required=("devices",))),
    _row("GET", "/v1/hosts/{host}/wakes", wakes),
    _row("POST", "/v1/hosts/{host}/answers/{question_id}", answer, _OBJECT, 204),
    _row("GET", "/v1/hosts/{host}/metadata/{network_id}/{address}", metadata),
    _row("GET", "/v1/hosts/{host}/metadata/{network_id}/{address}/{path*}", metadata),
    _row("POST", "/v1/hosts/{host}/metadata/{network_id}/{address}/{path*}", keep_password,
         record({"content": string(most=1 << 14)}, required=("content",)), 204),
)  # fmt: skip


def build_agent_api(life: Life, overrides: Mapping[str, str] | None = None) -> Api:
    return Api("compute-agent", "/agent/compute", ROUTES, life, Policy(AGENT_RULES, overrides), quiet=True)
