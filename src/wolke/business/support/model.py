"""What a ticket is: a row for lists, and events that say everything that ever happened to it."""

from __future__ import annotations

import msgspec

from wolke.core.clock import Instant

#: The provider has not answered yet; it is being worked on; the customer is asked; it is thought to be done; it is over.
NEW, OPEN, WAITING, SOLVED, CLOSED = "new", "open", "waiting", "solved", "closed"
STATES = (NEW, OPEN, WAITING, SOLVED, CLOSED)
LOW, NORMAL, HIGH, URGENT = "low", "normal", "high", "urgent"
PRIORITIES = (LOW, NORMAL, HIGH, URGENT)
#: Who wrote.
CUSTOMER, PROVIDER = "customer", "provider"
#: What an event is. A note is seen by the provider's people alone.
MESSAGE, NOTE, STATE, PRIORITY, ASSIGNED = "message", "note", "state", "priority", "assigned"


class Fact(msgspec.Struct, frozen=True):
    """One line of what was known of the thing when the ticket was opened: ``name`` is a sentence's key, ``value`` for people."""

    name: str
    value: str


class About(msgspec.Struct, frozen=True):
    """``kind``: server, disk, address, invoice… ``name`` is what people call it; ``facts`` are as they were when the ticket was opened."""

    kind: str
    id: str
    name: str
    facts: list[Fact]
    project_id: str | None = None


class Ticket(msgspec.Struct, frozen=True):
    """``number`` counts from 1; names are as they were then. ``due_at``: when the provider owes its next answer; None while it owes none. ``words``: number, subject and
    names in lower case, for search. ``private``: only for whoever opened it and for those who may see bills. ``events``: how many there are."""

    id: str
    number: int
    company_id: str
    project_id: str | None
    company_name: str
    person_id: str
    person_name: str
    subject: str
    state: str
    priority: str
    assignee_id: str | None
    assignee_name: str | None
    about_kind: str | None
    about_id: str | None
    about: About | None
    private: bool
    words: str
    events: int
    due_at: Instant | None
    answered_at: Instant | None
    created_at: Instant
    changed_at: Instant


class Event(msgspec.Struct, frozen=True):
    """``value``: the new state, priority or assignee; ``text``: what was written. ``person_name`` is as it was then."""

    ticket_id: str
    number: int
    at: Instant
    person_id: str
    person_name: str
    side: str
    kind: str
    value: str
    text: str
