"""Where a request could go."""

from __future__ import annotations

from wolke.core.context import Context
from wolke.core.http import Request, Response
from wolke.placement import views
from wolke.placement.api import queries
from wolke.placement.api.answers import answer
from wolke.placement.scheduler.candidates import choose
from wolke.placement.service import Placement
from wolke.placement.versions import knows


async def index(service: Placement, ctx: Context, request: Request) -> Response:
    wish = queries.wish(request.query, request.version)
    classes = queries.named_classes(wish)
    await service.names.check_classes(classes)
    await service.names.check_traits(queries.named_traits(wish))
    nodes = await service.snapshots.take()
    every = knows(request.version, "all classes in summaries")
    return answer(request, views.candidates(nodes, choose(nodes, wish), None if every else classes))
