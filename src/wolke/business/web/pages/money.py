"""What it costs, what was billed and why, and who decides on orders beyond a budget."""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.business.verb import ANYONE
from wolke.business.web.listing import listed
from wolke.business.web.page import Ask, Page, Run
from wolke.business.web.pages.doing import does, lists, shows
from wolke.business.web.pages.files import download
from wolke.core import ids
from wolke.core.clock import moment
from wolke.core.http import Response

_ONE, _LINE = "/invoices/{invoice_id}", "/invoices/{invoice_id}/lines/{line_id}"
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
        "invoice.html", shown=await ask.call("invoices.show"), lines=await listed(ask, "invoices.lines", default="position"),
        bill=await ask.call("invoices.bill"), settled=await ask.call("invoices.settled"), balance=await ask.call("balance.show"),
    )  # fmt: skip


async def explain(ask: Ask) -> Response:
    uses = await listed(ask, "invoices.uses", default="-quantity")
    return ask.draw("explain.html", shown=await ask.call("invoices.explain"), listed=uses)


def of_account(template: str, verb: str, default: str) -> Run:
    """A tab of the company's account: a list, under how it stands."""

    async def run(ask: Ask) -> Response:
        found = await listed(ask, verb, default=default)
        return ask.draw(template, listed=found, account=await ask.call("account.show"))

    return run


async def use_credit_form(ask: Ask) -> Response:
    shown, balance = await ask.call("invoices.show"), await ask.call("balance.show")
    once = ask.form.first("once") or ids.uuid()
    return ask.draw("use_credit.html", invoice=shown.invoice, balance=balance, home="/invoices", once=once)


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
    Page("GET", "/statement", of_account("statement.html", "statement.list", "-at")),
    Page("GET", "/statement/payments", of_account("payments.html", "payments.list", "-paid_on")),
    Page("GET", "/statement/credit-notes", of_account("credit_notes.html", "credit_notes.list", "-issued")),
    Page("GET", f"{_ONE}/use-credit", use_credit_form),
    Page(
        "POST",
        f"{_ONE}/use-credit",
        does("invoices.use_credit", _ONE, "The credit is used.", figures=("amount",)),
        again=use_credit_form,
    ),
    Page("GET", "/credit-notes/{credit_note_id}/pdf", download("credit_notes.pdf")),
    Page("GET", f"{_ONE}/pdf", download("invoices.pdf")),
    Page("GET", f"{_ONE}/xml", download("invoices.xml")),
    Page("GET", "/tables/invoices", download("invoices.table")),
    Page("GET", "/tables/usage", download("usage.table")),
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
