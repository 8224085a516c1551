"""Colleagues: who they are, inviting them, what they may, and letting them go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from wolke.business.customers.limits import network
from wolke.business.customers.model import Link, Member, Person
from wolke.business.customers.people import address_of
from wolke.business.customers.shapes import Email, Id, Locale, Name, Password, Token, plain
from wolke.business.customers.store import LINKS, MEMBERS, PEOPLE
from wolke.business.customers.verbs.sign_up import Address
from wolke.business.errors import Invalid, NotAllowed, NotThere
from wolke.business.verb import ANYONE, OWNERS, Verb
from wolke.business.verb import MEMBERS as ANY_MEMBER
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Order, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

INVITE_S = 7 * 24 * 3600.0
Role = Literal["owner", "buyer", "approver", "technician", "accountant"]
Roles = Annotated[list[Role], msgspec.Meta(min_length=1, max_length=5)]
Projects = Annotated[list[Id], msgspec.Meta(max_length=100)]


class Colleague(msgspec.Struct, frozen=True, kw_only=True):
    """``projects`` None: all of them. ``second_step``: signing in takes a code as well."""

    id: str
    person_id: str
    name: str
    email: str
    roles: list[str]
    projects: list[str] | None
    second_step: bool
    created_at: Instant


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    email: str
    roles: list[str]
    projects: list[str] | None
    created_at: Instant
    expires_at: Instant


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """``projects`` null: all of them."""

    email: Email
    roles: Roles
    projects: Projects | None = None


class MemberChange(msgspec.Struct, frozen=True, kw_only=True):
    roles: Roles
    projects: Projects | None = None


class Accept(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` and ``password`` from somebody who has no account yet."""

    token: Token
    name: Name | None = None
    password: Password | None = None
    locale: Locale = "en"


async def members(desk: Desk, who: Who, asked: None) -> list[Colleague]:
    """All of them: a company has as many as it has people."""
    db = desk.needs.db
    found = await db.find(MEMBERS, company_id=who.company_id)
    people = {p.id: p for p in await db.find(PEOPLE, where=(Where("id", "in", sorted(m.person_id for m in found)),))}
    shown = [_shown(member, people[member.person_id]) for member in found if member.person_id in people]
    return sorted(shown, key=lambda colleague: (colleague.name.lower(), colleague.id))


def _shown(member: Member, person: Person) -> Colleague:
    return Colleague(
        id=member.id, person_id=person.id, name=person.name, email=person.email, roles=member.roles, projects=member.projects,
        second_step=person.totp is not None, created_at=member.created_at,
    )  # fmt: skip


async def invite(desk: Desk, who: Who, asked: Invite) -> Invitation:
    """An earlier invitation to the same address ends."""
    customers, email = desk.customers, address_of(asked.email)
    customers.limits.invitations.count(who.company_id or "")
    async with desk.needs.db.transaction() as tx:
        company = await customers.companies.of(who, tx)
        await customers.members.check(tx, company.id, asked.roles, asked.projects)
        person = await customers.people.by_email(email, tx)
        if person is not None and await tx.get(MEMBERS, company_id=company.id, person_id=person.id) is not None:
            raise Invalid(
                "Please check what is marked below.", fields={"email": "They work with your company already."}
            )
        await customers.links.end(tx, kind="invite", company_id=company.id, email=email)
        data = {"roles": sorted(set(asked.roles)), "projects": asked.projects, "inviter": who.person_id}
        address = await customers.links.make(tx, "invite", email, lasts_s=INVITE_S, company_id=company.id, data=data)
        inviter = (await customers.people.get(who.person_id or "", tx)).name
        name, locale = (person.name, person.locale) if person is not None else (email, who.locale)
        await customers.post.put(tx, "invite", email, name, locale, inviter=inviter, company=company.name, link=address)
        details = {"email": email, "roles": data["roles"], "projects": asked.projects}
        await desk.needs.audit.write(tx, who, "members.invite", company.id, details)
        newest = await tx.find(LINKS, kind="invite", company_id=company.id, email=email, used_at=None)
    return _invitation(newest[0])


def _invitation(link: Link) -> Invitation:
    return Invitation(
        id=link.id, email=link.email, roles=link.data["roles"], projects=link.data["projects"], created_at=link.created_at,
        expires_at=link.expires_at,
    )  # fmt: skip


async def invitations(desk: Desk, who: Who, asked: None) -> list[Invitation]:
    """Those that nobody has accepted yet."""
    living = (Where("expires_at", "gt", desk.needs.clock.now()),)
    found = await desk.needs.db.find(
        LINKS,
        kind="invite",
        company_id=who.company_id,
        used_at=None,
        where=living,
        order=(Order("created_at"), Order("id")),
    )
    return [_invitation(link) for link in found]


async def withdraw(desk: Desk, who: Who, asked: None, invitation_id: str) -> None:
    async with desk.needs.db.transaction() as tx:
        link = await tx.get(LINKS, id=invitation_id, kind="invite", company_id=who.company_id, used_at=None)
        if link is None:
            raise NotThere("There is no such invitation.")
        await desk.customers.links.end(tx, id=link.id)
        await desk.needs.audit.write(tx, who, "invitations.withdraw", link.company_id or "", {"email": link.email})


async def accept(desk: Desk, who: Who, asked: Accept) -> Address:
    """The link shows that the address is theirs: who has an account joins, others make one."""
    customers, db = desk.customers, desk.needs.db
    customers.limits.links.count(network(who.address))
    link = await customers.links.look(db, asked.token, "invite")
    hashed = None
    if await customers.people.by_email(link.email) is None:
        hashed = await _new_password(desk, asked, link)
    async with db.transaction() as tx:
        link = await customers.links.take(tx, asked.token, "invite")
        person = await customers.people.by_email(link.email, tx)
        if person is None:
            person = await customers.people.add(tx, link.email, asked.name or "", hashed or "", asked.locale)
        await _join(desk, tx, replace(who, person_id=person.id, acting_for=None), person, link)
    return Address(link.email)


async def _new_password(desk: Desk, asked: Accept, link: Link) -> str:
    wrong = {name: "This is needed." for name in ("name", "password") if not plain(getattr(asked, name) or "")}
    if wrong:
        raise Invalid("Please check what is marked below.", fields=wrong)
    assert asked.name is not None and asked.password is not None
    desk.customers.passwords.check_rules(asked.password, (asked.name, link.email))
    return await desk.customers.passwords.hash(asked.password)


async def _join(desk: Desk, tx: Transaction, who: Who, person: Person, link: Link) -> None:
    """A company, or the provider's staff."""
    if link.company_id is None:
        roles = sorted({*person.staff, *link.data["staff"]})
        await tx.update(PEOPLE, {"staff": roles}, id=person.id)
        await desk.customers.sessions.end_all(tx, person.id)  # none that was opened before becomes more than it was
        await desk.needs.audit.write(tx, who, "invitations.accept", person.id, {"staff": roles})
        return
    roles, projects = link.data["roles"], link.data["projects"]
    await desk.customers.members.add(tx, link.company_id, person.id, roles, projects)
    details = {"email": person.email, "roles": roles, "projects": projects}
    await desk.needs.audit.write(tx, who, "invitations.accept", person.id, details, company_id=link.company_id)


async def change(desk: Desk, who: Who, asked: MemberChange, member_id: str) -> Colleague:
    async with desk.needs.db.transaction() as tx:
        member = await desk.customers.members.seen(who, member_id, tx)
        await desk.customers.members.check(tx, member.company_id, asked.roles, asked.projects)
        await desk.customers.members.change(tx, member, asked.roles, asked.projects)
        details = {"roles": [member.roles, sorted(set(asked.roles))], "projects": [member.projects, asked.projects]}
        await desk.needs.audit.write(tx, who, "members.change", member.person_id, details)
        person = await desk.customers.people.get(member.person_id, tx)
        return _shown(await desk.customers.members.seen(who, member_id, tx), person)


async def remove(desk: Desk, who: Who, asked: None, member_id: str) -> None:
    async with desk.needs.db.transaction() as tx:
        member = await desk.customers.members.seen(who, member_id, tx)
        await desk.customers.members.remove(tx, member)
        await desk.needs.audit.write(tx, who, "members.remove", member.person_id, {"roles": member.roles})


async def leave(desk: Desk, who: Who, asked: None) -> None:
    """Of one's own accord. The session is at work nowhere then."""
    if who.acting_for is not None:
        raise NotAllowed("You act on behalf of a customer. Please end that first.")
    async with desk.needs.db.transaction() as tx:
        member = await tx.get(MEMBERS, company_id=who.company_id, person_id=who.person_id)
        if member is None:
            raise NotThere("You do not work with this company any more.")
        await desk.customers.members.remove(tx, member)
        await desk.needs.audit.write(tx, who, "members.leave", member.person_id, {"roles": member.roles})


VERBS = (
    Verb("members.list", "GET", "/members", members, ANY_MEMBER, "The people of my company", gives=list[Colleague]),
    Verb("members.invite", "POST", "/members", invite, OWNERS, "Invite a colleague by mail", takes=Invite, gives=Invitation, status=201),
    Verb("members.change", "PATCH", "/members/{member_id}", change, OWNERS, "Change what a colleague may", takes=MemberChange, gives=Colleague),
    Verb("members.remove", "DELETE", "/members/{member_id}", remove, OWNERS, "Let a colleague go", status=204),
    Verb("members.leave", "DELETE", "/membership", leave, ANY_MEMBER, "Leave my company", status=204),
    Verb("invitations.list", "GET", "/invitations", invitations, OWNERS, "Invitations that nobody has accepted yet", gives=list[Invitation]),
    Verb("invitations.withdraw", "DELETE", "/invitations/{invitation_id}", withdraw, OWNERS, "Withdraw an invitation", status=204),
    Verb("invitations.accept", "POST", "/invitations/accept", accept, ANYONE, "Accept an invitation", takes=Accept, gives=Address),
)  # fmt: skip
