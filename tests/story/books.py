"""What the stories of money stand on: a provider whose clock is held, customers who are rows, and what they use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from wolke.business.audit import Audit
from wolke.business.catalogue.model import Plan
from wolke.business.config import BusinessConfig
from wolke.business.customers.model import Company, Project
from wolke.business.customers.store import COMPANIES, PROJECTS
from wolke.business.desk import Desk, Needs
from wolke.business.invoicing.documents.electronic import electronic
from wolke.business.invoicing.model import Invoice
from wolke.business.invoicing.store import CREDIT_NOTES, INVOICES, LINES
from wolke.business.ledger.model import BANK, Leg, receivable
from wolke.business.ledger.store import BALANCES, UNBALANCED
from wolke.business.mail import Mailbox
from wolke.business.metering import hourly
from wolke.business.openstack import CloudWindow
from wolke.business.portal import build_desk
from wolke.business.who import ADMINISTRATOR, Who
from wolke.core.clock import HeldClock, Instant, instant, moment
from wolke.core.db import Database, Order

SELLER = BusinessConfig(
    legal_name="Nordlicht Rechenzentrum GmbH", address="Am Kai 7, 24103 Kiel", country="DE", vat_id="DE123456789",
    iban="DE02120300000000202051", bic="BYLADEM1001", time_zone="Europe/Berlin",
)  # fmt: skip
STAFF = Who("sam", staff=frozenset({ADMINISTRATOR}))


@dataclass(frozen=True)
class Stay:
    """A resource of one plan from then until then."""

    resource_id: str
    plan_id: str
    project_id: str
    company_id: str
    begins_at: Instant
    ends_at: Instant | None
    amount: str = "1"
    meter: str = "servers"

    @property
    def resource_name(self) -> str:
        return self.resource_id


def utc(text: str) -> Instant:
    """``2027-05-10 10:20``, in UTC."""
    return instant(datetime.fromisoformat(f"{text}+00:00"))


@dataclass
class Books:
    desk: Desk
    clock: HeldClock
    stays: list[Stay] = field(default_factory=list)

    @property
    def db(self) -> Database:
        return self.desk.needs.db

    def at(self, text: str) -> None:
        self.clock.move(moment(utc(text)).timestamp() - self.clock.time())

    async def company(
        self, name: str, number: int, country: str, *, vat_id: str = "", checked: bool = False, discount: str = "0"
    ) -> str:
        now = self.clock.now()
        company = Company(
            id=name.split()[0].lower(), number=number, name=name, street="Lange Reihe 12", postcode="20099", city="Hamburg", country=country,
            vat_id=vat_id, vat_checked_at=now if checked else None, currency="EUR", discount_percent=discount, state="open",
            reason=None, words=name.lower(), created_at=now,
        )  # fmt: skip
        project = dict.fromkeys(Project.__struct_fields__) | {
            "id": f"{company.id}-web", "company_id": company.id, "name": "web", "state": "ready", "words": "web", "created_at": now
        }  # fmt: skip
        async with self.db.transaction() as tx:
            await tx.insert(COMPANIES, company)
            await tx.insert(PROJECTS, Project(**project))
        return company.id

    async def change(self, company_id: str, **changes: Any) -> None:
        async with self.db.transaction() as tx:
            await tx.update(COMPANIES, changes, id=company_id)

    async def plan(
        self, name: str, model: str, figures: dict[str, Any], *, product: str = "server", included: str = "0"
    ) -> Plan:
        async with self.db.transaction() as tx:
            plan = await self.desk.catalogue.add_plan(tx, product, name)
            await self.desk.catalogue.add_price(tx, plan.id, model, figures, included=included)
        return plan

    def uses(
        self, company_id: str, resource_id: str, plan: Plan, begins: str, ends: str | None = None, amount: str = "1"
    ) -> None:
        ended = utc(ends) if ends else None
        self.stays.append(Stay(resource_id, plan.id, f"{company_id}-web", company_id, utc(begins), ended, amount))

    async def count(self, begins: str, ends: str, *, only: str = "") -> int:
        """Record what was used in these hours; ``only``: of one resource."""
        stays = [stay for stay in self.stays if not only or stay.resource_id == only]
        async with self.db.transaction() as tx:
            return await self.desk.metering.record(tx, hourly(stays, utc(begins), utc(ends)))

    async def run(self) -> None:
        """Whatever the loop of invoices would do by now."""
        await self.desk.invoicing.runs.loop(None).drain()

    async def pay(self, number: str) -> None:
        """All that is open of an invoice comes in by bank transfer."""
        invoice = await self.invoice(number)
        legs = [Leg(BANK, invoice.open_minor), Leg(receivable(invoice.company_id), -invoice.open_minor)]
        told = {"document_id": invoice.id, "company_id": invoice.company_id}
        async with self.db.transaction() as tx:
            await self.desk.ledger.post(tx, f"payment:{number}", "payment", number, "EUR", legs, **told)
            await self.desk.invoicing.settle(tx, invoice.id, invoice.open_minor)

    async def invoice(self, number: str) -> Invoice:
        found = await self.db.get(INVOICES, number=number)
        assert found is not None
        return found

    async def said(self, number: str) -> list[tuple[str, str, str, int]]:
        """An invoice's lines: month, plan, quantity, net; and then its tax and its total."""
        invoice = await self.invoice(number)
        lines = await self.db.find(LINES, invoice_id=invoice.id, order=(Order("position"),))
        ends = [("", "tax", "", invoice.tax_minor), ("", "total", "", invoice.total_minor)]
        return [(line.month, line.plan_name, line.quantity, line.net_minor) for line in lines] + ends

    async def numbers(self) -> list[str]:
        found = await self.db.find(INVOICES, order=(Order("number"),))
        return [invoice.number or "draft" for invoice in found]

    async def owed(self, company_id: str) -> int:
        return await self.desk.ledger.owed(self.db, company_id, "EUR")

    async def in_balance(self) -> bool:
        """The trial balance is 0, and so is every transaction."""
        sums = await self.desk.ledger.trial_balance(self.db)
        return not any(sums.values()) and not await self.db.rows(UNBALANCED)

    async def balances(self) -> dict[str, int]:
        return {account: int(total) for account, _, total in await self.db.rows(BALANCES)}

    async def documents(self) -> list[tuple[str, str, int, int, int]]:
        """Every number that was given, whose it is and what it says."""
        invoices = await self.db.find(INVOICES, order=(Order("number"),))
        notes = await self.db.find(CREDIT_NOTES, order=(Order("number"),))
        return [(i.number or "draft", i.company_id, i.net_minor, i.tax_minor, i.open_minor) for i in invoices] + [
            (note.number, note.company_id, note.net_minor, note.tax_minor, 0) for note in notes
        ]

    async def electronic(self) -> dict[str, bytes]:
        """Every document's e-invoice, by its number."""
        made, notes = self.desk.invoicing.documents, await self.db.find(CREDIT_NOTES)
        papers = [await made.paper_of_invoice(i) for i in await self.db.find(INVOICES) if i.number]
        papers += [await made.paper_of_credit_note(note) for note in notes]
        return {paper.number: electronic(paper) for paper in papers}


def open_books(db: Database, clock: HeldClock, folder: Path) -> Books:
    async def send(message: Any) -> None:
        pass

    needs = Needs(db, SELLER, clock, Audit(clock), Mailbox(db, SELLER, clock, send), b"s" * 32)
    return Books(build_desk(needs, CloudWindow("nowhere", folder / "clouds.yaml")), clock)
