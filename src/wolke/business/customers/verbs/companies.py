"""A company as its people see and change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers.companies import country_of, vat_id_of
from wolke.business.customers.model import Company
from wolke.business.customers.shapes import Line, Name, ShortLine, plain
from wolke.business.customers.store import PEOPLE
from wolke.business.errors import Invalid, NotAllowed
from wolke.business.verb import ACCOUNTANTS, MEMBERS, SIGNED_IN, Opened, Signed, Verb
from wolke.business.who import Who
from wolke.core.clock import Instant

if TYPE_CHECKING:
    from wolke.business.desk import Desk


class CompanyShown(msgspec.Struct, frozen=True, kw_only=True):
    """``vat_checked_at``: when the provider found the VAT id to be right. ``reason``: why it is suspended."""

    id: str
    number: int
    name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str
    vat_checked_at: Instant | None
    currency: str
    discount_percent: str
    state: str
    reason: str | None
    created_at: Instant


class CompanyChange(msgspec.Struct, frozen=True, kw_only=True):
    name: Name | None = None
    street: Line | None = None
    postcode: ShortLine | None = None
    city: Line | None = None
    country: str | None = None
    vat_id: ShortLine | None = None


class NewCompany(msgspec.Struct, frozen=True, kw_only=True):
    company: Name
    country: str
    project: Name = "Main"


def shown(company: Company) -> CompanyShown:
    return CompanyShown(**{name: getattr(company, name) for name in CompanyShown.__struct_fields__})


async def show(desk: Desk, who: Who, asked: None) -> CompanyShown:
    return shown(await desk.customers.companies.of(who))


async def change(desk: Desk, who: Who, asked: CompanyChange) -> CompanyShown:
    """What is left out stays. Invoices that were issued stay as they are."""
    async with desk.needs.db.transaction() as tx:
        company = await desk.customers.companies.of(who, tx)
        changes = {name: plain(value) for name, value in msgspec.structs.asdict(asked).items() if value is not None}
        if changes.get("name") == "":
            raise Invalid("Please check what is marked below.", fields={"name": "This is needed."})
        if "country" in changes:
            changes["country"] = country_of(changes["country"])
        if "country" in changes or "vat_id" in changes:
            country = changes.get("country", company.country)
            changes["vat_id"] = vat_id_of(country, changes.get("vat_id", company.vat_id))
        changes = {name: value for name, value in changes.items() if value != getattr(company, name)}
        if changes:
            await desk.customers.companies.change(tx, company, dict(changes))
            await desk.needs.audit.write(tx, who, "company.change", company.id, changes)
        return shown(await desk.customers.companies.of(who, tx))


async def add(desk: Desk, who: Who, asked: NewCompany) -> Opened:
    """A further company of somebody who has an account; they are at work there at once."""
    customers, country = desk.customers, country_of(asked.country)
    if not plain(asked.company) or not plain(asked.project):
        raise Invalid(
            "Please check what is marked below.",
            fields={"company" if not plain(asked.company) else "project": "This is needed."},
        )
    if who.acting_for is not None:
        raise NotAllowed("You act on behalf of a customer. Please end that first.")
    customers.limits.mail.count(f"companies of {who.person_id}")
    async with desk.needs.db.transaction() as tx:
        session = await customers.sessions.own(tx, who)
        person = await tx.get(PEOPLE, id=session.person_id)
        assert person is not None
        company = await customers.companies.add(tx, asked.company, country, person.id)
        project = await customers.projects.add(tx, company.id, asked.project)
        details = {"company": company.name, "project": project.name}
        await desk.needs.audit.write(tx, who, "company.add", company.id, details, company_id=company.id)
        return await customers.sessions.renew(tx, session, company_id=company.id, acting_for=None)


VERBS = (
    Verb("company.show", "GET", "/company", show, MEMBERS, "My company", gives=CompanyShown),
    Verb("company.change", "PATCH", "/company", change, ACCOUNTANTS, "Change my company's name, address or VAT id", takes=CompanyChange, gives=CompanyShown),
    Verb("company.add", "POST", "/companies", add, SIGNED_IN, "Open a further company", takes=NewCompany, gives=Signed, status=201),
)  # fmt: skip
