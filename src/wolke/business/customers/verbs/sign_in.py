"""Signing in and out, the second step, the forgotten password, and at which place one is at work.

A wrong address and a wrong password are told in the same words after the same time, and locked in the same way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers.attempts import pause_s
from wolke.business.customers.limits import network
from wolke.business.customers.model import Person, Session
from wolke.business.customers.people import address_of
from wolke.business.customers.sessions import place
from wolke.business.customers.shapes import Code, Email, Password, Token
from wolke.business.customers.store import COMPANIES, MEMBERS, PEOPLE, SESSIONS
from wolke.business.customers.verbs.sign_up import Address, Sent
from wolke.business.errors import NotNow, NotSignedIn, NotThere
from wolke.business.verb import ANYONE, SIGNED_IN, Opened, Signed, Verb
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Order, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

RESET_S = 3600.0
_FORGOTTEN = "/forgotten"


class SignIn(msgspec.Struct, frozen=True):
    email: Email
    password: Password


class SecondStep(msgspec.Struct, frozen=True):
    """A code from the phone, or a recovery code."""

    code: Code


class NewPassword(msgspec.Struct, frozen=True):
    token: Token
    password: Password


class Place(msgspec.Struct, frozen=True):
    """Where one may be at work. ``company_id`` empty: at the provider."""

    company_id: str
    name: str


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """``company_id`` None: at the provider, or nowhere. ``projects`` None: all of the company's. ``acting``: on behalf of that company.
    ``owes_second_step``: it must be set up before anything else."""

    person_id: str
    name: str
    email: str
    locale: str
    second_step: bool
    company_id: str | None
    company: str
    state: str
    roles: list[str]
    projects: list[str] | None
    staff: list[str]
    acting: bool
    owes_second_step: bool
    places: list[Place]


class SessionShown(msgspec.Struct, frozen=True):
    """``current``: the one that asks."""

    id: str
    address: str
    company: str
    begun_at: Instant
    seen_at: Instant
    current: bool


class Switch(msgspec.Struct, frozen=True):
    """``company_id`` empty: to the provider, for staff."""

    company_id: str = ""


async def begin(desk: Desk, who: Who, asked: SignIn) -> Opened:
    customers, email = desk.customers, address_of(asked.email)
    customers.limits.sign_in.count(network(who.address))
    locks = await customers.attempts.begin(email)
    person = await customers.people.by_email(email)
    if (
        not await customers.passwords.verify(person.password if person is not None else None, asked.password)
        or person is None
    ):
        await _was_wrong(desk, who, person, locks)
        raise NotSignedIn("The e-mail address or the password is not right.")
    async with desk.needs.db.transaction() as tx:
        if who.session_id:
            await customers.sessions.end(tx, who.session_id)
        company_id = await place(tx, person)
        half = person.totp is not None
        opened = await customers.sessions.open(tx, person, who.address, company_id, awaits_code=half)
        if half:
            await customers.attempts.take_back(tx, email)
        else:
            await customers.attempts.forget(tx, email)
            signed_in = replace(who, person_id=person.id, company_id=company_id)
            await desk.needs.audit.write(tx, signed_in, "sessions.begin", person.id)
    return opened


async def second_step(desk: Desk, who: Who, asked: SecondStep) -> Opened:
    """Wrong codes are counted with the wrong passwords of the address."""
    customers, db = desk.customers, desk.needs.db
    session = await db.get(SESSIONS, id=who.session_id) if who.session_id and who.person_id is None else None
    person = await db.get(PEOPLE, id=session.person_id) if session is not None else None
    if session is None or person is None:
        raise NotSignedIn("Please begin with your e-mail address and password.")
    customers.limits.sign_in.count(network(who.address))
    locks = await customers.attempts.begin(person.email)
    async with db.transaction() as tx:
        right = person.totp is None or await customers.second_step.passes(tx, person, asked.code)
        if right:
            await customers.sessions.end(tx, session.id)
            company_id = await place(tx, person)
            opened = await customers.sessions.open(tx, person, who.address, company_id)
            await customers.attempts.forget(tx, person.email)
            signed_in = replace(who, person_id=person.id, company_id=company_id)
            await desk.needs.audit.write(tx, signed_in, "sessions.begin", person.id)
            return opened
    await _was_wrong(desk, who, person, locks)
    raise NotSignedIn("This code is not right. Each is good once, for half a minute; please take the next one.")


async def _was_wrong(desk: Desk, who: Who, person: Person | None, locks: bool) -> None:
    """The owner of the address is told, once for each lock."""
    if person is None or not locks:
        return
    failures = await desk.customers.attempts.failures(person.email)
    async with desk.needs.db.transaction() as tx:
        await desk.needs.audit.write(tx, who, "sessions.lock", person.id, {"failures": failures})
        await desk.customers.post.tell(
            tx,
            "locked",
            person,
            failures=failures,
            address=who.address,
            minutes=int(pause_s(failures) // 60),
            link=_FORGOTTEN,
        )


async def forgotten(desk: Desk, who: Who, asked: Address) -> Sent:
    customers, email = desk.customers, address_of(asked.email)
    customers.limits.strangers.count(network(who.address))
    customers.limits.mail.count(email)
    async with desk.needs.db.transaction() as tx:
        person = await customers.people.by_email(email, tx)
        if person is not None:
            link = await customers.links.make(tx, "reset", email, lasts_s=RESET_S, person_id=person.id)
            await customers.post.tell(tx, "reset", person, link=link)
            await desk.needs.audit.write(tx, who, "passwords.forgotten", person.id)
    return Sent(email)


async def reset(desk: Desk, who: Who, asked: NewPassword) -> Address:
    """All sessions end, and the lock opens; the second step stays as it is."""
    customers, db = desk.customers, desk.needs.db
    customers.limits.links.count(network(who.address))
    link = await customers.links.look(db, asked.token, "reset")
    person = await customers.people.get(link.person_id or "")
    customers.passwords.check_rules(asked.password, (person.name, person.email))
    hashed = await customers.passwords.hash(asked.password)
    async with db.transaction() as tx:
        await customers.links.take(tx, asked.token, "reset")
        await customers.links.end(tx, email=person.email, kind="reset")
        await customers.links.end(tx, person_id=person.id, kind="email")
        await tx.update(PEOPLE, {"password": hashed}, id=person.id)
        await customers.sessions.end_all(tx, person.id)
        await customers.attempts.forget(tx, person.email)
        await customers.post.tell(tx, "password", person, address=who.address, link=_FORGOTTEN)
        await desk.needs.audit.write(tx, replace(who, person_id=person.id), "passwords.reset", person.id)
    return Address(person.email)


async def mine(desk: Desk, who: Who, asked: None) -> Me:
    db = desk.needs.db
    person = await desk.customers.people.get(who.person_id or "")
    company = await db.get(COMPANIES, id=who.company_id) if who.company_id else None
    return Me(
        person_id=person.id, name=person.name, email=person.email, locale=person.locale, second_step=person.totp is not None,
        company_id=company.id if company else None, company=company.name if company else "", state=company.state if company else "",
        roles=sorted(who.roles), projects=None if who.projects is None else sorted(who.projects), staff=sorted(who.staff),
        acting=who.acting_for is not None, owes_second_step=who.owes_second_step, places=await _places(desk, person),
    )  # fmt: skip


async def _places(desk: Desk, person: Person) -> list[Place]:
    db = desk.needs.db
    members = await db.find(MEMBERS, person_id=person.id)
    wanted = [member.company_id for member in members]
    companies = await db.find(COMPANIES, where=(Where("id", "in", wanted),), order=(Order("name"),)) if wanted else []
    at_provider = [Place("", desk.needs.config.name)] if person.staff else []
    return [*at_provider, *(Place(company.id, company.name) for company in companies)]


async def switch(desk: Desk, who: Who, asked: Switch) -> Opened:
    """At work elsewhere from now on, with another token. Also the end of acting on behalf."""
    person = await desk.customers.people.get(who.person_id or "")
    if asked.company_id not in {place.company_id for place in await _places(desk, person)}:
        raise NotThere("There is no such company among yours.")
    async with desk.needs.db.transaction() as tx:
        session = await desk.customers.sessions.own(tx, who)
        opened = await desk.customers.sessions.renew(tx, session, company_id=asked.company_id or None, acting_for=None)
        await desk.needs.audit.write(tx, who, "sessions.switch", person.id, company_id=asked.company_id or None)
    return opened


async def end(desk: Desk, who: Who, asked: None) -> Opened:
    async with desk.needs.db.transaction() as tx:
        session = await desk.customers.sessions.own(tx, who)
        await desk.customers.sessions.end(tx, session.id)
        await desk.needs.audit.write(tx, who, "sessions.end", session.person_id)
    return Opened("", Signed(csrf=""))


async def sessions(desk: Desk, who: Who, asked: None) -> list[SessionShown]:
    found = await desk.customers.sessions.of(who.person_id or "")
    wanted = sorted({session.company_id for session in found if session.company_id})
    companies = await desk.needs.db.find(COMPANIES, where=(Where("id", "in", wanted),)) if wanted else []
    names = {company.id: company.name for company in companies}
    return [_shown(session, names, who) for session in found]


def _shown(session: Session, names: dict[str, str], who: Who) -> SessionShown:
    company = names.get(session.company_id or "", "")
    return SessionShown(
        session.id, session.address, company, session.begun_at, session.seen_at, session.id == who.session_id
    )


async def end_one(desk: Desk, who: Who, asked: None, session_id: str) -> None:
    async with desk.needs.db.transaction() as tx:
        session = await tx.get(SESSIONS, id=session_id, person_id=who.person_id)
        if session is None:
            raise NotThere("There is no such session.")
        if session.id == who.session_id:
            raise NotNow("This is the session you are using. Please sign out instead.")
        await desk.customers.sessions.end(tx, session.id)
        await desk.needs.audit.write(tx, who, "sessions.end_one", session.person_id, {"address": session.address})


async def end_others(desk: Desk, who: Who, asked: None) -> None:
    async with desk.needs.db.transaction() as tx:
        await desk.customers.sessions.end_all(tx, who.person_id or "", but=who.session_id)
        await desk.needs.audit.write(tx, who, "sessions.end_others", who.person_id or "")


VERBS = (
    Verb("sessions.begin", "POST", "/session", begin, ANYONE, "Sign in with e-mail address and password", takes=SignIn, gives=Signed),
    Verb("sessions.second_step", "POST", "/session/code", second_step, ANYONE, "The second step of signing in: a code from the phone", takes=SecondStep, gives=Signed),
    Verb("sessions.mine", "GET", "/session", mine, SIGNED_IN, "Who I am, and where I am at work", gives=Me),
    Verb("sessions.switch", "PUT", "/session/company", switch, SIGNED_IN, "Go to work at another company, or end acting on behalf", takes=Switch, gives=Signed),
    Verb("sessions.end", "DELETE", "/session", end, SIGNED_IN, "Sign out", gives=Signed),
    Verb("sessions.list", "GET", "/sessions", sessions, SIGNED_IN, "Where I am signed in", gives=list[SessionShown]),
    Verb("sessions.end_one", "DELETE", "/sessions/{session_id}", end_one, SIGNED_IN, "Sign out elsewhere", status=204),
    Verb("sessions.end_others", "DELETE", "/sessions", end_others, SIGNED_IN, "Sign out everywhere else", status=204),
    Verb("passwords.forgotten", "POST", "/password/forgotten", forgotten, ANYONE, "Ask for a mail with a link to set a new password", takes=Address, gives=Sent, status=202),
    Verb("passwords.reset", "POST", "/password/reset", reset, ANYONE, "Set a new password with the link from the mail", takes=NewPassword, gives=Address),
)  # fmt: skip
