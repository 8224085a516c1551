"""The provider's invoices: making them, and what is done to one that is not paid as it stands: credit, cancel, use credit, write off."""

from __future__ import annotations

from typing import Any

from wolke.business.errors import Invalid
from wolke.business.money import Amount, typed
from wolke.business.web.listing import listed
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, figured, lists
from wolke.business.web.pages.files import download
from wolke.core import ids
from wolke.core.http import Response

_INVOICES, _ONE, _NOTE = (
    "/provider/invoices",
    "/provider/invoices/{invoice_id}",
    "/provider/credit-notes/{credit_note_id}",
)
_LINES = "line:"
_MOST_LINES = "200"
invoices = lists("provider_invoices.html", "provider.invoices.list", "-created", "state", runs="provider.runs.list")


async def invoice(ask: Ask) -> Response:
    lines = await listed(ask, "provider.invoices.lines", default="position")
    shown = await ask.call("provider.invoices.show")
    balance = await ask.call("provider.customers.balance", company_id=shown.invoice.company_id)
    return ask.draw(
        "provider_invoice.html", shown=shown, lines=lines, settled=await ask.call("provider.invoices.settled"),
        balance=balance, once=ids.uuid(),
    )  # fmt: skip


async def explain(ask: Ask) -> Response:
    uses = await listed(ask, "provider.invoices.uses", default="-quantity")
    shown = await ask.call("provider.invoices.explain")
    return ask.draw("explain.html", shown=shown, listed=uses, provider_side=_INVOICES)


async def credit_note(ask: Ask) -> Response:
    return ask.draw("credit_note.html", shown=await ask.call("provider.credit_notes.show"), provider_side=_INVOICES)


async def credit_form(ask: Ask) -> Response:
    """The largest lines; what is beyond those is credited by an amount, or through the API."""
    left = await ask.call("provider.invoices.left", {"limit": _MOST_LINES, "sort": "-net"})
    return ask.draw(
        "provider_credit.html", shown=await ask.call("provider.invoices.show"), left=left,
        once=ask.form.first("once") or ids.uuid(),
    )  # fmt: skip


async def credit(ask: Ask) -> Response:
    note = await ask.call(
        "provider.invoices.credit", credited(ask, (await ask.call("provider.invoices.show")).invoice.currency)
    )
    return ask.go(
        _ONE.format(**ask.places), "Credit note {number} is issued and on its way to the customer.", number=note.number
    )


def credited(ask: Ask, currency: str) -> dict[str, Any]:
    """What the form asks to be credited: all that is left, an amount, or something of some lines."""
    given: dict[str, Any] = {name: ask.form.first(name).strip() for name in ("reason", "once")}
    what = ask.form.first("what", "all")
    if what == "amount":
        return given | figured({"amount": ask.form.first("amount").strip() or "0"}, "amount")
    if what == "lines":
        return given | {"lines": _lines(ask, currency)}
    return given


def _lines(ask: Ask, currency: str) -> list[dict[str, Any]]:
    """``Invalid`` beside each field that has no amount in it, or if none has."""
    found, wrong = list[dict[str, Any]](), dict[str, str]()
    for name, text in ask.form.given().items():
        if name.startswith(_LINES) and text:
            line_id = name.removeprefix(_LINES)
            try:
                found.append({"line_id": line_id, "net_minor": Amount(typed(text), currency).minor})
            except ValueError:
                wrong[line_id] = "This is no amount."
    if not found and not wrong:
        wrong["lines"] = "Please say for at least one line how much is credited."
    if wrong:
        raise Invalid("Please check what is marked below.", fields=wrong)
    return found


async def use_credit_form(ask: Ask) -> Response:
    shown = await ask.call("provider.invoices.show")
    balance = await ask.call("provider.customers.balance", company_id=shown.invoice.company_id)
    return ask.draw(
        "use_credit.html",
        invoice=shown.invoice,
        balance=balance,
        home=_INVOICES,
        once=ask.form.first("once") or ids.uuid(),
    )


async def write_off_form(ask: Ask) -> Response:
    shown = await ask.call("provider.invoices.show")
    return ask.draw("provider_write_off.html", invoice=shown.invoice, once=ask.form.first("once") or ids.uuid())


PAGES = (
    Page("GET", _INVOICES, invoices),
    Page("POST", "/provider/runs", does("provider.runs.create", _INVOICES, "The invoices are being made."), again=invoices),
    Page("POST", "/provider/runs/{run_id}/issue", does("provider.runs.issue", _INVOICES, "The drafts are being issued.")),
    Page("GET", _ONE, invoice),
    Page("GET", f"{_ONE}/lines/{{line_id}}", explain),
    Page("GET", f"{_ONE}/pdf", download("provider.invoices.pdf")),
    Page("GET", f"{_ONE}/xml", download("provider.invoices.xml")),
    Page("POST", f"{_ONE}/issue", does("provider.invoices.issue", _ONE, "The invoice is issued.")),
    Page("POST", f"{_ONE}/cancel", does("provider.invoices.cancel", _ONE, "The invoice is taken back."), again=invoice),
    Page("GET", f"{_ONE}/credit", credit_form),
    Page("POST", f"{_ONE}/credit", credit, again=credit_form),
    Page("GET", f"{_ONE}/use-credit", use_credit_form),
    Page("POST", f"{_ONE}/use-credit", does("provider.invoices.use_credit", _ONE, "The credit is used.", figures=("amount",)), again=use_credit_form),
    Page("GET", f"{_ONE}/write-off", write_off_form),
    Page("POST", f"{_ONE}/write-off", does("provider.invoices.write_off", _ONE, "It is written off."), again=write_off_form),
    Page("GET", _NOTE, credit_note),
    Page("GET", f"{_NOTE}/pdf", download("provider.credit_notes.pdf")),
)  # fmt: skip
