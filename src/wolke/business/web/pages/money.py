"""What it costs, what was billed and why, and who decides on orders beyond a budget."""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.business.verb import ANYONE, File
from wolke.business.web.listing import listed
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, lists, shows
from wolke.core.clock import moment
from wolke.core.http import Response

_ONE, _LINE = "/invoices/{invoice_id}", "/invoices/{invoice_id}/lines/{line_id}"
explain = shows("explain.html", shown="invoices.explain")
credit_note = shows("credit_note.html", shown="credit_notes.show")
requests = lists("requests.html", "requests.list", "-created", "state")


async def costs(ask: Ask) -> Response:
    found = await ask.call("costs.show")
    return ask.draw(
        "costs.html",
        costs=found,
        chart=chart(ask, found),
        everywhere=await ask.call("costs.list") if ask.may("costs.list") else None,
    )


def chart(ask: Ask, costs: Any) -> str:
    """The month's days, added up, and the way to the forecast, for uPlot."""
    total, times, values = 0, [], []
    for day in costs.days:
        total += day.net_minor
        times.append(int(moment(f"{day.day}T12:00:00Z").timestamp()))
        values.append(total / 100)
    said = {
        "time": ask.words.gettext("Day"), "currency": costs.currency, "times": times,
        "series": [{"name": ask.words.gettext("Costs so far"), "values": values}],
    }  # fmt: skip
    return msgspec.json.encode(said).decode() if len(times) > 1 else ""


async def invoices(ask: Ask) -> Response:
    found = await listed(ask, "invoices.list", default="-created", more=("state",))
    balance = await ask.call("balance.show") if ask.may("balance.show") else None
    return ask.draw("invoices.html", listed=found, balance=balance)


async def invoice(ask: Ask) -> Response:
    return ask.draw(
        "invoice.html",
        shown=await ask.call("invoices.show"),
        lines=await listed(ask, "invoices.lines", default="position"),
    )


def download(verb: str) -> Any:
    """The file that a verb gives, to be kept."""

    async def run(ask: Ask) -> Response:
        found: File = await ask.call(verb)
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in found.name)
        return Response(
            200, found.content, content_type=found.media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "default-src 'none'; sandbox"},
        )  # fmt: skip

    return run


async def request(ask: Ask) -> Response:
    return ask.draw("request.html", request=await ask.call("requests.show"))


async def link(ask: Ask) -> Response:
    """From an approver's mail: what is asked, and two buttons. No sign-in is needed; the link is the key, and good once."""
    found = await ask.call("requests.look", {"token": ask.places["token"]})
    return ask.draw("decide.html", request=found)


async def decide(ask: Ask) -> Response:
    given = {
        "token": ask.places["token"],
        "approve": ask.form.first("approve") == "yes",
        "answer": ask.form.first("answer").strip(),
    }
    decided = await ask.call("requests.decide", given)
    return ask.draw("decided.html", request=decided)


PAGES = (
    Page("GET", "/costs", costs),
    Page("GET", "/invoices", invoices),
    Page("GET", _ONE, invoice),
    Page("GET", _LINE, explain),
    Page("GET", "/credit-notes/{credit_note_id}", credit_note),
    Page("GET", f"{_ONE}/pdf", download("invoices.pdf")),
    Page("GET", f"{_ONE}/xml", download("invoices.xml")),
    Page("GET", "/requests", requests),
    Page("GET", "/requests/{request_id}", request),
    Page(
        "POST",
        "/requests/{request_id}/approve",
        does("requests.approve", "/requests", "Approved: it is ordered."),
        again=request,
    ),
    Page(
        "POST",
        "/requests/{request_id}/refuse",
        does("requests.refuse", "/requests", "Refused. Whoever asked is told."),
        again=request,
    ),
    Page("GET", "/decide/{token}", link, may=ANYONE),
    Page("POST", "/decide/{token}", decide, again=link, may=ANYONE),
)
