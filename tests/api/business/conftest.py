"""A point of purchase in process, on both databases, at a time that stands still until it is moved; people in it are rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from wolke.business.api import build_api
from wolke.business.audit import Audit
from wolke.business.config import BusinessConfig
from wolke.business.customers.model import Company, Member, Person
from wolke.business.customers.store import COMPANIES, MEMBERS, PEOPLE
from wolke.business.desk import Desk, Needs
from wolke.business.invoicing.model import DRAFT, Buyer, Invoice, Line, Seller
from wolke.business.invoicing.store import INVOICES, LINES
from wolke.business.invoicing.taxes import taxes, totals
from wolke.business.mail import MAILS, Mail, Mailbox
from wolke.business.openstack import CloudWindow
from wolke.business.portal import build_desk
from wolke.business.who import ITSELF, OWNER, SUPPORT, Who
from wolke.core import ids
from wolke.core.clock import HeldClock
from wolke.core.db import Database, Order
from wolke.core.http import Application

PASSWORD = "nine red bicycles"

SELLER = BusinessConfig(
    name="Nordlicht", legal_name="Nordlicht Rechenzentrum GmbH", address="Am Kai 7, 24103 Kiel", country="DE", vat_id="DE123456789",
    iban="DE02120300000000202051", bic="BYLADEM1001", url="https://cloud.example",
    password_memory_kib=8, password_rounds=1,
)  # fmt: skip


@dataclass
class Shop:
    desk: Desk
    clock: HeldClock
    sent: list[EmailMessage] = field(default_factory=list)
    companies: int = 0

    async def company(self, name: str = "Kramer & Söhne GmbH", **more: Any) -> Who:
        """A company, asked for by its owner."""
        self.companies += 1
        now = self.clock.now()
        values: dict[str, Any] = {
            "id": ids.uuid(), "number": 1000 + self.companies, "name": name, "street": "Lange Reihe 12", "postcode": "20099",
            "city": "Hamburg", "country": "DE", "vat_id": "", "vat_checked_at": None, "currency": "EUR", "discount_percent": "0",
            "state": "open", "reason": None, "words": name.lower(), "created_at": now,
        }  # fmt: skip
        company = Company(**(values | more))
        async with self.desk.needs.db.transaction() as tx:
            await tx.insert(COMPANIES, company)
        return await self.colleague(Who(company_id=company.id), OWNER)

    async def colleague(
        self, who: Who, *roles: str, projects: list[str] | None = None, name: str = "Kim Kramer"
    ) -> Who:
        """Somebody else of the same company."""
        person = await self._person(name)
        assert who.company_id is not None
        member = Member(ids.uuid(), who.company_id, person.id, list(roles), projects, self.clock.now())
        async with self.desk.needs.db.transaction() as tx:
            await tx.insert(MEMBERS, member)
        seen = frozenset(projects) if projects is not None else None
        return Who(person.id, company_id=who.company_id, roles=frozenset(roles), projects=seen)

    async def staff(self, *roles: str, name: str = "Sam Support") -> Who:
        roles = roles or (SUPPORT,)
        person = await self._person(name, list(roles))
        return Who(person.id, staff=frozenset(roles))

    async def _person(self, name: str, staff: list[str] | None = None) -> Person:
        now, person_id = self.clock.now(), ids.uuid()
        person = Person(
            id=person_id, email=f"{name.split()[0].lower()}-{person_id[:8]}@mail.example", name=name, password="", staff=staff or [],
            locale="en", confirmed_at=now, totp=None, totp_offered=None, totp_last=0, words=name.lower(), created_at=now,
        )  # fmt: skip
        async with self.desk.needs.db.transaction() as tx:
            await tx.insert(PEOPLE, person)
        return person

    async def invoice(self, who: Who, net_minor: int = 1000) -> Invoice:
        """An invoice over so much and 19 % tax, issued now as any other is."""
        desk, invoice_id, month = self.desk, ids.uuid(), "2026-02"
        company = await desk.customers.companies.of(who)
        line = Line(
            id=ids.uuid(), invoice_id=invoice_id, position=1, company_id=company.id, project_id="p", project_name="Web shop", month=month,
            plan_id="s", price_id="s1", product_names={"en": "Server", "de": "Server"}, plan_name="S", quantity="100", unit="server-hour",
            begins_at="2026-01-31T23:00:00.000000Z", ends_at="2026-02-28T23:00:00.000000Z", correction=False, discount_percent="0",
            exact=str(Decimal(net_minor) / 100), net_minor=net_minor, tax_category="S", tax_country="DE", tax_percent="19", steps=[],
        )  # fmt: skip
        groups = taxes([line], "EUR")
        net, tax, total = totals(groups)
        buyer = Buyer(
            company.id,
            company.number,
            company.name,
            company.street,
            company.postcode,
            company.city,
            company.country,
            "",
        )
        seller = Seller(
            SELLER.legal_name, SELLER.address.split(", "), SELLER.country, SELLER.vat_id, SELLER.iban, SELLER.bic
        )
        draft = Invoice(
            id=invoice_id, number=None, state=DRAFT, company_id=company.id, company_name=company.name, month=month, currency="EUR",
            buyer=buyer, seller=seller, net_minor=net, tax_minor=tax, total_minor=total, taxes=groups, paid_minor=0, credited_minor=0,
            open_minor=0, created_at=self.clock.now(), issued_at=None, issued_on=None, due_on=None, run_id=None,
            words=company.name.lower(), settles=[],
        )  # fmt: skip
        async with desk.needs.db.transaction() as tx:
            await tx.insert(INVOICES, draft)
            await tx.insert(LINES, line)
            return await desk.invoicing.issuing.issue(tx, ITSELF, invoice_id)

    async def mail(self, email: str) -> Mail:
        """The newest that was written to them."""
        return [mail for mail in await self.mails() if mail.recipient == email][-1]

    async def link(self, email: str) -> str:
        """What stands in the link of the newest mail to them."""
        return re.findall(r"https://cloud.example/\w+/([\w-]{20,})", (await self.mail(email)).text)[0]

    async def mails(self) -> list[Mail]:
        return await self.desk.needs.db.find(MAILS, order=(Order("created_at"), Order("id")))


@pytest.fixture
async def shop(database: Database, tmp_path: Path) -> Shop:
    clock = HeldClock("2026-03-02T09:00:00.000000Z")
    sent: list[EmailMessage] = []

    async def send(message: EmailMessage) -> None:
        sent.append(message)

    needs = Needs(database, SELLER, clock, Audit(clock), Mailbox(database, SELLER, clock, send), b"s" * 32)
    return Shop(build_desk(needs, CloudWindow("nowhere", tmp_path / "clouds.yaml")), clock, sent)


class Browser:
    """Speaks to the REST API as a page's script does: with the session's cookie, and with its token where it writes."""

    def __init__(self, client: Any, clock: HeldClock) -> None:
        self.client, self.cookie, self.csrf = client, "", ""
        self._clock = clock

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer, whatever its status. A millisecond later, so that of two mails one is the newer."""
        self._clock.move(0.001)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent = {"cookie": f"wolke_session={self.cookie}", "x-csrf-token": self.csrf} | sent
        answer = await self.client.request(method, "/api/v1" + path, body, headers=sent)
        given = answer.headers.get("set-cookie", "")
        if given.startswith("wolke_session="):
            self.cookie = given.partition("=")[2].partition(";")[0]
            self.csrf = answer.json["csrf"]
        return answer

    async def did(self, method: str, path: str, body: Any = None, *, status: int = 0) -> Any:
        """What is answered, if that is a success, or has that very status."""
        answer = await self.ask(method, path, body)
        assert answer.status == status or (not status and answer.status < 300), (
            method,
            path,
            answer.status,
            answer.body,
        )
        return answer.json if answer.body else None

    async def refused(self, status: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return (await self.did(method, path, body, status=status))["error"]


@pytest.fixture
def browser(shop: Shop, asgi_client: Any) -> Any:
    """A new one, of somebody who has not signed in, at an address of their own if it is given."""

    async def nobody(token: str, service_token: str | None) -> Any:
        raise AssertionError

    application = Application([build_api(shop.desk)], nobody)

    def new(address: str = "192.0.2.7") -> Browser:
        client = asgi_client(application)
        client.address = address
        return Browser(client, shop.clock)

    return new


@pytest.fixture
def people(shop: Shop, browser: Any) -> Any:
    """Signs somebody up and in, through the mail: ``await people("ada@mail.example")``."""

    async def come(
        email: str, company: str = "Kramer GmbH", name: str = "Ada Kramer", password: str = PASSWORD
    ) -> Browser:
        one: Browser = browser()
        wanted = {"company": company, "country": "DE", "name": name, "email": email, "password": password}
        await one.did("POST", "/sign-up", wanted)
        await one.did("POST", "/sign-up/confirm", {"token": await shop.link(email)})
        await one.did("POST", "/session", {"email": email, "password": password})
        shop.clock.move(1)
        return one

    return come
