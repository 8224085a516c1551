"""What a ticket is about: for each kind of thing, what is known of it, read with the rights of whoever asks.

It is kept with the ticket as it is now. A thing that is somebody else's, or is not there, is ``NotThere`` like anywhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from wolke.business.errors import Invalid, NotThere
from wolke.business.invoicing.model import DRAFT
from wolke.business.invoicing.store import INVOICES
from wolke.business.money import Amount
from wolke.business.support.model import About, Fact
from wolke.business.verb import ACCOUNTANTS, check_may
from wolke.business.who import Who

if TYPE_CHECKING:
    from wolke.business.desk import Desk


async def _invoice(desk: Desk, who: Who, invoice_id: str) -> About:
    check_may(who, ACCOUNTANTS)
    invoice = await desk.needs.db.get(INVOICES, id=invoice_id, company_id=who.company_id or "")
    if invoice is None or invoice.state == DRAFT:
        raise NotThere("There is no such invoice.")
    facts = [
        Fact("Invoice number", invoice.number or ""),
        Fact("Month", invoice.month),
        Fact("State", invoice.state),
        Fact("Total", _money(invoice.total_minor, invoice.currency)),
        Fact("Paid", _money(invoice.paid_minor, invoice.currency)),
        Fact("Still to pay", _money(invoice.open_minor, invoice.currency)),
        Fact("Issued on", invoice.issued_on or ""),
        Fact("Due on", invoice.due_on or ""),
    ]
    return About("invoice", invoice.id, invoice.number or "", facts)


def _money(minor: int, currency: str) -> str:
    return f"{Amount.of_minor(minor, currency).value} {currency}"


#: Of bills; of what projects have, ``resources.known`` tells.
KINDS: Mapping[str, Callable[[Desk, Who, str], Awaitable[About]]] = {"invoice": _invoice}


async def known(desk: Desk, who: Who, kind: str, thing_id: str) -> About:
    if kind in desk.resources.known.kinds:
        return await desk.resources.known.about(who, kind, thing_id)
    if kind not in KINDS:
        raise Invalid(
            "Please check what is marked below.", fields={"about_kind": "Please choose one of those that are offered."}
        )
    return await KINDS[kind](desk, who, thing_id)
