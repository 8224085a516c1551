"""Servers: the order in three steps, a server's own page that is always up to date, its screen, and what can be done with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from wolke.business.errors import NotThere
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, lists
from wolke.core.http import Response

_ONE = "/servers/{server_id}"
listing = lists("servers.html", "servers.list", "name")


async def new(ask: Ask) -> Response:
    """Each step is an address of its own: what is chosen stands in it, so that a step back loses nothing."""
    chosen = {name: _chosen(ask, name) for name in ("image_id", "plan_id", "name", "key_id", "first_words", "note")}
    images = (await ask.call("images.list")).items
    shop = await ask.call("shop.show")
    plans, addresses = _plans(shop, "server"), _plans(shop, "address")
    snapshots = [one for one in (await ask.call("snapshots.list", {"limit": "100"})).items if one.state == "ready"]
    runs = next((one for one in (*images, *snapshots) if one.id == chosen["image_id"]), None)
    plan = next((one for one in plans if one.id == chosen["plan_id"]), None)
    step = 1 if runs is None else 2 if plan is None or _chosen(ask, "step") == "2" else 3
    if _chosen(ask, "step") == "1":
        step = 1
    keys = (await ask.call("key_pairs.list", {"limit": "100"})).items if step == 3 else []
    public = not ask.form.sent or "public_address" in ask.form
    return ask.draw(
        "server_new.html", images=images, snapshots=snapshots, plans=plans, address=addresses[0] if addresses else None, runs=runs,
        plan=plan, step=step, keys=keys, chosen=chosen, public=public,
    )  # fmt: skip


def _chosen(ask: Ask, name: str) -> str:
    return ask.form.first(name) or ask.request.query.get(name) or ""


def _plans(shop: Any, kind: str) -> list[Any]:
    return [plan for product in shop.products if product.kind == kind for plan in product.plans]


async def order(ask: Ask) -> Response:
    ordered = await ask.call("servers.order", ask.filled("servers.order"))
    if ordered.request_id:
        return ask.go("/requests", "Your approvers are asked. You hear of their answer by mail.")
    return ask.go(f"/servers/{ordered.object_id}", "Your server is on its way. This page shows when it is there.")


async def show(ask: Ask) -> Response:
    server = await ask.call("servers.show")
    history = (await ask.call("servers.history", {"limit": "8"})).items
    disks = (await ask.call("disks.list", {"server_id": server.id, "limit": "100"})).items
    return ask.draw("server.html", server=server, history=history, disks=disks, plan=await _plan(ask, server.plan_id))


async def _plan(ask: Ask, plan_id: str) -> Any:
    return next((plan for plan in _plans(await ask.call("shop.show"), "server") if plan.id == plan_id), None)


async def rename_form(ask: Ask) -> Response:
    return ask.draw("server_rename.html", server=await ask.call("servers.show"))


async def snapshot_form(ask: Ask) -> Response:
    return ask.draw("server_snapshot.html", server=await ask.call("servers.show"))


async def resize_form(ask: Ask) -> Response:
    plans = _plans(await ask.call("shop.show"), "server")
    return ask.draw("server_resize.html", server=await ask.call("servers.show"), plans=plans)


async def resize(ask: Ask) -> Response:
    ordered = await ask.call("servers.resize", ask.filled("servers.resize"))
    if ordered.request_id:
        return ask.go("/requests", "Your approvers are asked. You hear of their answer by mail.")
    return ask.go(_ONE.format(**ask.places), "The server is getting its new size.")


async def delete_form(ask: Ask) -> Response:
    return ask.draw("server_delete.html", server=await ask.call("servers.show"))


async def restart(ask: Ask) -> Response:
    await ask.call("servers.restart", {"hard": ask.form.first("hard") == "yes"})
    return ask.go(_ONE.format(**ask.places), "The server is restarting.")


async def screen_form(ask: Ask) -> Response:
    """A click is needed to open it: it is written down who looked."""
    return ask.draw("server_screen.html", server=await ask.call("servers.show"), socket="", page="")


async def screen(ask: Ask) -> Response:
    opened = await ask.call("servers.console")
    socket = socket_of(opened.url)
    response = ask.draw("server_screen.html", server=await ask.call("servers.show"), socket=socket, page=opened.url)
    parts = urlsplit(socket)
    response.headers["Content-Security-Policy"] = ask.policy(f"{parts.scheme}://{parts.netloc}")
    return response


def socket_of(url: str) -> str:
    """Where the screen's bytes come from, by the address of noVNC's page for it: ``…/vnc.html?path=?token=…``, or with the socket beside the page
    (``…/console/novnc?token=…``)."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or not parts.query:
        raise NotThere("This cloud shows no screens in a page.")
    path = parse_qs(parts.query).get("path", [""])[0].lstrip("/") or f"{parts.path.strip('/')}/socket?{parts.query}"
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/{path}"


PAGES = (
    Page("GET", "/servers", listing),
    Page("GET", "/servers/new", new),
    Page("POST", "/servers/new", order, again=new),
    Page("GET", _ONE, show),
    Page("POST", f"{_ONE}/start", does("servers.start", _ONE, "The server is starting.")),
    Page("POST", f"{_ONE}/stop", does("servers.stop", _ONE, "The server is stopping.")),
    Page("POST", f"{_ONE}/restart", restart),
    Page("GET", f"{_ONE}/rename", rename_form),
    Page("POST", f"{_ONE}/rename", does("servers.rename", _ONE, "Saved."), again=rename_form),
    Page("GET", f"{_ONE}/snapshot", snapshot_form),
    Page(
        "POST",
        f"{_ONE}/snapshot",
        does("snapshots.order", "/snapshots", "The snapshot is being taken."),
        again=snapshot_form,
    ),
    Page("GET", f"{_ONE}/resize", resize_form),
    Page("POST", f"{_ONE}/resize", resize, again=resize_form),
    Page("GET", f"{_ONE}/delete", delete_form),
    Page(
        "POST", f"{_ONE}/delete", does("servers.delete", "/servers", "The server is being deleted."), again=delete_form
    ),
    Page("GET", f"{_ONE}/screen", screen_form),
    Page("POST", f"{_ONE}/screen", screen, again=screen_form),
)
