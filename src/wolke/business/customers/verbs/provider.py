"""The provider's customers: found, shown, suspended and opened, discounted, checked, and worked for on their behalf."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from wolke.business.customers.model import OPEN, SUSPENDED, Company
from wolke.business.customers.shapes import Sentence, plain
from wolke.business.customers.store import COMPANIES, MEMBERS, PEOPLE, PROJECTS
from wolke.business.customers.verbs.companies import CompanyShown
from wolke.business.customers.verbs.companies import shown as company_shown
from wolke.business.customers.verbs.projects import ProjectShown
from wolke.business.customers.verbs.projects import shown as project_shown
from wolke.business.errors import Invalid, NotNow
from wolke.business.verb import ADMINISTRATORS, STAFF, Found, Opened, Page, Signed, Verb, find
from wolke.business.who import OWNER, Who
from wolke.core.clock import Instant
from wolke.core.db import Order, Related, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_SORTS = {"number": "number", "name": "name", "created_at": "created_at", "state": "state", "country": "country"}


class CustomerPage(Page, frozen=True, kw_only=True):
    """``search``: in number, name, city and VAT id. ``person``: part of a person's name or e-mail address."""

    state: Literal["", "open", "suspended"] = ""
    person: str = ""


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: int
    name: str
    city: str
    country: str
    state: str
    created_at: Instant


class CustomerPerson(msgspec.Struct, frozen=True, kw_only=True):
    person_id: str
    name: str
    email: str
    roles: list[str]
    projects: list[str] | None
    second_step: bool


class CustomerShown(msgspec.Struct, frozen=True, kw_only=True):
    company: CompanyShown
    people: list[CustomerPerson]
    projects: list[ProjectShown]


class Reason(msgspec.Struct, frozen=True):
    """A sentence that the customer reads as well."""

    reason: Sentence


class Discount(msgspec.Struct, frozen=True):
    """A decimal from 0 to 100."""

    percent: Annotated[str, msgspec.Meta(max_length=10)]


class VatCheck(msgspec.Struct, frozen=True):
    """``right``: the VAT id is this company's own. Only then are its invoices without our tax, where its country lets them."""

    right: bool


async def customers(desk: Desk, who: Who, asked: CustomerPage) -> Found:
    where = [Where("state", "eq", asked.state)] if asked.state else []
    for word in asked.person.lower().split()[:4]:
        people = Related(PEOPLE, "id", [Where("words", "contains", word)])
        where.append(Where("id", "within", Related(MEMBERS, "company_id", [Where("person_id", "within", people)])))
    return await find(
        desk.needs.db, COMPANIES, asked, sorts=_SORTS, default="-created_at", words="words", where=where, shown=_row
    )


def _row(company: Company) -> CustomerRow:
    return CustomerRow(**{name: getattr(company, name) for name in CustomerRow.__struct_fields__})


async def show(desk: Desk, who: Who, asked: None, company_id: str) -> CustomerShown:
    db, company = desk.needs.db, await desk.customers.companies.get(company_id)
    members = {member.person_id: member for member in await db.find(MEMBERS, company_id=company.id)}
    people = await db.find(PEOPLE, where=(Where("id", "in", sorted(members)),), order=(Order("name"), Order("id")))
    projects = await db.find(PROJECTS, company_id=company.id, order=(Order("created_at"), Order("id")))
    return CustomerShown(
        company=company_shown(company),
        people=[
            CustomerPerson(
                person_id=person.id, name=person.name, email=person.email, roles=members[person.id].roles,
                projects=members[person.id].projects, second_step=person.totp is not None,
            )
            for person in people
        ],
        projects=[project_shown(project, company.currency) for project in projects],
    )  # fmt: skip


async def suspend(desk: Desk, who: Who, asked: Reason, company_id: str) -> CompanyShown:
    """It may look and pay, and buys nothing new; what runs, runs on. Its owners are told why."""
    reason = plain(asked.reason)
    if not reason:
        raise Invalid("Please check what is marked below.", fields={"reason": "This is needed."})
    async with desk.needs.db.transaction() as tx:
        company = await desk.customers.companies.get(company_id, tx)
        if company.state != OPEN:
            raise NotNow("This customer is suspended already.")
        await tx.update(COMPANIES, {"state": SUSPENDED, "reason": reason}, id=company.id)
        await _tell_owners(desk, tx, company, "suspended", reason=reason, link="/support")
        await desk.needs.audit.write(
            tx, who, "customers.suspend", company.id, {"reason": reason}, company_id=company.id
        )
    return company_shown(await desk.customers.companies.get(company_id))


async def open_again(desk: Desk, who: Who, asked: None, company_id: str) -> CompanyShown:
    async with desk.needs.db.transaction() as tx:
        company = await desk.customers.companies.get(company_id, tx)
        if company.state != SUSPENDED:
            raise NotNow("This customer is not suspended.")
        await tx.update(COMPANIES, {"state": OPEN, "reason": None}, id=company.id)
        await _tell_owners(desk, tx, company, "opened", link="/")
        await desk.needs.audit.write(tx, who, "customers.open", company.id, company_id=company.id)
    return company_shown(await desk.customers.companies.get(company_id))


async def discount(desk: Desk, who: Who, asked: Discount, company_id: str) -> CompanyShown:
    """From the next invoice on."""
    percent = _percent(asked.percent)
    async with desk.needs.db.transaction() as tx:
        company = await desk.customers.companies.get(company_id, tx)
        await tx.update(COMPANIES, {"discount_percent": percent}, id=company.id)
        details = {"percent": [company.discount_percent, percent]}
        await desk.needs.audit.write(tx, who, "customers.discount", company.id, details, company_id=company.id)
    return company_shown(await desk.customers.companies.get(company_id))


def _percent(text: str) -> str:
    """As it is kept: plain digits, four behind the point at most."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 100 or value != round(value, 4):
        raise Invalid("Please check what is marked below.", fields={"percent": "This must be a number from 0 to 100."})
    return f"{value.normalize():f}"


async def check_vat(desk: Desk, who: Who, asked: VatCheck, company_id: str) -> CompanyShown:
    async with desk.needs.db.transaction() as tx:
        company = await desk.customers.companies.get(company_id, tx)
        if asked.right and not company.vat_id:
            raise NotNow("This customer has given no VAT id.")
        checked_at = desk.needs.clock.now() if asked.right else None
        await tx.update(COMPANIES, {"vat_checked_at": checked_at}, id=company.id)
        details = {"vat_id": company.vat_id, "right": asked.right}
        await desk.needs.audit.write(tx, who, "customers.check_vat", company.id, details, company_id=company.id)
    return company_shown(await desk.customers.companies.get(company_id))


async def act(desk: Desk, who: Who, asked: Reason, company_id: str) -> Opened:
    """At work in the customer's company as an owner is, until ``sessions.switch``. Its owners are told; the log names the member of staff."""
    sessions, reason = desk.customers.sessions, plain(asked.reason)
    if not reason:
        raise Invalid("Please check what is marked below.", fields={"reason": "This is needed."})
    async with desk.needs.db.transaction() as tx:
        session = await sessions.own(tx, who)
        company = await desk.customers.companies.get(company_id, tx)
        person = await desk.customers.people.get(session.person_id, tx)
        await _tell_owners(desk, tx, company, "acting", reason=reason, staff=person.name, link="/activity")
        await desk.needs.audit.write(tx, who, "customers.act", company.id, {"reason": reason}, company_id=company.id)
        return await sessions.renew(tx, session, company_id=company.id, acting_for=person.id)


async def _tell_owners(desk: Desk, tx: Transaction, company: Company, occasion: str, **values: object) -> None:
    for owner in await desk.customers.people.with_roles(company.id, OWNER, reader=tx):
        await desk.customers.post.tell(tx, occasion, owner, company=company.name, **values)


VERBS = (
    Verb("customers.list", "GET", "/provider/customers", customers, STAFF, "The provider's customers", takes=CustomerPage, gives=Found),
    Verb("customers.show", "GET", "/provider/customers/{company_id}", show, STAFF, "A customer with its people and projects", gives=CustomerShown),
    Verb("customers.suspend", "POST", "/provider/customers/{company_id}/suspend", suspend, STAFF, "Let a customer buy nothing new, for a reason", takes=Reason, gives=CompanyShown),
    Verb("customers.open", "POST", "/provider/customers/{company_id}/open", open_again, STAFF, "Let a suspended customer buy again", gives=CompanyShown),
    Verb("customers.discount", "PUT", "/provider/customers/{company_id}/discount", discount, ADMINISTRATORS, "Give a customer a discount", takes=Discount, gives=CompanyShown),
    Verb("customers.check_vat", "PUT", "/provider/customers/{company_id}/vat-check", check_vat, STAFF, "Say whether a customer's VAT id was found to be right", takes=VatCheck, gives=CompanyShown),
    Verb("customers.act", "POST", "/provider/customers/{company_id}/act", act, STAFF, "Work on behalf of a customer, for a reason", takes=Reason, gives=Signed),
)  # fmt: skip
