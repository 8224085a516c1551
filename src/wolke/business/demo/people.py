"""The people of the demonstration: they sign up, confirm, invite each other and make projects, as anybody does."""

from __future__ import annotations

from typing import Literal

from wolke.business.catalogue.model import ADDRESS, DISK, OBJECT_STORAGE
from wolke.business.customers.sessions import at_work
from wolke.business.customers.store import MEMBERS, PROJECTS
from wolke.business.customers.verbs.companies import CompanyChange
from wolke.business.customers.verbs.members import Accept, Invite
from wolke.business.customers.verbs.projects import NewProject
from wolke.business.customers.verbs.provider import Discount, VatCheck
from wolke.business.customers.verbs.sign_up import Followed, SignUp
from wolke.business.customers.verbs.staff import StaffInvite
from wolke.business.demo.cast import SUPPORT, Colleague, Customer
from wolke.business.desk import Desk
from wolke.business.mail import MAILS
from wolke.business.who import NOBODY, Who
from wolke.core.db import Order

KINDS = (DISK, ADDRESS, OBJECT_STORAGE)


class People:
    """``owners`` and ``projects``: by the customer's key."""

    def __init__(self, desk: Desk, password: str) -> None:
        self._desk, self._password = desk, password
        self.owners: dict[str, Who] = {}
        self.projects: dict[tuple[str, str], str] = {}
        self.administrator = self.support = NOBODY

    async def provider(self, administrator: str) -> None:
        desk = self._desk
        await desk.customers.staff.begin(administrator, self._password)
        self.administrator = await self._who(administrator)
        await desk.call(self.administrator, "staff.add", StaffInvite(SUPPORT, ["support"]))
        await self._accept(SUPPORT, "Sam Hansen", "en")
        self.support = await self._who(SUPPORT)

    async def join(self, one: Customer) -> None:
        desk = self._desk
        asked = SignUp(
            company=one.name,
            country=one.country,
            name=one.owner,
            email=one.email,
            password=self._password,
            locale=one.locale,
        )
        await desk.call(NOBODY, "people.sign_up", asked)
        await desk.call(NOBODY, "people.confirm", Followed(await self._token(one.email, "/confirm/")))
        owner = self.owners[one.key] = await self._who(one.email)
        change = CompanyChange(street=one.street, postcode=one.postcode, city=one.city, vat_id=one.vat_id or None)
        await desk.call(owner, "company.change", change)
        company_id = owner.company_id or ""
        if one.vat_id:
            await desk.call(self.support, "customers.check_vat", VatCheck(True), company_id=company_id)
        if one.discount != "0":
            await desk.call(self.administrator, "customers.discount", Discount(one.discount), company_id=company_id)
        (project,) = await desk.needs.db.find(PROJECTS, company_id=company_id)
        self.projects[one.key, project.name] = project.id

    async def invite(self, one: Colleague) -> None:
        await self._desk.call(self.owners[one.customer], "members.invite", Invite(email=one.email, roles=[one.role]))
        await self._accept(one.email, one.name, "en")

    async def project(self, customer: str, name: str) -> None:
        if (customer, name) not in self.projects:
            made = await self._desk.call(
                self.owners[customer], "projects.create", NewProject(name=name, budget_minor=20_000)
            )
            self.projects[customer, name] = made.id

    async def _accept(self, email: str, name: str, locale: Literal["en", "de"]) -> None:
        token = await self._token(email, "/invitation/")
        asked = Accept(token=token, name=name, password=self._password, locale=locale)
        await self._desk.call(NOBODY, "invitations.accept", asked)

    async def _token(self, email: str, path: str) -> str:
        """From the newest mail that has such a link, where whoever gets it finds it too."""
        for mail in await self._desk.needs.db.find(MAILS, recipient=email, order=(Order("created_at", True),), limit=5):
            _, found, rest = mail.text.partition(path)
            if found:
                return rest.split()[0]
        raise LookupError(f"no mail to {email} has a link to {path}")

    async def _who(self, email: str) -> Who:
        db = self._desk.needs.db
        person = await self._desk.customers.people.by_email(email)
        assert person is not None
        member = await db.find(MEMBERS, person_id=person.id, limit=1)
        return await at_work(db, person, member[0].company_id if member else None)
