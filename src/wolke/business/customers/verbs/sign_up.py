"""Signing up, and the links that come by mail.

Nothing exists before the link in the mail has come back: no account, no company, no project in the cloud, so that strangers can make none of
them, and nobody can take an address before its owner does. Whether an address is known here is told to its owner alone, by mail; the answer, and the
time it takes, are the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers.companies import country_of
from wolke.business.customers.limits import network
from wolke.business.customers.people import address_of
from wolke.business.customers.shapes import Email, Locale, Name, Password, Token, plain
from wolke.business.customers.store import COMPANIES, LINKS, PEOPLE
from wolke.business.errors import Invalid
from wolke.business.verb import ANYONE, Verb
from wolke.business.who import Who
from wolke.core.db import Order, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

CONFIRM_S = 48 * 3600.0


class SignUp(msgspec.Struct, frozen=True, kw_only=True):
    company: Name
    country: str
    name: Name
    email: Email
    password: Password
    project: Name = "Main"
    locale: Locale = "en"


class Address(msgspec.Struct, frozen=True):
    email: Email


class Sent(msgspec.Struct, frozen=True):
    """A mail is on its way to ``email``, if there is reason for one."""

    email: str


class Followed(msgspec.Struct, frozen=True):
    token: Token


class LinkShown(msgspec.Struct, frozen=True):
    """``kind``: confirm, reset, invite, decide or email. ``known``: there is an account with this address. ``staff``: to work at the provider."""

    kind: str
    email: str
    known: bool
    company: str = ""
    roles: list[str] = []
    staff: bool = False


async def sign_up(desk: Desk, who: Who, asked: SignUp) -> Sent:
    customers, email = desk.customers, address_of(asked.email)
    country = country_of(asked.country)
    for text, field in ((asked.company, "company"), (asked.name, "name"), (asked.project, "project")):
        if not plain(text):
            raise Invalid("Please check what is marked below.", fields={field: "This is needed."})
    customers.passwords.check_rules(asked.password, (asked.name, email, asked.company))
    customers.limits.strangers.count(network(who.address))
    customers.limits.mail.count(email)
    hashed = await customers.passwords.hash(asked.password)
    data = {
        "company": plain(asked.company), "country": country, "name": plain(asked.name), "password": hashed, "project": plain(asked.project),
        "locale": asked.locale,
    }  # fmt: skip
    async with desk.needs.db.transaction() as tx:
        await _write(desk, tx, email, data)
    return Sent(email)


async def _write(desk: Desk, tx: Transaction, email: str, data: dict[str, str]) -> None:
    """To whoever is known: that they are; to others, the link that makes the account."""
    customers = desk.customers
    person = await tx.get(PEOPLE, email=email)
    if person is not None:
        await customers.post.tell(tx, "known", person, link="/sign-in")
        return
    link = await customers.links.make(tx, "confirm", email, lasts_s=CONFIRM_S, data=data)
    await customers.post.put(tx, "confirm", email, data["name"], data["locale"], company=data["company"], link=link)


async def resend(desk: Desk, who: Who, asked: Address) -> Sent:
    """The newest sign-up of this address gets another link, and the old one ends."""
    customers, email = desk.customers, address_of(asked.email)
    customers.limits.strangers.count(network(who.address))
    customers.limits.mail.count(email)
    async with desk.needs.db.transaction() as tx:
        newest = (Order("created_at", True), Order("id"))
        living = (Where("expires_at", "gt", desk.needs.clock.now()),)
        found = await tx.find(LINKS, email=email, kind="confirm", used_at=None, where=living, order=newest, limit=1)
        if found:
            await customers.links.end(tx, id=found[0].id)
            await _write(desk, tx, email, found[0].data)
    return Sent(email)


async def confirm(desk: Desk, who: Who, asked: Followed) -> Address:
    """Person, company and first project come to be; other sign-ups with the same address are over."""
    customers = desk.customers
    customers.limits.links.count(network(who.address))
    async with desk.needs.db.transaction() as tx:
        link = await customers.links.take(tx, asked.token, "confirm")
        data = link.data
        person = await customers.people.add(tx, link.email, data["name"], data["password"], data["locale"])
        company = await customers.companies.add(tx, data["company"], data["country"], person.id)
        project = await customers.projects.add(tx, company.id, data["project"])
        await customers.links.end(tx, email=link.email, kind="confirm")
        details = {"company": company.name, "project": project.name}
        await desk.needs.audit.write(
            tx, replace(who, person_id=person.id), "people.confirm", person.id, details, company_id=company.id
        )
    return Address(person.email)


async def show_link(desk: Desk, who: Who, asked: Followed) -> LinkShown:
    """What a link is for, so that its page can say it; it stays good."""
    desk.customers.limits.links.count(network(who.address))
    db = desk.needs.db
    link = await desk.customers.links.look(db, asked.token)
    company = await db.get(COMPANIES, id=link.company_id) if link.company_id else None
    known = await db.get(PEOPLE, email=link.email) is not None
    name = company.name if company is not None else str(link.data.get("company", ""))
    return LinkShown(link.kind, link.email, known, name, list(link.data.get("roles", ())), "staff" in link.data)


VERBS = (
    Verb("people.sign_up", "POST", "/sign-up", sign_up, ANYONE, "Sign up a company and oneself; a mail asks to confirm it", takes=SignUp, gives=Sent, status=202),
    Verb("people.resend", "POST", "/sign-up/resend", resend, ANYONE, "Send the mail that confirms a sign-up again", takes=Address, gives=Sent, status=202),
    Verb("people.confirm", "POST", "/sign-up/confirm", confirm, ANYONE, "Follow the link that confirms a sign-up", takes=Followed, gives=Address),
    Verb("links.show", "POST", "/links/show", show_link, ANYONE, "What a link from a mail is for", takes=Followed, gives=LinkShown),
)  # fmt: skip
