"""Drafts: what a company would be billed if it were billed now. There is one for each company at most; making it again replaces it.

How a month is taxed and discounted is settled by the first invoice that bills it; what is found of it later is billed alike. What is
cancelled is billed anew, as things are then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from wolke.business.catalogue.model import Plan, Product
from wolke.business.customers.model import Company, Project
from wolke.business.customers.store import PROJECTS
from wolke.business.invoicing import store
from wolke.business.invoicing.due import Difference, differences
from wolke.business.invoicing.model import DRAFT, Buyer, Invoice, Line, LineUse, Seller, SettledMonth
from wolke.business.invoicing.taxes import taxes, totals
from wolke.business.metering.calendar import last_day
from wolke.business.rating import plain
from wolke.business.rating.vat import Treatment, treatment
from wolke.core import ids
from wolke.core.db import Reader, Transaction

if TYPE_CHECKING:
    from wolke.business.catalogue import Catalogue
    from wolke.business.config import BusinessConfig
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs
    from wolke.business.invoicing.reckoning import Reckoning


class Terms(msgspec.Struct, frozen=True):
    """On what terms a company's month is billed."""

    discount_percent: str
    tax: Treatment


class Drafts:
    def __init__(self, needs: Needs, customers: Customers, catalogue: Catalogue, reckoning: Reckoning) -> None:
        self._needs, self._customers, self._catalogue, self._reckoning = needs, customers, catalogue, reckoning

    async def make(self, tx: Transaction, company_id: str, month: str, run_id: str | None) -> Invoice | None:
        """All that is to be billed of a company up to a month; None if there is nothing, or less than nothing: then it waits for what comes."""
        await tx.lock(draft_lock(company_id))
        company = await self._customers.companies.get(company_id, tx)
        there = await self.drop(tx, company_id)
        months = [SettledMonth(*row) for row in await tx.rows(store.UNSETTLED, company=company_id, month=month)]
        invoice_id = there or ids.uuid()
        lines = await self._lines(tx, company, invoice_id, month, months)
        net = sum(line.net_minor for line in lines)
        if not any(line.net_minor for line in lines):
            for one in months:
                await settle_month(tx, one)
            return None
        if net <= 0:
            return None
        invoice = self._invoice(company, invoice_id, month, run_id, lines, months)
        await tx.insert(store.INVOICES, invoice)
        for line in lines:
            await tx.insert(store.LINES, line)
            uses = await self._reckoning.uses(tx, line)
            kept = [
                LineUse(f"{line.id}:{u.resource_id}", line.id, u.resource_id, u.resource_name, u.nano) for u in uses
            ]
            await store.ADD_USES.insert(tx, [store.LINE_USES.row(use) for use in kept])
        return invoice

    async def drop(self, tx: Transaction, company_id: str) -> str | None:
        """The draft that a company has; its id, if there was one."""
        drafts = await tx.find(store.INVOICES, company_id=company_id, state=DRAFT)
        for draft in drafts:
            await tx.run(store.DELETE_USES, invoice=draft.id)
            await tx.delete(store.LINES, invoice_id=draft.id)
            await tx.delete(store.INVOICES, id=draft.id, state=DRAFT)
        return drafts[0].id if drafts else None

    async def terms(self, reader: Reader, company: Company, month: str) -> Terms:
        known = await reader.rows(store.TERMS, company=company.id, month=month)
        if known:
            discount, category, country, percent = known[0]
            return Terms(discount, Treatment(category, country, percent))
        checked = bool(company.vat_id and company.vat_checked_at)
        day = last_day(month)
        tax = treatment(self._needs.config.country, company.country, vat_id_checked=checked, day=day)
        return Terms(company.discount_percent or "0", tax)

    async def _lines(
        self, tx: Transaction, company: Company, invoice_id: str, month: str, months: Sequence[SettledMonth]
    ) -> list[Line]:
        products = {product.id: product for product in await self._catalogue.products(tx)}
        plans = {plan.id: plan for plan in await self._catalogue.plans(reader=tx)}
        projects: dict[str, Project | None] = {}
        terms: dict[str, Terms] = {}
        lines: list[Line] = []
        for one in months:
            if one.month not in terms:
                terms[one.month] = await self.terms(tx, company, one.month)
            if one.project_id not in projects:
                projects[one.project_id] = await tx.get(PROJECTS, id=one.project_id)
            on = terms[one.month]
            dues = await self._reckoning.month(tx, one.project_id, one.month, company.currency, on.discount_percent)
            billed = await self._reckoning.billed(tx, one.project_id, one.month)
            for found in differences(dues, billed, late=one.month < month):
                plan = plans[found.due.plan_id]
                line = _line(company, invoice_id, len(lines) + 1, one, found, on, plan, products[plan.product_id])
                lines.append(msgspec.structs.replace(line, project_name=_name(projects[one.project_id])))
        return lines

    def _invoice(
        self, company: Company, invoice_id: str, month: str, run_id: str | None, lines: list[Line], months: list[SettledMonth]
    ) -> Invoice:  # fmt: skip
        groups = taxes(lines, company.currency)
        net, tax, total = totals(groups)
        return Invoice(
            id=invoice_id, number=None, state=DRAFT, company_id=company.id, company_name=company.name, month=month,
            currency=company.currency, buyer=buyer(company), seller=seller(self._needs.config), net_minor=net, tax_minor=tax,
            total_minor=total, taxes=groups, paid_minor=0, credited_minor=0, open_minor=0, created_at=self._needs.clock.now(),
            issued_at=None, issued_on=None, due_on=None, run_id=run_id, words=f"{company.words} {company.number} {month}", settles=months,
        )  # fmt: skip


def draft_lock(company_id: str) -> str:
    """Whoever holds it makes or issues a company's draft."""
    return f"business-draft:{company_id}"


async def settle_month(tx: Transaction, month: SettledMonth) -> None:
    if not await tx.update(store.SETTLED, {"count": month.count}, project_id=month.project_id, month=month.month):
        await tx.insert(store.SETTLED, month)


def _line(
    company: Company, invoice_id: str, position: int, of: SettledMonth, found: Difference, terms: Terms, plan: Plan, product: Product
) -> Line:  # fmt: skip
    span, charge = found.due.span, found.due.charge
    return Line(
        id=ids.uuid(), invoice_id=invoice_id, position=position, company_id=company.id, project_id=of.project_id, project_name="",
        month=of.month, plan_id=plan.id, price_id=span.price.id, product_names=product.names, plan_name=plan.name,
        quantity=plain(found.quantity), unit=span.price.tariff.unit, begins_at=span.begins, ends_at=span.ends,
        correction=found.correction, discount_percent=terms.discount_percent, exact=plain(charge.exact), net_minor=found.net_minor,
        tax_category=terms.tax.category, tax_country=terms.tax.country, tax_percent=terms.tax.percent, steps=list(found.steps),
    )  # fmt: skip


def _name(project: Project | None) -> str:
    return project.name if project is not None else ""


def buyer(company: Company) -> Buyer:
    vat_id = company.vat_id if company.vat_checked_at else ""
    return Buyer(
        company.id, company.number, company.name, company.street, company.postcode, company.city, company.country, vat_id
    )  # fmt: skip


def seller(config: BusinessConfig) -> Seller:
    address = [part.strip() for part in config.address.split(",") if part.strip()]
    return Seller(config.legal_name or config.name, address, config.country, config.vat_id, config.iban, config.bic)
