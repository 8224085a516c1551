"""Object storage: containers, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.errors import Invalid, NotNow
from wolke.business.openstack.shapes import Container, StoredObject
from wolke.business.resources.files import LARGEST_BYTES, TOO_LARGE
from wolke.business.verb import MEMBERS, TECHNICIANS, Carried, File, Verb
from wolke.business.who import Who
from wolke.core.clock import moment

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_LONGEST_LINK_S = 30 * 24 * 3600
ObjectName = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
ContainerName = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^/]+$")]


class NewContainer(msgspec.Struct, frozen=True):
    name: ContainerName


class Containers(msgspec.Struct, frozen=True):
    items: list[Container]


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """``folder`` "": the top; else it ends with a slash. ``after``: the last name of the page before."""

    folder: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    after: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Objects(msgspec.Struct, frozen=True):
    items: list[StoredObject]
    after: str


class Which(msgspec.Struct, frozen=True):
    name: ObjectName


class Share(msgspec.Struct, frozen=True):
    """Whoever has the link gets the object, for ``lasts_s`` seconds."""

    name: ObjectName
    lasts_s: Annotated[int, msgspec.Meta(ge=60, le=_LONGEST_LINK_S)] = 7 * 24 * 3600


class Shared(msgspec.Struct, frozen=True):
    url: str


async def list_containers(desk: Desk, who: Who, asked: None, project_id: str) -> Containers:
    key = await desk.resources.means.credentials(project_id)
    return Containers(await desk.cloud.project(key, lambda side: side.objects.containers()))


async def make_container(desk: Desk, who: Who, asked: NewContainer, project_id: str) -> None:
    key = await desk.resources.means.credentials(project_id)
    await desk.cloud.project(key, lambda side: side.objects.make_container(asked.name))
    await _told(desk, who, project_id, "containers.make", asked.name)


async def delete_container(desk: Desk, who: Who, asked: None, project_id: str, container: str) -> None:
    """Only an empty one."""
    key = await desk.resources.means.credentials(project_id)
    try:
        await desk.cloud.project(key, lambda side: side.objects.delete_container(container))
    except NotNow:
        raise NotNow("It is not empty. Delete what is in it first.") from None
    await _told(desk, who, project_id, "containers.delete", container)


async def list_objects(desk: Desk, who: Who, asked: Folder, project_id: str, container: str) -> Objects:
    key = await desk.resources.means.credentials(project_id)
    items = await desk.cloud.project(
        key, lambda side: side.objects.list(container, asked.folder, asked.after, asked.limit)
    )
    return Objects(items, items[-1].name if len(items) == asked.limit else "")


async def delete_object(desk: Desk, who: Who, asked: Which, project_id: str, container: str) -> None:
    key = await desk.resources.means.credentials(project_id)
    await desk.cloud.project(key, lambda side: side.objects.delete(container, asked.name))
    await _told(desk, who, project_id, "objects.delete", f"{container}/{asked.name}")


async def share_object(desk: Desk, who: Who, asked: Share, project_id: str, container: str) -> Shared:
    key = await desk.resources.means.credentials(project_id)
    until = int(moment(desk.needs.clock.after(asked.lasts_s)).timestamp())
    url = await desk.cloud.project(key, lambda side: side.objects.link(container, asked.name, until))
    await _told(desk, who, project_id, "objects.share", f"{container}/{asked.name}")
    return Shared(url)


async def get_object(desk: Desk, who: Who, asked: Which, project_id: str, container: str) -> File:
    found = await desk.resources.files.get(project_id, container, asked.name)
    return File(asked.name.rpartition("/")[2], found.kind, found.chunks, found.size_bytes)


async def put_object(desk: Desk, who: Who, asked: Carried, project_id: str, container: str) -> None:
    """Whole or not at all. What is known to be too large is refused before its first byte."""
    if asked.size_bytes is not None and asked.size_bytes > LARGEST_BYTES:
        raise Invalid(TOO_LARGE)
    project = await desk.customers.projects.open(who, project_id)
    await desk.customers.companies.may_buy(project.company_id)
    await desk.resources.files.put(who, project, container, asked.asked.name, asked.kind, asked.chunks)


async def _told(desk: Desk, who: Who, project_id: str, action: str, what: str) -> None:
    project = await desk.customers.projects.seen(who, project_id)
    async with desk.needs.db.transaction() as tx:
        await desk.needs.audit.write(tx, who, action, project_id, {"name": what}, company_id=project.company_id)


_P = "/projects/{project_id}"
_BOX = f"{_P}/containers/{{container}}"
VERBS = (
    Verb("containers.list", "GET", f"{_P}/containers", list_containers, MEMBERS, "Object storage", gives=Containers),
    Verb("containers.make", "POST", f"{_P}/containers", make_container, TECHNICIANS, "Make a container", takes=NewContainer, status=201),
    Verb("containers.delete", "DELETE", _BOX, delete_container, TECHNICIANS, "Delete an empty container", status=204),
    Verb("objects.list", "GET", f"{_BOX}/objects", list_objects, MEMBERS, "What is in a container's folder", takes=Folder, gives=Objects),
    Verb("objects.delete", "DELETE", f"{_BOX}/objects", delete_object, TECHNICIANS, "Delete an object", takes=Which, status=204),
    Verb("objects.share", "POST", f"{_BOX}/share", share_object, TECHNICIANS, "A link for whoever has it", takes=Share, gives=Shared),
    Verb("objects.get", "GET", f"{_BOX}/object", get_object, MEMBERS, "Fetch an object", takes=Which),
    Verb("objects.put", "PUT", f"{_BOX}/object", put_object, TECHNICIANS, "Store an object", takes=Which, status=201, carries=True),
)  # fmt: skip
