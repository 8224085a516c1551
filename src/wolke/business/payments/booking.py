"""Booking: what money that came is put to. Each step is one transaction of the ledger, and all of it sums to zero.

    bank ──▶ waiting ──▶ an invoice
                 │
                 └─────▶ the customer's credit ──▶ later invoices, or back to the bank

Locks are taken in one order (payment, invoice, ledger), so that two who book at once wait for each other and never for ever.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers.store import COMPANIES
from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.invoicing.model import CANCELLED, ISSUED, Invoice
from wolke.business.invoicing.store import INVOICES
from wolke.business.invoicing.taxes import tax_legs
from wolke.business.ledger import LOCK
from wolke.business.ledger.model import BANK, WRITTEN_OFF, Leg, prepaid, receivable
from wolke.business.payments import matching
from wolke.business.payments.model import WAITING_ACCOUNT, Payment, Put, Received
from wolke.business.payments.store import PAYMENTS, PUTS
from wolke.business.who import Who
from wolke.core import ids
from wolke.core.db import Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs
    from wolke.business.invoicing import Invoicing
    from wolke.business.ledger import Ledger


class Booking:
    def __init__(self, needs: Needs, ledger: Ledger, invoicing: Invoicing) -> None:
        self._needs, self._ledger, self._invoicing = needs, ledger, invoicing

    async def receive(self, who: Who, driver: str, received: Received) -> tuple[Payment, bool]:
        """Taken down once, however often it is said, and put to the invoices that its text names; what is over becomes the customer's credit, and what
        names nothing waits. Also whether it is new. ``NotNow`` if the reference is another payment's."""
        needs = self._needs
        async with needs.db.transaction() as tx:
            await tx.lock(f"business-payment:{driver}:{received.reference}")
            known = await tx.get(PAYMENTS, driver=driver, reference=received.reference)
            if known is not None:
                if (known.minor, known.currency, known.paid_on) != (
                    received.minor,
                    received.currency,
                    received.paid_on,
                ):
                    raise NotNow(
                        "The bank's reference {reference} is another payment's already.", reference=received.reference
                    )
                return known, False
            payment = Payment(
                id=ids.uuid(), driver=driver, reference=received.reference, company_id=None, company_name="", currency=received.currency,
                minor=received.minor, waiting_minor=received.minor, paid_on=received.paid_on, payer=received.payer, account=received.account,
                text=received.text, words=f"{received.payer} {received.text} {received.reference}".lower(), created_at=needs.clock.now(),
            )  # fmt: skip
            await tx.insert(PAYMENTS, payment)
            legs = [Leg(BANK, payment.minor), Leg(WAITING_ACCOUNT, -payment.minor)]
            await self._post(tx, f"payment:{payment.id}", "payment", payment, legs, None)
            payment = await self._match(tx, payment)
            details = {"minor": payment.minor, "currency": payment.currency, "waiting_minor": payment.waiting_minor}
            await needs.audit.write(
                tx, who, "provider.payments.record", payment.id, details, company_id=payment.company_id
            )
        return payment, True

    async def _match(self, tx: Transaction, payment: Payment) -> Payment:
        named = await self.named(tx, payment)
        parts, company_id, rest = matching.split(payment.minor, named)
        for part in parts:
            payment = await self._put(tx, payment, part.company_id, part.invoice_id, part.minor)
        number = matching.customer_number(payment.text)
        if not named and number is not None:
            company = await tx.get(COMPANIES, number=number, currency=payment.currency)
            company_id = company.id if company else None
        if company_id is not None and rest:
            payment = await self._put(tx, payment, company_id, None, rest)
        return payment

    async def named(self, tx: Transaction, payment: Payment) -> list[matching.Open]:
        """The invoices in its text, paid already or not: what is over of money for a paid one is its customer's credit."""
        wanted = matching.numbers(payment.text)[:50]
        where = (Where("number", "in", wanted), Where("state", "in", [ISSUED, CANCELLED]))
        found = await tx.find(INVOICES, where=where, currency=payment.currency) if wanted else []
        return [matching.Open(i.id, i.company_id, i.number or "", i.due_on or "", max(0, i.open_minor)) for i in found]

    # -- by hand

    async def put(
        self, who: Who, payment_id: str, invoice_id: str | None, company_id: str | None, minor: int | None
    ) -> Payment:
        """What waits of a payment, or ``minor`` of it, to an invoice, or to a company's credit. What an invoice does not need stays waiting."""
        async with self._needs.db.transaction() as tx:
            payment = await self._waiting(tx, payment_id)
            if invoice_id is not None:
                invoice = await self._open(tx, invoice_id, payment.currency)
                company_id, most = invoice.company_id, min(payment.waiting_minor, invoice.open_minor)
            else:
                most = payment.waiting_minor
            if company_id is None or await tx.get(COMPANIES, id=company_id) is None:
                raise NotThere("There is no such customer.")
            share = most if minor is None else minor
            if not 0 < share <= most:
                raise Invalid(
                    "Please check what is marked below.",
                    fields={"amount": "This is more than waits, or than is to be paid."},
                )
            payment = await self._put(tx, payment, company_id, invoice_id, share)
            await self._audit(
                tx, who, "provider.payments.put", payment, {"minor": share, "invoice_id": invoice_id or ""}
            )
        return payment

    async def take_back(self, who: Who, payment_id: str) -> Payment:
        """All that a payment was put to, so that it waits again: it was for something else. ``NotNow`` if it is used up meanwhile."""
        async with self._needs.db.transaction() as tx:
            payment = await self._locked(tx, payment_id)
            for (company_id, invoice_id), minor in sorted(
                net(await tx.find(PUTS, payment_id=payment_id)).items(), key=str
            ):
                if minor:
                    payment = await self._put(tx, payment, company_id, invoice_id, -minor)
            payment = msgspec.structs.replace(payment, company_id=None, company_name="")
            await tx.update(PAYMENTS, {"company_id": None, "company_name": ""}, id=payment_id)
            await self._audit(tx, who, "provider.payments.take_back", payment, {})
        return payment

    async def send_back(self, who: Who, payment_id: str, reference: str, paid_on: str) -> Payment:
        """What waits of a payment went back to whoever sent it. Returns the payment out."""
        async with self._needs.db.transaction() as tx:
            payment = await self._waiting(tx, payment_id)
            back = await self._out(tx, payment, reference, paid_on, payment.waiting_minor, payment.text)
            await tx.update(PAYMENTS, {"waiting_minor": 0}, id=payment_id)
            legs = [Leg(WAITING_ACCOUNT, payment.waiting_minor), Leg(BANK, -payment.waiting_minor)]
            await self._post(tx, f"payment:{back.id}", "refund", back, legs, None)
            await self._audit(tx, who, "provider.payments.send_back", back, {"minor": back.minor})
        return back

    async def refund(self, who: Who, company_id: str, minor: int, reference: str, paid_on: str, text: str) -> Payment:
        """So much of a customer's credit went back by bank transfer. ``NotNow`` if there is not so much."""
        async with self._needs.db.transaction() as tx:
            company = await tx.get(COMPANIES, id=company_id)
            if company is None:
                raise NotThere("There is no such customer.")
            await self._has_credit(tx, company_id, company.currency, minor)
            source = Payment(
                id="", driver="manual", reference="", company_id=company_id, company_name=company.name, currency=company.currency, minor=0,
                waiting_minor=0, paid_on="", payer=company.name, account="", text="", words="", created_at="",
            )  # fmt: skip
            back = await self._out(tx, source, reference, paid_on, minor, text)
            legs = [Leg(prepaid(company_id), minor), Leg(BANK, -minor)]
            await self._post(tx, f"payment:{back.id}", "refund", back, legs, company_id)
            await self._audit(tx, who, "provider.payments.refund", back, {"minor": back.minor})
        return back

    async def use_credit(self, who: Who, invoice_id: str, minor: int | None = None, once: str = "") -> Invoice:
        """What a customer has paid in advance, or ``minor`` of it, for an invoice that was issued before it came."""
        async with self._needs.db.transaction() as tx:
            key = _once("settlement", invoice_id, once)
            if (done := await self._done(tx, key, invoice_id)) is not None:
                return done
            invoice = await self._open(tx, invoice_id, None)
            await tx.lock(LOCK)
            most = min(await self._ledger.credit(tx, invoice.company_id, invoice.currency), invoice.open_minor)
            if most <= 0:
                raise NotNow("There is no credit to pay this with.")
            share = most if minor is None else minor
            if share > most:
                raise Invalid(
                    "Please check what is marked below.",
                    fields={"amount": "This is more than the credit, or than is to be paid."},
                )
            legs = [Leg(prepaid(invoice.company_id), share), Leg(receivable(invoice.company_id), -share)]
            action = "provider.invoices.use_credit" if who.staff else "invoices.use_credit"
            return await self._settle_by(tx, who, invoice, action, key, share, legs)

    async def write_off(
        self, who: Who, invoice_id: str, reason: str, *, reclaims_tax: bool = False, once: str = ""
    ) -> Invoice:
        """What is still open of an invoice will not be paid: a few cents that a bank kept, or a customer who is no more. ``reclaims_tax``: nor do
        we owe the tax that is in it, of each rate its share of what is open."""
        async with self._needs.db.transaction() as tx:
            key = _once("write-off", invoice_id, once)
            if (done := await self._done(tx, key, invoice_id)) is not None:
                return done
            invoice = await self._open(tx, invoice_id, None)
            share = invoice.open_minor
            taxes = shares_of_tax(invoice, share) if reclaims_tax else []
            lost = share - sum(leg.minor for leg in taxes)
            legs = [Leg(WRITTEN_OFF, lost), *taxes, Leg(receivable(invoice.company_id), -share)]
            return await self._settle_by(tx, who, invoice, "provider.invoices.write_off", key, share, legs, reason)

    async def _done(self, tx: Transaction, key: str, invoice_id: str) -> Invoice | None:
        """The invoice as it is, if what ``key`` says was done to it already."""
        await tx.lock(f"business-invoice:{invoice_id}")
        return await tx.get(INVOICES, id=invoice_id) if await self._ledger.posted(tx, key) else None

    # -- what all of them do

    async def _put(
        self, tx: Transaction, payment: Payment, company_id: str, invoice_id: str | None, minor: int
    ) -> Payment:
        """``minor`` below 0: back to what waits."""
        number, target = "", prepaid(company_id)
        if invoice_id is not None:
            await tx.lock(f"business-invoice:{invoice_id}")
            invoice = await tx.get(INVOICES, id=invoice_id)
            if invoice is None or (minor > 0 and invoice.open_minor < minor) or invoice.paid_minor < -minor:
                raise NotNow("This invoice has changed meanwhile. Please look at it again.")
            await self._invoicing.settle(tx, invoice_id, minor)
            number, target = invoice.number or "", receivable(company_id)
        elif minor < 0:
            await self._has_credit(tx, company_id, payment.currency, -minor)
        company = await tx.get(COMPANIES, id=company_id)
        put = Put(ids.uuid(), payment.id, company_id, invoice_id, number, minor, self._needs.clock.now())
        await tx.insert(PUTS, put)
        legs = [Leg(WAITING_ACCOUNT, minor), Leg(target, -minor)]
        kind = "payment" if invoice_id is not None else "prepayment"
        await self._post(tx, f"put:{put.id}", kind, payment, legs, company_id)
        changes = {
            "waiting_minor": payment.waiting_minor - minor, "company_id": company_id, "company_name": company.name if company else "",
        }  # fmt: skip
        await tx.update(PAYMENTS, changes, id=payment.id)
        return msgspec.structs.replace(payment, **changes)

    async def _out(
        self, tx: Transaction, source: Payment, reference: str, paid_on: str, minor: int, text: str
    ) -> Payment:
        if await tx.get(PAYMENTS, driver=source.driver, reference=reference) is not None:
            raise NotNow("The bank's reference {reference} is another payment's already.", reference=reference)
        back = msgspec.structs.replace(
            source, id=ids.uuid(), reference=reference, paid_on=paid_on, minor=-minor, waiting_minor=0, text=text,
            words=f"{source.payer} {text} {reference}".lower(), created_at=self._needs.clock.now(),
        )  # fmt: skip
        await tx.insert(PAYMENTS, back)
        return back

    async def _settle_by(
        self,
        tx: Transaction,
        who: Who,
        invoice: Invoice,
        action: str,
        key: str,
        minor: int,
        legs: list[Leg],
        text: str = "",
    ) -> Invoice:
        settled = await self._invoicing.settle(tx, invoice.id, minor)
        told = {"document_id": invoice.id, "company_id": invoice.company_id}
        kind = key.partition(":")[0]
        await self._ledger.post(tx, key, kind, text or invoice.number or "", invoice.currency, legs, **told)
        details = {"number": invoice.number, "minor": minor, "reason": text}
        await self._needs.audit.write(tx, who, action, invoice.id, details, company_id=invoice.company_id)
        return settled

    async def _post(
        self, tx: Transaction, key: str, kind: str, payment: Payment, legs: list[Leg], company_id: str | None
    ) -> None:
        await self._ledger.post(
            tx, key, kind, payment.text[:200], payment.currency, legs, document_id=payment.id, company_id=company_id
        )

    async def _audit(
        self, tx: Transaction, who: Who, action: str, payment: Payment, details: dict[str, object]
    ) -> None:
        await self._needs.audit.write(tx, who, action, payment.id, details, company_id=payment.company_id)

    async def _locked(self, tx: Transaction, payment_id: str) -> Payment:
        payment = await tx.get(PAYMENTS, id=payment_id)
        if payment is None:
            raise NotThere("There is no such payment.")
        await tx.lock(f"business-payment:{payment.driver}:{payment.reference}")
        return await tx.get(PAYMENTS, id=payment_id) or payment

    async def _waiting(self, tx: Transaction, payment_id: str) -> Payment:
        payment = await self._locked(tx, payment_id)
        if payment.waiting_minor <= 0:
            raise NotNow("Nothing of this payment waits any more.")
        return payment

    async def _open(self, tx: Transaction, invoice_id: str, currency: str | None) -> Invoice:
        await tx.lock(f"business-invoice:{invoice_id}")
        invoice = await tx.get(INVOICES, id=invoice_id)
        if invoice is None or invoice.number is None:
            raise NotThere("There is no such invoice.")
        if invoice.open_minor <= 0:
            raise NotNow("This invoice is paid already.")
        if currency is not None and invoice.currency != currency:
            raise NotNow("This invoice is in another currency.")
        return invoice

    async def _has_credit(self, tx: Transaction, company_id: str, currency: str, minor: int) -> None:
        await tx.lock(LOCK)
        if await self._ledger.credit(tx, company_id, currency) < minor:
            raise NotNow("The customer does not have so much credit.")


def _once(kind: str, invoice_id: str, once: str) -> str:
    """The ledger's key of what is done to an invoice: the same for whoever says the same ``once`` again."""
    return f"{kind}:{invoice_id}:{once or ids.uuid()}"


def shares_of_tax(invoice: Invoice, minor: int) -> list[Leg]:
    """Of each rate on the invoice, the tax that is in ``minor`` of its total: we owe so much less of it."""
    groups = [
        msgspec.structs.replace(
            tax,
            tax_minor=int((Decimal(minor) * tax.tax_minor / invoice.total_minor).quantize(Decimal(1), ROUND_HALF_UP)),
        )
        for tax in invoice.taxes
    ]
    return tax_legs(groups, 1)


def net(puts: list[Put]) -> dict[tuple[str, str | None], int]:
    """How much of a payment is put to what."""
    sums: dict[tuple[str, str | None], int] = {}
    for put in puts:
        sums[put.company_id, put.invoice_id] = sums.get((put.company_id, put.invoice_id), 0) + put.minor
    return sums
