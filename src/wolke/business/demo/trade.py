"""What goes on between provider and customers in the demonstration: usage, invoices, payments, prices, questions and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from wolke.business.catalogue.verbs import NewPrice
from wolke.business.customers.store import COMPANIES
from wolke.business.demo.cast import CUSTOMERS, STAYS, Question, Said
from wolke.business.demo.people import KINDS, People
from wolke.business.desk import Desk
from wolke.business.invoicing.model import Invoice
from wolke.business.invoicing.store import INVOICES, LINES
from wolke.business.metering import hourly
from wolke.business.metering.calendar import next_hour
from wolke.business.money import Amount
from wolke.business.payments.matching import customer_reference
from wolke.business.payments.store import PAYMENTS
from wolke.business.payments.verbs import NewPayment, WriteOff
from wolke.business.support.verbs import NewAnswer, NewMessage, NewTicket
from wolke.core.clock import HeldClock, Instant, instant, moment
from wolke.core.db import Order, Where

_AT_ONCE = 20_000
#: Days from an invoice to its payment, by how a customer pays; None: it is not paid.
_PAYS: dict[str, int | None] = {"full": 9, "late": 24, "short": 12, "ahead": 3, "hardly": None}
At = Callable[[float | datetime, Callable[[], Awaitable[None]]], None]


@dataclass(frozen=True, slots=True)
class Stayed:
    """A stay as metering wants it."""

    meter: str
    resource_id: str
    resource_name: str
    project_id: str
    company_id: str
    plan_id: str
    amount: str
    begins_at: Instant
    ends_at: Instant | None


class Trade:
    def __init__(self, desk: Desk, clock: HeldClock, people: People, at: At) -> None:
        self._desk, self._clock, self._people, self._at = desk, clock, people, at
        self._begins = moment(clock.now())
        self._how = {customer.key: customer.pays for customer in CUSTOMERS}

    async def close(self, month: str) -> None:
        """What was used in it, the invoices, and what follows from them."""
        desk = self._desk
        await self.use(month)
        self._clock.move(desk.needs.config.invoice_delay_h * 3600.0)
        await desk.invoicing.runs.loop(None).drain()
        for loop in (*desk.payments.loops(None), *desk.support.loops(None)):
            await loop.drain()
        for invoice in await desk.needs.db.find(
            INVOICES, where=(Where("open_minor", "gt", 0),), month=month, order=(Order("number"),)
        ):
            self._will_be_paid(invoice)
        await self._pay_ahead(month)

    async def use(self, month: str) -> None:
        """Until the month's end, or until now."""
        calendar, now = self._desk.metering.calendar, moment(self._clock.now())
        ends = min(moment(calendar.ends(month)), next_hour(now - timedelta(hours=1)))
        begins = max(moment(calendar.begins(month)), next_hour(self._begins))
        usages = hourly(await self._stays(), instant(begins), instant(ends)) if begins < ends else []
        for first in range(0, len(usages), _AT_ONCE):
            async with self._desk.needs.db.transaction() as tx:
                await self._desk.metering.record(tx, usages[first : first + _AT_ONCE])

    async def _stays(self) -> list[Stayed]:
        """Of customers who are there by now."""
        plans = {plan.cloud_name: (plan.id, "servers") for plan in await self._desk.catalogue.plans(kind="server")}
        meters = {product.kind: product.meter for product in await self._desk.catalogue.products()}
        for kind in KINDS:
            (plan,) = await self._desk.catalogue.plans(kind=kind)
            plans[kind] = (plan.id, meters[kind])
        stays = []
        for one in STAYS:
            project_id = self._people.projects.get((one.customer, one.project))
            if project_id is not None:
                plan_id, meter = plans[one.what]
                ends_at = instant(self._begins + timedelta(days=one.until)) if one.until is not None else None
                begins_at, company_id = (
                    instant(self._begins + timedelta(days=one.begins)),
                    self._people.owners[one.customer].company_id,
                )
                named = f"demo-{one.customer}-{one.name}"
                stays.append(
                    Stayed(
                        meter, named, one.name, project_id, company_id or "", plan_id, one.amount, begins_at, ends_at
                    )
                )
        return stays

    # -- money

    def _will_be_paid(self, invoice: Invoice) -> None:
        customer = next(key for key, owner in self._people.owners.items() if owner.company_id == invoice.company_id)
        how = self._how[customer]
        days = _PAYS[how]
        if days is not None:
            minor = invoice.open_minor - (1 if how == "short" else 0)
            when = moment(self._clock.now()) + timedelta(days=days)
            self._at(
                when,
                partial(
                    self._pay, invoice.company_name, minor, invoice.currency, f"Rechnung {invoice.number}", invoice.id
                ),
            )

    async def _pay_ahead(self, month: str) -> None:
        """Once a quarter, before there is an invoice."""
        for key, owner in list(self._people.owners.items()):
            if self._how[key] == "ahead" and int(month[5:]) % 3 == 0:
                company = await self._desk.needs.db.get(COMPANIES, id=owner.company_id)
                assert company is not None
                text = f"Advance {customer_reference(company.number)}"
                self._at(
                    moment(self._clock.now()) + timedelta(days=2),
                    partial(self._pay, company.name, 25_000, company.currency, text),
                )

    async def _pay(self, payer: str, minor: int, currency: str, text: str, invoice_id: str | None = None) -> None:
        desk = self._desk
        number = await desk.needs.db.count(PAYMENTS) + 1
        day = desk.metering.calendar.day_of(desk.needs.clock.now())
        amount = str(Amount.of_minor(minor, currency).value)
        asked = NewPayment(
            amount=amount, currency=currency, paid_on=day, reference=f"DEMO-{number:06}", payer=payer, text=text
        )
        await desk.call(self._people.support, "provider.payments.record", asked)
        invoice = await desk.needs.db.get(INVOICES, id=invoice_id) if invoice_id else None
        if invoice is not None and invoice.open_minor == 1:
            await desk.call(
                self._people.administrator,
                "provider.invoices.write_off",
                WriteOff("Bank charges"),
                invoice_id=invoice.id,
            )

    async def change_price(self, size: str, unit: str) -> None:
        (plan,) = [plan for plan in await self._desk.catalogue.plans(kind="server") if plan.cloud_name == size]
        await self._desk.call(
            self._people.administrator, "provider.prices.create", NewPrice(unit=unit), plan_id=plan.id
        )

    async def credit(self, customer: str, reason: str) -> None:
        """The first line of the customer's last invoice, in part."""
        desk, company_id = self._desk, self._people.owners[customer].company_id or ""
        last = await self._last_invoice(company_id)
        if last is not None:
            async with desk.needs.db.transaction() as tx:
                line = (await tx.find(LINES, invoice_id=last.id, order=(Order("position"),), limit=1))[0]
                amounts = {line.id: min(line.net_minor, 500)}
                await desk.invoicing.credits.credit(tx, self._people.administrator, last.id, reason, amounts)

    async def _last_invoice(self, company_id: str) -> Invoice | None:
        where = (Where("number", "isnull", False),)
        found = await self._desk.needs.db.find(
            INVOICES, company_id=company_id, where=where, order=(Order("created_at", True),), limit=1
        )
        return found[0] if found else None

    # -- words

    async def ask(self, one: Question) -> None:
        owner = self._people.owners[one.customer]
        last = await self._last_invoice(owner.company_id or "") if one.invoice else None
        asked = NewTicket(
            one.subject,
            one.text,
            priority=one.priority,
            about_kind="invoice" if last else "",
            about_id=last.id if last else "",
        )
        opened = await self._desk.call(owner, "tickets.open", asked)
        begun = moment(self._clock.now())
        for said in one.said:
            self._at(
                begun + timedelta(hours=said.after_hours),
                partial(self._say, one, said, opened.ticket.id),
            )

    async def _say(self, one: Question, said: Said, ticket_id: str) -> None:
        if said.side == "customer":
            await self._desk.call(
                self._people.owners[one.customer], "tickets.write", NewMessage(said.text), ticket_id=ticket_id
            )
        elif said.side == "note":
            await self._desk.call(
                self._people.support, "provider.tickets.note", NewMessage(said.text), ticket_id=ticket_id
            )
        else:
            answer = NewAnswer(said.text, said.then)
            await self._desk.call(self._people.support, "provider.tickets.answer", answer, ticket_id=ticket_id)
