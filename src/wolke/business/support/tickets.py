"""Tickets: what customers and the provider's people say to each other, and what becomes of it.

Every write takes the ticket's lock, reads its events, adds to them, and puts what follows from all of them into the ticket's row: two who
write at once are one after the other, and the clock is never worked out from half of what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers.staff import SOMEBODY
from wolke.business.customers.store import MEMBERS, PEOPLE
from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.support import states
from wolke.business.support.letters import letter
from wolke.business.support.model import (
    ASSIGNED,
    CLOSED,
    CUSTOMER,
    MESSAGE,
    NEW,
    NOTE,
    PRIORITY,
    PROVIDER,
    SOLVED,
    STATE,
    About,
    Event,
    Ticket,
)
from wolke.business.support.store import EVENTS, TICKETS
from wolke.business.support.watch import spoken
from wolke.business.verb import ACCOUNTANTS
from wolke.business.who import ITSELF, Who
from wolke.core import ids
from wolke.core.db import Order, Reader, Related, Transaction, Where
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.customers import Customers
    from wolke.business.customers.model import Person
    from wolke.business.desk import Needs

#: What a ticket about one of these shows is for those who may see bills, and for whoever opened it.
_PRIVATE = frozenset({"invoice", "payment"})
Said = tuple[str, str, str, str]  # side, kind, value, text


class Tickets:
    def __init__(self, needs: Needs, customers: Customers) -> None:
        self._needs, self._customers = needs, customers

    # -- whose they are

    def seen(self, who: Who) -> list[Where]:
        """The conditions under which a ticket of ``who``'s company may be seen."""
        where = [Where("company_id", "eq", who.company_id or "")]
        if who.projects is not None:
            free = [Where("project_id", "isnull", True)]
            where.append(Where("", "any", [free, [Where("project_id", "in", sorted(who.projects))]]))
        if not who.roles & ACCOUNTANTS:
            where.append(Where("", "any", [[Where("private", "eq", False)], [Where("person_id", "eq", who.person_id)]]))
        return where

    async def of(self, reader: Reader, who: Who, ticket_id: str) -> Ticket:
        """``NotThere`` if it is not one that ``who`` sees as a customer."""
        found = await reader.find(TICKETS, where=self.seen(who), id=ticket_id)
        if not found:
            raise NotThere("There is no such ticket.")
        return found[0]

    async def any(self, reader: Reader, ticket_id: str) -> Ticket:
        """For the provider's people."""
        ticket = await reader.get(TICKETS, id=ticket_id)
        if ticket is None:
            raise NotThere("There is no such ticket.")
        return ticket

    async def events(self, reader: Reader, ticket_id: str) -> list[Event]:
        return await reader.find(EVENTS, ticket_id=ticket_id, order=(Order("number"),))

    # -- what customers do

    async def open(
        self, who: Who, subject: str, text: str, priority: str, about: About | None, project_id: str | None
    ) -> Ticket:
        needs, now = self._needs, self._needs.clock.now()
        subject, text = one_line(subject), written(text)
        if not subject:
            raise Invalid("Please check what is marked below.", fields={"subject": "This is needed."})
        async with needs.db.transaction() as tx:
            company, person = await self._customers.companies.of(who, tx), await self._person(tx, who)
            await tx.lock("business-tickets")
            last = await tx.find(TICKETS, order=(Order("number", True),), limit=1)
            number = last[0].number + 1 if last else 1
            words = f"#{number} {subject} {company.name} {person.name} {about.name if about else ''}".lower()
            ticket = Ticket(
                id=ids.uuid(), number=number, company_id=company.id, project_id=project_id, company_name=company.name,
                person_id=person.id, person_name=person.name, subject=subject, state=NEW, priority=priority, assignee_id=None,
                assignee_name=None, about_kind=about.kind if about else None, about_id=about.id if about else None, about=about,
                private=about is not None and about.kind in _PRIVATE, words=words, events=0, due_at=None, answered_at=None,
                created_at=now, changed_at=now,
            )  # fmt: skip
            await tx.insert(TICKETS, ticket)
            ticket = await self._add(
                tx, who, person.name, ticket, [(CUSTOMER, PRIORITY, priority, ""), (CUSTOMER, MESSAGE, "", text)]
            )
            await self._tell_provider(tx, ticket, person.name, text)
            await needs.audit.write(tx, who, "tickets.open", ticket.id, {"number": number})
        return ticket

    async def write(self, who: Who, ticket_id: str, text: str) -> Ticket:
        """The customer writes: a ticket that waited, or was thought to be solved, is open again."""
        async with self._needs.db.transaction() as tx:
            ticket = await self._locked(tx, ticket_id, who)
            if ticket.state not in states.WRITTEN:
                raise NotNow(
                    "This ticket is closed. Please open a new one; you may name #{number} in it.", number=ticket.number
                )
            person = await self._person(tx, who)
            said: list[Said] = [(CUSTOMER, MESSAGE, "", written(text))]
            if (state := states.WRITTEN[ticket.state]) != ticket.state:
                said.append((CUSTOMER, STATE, state, ""))
            ticket = await self._add(tx, who, person.name, ticket, said)
            await self._tell_provider(tx, ticket, person.name, text)
            await self._needs.audit.write(tx, who, "tickets.write", ticket.id, {"number": ticket.number})
        return ticket

    async def solve(self, who: Who, ticket_id: str) -> Ticket:
        """The customer says that all is well."""
        async with self._needs.db.transaction() as tx:
            ticket = await self._locked(tx, ticket_id, who)
            person = await self._person(tx, who)
            if ticket.state not in states.UNSETTLED:
                return ticket
            ticket = await self._add(tx, who, person.name, ticket, [(CUSTOMER, STATE, SOLVED, "")])
            await self._needs.audit.write(tx, who, "tickets.solve", ticket.id, {"number": ticket.number})
        return ticket

    # -- what the provider's people do

    async def answer(self, who: Who, ticket_id: str, text: str, then: str) -> Ticket:
        """``then``: the state in which the answer leaves it."""
        async with self._needs.db.transaction() as tx:
            ticket = await self._locked(tx, ticket_id)
            if ticket.state == CLOSED:
                raise NotNow("This ticket is closed. Open it again first.")
            person = await self._person(tx, who)
            text = written(text)
            said: list[Said] = [(PROVIDER, MESSAGE, "", text)]
            if then != ticket.state:
                said.append((PROVIDER, STATE, then, ""))
            if ticket.assignee_id is None:
                said.append((PROVIDER, ASSIGNED, person.id, person.name))
            ticket = await self._add(tx, who, person.name, ticket, said)
            await self._tell_customer(tx, ticket, person.name, text)
            await self._needs.audit.write(
                tx,
                who,
                "provider.tickets.answer",
                ticket.id,
                {"number": ticket.number, "then": then},
                company_id=ticket.company_id,
            )
        return ticket

    async def note(self, who: Who, ticket_id: str, text: str) -> Ticket:
        """For the provider's people alone."""
        async with self._needs.db.transaction() as tx:
            ticket = await self._locked(tx, ticket_id)
            person = await self._person(tx, who)
            ticket = await self._add(tx, who, person.name, ticket, [(PROVIDER, NOTE, "", written(text))])
            await self._needs.audit.write(tx, who, "provider.tickets.note", ticket.id, {"number": ticket.number})
        return ticket

    async def change(
        self, who: Who, ticket_id: str, state: str | None, priority: str | None, assignee_id: str | None
    ) -> Ticket:
        """None: as it was. ``assignee_id`` empty: nobody."""
        async with self._needs.db.transaction() as tx:
            ticket = await self._locked(tx, ticket_id)
            person = await self._person(tx, who)
            said: list[Said] = []
            if state is not None and state != ticket.state:
                if state not in states.MAY_BECOME[ticket.state]:
                    raise NotNow("A ticket that is {old} cannot become {new}.", old=ticket.state, new=state)
                said.append((PROVIDER, STATE, state, ""))
            if priority is not None and priority != ticket.priority:
                said.append((PROVIDER, PRIORITY, priority, ""))
            if assignee_id is not None and assignee_id != (ticket.assignee_id or ""):
                said.append((PROVIDER, ASSIGNED, *await self._assignee(tx, assignee_id)))
            if not said:
                return ticket
            ticket = await self._add(tx, who, person.name, ticket, said)
            if assignee_id and assignee_id != who.person_id:
                await self._tell_assignee(tx, ticket)
            details = {"number": ticket.number} | {kind: value for _, kind, value, _ in said}
            await self._needs.audit.write(tx, who, "provider.tickets.change", ticket.id, details)
        return ticket

    async def _assignee(self, tx: Transaction, person_id: str) -> tuple[str, str]:
        if not person_id:
            return "", ""
        person = await tx.get(PEOPLE, id=person_id)
        if person is None or not person.staff:
            raise Invalid(
                "Please check what is marked below.",
                fields={"assignee_id": "Only the provider's own people can take a ticket."},
            )
        return person.id, person.name

    # -- time

    def loop(self, leases: Leases | None) -> Loop:
        """Closes what has been solved for long enough, so that nobody asks about it again."""
        return Loop("business-tickets", self._to_close, self._close, period_s=600.0, leases=leases)

    async def _to_close(self) -> list[str]:
        before = self._needs.clock.after(-states.CLOSED_AFTER_DAYS * 86400.0)
        where = (Where("changed_at", "le", before),)
        found = await self._needs.db.find(TICKETS, state=SOLVED, where=where, order=(Order("changed_at"),), limit=200)
        return [ticket.id for ticket in found]

    async def _close(self, ticket_id: str) -> None:
        async with self._needs.db.transaction() as tx:
            ticket = await self._locked(tx, ticket_id)
            if ticket.state != SOLVED or ticket.changed_at > self._needs.clock.after(
                -states.CLOSED_AFTER_DAYS * 86400.0
            ):
                return
            await self._add(tx, ITSELF, self._needs.config.name, ticket, [(PROVIDER, STATE, CLOSED, "")])
            await self._needs.audit.write(
                tx, ITSELF, "tickets.close", ticket.id, {"number": ticket.number}, company_id=ticket.company_id
            )

    # -- what all of them do

    async def _locked(self, tx: Transaction, ticket_id: str, who: Who | None = None) -> Ticket:
        """``who``: the customer who asks; None: the provider does."""
        await tx.lock(f"business-ticket-{ticket_id}")
        return await (self.of(tx, who, ticket_id) if who is not None else self.any(tx, ticket_id))

    async def _add(self, tx: Transaction, who: Who, name: str, ticket: Ticket, said: Sequence[Said]) -> Ticket:
        now = self._needs.clock.now()
        events = await self.events(tx, ticket.id)
        changes: dict[str, str | int | None] = {"changed_at": now}
        for side, kind, value, text in said:
            event = Event(ticket.id, len(events) + 1, now, who.person_id or "", name, side, kind, value, text)
            await tx.insert(EVENTS, event)
            events.append(event)
            if kind in (STATE, PRIORITY):
                changes[kind] = value
            elif kind == ASSIGNED:
                changes |= {"assignee_id": value or None, "assignee_name": text or None}
        owed = states.answer(events)
        changes |= {"events": len(events), "due_at": owed.due_at, "answered_at": owed.answered_at}
        await tx.update(TICKETS, changes, id=ticket.id)
        spoken(tx)
        return msgspec.structs.replace(ticket, **changes)

    async def _tell_customer(self, tx: Transaction, ticket: Ticket, writer: str, text: str) -> None:
        """Whoever wrote in it, so long as they are of the company."""
        wrote = {
            event.person_id
            for event in await self.events(tx, ticket.id)
            if event.side == CUSTOMER and event.kind == MESSAGE
        }
        link = self._link(f"/tickets/{ticket.id}")
        members = Related(MEMBERS, "person_id", (Where("company_id", "eq", ticket.company_id),))
        for person in await tx.find(PEOPLE, where=(Where("id", "in", sorted(wrote)), Where("id", "within", members))):
            await self._needs.mailbox.put(
                tx, letter("answered", person.email, person.locale, ticket, link, writer=writer, text=text)
            )

    async def _tell_provider(self, tx: Transaction, ticket: Ticket, writer: str, text: str) -> None:
        """Whoever has the ticket; all of them while nobody has."""
        link = self._link(f"/provider/tickets/{ticket.id}")
        where = [SOMEBODY]
        if ticket.assignee_id is not None:
            where.append(Where("id", "eq", ticket.assignee_id))
        for person in await tx.find(PEOPLE, where=where):
            await self._needs.mailbox.put(
                tx, letter("written", person.email, person.locale, ticket, link, writer=writer, text=text)
            )

    async def _tell_assignee(self, tx: Transaction, ticket: Ticket) -> None:
        person = await self._customers.people.get(ticket.assignee_id or "", tx)
        link = self._link(f"/provider/tickets/{ticket.id}")
        await self._needs.mailbox.put(tx, letter("given", person.email, person.locale, ticket, link))

    async def _person(self, tx: Transaction, who: Who) -> Person:
        return await self._customers.people.get(who.person_id or "", tx)

    def _link(self, path: str) -> str:
        return self._needs.config.url.rstrip("/") + path


def one_line(text: str) -> str:
    """Without what would break a line, or a mail's header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def written(text: str) -> str:
    """``Invalid`` if it says nothing."""
    if not text.strip():
        raise Invalid("Please check what is marked below.", fields={"text": "This is needed."})
    return text.strip()
