"""One door for ``POST …/action``: the body's only word says what is wanted, and a row of a table what that asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Response
from wolke.core.microversion import parse

Do = Callable[[Any, Context, Request, str, Any], Awaitable[Any]]
ANY_ACTION: Mapping[str, Any] = {"type": "object", "minProperties": 1, "maxProperties": 1}


@dataclass(frozen=True, slots=True)
class Action:
    """``do(service, ctx, request, id, argument)``; ``rule`` is asked before."""

    do: Do
    rule: str
    body: Mapping[str, Any]
    status: int = 202
    since: str = "3.0"
    noun: str = ""


class _Row:
    """What ``Api.check_body`` needs of a route."""

    def __init__(self, action: Action) -> None:
        self.body, self.noun = action.body, action.noun


def door(actions: Mapping[str, Action], param: str) -> Callable[..., Awaitable[Response]]:
    """The handler. ``param`` is the path's word for the id."""
    rows = {name: _Row(action) for name, action in actions.items()}

    async def act(service: Any, ctx: Context, request: Request) -> Response:
        name = next(iter(request.body))
        action = actions.get(name)
        if action is None or request.version < parse(action.since):
            raise BadRequest(f"There is no such action: {name[:255]}")
        request.enforce(action.rule)
        said = request.api.check_body(rows[name], request.version, request.body)  # type: ignore[arg-type]
        answer = await action.do(service, ctx, request, request.params[param], said[name])
        return Response(action.status, b"" if answer is None else answer)

    return act
