"""Support's verbs: the customers' and, under ``/provider``, those of the provider's people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from wolke.business import verb
from wolke.business.errors import Invalid
from wolke.business.support import about
from wolke.business.support.model import CUSTOMER, MESSAGE, NOTE, About, Event, Ticket
from wolke.business.support.states import UNSETTLED
from wolke.business.support.store import TICKETS
from wolke.business.verb import MEMBERS, STAFF, Found, Page, Verb
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
Priority = Literal["low", "normal", "high", "urgent"]
State = Literal["open", "waiting", "solved", "closed"]
_SORTS = {name: name for name in ("number", "subject", "state", "priority", "created_at", "changed_at")}
_PROVIDER_SORTS = _SORTS | {"due_at": "due_at", "company": "company_name", "assignee": "assignee_name"}


class TicketPage(Page, frozen=True, kw_only=True):
    """``state``: one of them, or ``unsettled``. ``about_id``: of a server, an invoice…"""

    state: Literal["", "unsettled", "new", "open", "waiting", "solved", "closed"] = ""
    about_id: str = ""


class ProviderTicketPage(TicketPage, frozen=True, kw_only=True):
    """``assignee_id``: a person, ``me`` or ``nobody``. ``late``: only those whose answer is overdue. Sorted by ``due_at``, those to which no answer is owed are
    left out."""

    company_id: str = ""
    assignee_id: str = ""
    late: bool = False


class NewTicket(msgspec.Struct, frozen=True):
    """``about_kind`` and ``about_id``: what it is about; what is known of it is put to the ticket, as it is now."""

    subject: Subject
    text: Text
    priority: Priority = "normal"
    about_kind: str = ""
    about_id: str = ""
    project_id: str = ""


class NewMessage(msgspec.Struct, frozen=True):
    text: Text


class NewAnswer(msgspec.Struct, frozen=True):
    """``then``: whether it waits for the customer now, goes on, or is solved."""

    text: Text
    then: Literal["waiting", "open", "solved"] = "waiting"


class TicketChange(msgspec.Struct, frozen=True):
    """What is not given stays. ``assignee_id`` empty: nobody."""

    state: State | None = None
    priority: Priority | None = None
    assignee_id: str | None = None


class TicketLine(msgspec.Struct, frozen=True):
    """A ticket in a list. ``late``: an answer is overdue."""

    id: str
    number: int
    company_id: str
    company_name: str
    project_id: str | None
    person_name: str
    subject: str
    state: str
    priority: str
    assignee_id: str | None
    assignee_name: str | None
    about_kind: str | None
    about_id: str | None
    about_name: str | None
    due_at: Instant | None
    late: bool
    created_at: Instant
    changed_at: Instant


class TicketShown(msgspec.Struct, frozen=True):
    """A ticket with what was said in it; its notes are there for the provider's people alone."""

    ticket: TicketLine
    about: About | None
    events: list[Event]


def line(ticket: Ticket, now: Instant) -> TicketLine:
    named = {name: getattr(ticket, name) for name in TicketLine.__struct_fields__ if hasattr(ticket, name)}
    late = ticket.due_at is not None and ticket.due_at < now
    return TicketLine(**named, about_name=ticket.about.name if ticket.about else None, late=late)


# ------------------------------------------------------------------------------------------------------------ customers


async def list_tickets(desk: Desk, who: Who, asked: TicketPage) -> Found:
    now = desk.needs.clock.now()
    where = [*desk.support.tickets.seen(who), *_asked(asked)]
    return await verb.find(
        desk.needs.db, TICKETS, asked, sorts=_SORTS, default="-changed_at", words="words", where=where,
        shown=lambda ticket: line(ticket, now),
    )  # fmt: skip


async def open_ticket(desk: Desk, who: Who, asked: NewTicket) -> TicketShown:
    known = await about.known(desk, who, asked.about_kind, asked.about_id) if asked.about_kind else None
    project_id = (known.project_id if known else None) or asked.project_id or None
    if project_id is not None:
        await desk.customers.projects.seen(who, project_id)
    ticket = await desk.support.tickets.open(who, asked.subject, asked.text, asked.priority, known, project_id)
    return await _for_customer(desk, ticket)


async def show_ticket(desk: Desk, who: Who, asked: None, *, ticket_id: str) -> TicketShown:
    return await _for_customer(desk, await desk.support.tickets.of(desk.needs.db, who, ticket_id))


async def write_message(desk: Desk, who: Who, asked: NewMessage, *, ticket_id: str) -> TicketShown:
    return await _for_customer(desk, await desk.support.tickets.write(who, ticket_id, asked.text))


async def solve_ticket(desk: Desk, who: Who, asked: None, *, ticket_id: str) -> TicketShown:
    return await _for_customer(desk, await desk.support.tickets.solve(who, ticket_id))


async def _for_customer(desk: Desk, ticket: Ticket) -> TicketShown:
    """What the provider's people say among themselves is not in it: neither notes nor who has the ticket."""
    events = await desk.support.tickets.events(desk.needs.db, ticket.id)
    shown = [event for event in events if event.kind != NOTE and (event.side == CUSTOMER or event.kind in _TOLD)]
    return TicketShown(line(ticket, desk.needs.clock.now()), ticket.about, shown)


_TOLD = frozenset({MESSAGE, "state", "priority"})


# ----------------------------------------------------------------------------------------------------------- the provider


async def list_all(desk: Desk, who: Who, asked: ProviderTicketPage) -> Found:
    now, due_first = desk.needs.clock.now(), asked.sort.removeprefix("-") == "due_at"
    if (
        due_first and asked.state == "unsettled"
    ):  # as all are to which an answer is owed: the index by time alone is the shorter way
        asked = msgspec.structs.replace(asked, state="")
    where = _asked(asked)
    if asked.company_id:
        where.append(Where("company_id", "eq", asked.company_id))
    if asked.late:
        where += [Where("due_at", "isnull", False), Where("due_at", "lt", now)]
    if due_first:
        where.append(Where("due_at", "isnull", False))
    if asked.assignee_id == "nobody":
        where.append(Where("assignee_id", "isnull", True))
    elif asked.assignee_id:
        where.append(Where("assignee_id", "eq", who.person_id if asked.assignee_id == "me" else asked.assignee_id))
    return await verb.find(
        desk.needs.db, TICKETS, asked, sorts=_PROVIDER_SORTS, default="-changed_at", words="words", where=where,
        shown=lambda ticket: line(ticket, now),
    )  # fmt: skip


async def show_any(desk: Desk, who: Who, asked: None, *, ticket_id: str) -> TicketShown:
    return await _whole(desk, await desk.support.tickets.any(desk.needs.db, ticket_id))


async def answer(desk: Desk, who: Who, asked: NewAnswer, *, ticket_id: str) -> TicketShown:
    return await _whole(desk, await desk.support.tickets.answer(who, ticket_id, asked.text, asked.then))


async def note(desk: Desk, who: Who, asked: NewMessage, *, ticket_id: str) -> TicketShown:
    return await _whole(desk, await desk.support.tickets.note(who, ticket_id, asked.text))


async def change(desk: Desk, who: Who, asked: TicketChange, *, ticket_id: str) -> TicketShown:
    if asked == TicketChange():
        raise Invalid("Please say what shall change.")
    tickets = desk.support.tickets
    return await _whole(desk, await tickets.change(who, ticket_id, asked.state, asked.priority, asked.assignee_id))


async def _whole(desk: Desk, ticket: Ticket) -> TicketShown:
    events = await desk.support.tickets.events(desk.needs.db, ticket.id)
    return TicketShown(line(ticket, desk.needs.clock.now()), ticket.about, events)


def _asked(asked: TicketPage) -> list[Where]:
    where = []
    if asked.state:
        where.append(Where("state", "in", sorted(UNSETTLED) if asked.state == "unsettled" else [asked.state]))
    if asked.about_id:
        where.append(Where("about_id", "eq", asked.about_id))
    return where


VERBS = (
    Verb("tickets.list", "GET", "/tickets", list_tickets, MEMBERS, "Your company's tickets", TicketPage, Found),
    Verb("tickets.open", "POST", "/tickets", open_ticket, MEMBERS, "Ask for help", NewTicket, TicketShown, 201),
    Verb("tickets.show", "GET", "/tickets/{ticket_id}", show_ticket, MEMBERS, "A ticket and what was said in it", None, TicketShown),
    Verb(
        "tickets.write", "POST", "/tickets/{ticket_id}/messages", write_message, MEMBERS, "Write in a ticket", NewMessage, TicketShown, 201
    ),
    Verb("tickets.solve", "POST", "/tickets/{ticket_id}/solve", solve_ticket, MEMBERS, "Say that all is well", None, TicketShown),
    Verb("provider.tickets.list", "GET", "/provider/tickets", list_all, STAFF, "Every company's tickets", ProviderTicketPage, Found),
    Verb("provider.tickets.show", "GET", "/provider/tickets/{ticket_id}", show_any, STAFF, "A ticket with its notes", None, TicketShown),
    Verb(
        "provider.tickets.answer", "POST", "/provider/tickets/{ticket_id}/messages", answer, STAFF, "Answer the customer",
        NewAnswer, TicketShown, 201,
    ),
    Verb(
        "provider.tickets.note", "POST", "/provider/tickets/{ticket_id}/notes", note, STAFF, "Write a note that customers never see",
        NewMessage, TicketShown, 201,
    ),
    Verb(
        "provider.tickets.change", "PATCH", "/provider/tickets/{ticket_id}", change, STAFF, "Change state, priority or who has it",
        TicketChange, TicketShown,
    ),
)  # fmt: skip
