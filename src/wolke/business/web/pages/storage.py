"""Disks, snapshots, public addresses and keys; and object storage: containers, folders, upload, links for sharing."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from wolke.business.web.page import Ask, Page, within
from wolke.business.web.pages.doing import does, lists
from wolke.core.http import Response

_DISK, _ADDRESS, _SNAPSHOT, _KEY = (
    "/disks/{disk_id}",
    "/addresses/{address_id}",
    "/snapshots/{snapshot_id}",
    "/keys/{key_id}",
)
keys = lists("keys.html", "key_pairs.list", "name")
disks = lists("disks.html", "disks.list", "name")
addresses = lists("addresses.html", "addresses.list", "name")
snapshots = lists("snapshots.html", "snapshots.list", "name")


async def _servers(ask: Ask) -> list[Any]:
    """To choose one of: in the network's picture they are few words each."""
    return list((await ask.call("network.show")).servers)


async def _plans(ask: Ask, kind: str) -> list[Any]:
    shop = await ask.call("shop.show")
    return [plan for product in shop.products if product.kind == kind for plan in product.plans]


async def disk_new(ask: Ask) -> Response:
    wanted = ask.form.first("server_id") or ask.request.query.get("server_id") or ""
    return ask.draw("disk_new.html", plans=await _plans(ask, "disk"), servers=await _servers(ask), wanted=wanted)


async def _ordered(ask: Ask, verb: str, path: str, text: str) -> Response:
    """An order either goes out or becomes a request."""
    ordered = await ask.call(verb, ask.filled(verb))
    if ordered.request_id:
        return ask.go("/requests", "Your approvers are asked. You hear of their answer by mail.")
    return ask.go(path.format(**ask.places), text)


async def disk_order(ask: Ask) -> Response:
    return await _ordered(ask, "disks.order", "/disks", "The disk is being made.")


async def disk(ask: Ask) -> Response:
    return ask.draw(
        "disk.html", disk=await ask.call("disks.show"), servers=await _servers(ask), plans=await _plans(ask, "disk")
    )


async def disk_grow(ask: Ask) -> Response:
    return await _ordered(ask, "disks.grow", _DISK, "The disk is getting larger.")


async def disk_delete(ask: Ask) -> Response:
    return ask.draw("disk_delete.html", disk=await ask.call("disks.show"))


async def address_new(ask: Ask) -> Response:
    return ask.draw("address_new.html", plans=await _plans(ask, "address"), servers=await _servers(ask))


async def address(ask: Ask) -> Response:
    return ask.draw("address.html", address=await ask.call("addresses.show"), servers=await _servers(ask))


async def address_order(ask: Ask) -> Response:
    return await _ordered(ask, "addresses.order", "/addresses", "The address is on its way.")


async def key_new(ask: Ask) -> Response:
    return ask.draw("key_new.html", next=ask.form.first("next") or ask.request.query.get("next") or "")


async def key_add(ask: Ask) -> Response:
    added = await ask.call("key_pairs.add", ask.filled("key_pairs.add"))
    wanted = ask.form.first("next")
    if wanted:
        return ask.go(within(wanted))
    return ask.go("/keys", "{name} is added.", name=added.name)


# -- object storage


async def containers(ask: Ask) -> Response:
    return ask.draw("containers.html", containers=(await ask.call("containers.list")).items)


async def objects(ask: Ask) -> Response:
    """``folder`` and ``after`` in the address."""
    query = ask.request.query
    folder = query.get("folder") or ask.form.first("folder")
    found = await ask.call("objects.list", {"folder": folder, "after": query.get("after") or ""})
    steps = [part for part in folder.split("/") if part]
    trail = [(part, "/".join(steps[: number + 1]) + "/") for number, part in enumerate(steps)]
    return ask.draw(
        "objects.html", container=ask.places["container"], folder=folder, trail=trail, found=found, shared=None
    )


def _box(ask: Ask) -> str:
    return ask.address(f"/storage/{quote(ask.places['container'], safe='')}", folder=ask.form.first("folder"))


async def object_delete(ask: Ask) -> Response:
    await ask.call("objects.delete", {"name": ask.form.first("name")})
    return ask.go(_box(ask), "{name} is deleted.", name=ask.form.first("name"))


async def object_share(ask: Ask) -> Response:
    """The link is shown in the answer itself; it stands in no cookie."""
    shared = await ask.call("objects.share", ask.filled("objects.share"))
    return ask.draw(
        "object_link.html",
        container=ask.places["container"],
        name=ask.form.first("name"),
        url=shared.url,
        back=_box(ask),
    )


PAGES = (
    Page("GET", "/disks", disks),
    Page("GET", "/disks/new", disk_new),
    Page("POST", "/disks/new", disk_order, again=disk_new),
    Page("GET", _DISK, disk),
    Page("POST", f"{_DISK}/grow", disk_grow, again=disk),
    Page("POST", f"{_DISK}/attach", does("disks.attach", _DISK, "The server is getting the disk.")),
    Page("POST", f"{_DISK}/detach", does("disks.detach", _DISK, "The disk is being taken from its server.")),
    Page("GET", f"{_DISK}/delete", disk_delete),
    Page("POST", f"{_DISK}/delete", does("disks.delete", "/disks", "The disk is being deleted."), again=disk_delete),
    Page("GET", "/snapshots", snapshots),
    Page("POST", f"{_SNAPSHOT}/delete", does("snapshots.delete", "/snapshots", "The snapshot is being deleted.")),
    Page("GET", "/addresses", addresses),
    Page("GET", "/addresses/new", address_new),
    Page("POST", "/addresses/new", address_order, again=address_new),
    Page("GET", _ADDRESS, address),
    Page("POST", f"{_ADDRESS}/assign", does("addresses.assign", "/addresses", "The address is being led there."), again=address),
    Page("POST", f"{_ADDRESS}/release", does("addresses.release", "/addresses", "The address is being given back.")),
    Page("GET", "/keys", keys),
    Page("GET", "/keys/new", key_new),
    Page("POST", "/keys/new", key_add, again=key_new),
    Page("POST", f"{_KEY}/remove", does("key_pairs.remove", "/keys", "The key is removed. Servers that know it already go on to know it.")),
    Page("GET", "/storage", containers),
    Page("POST", "/storage", does("containers.make", "/storage", "The container is there."), again=containers),
    Page("GET", "/storage/{container}", objects),
    Page("POST", "/storage/{container}/delete", does("containers.delete", "/storage", "The container is deleted.")),
    Page("POST", "/storage/{container}/remove", object_delete),
    Page("POST", "/storage/{container}/share", object_share),
)  # fmt: skip
