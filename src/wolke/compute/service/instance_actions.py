"""What was asked of a server, in order: kept also when the server is gone."""

from __future__ import annotations

import itertools

import msgspec

from wolke.compute import errors
from wolke.compute.model import Server, ServerAction
from wolke.compute.service.needs import Needs
from wolke.compute.store import SERVER_ACTIONS, SERVERS
from wolke.core import ids
from wolke.core.clock import Instant
from wolke.core.context import Context
from wolke.core.db import Order, Where
from wolke.core.errors import NotFound
from wolke.core.paging import Page, find_page

_NEWEST_FIRST = (Order("id", True),)
_numbers = itertools.count()  # orders what one process writes in the same microsecond


def action_of(ctx: Context, server: Server, action: str, now: Instant) -> ServerAction:
    """A row for what ``ctx`` asks. Its id begins with the time, so that ids sort as things happened."""
    stamp = now[:26].replace("-", "").replace(":", "").replace(".", "").replace("T", "")
    return ServerAction(
        id=f"{stamp}-{next(_numbers):010}-{ids.hex_id()[:8]}",
        server_id=server.id,
        project_id=ctx.project_id or server.project_id,
        user_id=ctx.user_id,
        action=action,
        request_id=ctx.request_id,
        message=None,
        started_at=now,
        updated_at=now,
        events=[],
    )


def done_at_once(action: ServerAction) -> ServerAction:
    """As if a loop had ended it."""
    at = action.started_at
    event = {"event": f"compute_{action.action}", "start_time": at, "finish_time": at, "result": "Success"}
    return msgspec.structs.replace(action, events=[event | {"host": None, "traceback": None, "details": None}])


class InstanceActions:
    def __init__(self, needs: Needs) -> None:
        self._db = needs.db

    async def server(self, ctx: Context, server_id: str, *, deleted: bool) -> Server:
        server = await self._db.get(SERVERS, id=server_id)
        if server is None or not (ctx.is_admin or server.project_id == ctx.project_id):
            raise errors.ServerNotFound(server_id)
        if server.deleted_at is not None and not deleted:
            raise errors.ServerNotFound(server_id)
        return server

    async def index(
        self,
        ctx: Context,
        server: Server,
        *,
        limit: int | None = None,
        marker: str | None = None,
        since: Instant | None = None,
        before: Instant | None = None,
    ) -> list[ServerAction]:
        """Newest first. ``marker`` is a request id."""
        where = []
        if since:
            where.append(Where("updated_at", "ge", since))
        if before:
            where.append(Where("updated_at", "le", before))
        after = await self.find(server.id, marker) if marker else None
        if marker and after is None:
            raise errors.MarkerNotFound(marker)
        return await find_page(
            self._db, SERVER_ACTIONS, Page(_NEWEST_FIRST, limit, marker), where=where, marker=after, server_id=server.id
        )

    async def show(self, ctx: Context, server: Server, request_id: str) -> ServerAction:
        found = await self.find(server.id, request_id)
        if found is None:
            raise NotFound(f"Action for request_id {request_id} on instance {server.id} not found")
        return found

    async def find(self, server_id: str, request_id: str) -> ServerAction | None:
        rows = await self._db.find(
            SERVER_ACTIONS, order=_NEWEST_FIRST, limit=1, server_id=server_id, request_id=request_id
        )
        return rows[0] if rows else None
