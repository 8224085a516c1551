"""Asking for help, and answering."""

from __future__ import annotations

from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, lists, shows
from wolke.core.http import Response

tickets = lists("tickets.html", "tickets.list", "-changed_at", "state")
ticket = shows("ticket.html", shown="tickets.show")
provider_tickets = lists("provider_tickets.html", "provider.tickets.list", "-changed_at", "state", "assignee_id")
provider_ticket = shows("provider_ticket.html", shown="provider.tickets.show", staff="staff.list")
_ONE, _ANY = "/tickets/{ticket_id}", "/provider/tickets/{ticket_id}"


async def new(ask: Ask) -> Response:
    """``about`` and ``id`` in the address: the page that one came from."""
    query = ask.request.query
    return ask.draw(
        "ticket_new.html", about=query.get("about") or "", about_id=query.get("id") or "", name=query.get("name") or ""
    )


async def open_ticket(ask: Ask) -> Response:
    opened = await ask.call("tickets.open", ask.filled("tickets.open"))
    return ask.go(f"/tickets/{opened.ticket.id}", "Thank you. We have your question, and answer here and by mail.")


PAGES = (
    Page("GET", "/tickets", tickets),
    Page("GET", "/tickets/new", new),
    Page("POST", "/tickets/new", open_ticket, again=new),
    Page("GET", _ONE, ticket),
    Page("POST", _ONE, does("tickets.write", _ONE, "Sent."), again=ticket),
    Page("POST", f"{_ONE}/solve", does("tickets.solve", _ONE, "Good to hear. The ticket is solved.")),
    Page("GET", "/provider/tickets", provider_tickets),
    Page("GET", _ANY, provider_ticket),
    Page("POST", f"{_ANY}/answer", does("provider.tickets.answer", _ANY, "Sent."), again=provider_ticket),
    Page("POST", f"{_ANY}/note", does("provider.tickets.note", _ANY, "Noted."), again=provider_ticket),
    Page("POST", f"{_ANY}/change", does("provider.tickets.change", _ANY, "Saved.")),
)
