"""Credit notes: an issued invoice is never changed; what is wrong with it is taken back by another document.

Two things are meant by it. *Credit*: the customer pays less, of the whole or of some lines, and the usage counts as billed. *Cancel*: the
invoice was wrong (a VAT id was checked too late, the address is another one); all of it is taken back and the next run bills the same
usage anew. Money that was paid for what is taken back becomes the customer's credit, which the next invoice uses.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.invoicing import store
from wolke.business.invoicing.issuing import next_number
from wolke.business.invoicing.letters import credit_letter
from wolke.business.invoicing.model import CANCELLED, ISSUED, CreditLine, CreditNote, Invoice, Line, Tax
from wolke.business.invoicing.taxes import tax_legs, tax_on, totals
from wolke.business.ledger.model import REVENUE, Leg, prepaid, receivable
from wolke.business.who import ACCOUNTANT, OWNER, Who
from wolke.core import ids
from wolke.core.db import Order, Reader, Transaction

if TYPE_CHECKING:
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs
    from wolke.business.ledger import Ledger
    from wolke.business.metering import Calendar


class Credits:
    def __init__(self, needs: Needs, customers: Customers, ledger: Ledger, calendar: Calendar) -> None:
        self._needs, self._customers, self._ledger, self._calendar = needs, customers, ledger, calendar

    async def credit(
        self, tx: Transaction, who: Who, invoice_id: str, reason: str, amounts: Mapping[str, int] | None = None,
        *, net_minor: int | None = None, once: str = "",
    ) -> CreditNote:  # fmt: skip
        """``amounts``: how much, before tax, of each line by its id; or ``net_minor``: so much of all of them, each its share; neither: all that is
        left of the invoice. ``once``: said again it is the same credit note."""
        note_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{invoice_id}/{once}")) if once else ids.uuid()
        await tx.lock(f"business-invoice:{invoice_id}")
        known = await tx.get(store.CREDIT_NOTES, id=note_id)
        if known is not None:
            return known
        invoice = await _issued(tx, invoice_id)
        lines = await tx.find(store.LINES, invoice_id=invoice_id, order=(Order("position"), Order("id")))
        left = await left_of(tx, invoice_id, lines)
        taken = {line_id: rest for line_id, rest in left.items() if rest} if amounts is None else dict(amounts)
        if net_minor is not None:
            taken = spread(net_minor, left)
        _check(taken, left)
        return await self._write(tx, who, invoice, lines, left, taken, reason, note_id, cancels=False)

    async def cancel(self, tx: Transaction, who: Who, invoice_id: str, reason: str) -> CreditNote:
        """``NotNow`` if some of it was credited already: the customer would be billed for that again."""
        invoice = await _issued(tx, invoice_id)
        if invoice.credited_minor:
            raise NotNow(
                "Some of this invoice is credited already, so it cannot be billed anew. Please credit the rest of it."
            )
        lines = await tx.find(store.LINES, invoice_id=invoice_id, order=(Order("position"), Order("id")))
        left = {line.id: line.net_minor for line in lines}
        note = await self._write(tx, who, invoice, lines, left, left, reason, ids.uuid(), cancels=True)
        await tx.update(store.INVOICES, {"state": CANCELLED}, id=invoice_id)
        for project_id, month in {(line.project_id, line.month) for line in lines}:
            await tx.delete(store.SETTLED, project_id=project_id, month=month)
        return note

    async def _write(
        self, tx: Transaction, who: Who, invoice: Invoice, lines: Sequence[Line], left: Mapping[str, int],
        taken: Mapping[str, int], reason: str, note_id: str, *, cancels: bool,
    ) -> CreditNote:  # fmt: skip
        needs, now = self._needs, self._needs.clock.now()
        today = self._calendar.day_of(now)
        notes = await tx.find(store.CREDIT_NOTES, invoice_id=invoice.id)
        groups = _taxes(invoice, [tax for note in notes for tax in note.taxes], lines, left, taken)
        net, tax, total = totals(groups)
        number = await next_number(tx, "credit-note", today)
        note = CreditNote(
            id=note_id, number=number, invoice_id=invoice.id, invoice_number=invoice.number or "", company_id=invoice.company_id,
            company_name=invoice.company_name, reason=reason, cancels=cancels, currency=invoice.currency, buyer=invoice.buyer,
            seller=invoice.seller, net_minor=net, tax_minor=tax, total_minor=total, taxes=groups, issued_at=now, issued_on=today,
            words=f"{number.lower()} {invoice.words}",
        )  # fmt: skip
        await tx.insert(store.CREDIT_NOTES, note)
        credited = [line for line in lines if line.id in taken]
        for position, line in enumerate(credited, 1):
            await tx.insert(store.CREDIT_LINES, _credit_line(note, line, position, taken[line.id]))
        await self._post(tx, invoice, note)
        details = {"number": number, "invoice": invoice.number, "reason": reason, "total_minor": total}
        action = "provider.invoices.cancel" if cancels else "provider.invoices.credit"
        await needs.audit.write(tx, who, action, invoice.id, details, company_id=invoice.company_id)
        for person in await self._customers.people.with_roles(invoice.company_id, OWNER, ACCOUNTANT, reader=tx):
            await needs.mailbox.put(tx, credit_letter(person.email, person.locale, note, needs.config.url))
        return note

    async def _post(self, tx: Transaction, invoice: Invoice, note: CreditNote) -> None:
        """What was paid beyond what is left of the invoice becomes credit."""
        owes = receivable(invoice.company_id)
        legs = [Leg(owes, -note.total_minor), Leg(REVENUE, note.net_minor), *tax_legs(note.taxes, 1)]
        told = {"document_id": note.id, "company_id": invoice.company_id}
        await self._ledger.post(tx, f"credit-note:{note.id}", "credit-note", note.number, note.currency, legs, **told)
        credited = invoice.credited_minor + note.total_minor
        surplus = max(0, invoice.paid_minor + credited - invoice.total_minor)
        await tx.update(store.INVOICES, invoice.standing_at(invoice.paid_minor - surplus, credited), id=invoice.id)
        if surplus:
            legs = [Leg(owes, surplus), Leg(prepaid(invoice.company_id), -surplus)]
            await self._ledger.post(tx, f"surplus:{note.id}", "surplus", note.number, note.currency, legs, **told)


async def left_of(reader: Reader, invoice_id: str, lines: Sequence[Line]) -> dict[str, int]:
    """Of each line, before tax, what no credit note has taken back yet."""
    credited = {line_id: int(total) for line_id, total in await reader.rows(store.CREDITED, invoice=invoice_id)}
    return {line.id: line.net_minor - credited.get(line.id, 0) for line in lines}


def spread(net_minor: int, left: Mapping[str, int]) -> dict[str, int]:
    """``net_minor`` over the lines of which something is left, each its share, to the cent: what rounding down leaves goes to those who lost most by it."""
    whole = {line_id: rest for line_id, rest in left.items() if rest > 0}
    most = sum(whole.values())
    if not 0 < net_minor <= min(most, sum(left.values())):
        raise Invalid(
            "Please check what is marked below.", fields={"amount": "Only what is left of the invoice can be credited."}
        )
    shares = {line_id: net_minor * rest // most for line_id, rest in whole.items()}
    lost = sorted(whole, key=lambda line_id: -(net_minor * whole[line_id] % most))
    for line_id in lost[: net_minor - sum(shares.values())]:
        shares[line_id] += 1
    return {line_id: share for line_id, share in shares.items() if share}


async def _issued(tx: Transaction, invoice_id: str) -> Invoice:
    await tx.lock(f"business-invoice:{invoice_id}")
    invoice = await tx.get(store.INVOICES, id=invoice_id)
    if invoice is None:
        raise NotThere("There is no such invoice.")
    if invoice.state != ISSUED:
        raise NotNow("Only an issued invoice can be credited.")
    return invoice


def _check(taken: Mapping[str, int], left: Mapping[str, int]) -> None:
    if not taken or not sum(taken.values()):
        raise NotNow("There is nothing left of this invoice that could be credited.")
    wrong = {}
    for line_id, minor in taken.items():
        if line_id not in left:
            wrong[line_id] = "This line is not on the invoice."
        elif minor != left[line_id] and not 0 < minor < left[line_id]:
            wrong[line_id] = "Only what is left of the line can be credited."
    if wrong:
        raise Invalid("Please check what is marked below.", fields=wrong)


def _taxes(
    invoice: Invoice, before: Sequence[Tax], lines: Sequence[Line], left: Mapping[str, int], taken: Mapping[str, int]
) -> list[Tax]:
    """The last credit of a group takes what is left of its tax, so that all credits together are the invoice's tax to the cent."""
    groups = []
    for group in invoice.taxes:
        own = [line for line in lines if _alike(line, group)]
        net = sum(taken.get(line.id, 0) for line in own)
        if not any(line.id in taken for line in own):
            continue
        rest = group.tax_minor - sum(tax.tax_minor for tax in before if _key(tax) == _key(group))
        whole = net == sum(left[line.id] for line in own)
        tax = rest if whole else tax_on(net, group.percent, invoice.currency)
        groups.append(msgspec.structs.replace(group, net_minor=net, tax_minor=tax))
    return groups


def _alike(line: Line, tax: Tax) -> bool:
    return (line.tax_category, line.tax_country, line.tax_percent) == _key(tax)


def _key(tax: Tax) -> tuple[str, str, str]:
    return tax.category, tax.country, tax.percent


def _credit_line(note: CreditNote, line: Line, position: int, net_minor: int) -> CreditLine:
    return CreditLine(
        id=ids.uuid(), credit_note_id=note.id, line_id=line.id, position=position, company_id=line.company_id,
        project_id=line.project_id, project_name=line.project_name, month=line.month, plan_id=line.plan_id,
        price_id=line.price_id, product_names=line.product_names, plan_name=line.plan_name, cancels=note.cancels,
        net_minor=net_minor, tax_category=line.tax_category, tax_country=line.tax_country, tax_percent=line.tax_percent,
    )  # fmt: skip
