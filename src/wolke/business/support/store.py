"""Support's tables."""

from __future__ import annotations

from wolke.business.support.model import Event, Ticket
from wolke.core.db import Table

TICKETS = Table(
    "business_tickets",
    Ticket,
    unique=(("number",),),
    indexes=(
        ("company_id", "changed_at", "id"),
        ("company_id", "state", "changed_at"),
        ("state", "changed_at", "id"),
        ("assignee_id", "changed_at"),
        ("changed_at", "id", "words"),
        ("company_name", "id"),
        ("subject", "id"),
        ("priority", "id"),
    ),
    sparse=(("due_at", "id"), ("about_id", "changed_at")),
)
EVENTS = Table("business_ticket_events", Event, key=("ticket_id", "number"))
