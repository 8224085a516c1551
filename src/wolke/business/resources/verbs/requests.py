"""Requests for what is beyond a budget or a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.errors import NotThere
from wolke.business.resources.store import REQUESTS
from wolke.business.resources.views import RequestShown, shown
from wolke.business.verb import ANYONE, APPROVERS, MEMBERS, Found, Page, Verb, find
from wolke.business.who import Who
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Answer = Annotated[str, msgspec.Meta(max_length=1000)]


class Listed(Page, frozen=True, kw_only=True):
    state: Annotated[str, msgspec.Meta(max_length=20)] = ""


class Decision(msgspec.Struct, frozen=True):
    answer: Answer = ""


class Token(msgspec.Struct, frozen=True):
    """What stands in the mail's link, after its last slash."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class DecisionByLink(msgspec.Struct, frozen=True):
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    approve: bool
    answer: Answer = ""


def _seen(who: Who) -> list[Where]:
    return [] if who.projects is None else [Where("project_id", "in", sorted(who.projects))]


async def list_(desk: Desk, who: Who, asked: Listed) -> Found:
    company = await desk.customers.companies.of(who)
    where = [*_seen(who), *([Where("state", "eq", asked.state)] if asked.state else [])]
    return await find(
        desk.needs.db, REQUESTS, asked, sorts={"created": "created_at", "state": "state"}, default="-created", where=where,
        shown=lambda row: shown(RequestShown, row), company_id=company.id,
    )  # fmt: skip


async def show(desk: Desk, who: Who, asked: None, request_id: str) -> RequestShown:
    company = await desk.customers.companies.of(who)
    found = await desk.needs.db.find(REQUESTS, id=request_id, company_id=company.id, where=_seen(who))
    if not found:
        raise NotThere("There is no such request.")
    return shown(RequestShown, found[0])


async def approve(desk: Desk, who: Who, asked: Decision, request_id: str) -> RequestShown:
    return shown(RequestShown, await desk.resources.requests.decide(who, request_id, approve=True, answer=asked.answer))


async def refuse(desk: Desk, who: Who, asked: Decision, request_id: str) -> RequestShown:
    return shown(
        RequestShown, await desk.resources.requests.decide(who, request_id, approve=False, answer=asked.answer)
    )


async def look(desk: Desk, who: Who, asked: Token) -> RequestShown:
    link = await desk.customers.links.look(desk.needs.db, asked.token, "decide")
    row = await desk.needs.db.get(REQUESTS, id=str(link.data["request_id"]))
    if row is None:
        raise NotThere("There is no such request.")
    return shown(RequestShown, row)


async def decide(desk: Desk, who: Who, asked: DecisionByLink) -> RequestShown:
    requests = desk.resources.requests
    row = await requests.decide_by_link(asked.token, approve=asked.approve, answer=asked.answer, address=who.address)
    return shown(RequestShown, row)


_ONE = "/requests/{request_id}"
VERBS = (
    Verb("requests.list", "GET", "/requests", list_, MEMBERS, "Orders that need approval", takes=Listed, gives=Found),
    Verb("requests.show", "GET", _ONE, show, MEMBERS, "One request", gives=RequestShown),
    Verb("requests.approve", "POST", f"{_ONE}/approve", approve, APPROVERS, "Approve it; it is ordered at once", takes=Decision, gives=RequestShown),
    Verb("requests.refuse", "POST", f"{_ONE}/refuse", refuse, APPROVERS, "Refuse it", takes=Decision, gives=RequestShown),
    Verb("requests.look", "POST", "/requests-by-link/look", look, ANYONE, "The request that a mail's link is about", takes=Token, gives=RequestShown),
    Verb("requests.decide", "POST", "/requests-by-link/decide", decide, ANYONE, "Decide it by the mail's link", takes=DecisionByLink,
         gives=RequestShown),
)  # fmt: skip
