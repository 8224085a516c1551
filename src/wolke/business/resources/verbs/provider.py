"""The provider's side: the fleet, hosts and everybody's servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.resources.fleet import Drained, Fleet
from wolke.business.resources.store import SERVERS
from wolke.business.verb import ADMINISTRATORS, STAFF, Found, Page, Verb, find
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk


class Reason(msgspec.Struct, frozen=True):
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Listed(Page, frozen=True, kw_only=True):
    state: Annotated[str, msgspec.Meta(max_length=20)] = ""
    company_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    host: Annotated[str, msgspec.Meta(max_length=200)] = ""


class FleetServer(msgspec.Struct, frozen=True):
    """With the host that it is on and what the cloud calls it."""

    id: str
    company_id: str
    project_id: str
    name: str
    state: str
    doing: str
    reason: str | None
    plan_id: str
    host: str
    cloud_id: str | None
    ordered_at: Instant
    changed_at: Instant


async def fleet(desk: Desk, who: Who, asked: None) -> Fleet:
    return await desk.resources.fleet.look()


async def servers(desk: Desk, who: Who, asked: Listed) -> Found:
    where = [Where("gone_at", "isnull", True)]
    where += [Where(name, "eq", value) for name in ("state", "company_id", "host") if (value := getattr(asked, name))]
    return await find(
        desk.needs.db, SERVERS, asked, sorts={"name": "name", "ordered": "ordered_at", "changed": "changed_at"}, default="-ordered",
        words="words", where=where, shown=lambda row: FleetServer(**{name: getattr(row, name) for name in FleetServer.__struct_fields__}),
    )  # fmt: skip


async def enable(desk: Desk, who: Who, asked: None, host: str) -> None:
    await desk.resources.fleet.switch(who, host, enabled=True)


async def disable(desk: Desk, who: Who, asked: Reason, host: str) -> None:
    await desk.resources.fleet.switch(who, host, enabled=False, reason=asked.reason)


async def drain(desk: Desk, who: Who, asked: None, host: str) -> Drained:
    return await desk.resources.fleet.drain(who, host)


_HOST = "/provider/hosts/{host}"
VERBS = (
    Verb("fleet.show", "GET", "/provider/fleet", fleet, STAFF, "Whether all of the cloud goes, and how much is left", gives=Fleet),
    Verb("fleet.servers", "GET", "/provider/servers", servers, STAFF, "Everybody's servers", takes=Listed, gives=Found),
    Verb("hosts.enable", "POST", f"{_HOST}/enable", enable, ADMINISTRATORS, "Let new servers come to a host"),
    Verb("hosts.disable", "POST", f"{_HOST}/disable", disable, ADMINISTRATORS, "Let none come", takes=Reason),
    Verb("hosts.drain", "POST", f"{_HOST}/drain", drain, ADMINISTRATORS, "Move all servers away", gives=Drained),
)  # fmt: skip
