"""Servers: order, start, stop, restart, resize, rename, delete; the screen, and what happened to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wolke.business.errors import Invalid, NotNow
from wolke.business.resources import model
from wolke.business.resources.acts import wish
from wolke.business.resources.orders import Name, NewServer, NewSize, Ordered
from wolke.business.resources.store import ACTIONS, IMAGES, SERVERS
from wolke.business.resources.verbs.listing import Confirmed, Listed, confirm, found, own
from wolke.business.resources.views import ActionShown, ServerShown, shown
from wolke.business.verb import BUYERS, MEMBERS, SIGNED_IN, TECHNICIANS, Found, Page, Verb, find
from wolke.business.who import Who
from wolke.core.db import Order

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_MOST_IMAGES = 500


class Restart(msgspec.Struct, frozen=True):
    """``hard``: without asking the server to end by itself first."""

    hard: bool = False


class Rename(msgspec.Struct, frozen=True):
    name: Name


class Console(msgspec.Struct, frozen=True):
    """The address of a page with the server's screen, good for a few minutes."""

    url: str


class Images(msgspec.Struct, frozen=True):
    items: list[model.Image]


async def list_(desk: Desk, who: Who, asked: Listed, project_id: str) -> Found:
    return await found(desk, SERVERS, ServerShown, asked, project_id)


async def show(desk: Desk, who: Who, asked: None, project_id: str, server_id: str) -> ServerShown:
    return shown(ServerShown, await own(desk.needs.db, SERVERS, project_id, server_id, gone=True))


async def images(desk: Desk, who: Who, asked: None) -> Images:
    return Images(await desk.needs.db.find(IMAGES, order=(Order("position"),), limit=_MOST_IMAGES))


async def order(desk: Desk, who: Who, asked: NewServer, project_id: str) -> Ordered:
    return await desk.resources.requests.order(who, project_id, "servers.order", asked)


async def resize(desk: Desk, who: Who, asked: NewSize, project_id: str, server_id: str) -> Ordered:
    _not_in_the_making(await own(desk.needs.db, SERVERS, project_id, server_id))
    return await desk.resources.requests.order(who, project_id, "servers.resize", asked, server_id)


async def start(desk: Desk, who: Who, asked: None, project_id: str, server_id: str) -> ServerShown:
    return await _wish(desk, who, project_id, server_id, "start", "starting")


async def stop(desk: Desk, who: Who, asked: None, project_id: str, server_id: str) -> ServerShown:
    return await _wish(desk, who, project_id, server_id, "stop", "stopping")


async def restart(desk: Desk, who: Who, asked: Restart, project_id: str, server_id: str) -> ServerShown:
    return await _wish(desk, who, project_id, server_id, "restart", "restarting", {"hard": asked.hard})


async def rename(desk: Desk, who: Who, asked: Rename, project_id: str, server_id: str) -> ServerShown:
    return await _wish(desk, who, project_id, server_id, "rename", "", {"name": asked.name})


async def delete(desk: Desk, who: Who, asked: Confirmed, project_id: str, server_id: str) -> ServerShown:
    confirm(asked, (await own(desk.needs.db, SERVERS, project_id, server_id)).name)
    return await _wish(desk, who, project_id, server_id, "delete", "being deleted")


async def _wish(
    desk: Desk, who: Who, project_id: str, server_id: str, verb: str, doing: str, details: dict[str, Any] | None = None
) -> ServerShown:
    async with desk.needs.db.transaction() as tx:
        row = await own(tx, SERVERS, project_id, server_id)
        if verb != "delete":
            _not_in_the_making(row)
        await wish(tx, desk.resources.means, who, row, model.SERVER, verb, details, doing=doing)
        return shown(ServerShown, await own(tx, SERVERS, project_id, server_id))


def _not_in_the_making(row: model.Server) -> None:
    if row.state == model.ORDERED or row.doing == "being deleted":
        raise NotNow("The server is on its way. Wait until it is there, or delete it.")
    if row.cloud_id is None:
        raise NotNow("This server was never made. Delete it, and order another one.")


async def console(desk: Desk, who: Who, asked: None, project_id: str, server_id: str) -> Console:
    row = await own(desk.needs.db, SERVERS, project_id, server_id)
    if row.state != model.RUNNING or row.cloud_id is None:
        raise NotNow("Only a running server shows a screen. Start it first.")
    key = await desk.resources.means.credentials(project_id)
    try:
        url = await desk.cloud.project(key, lambda side: side.console(row.cloud_id))
    except Invalid:
        raise NotNow("This cloud has no screens to show. Sign in to the server by SSH instead.") from None
    async with desk.needs.db.transaction() as tx:
        await desk.needs.audit.write(tx, who, "servers.console", server_id, company_id=row.company_id)
    return Console(url)


async def history(desk: Desk, who: Who, asked: Page, project_id: str, server_id: str) -> Found:
    await own(desk.needs.db, SERVERS, project_id, server_id, gone=True)
    return await _actions(desk, asked, object_id=server_id)


async def activity(desk: Desk, who: Who, asked: Page, project_id: str) -> Found:
    return await _actions(desk, asked, project_id=project_id)


async def _actions(desk: Desk, asked: Page, **equal: Any) -> Found:
    return await find(
        desk.needs.db,
        ACTIONS,
        asked,
        sorts={"at": "at"},
        default="-at",
        shown=lambda row: shown(ActionShown, row),
        **equal,
    )


_ALL, _ONE = "/projects/{project_id}/servers", "/projects/{project_id}/servers/{server_id}"
VERBS = (
    Verb("images.list", "GET", "/images", images, SIGNED_IN, "What a server can run", gives=Images),
    Verb("servers.list", "GET", _ALL, list_, MEMBERS, "A project's servers", takes=Listed, gives=Found),
    Verb("servers.show", "GET", _ONE, show, MEMBERS, "One server", gives=ServerShown),
    Verb("servers.order", "POST", _ALL, order, BUYERS, "Order a server", takes=NewServer, gives=Ordered, status=201),
    Verb("servers.resize", "POST", f"{_ONE}/resize", resize, BUYERS, "Give it another size", takes=NewSize, gives=Ordered, status=202),
    Verb("servers.start", "POST", f"{_ONE}/start", start, TECHNICIANS, "Start it", gives=ServerShown, status=202),
    Verb("servers.stop", "POST", f"{_ONE}/stop", stop, TECHNICIANS, "Stop it; it goes on to cost, as its place is kept", gives=ServerShown, status=202),
    Verb("servers.restart", "POST", f"{_ONE}/restart", restart, TECHNICIANS, "Restart it", takes=Restart, gives=ServerShown, status=202),
    Verb("servers.rename", "PATCH", _ONE, rename, TECHNICIANS, "Give it another name", takes=Rename, gives=ServerShown, status=202),
    Verb("servers.delete", "DELETE", _ONE, delete, TECHNICIANS, "Delete it with all that is on it", takes=Confirmed, gives=ServerShown, status=202),
    Verb("servers.console", "POST", f"{_ONE}/console", console, TECHNICIANS, "Its screen", gives=Console),
    Verb("servers.history", "GET", f"{_ONE}/history", history, MEMBERS, "What was done with it", takes=Page, gives=Found),
    Verb("activity.list", "GET", "/projects/{project_id}/activity", activity, MEMBERS, "What was done in a project", takes=Page, gives=Found),
)  # fmt: skip
