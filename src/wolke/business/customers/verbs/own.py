"""What people change about themselves: name, language, e-mail address, password, the second step. Each needs a session of their own, and what makes an account less
safe needs the password or a code as well."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers import password_rules
from wolke.business.customers.limits import network
from wolke.business.customers.model import Person, Session
from wolke.business.customers.people import words_of
from wolke.business.customers.shapes import Code, Line, Locale, Name, Password, plain
from wolke.business.customers.store import COMPANIES, MEMBERS, PEOPLE
from wolke.business.customers.verbs.sign_in import Me, mine
from wolke.business.errors import Invalid, NotNow
from wolke.business.verb import ANYONE, SIGNED_IN, Opened, Signed, Verb
from wolke.business.who import Who
from wolke.core.db import Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk


class OwnChange(msgspec.Struct, frozen=True, kw_only=True):
    name: Name | None = None
    locale: Locale | None = None


class PasswordChange(msgspec.Struct, frozen=True):
    old: Password
    new: Password


class Confirmed(msgspec.Struct, frozen=True):
    password: Password


class OneCode(msgspec.Struct, frozen=True):
    code: Code


class PasswordAndCode(msgspec.Struct, frozen=True):
    password: Password
    code: Code


class Offer(msgspec.Struct, frozen=True):
    """``uri`` is for the picture that a phone reads, ``secret`` to be typed into it."""

    uri: str
    secret: str


class SwitchedOn(Signed, frozen=True, kw_only=True):
    """``recovery_codes`` are shown this once."""

    recovery_codes: list[str]


class RecoveryCodes(msgspec.Struct, frozen=True):
    recovery_codes: list[str]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    password: Password
    name: Line = ""
    email: Line = ""
    company: Line = ""


class StrengthShown(msgspec.Struct, frozen=True):
    """``score``: 0 to 4. ``refused``: it cannot be taken; ``hint`` says why, or what would help."""

    score: int
    hint: str
    refused: bool


async def strength(desk: Desk, who: Who, asked: Tried) -> StrengthShown:
    desk.customers.limits.strength.count(network(who.address))
    about = (asked.name, asked.email, asked.company)
    found = password_rules.strength(asked.password, about)
    return StrengthShown(found.score, found.hint, bool(password_rules.refusal(asked.password, about)))


async def change(desk: Desk, who: Who, asked: OwnChange) -> Me:
    async with desk.needs.db.transaction() as tx:
        _, person = await own(desk, tx, who)
        name = plain(asked.name) if asked.name is not None else person.name
        if not name:
            raise Invalid("Please check what is marked below.", fields={"name": "This is needed."})
        changes = {"name": name, "locale": asked.locale or person.locale, "words": words_of(name, person.email)}
        await tx.update(PEOPLE, changes, id=person.id)
        await desk.needs.audit.write(tx, who, "people.change", person.id, {"name": name, "locale": changes["locale"]})
    return await mine(desk, replace(who, locale=changes["locale"]), None)


async def change_password(desk: Desk, who: Who, asked: PasswordChange) -> Opened:
    """All other sessions end, this one gets another token."""
    customers, db = desk.customers, desk.needs.db
    _, person = await own(desk, db, who)
    await check(desk, person, password=("old", asked.old))
    companies = await db.find(MEMBERS, person_id=person.id)
    wanted = [member.company_id for member in companies]
    names = [c.name for c in await db.find(COMPANIES, where=(Where("id", "in", wanted),))] if wanted else []
    customers.passwords.check_rules(asked.new, (person.name, person.email, *names), "new")
    hashed = await customers.passwords.hash(asked.new)
    async with db.transaction() as tx:
        session, person = await own(desk, tx, who)
        await tx.update(PEOPLE, {"password": hashed}, id=person.id)
        await customers.links.end(tx, email=person.email, kind="reset")
        await customers.links.end(tx, person_id=person.id, kind="email")
        await customers.post.tell(tx, "password", person, address=who.address, link="/forgotten")
        await desk.needs.audit.write(tx, who, "passwords.change", person.id)
        return await _on(desk, tx, session)


async def offer(desk: Desk, who: Who, asked: Confirmed) -> Offer:
    """Nothing changes until its first code comes (``second_step.switch_on``)."""
    _, person = await own(desk, desk.needs.db, who)
    if person.totp is not None:
        raise NotNow("The second step is on already. To move it to another phone, please switch it off first.")
    await check(desk, person, password=("password", asked.password))
    async with desk.needs.db.transaction() as tx:
        uri, seed = await desk.customers.second_step.offer(tx, person)
        await desk.needs.audit.write(tx, who, "second_step.offer", person.id)
    return Offer(uri, seed)


async def switch_on(desk: Desk, who: Who, asked: OneCode) -> Opened:
    customers = desk.customers
    async with desk.needs.db.transaction() as tx:
        session, person = await own(desk, tx, who)
        if person.totp is not None or person.totp_offered is None:
            raise NotNow("Please begin again: the second step is on already, or was not set up.")
        if not await customers.second_step.switch_on(tx, person, asked.code):
            raise Invalid(
                "Please check what is marked below.",
                fields={"code": "This code is not right. Please take the next one."},
            )
        codes = await customers.second_step.new_recovery_codes(tx, person.id)
        await customers.post.tell(tx, "second_step_on", person, address=who.address, link="/forgotten")
        await desk.needs.audit.write(tx, who, "second_step.switch_on", person.id)
        opened = await _on(desk, tx, session)
    return Opened(opened.token, SwitchedOn(csrf=opened.shown.csrf, recovery_codes=codes))


async def switch_off(desk: Desk, who: Who, asked: PasswordAndCode) -> Opened:
    _, person = await own(desk, desk.needs.db, who)
    await check(desk, person, password=("password", asked.password), code=asked.code)
    async with desk.needs.db.transaction() as tx:
        session, person = await own(desk, tx, who)
        await desk.customers.second_step.switch_off(tx, person)
        await desk.customers.post.tell(tx, "second_step_off", person, address=who.address, link="/forgotten")
        await desk.needs.audit.write(tx, who, "second_step.switch_off", person.id)
        return await _on(desk, tx, session)


async def recovery_codes(desk: Desk, who: Who, asked: OneCode) -> RecoveryCodes:
    _, person = await own(desk, desk.needs.db, who)
    await check(desk, person, code=asked.code)
    async with desk.needs.db.transaction() as tx:
        codes = await desk.customers.second_step.new_recovery_codes(tx, person.id)
        await desk.needs.audit.write(tx, who, "second_step.recovery_codes", person.id)
    return RecoveryCodes(codes)


async def own(desk: Desk, reader: Reader, who: Who) -> tuple[Session, Person]:
    """With which session they ask, and who they are; nobody changes another's account."""
    session = await desk.customers.sessions.own(reader, who)
    if who.acting_for is not None:
        raise NotNow("You act on behalf of a customer. Please end that first.")
    return session, await desk.customers.people.get(session.person_id, reader)


async def _on(desk: Desk, tx: Transaction, session: Session) -> Opened:
    """After a change of what one needs to sign in: another token here, and none elsewhere."""
    await desk.customers.sessions.end_all(tx, session.person_id)
    return await desk.customers.sessions.renew(tx, session, company_id=session.company_id, acting_for=None)


async def check(
    desk: Desk, person: Person, *, password: tuple[str, str] | None = None, code: str | None = None
) -> None:
    """``Invalid`` unless all that is asked for is right. ``password`` comes with its field's name. Counted as signing in is: a session that was left
    open is not a place to guess at."""
    customers, wrong = desk.customers, {}
    if code is not None and person.totp is None:
        raise NotNow("The second step is not on.")
    await customers.attempts.begin(person.email)
    if password is not None and not await customers.passwords.verify(person.password, password[1]):
        wrong[password[0]] = "This is not your password."
    async with desk.needs.db.transaction() as tx:
        if code is not None and not wrong and not await customers.second_step.passes(tx, person, code):
            wrong["code"] = "This code is not right. Please take the next one."
        if not wrong:
            await customers.attempts.forget(tx, person.email)
    if wrong:
        raise Invalid("Please check what is marked below.", fields=wrong)


VERBS = (
    Verb("passwords.strength", "POST", "/password/strength", strength, ANYONE, "How strong a password would be", takes=Tried, gives=StrengthShown),
    Verb("people.change", "PATCH", "/me", change, SIGNED_IN, "Change my name or language", takes=OwnChange, gives=Me),
    Verb("passwords.change", "PUT", "/me/password", change_password, SIGNED_IN, "Change my password", takes=PasswordChange, gives=Signed),
    Verb("second_step.offer", "POST", "/me/second-step", offer, SIGNED_IN, "Set the second step up: a seed for the phone", takes=Confirmed, gives=Offer),
    Verb("second_step.switch_on", "PUT", "/me/second-step", switch_on, SIGNED_IN, "Switch the second step on with its first code", takes=OneCode, gives=SwitchedOn),
    Verb("second_step.switch_off", "DELETE", "/me/second-step", switch_off, SIGNED_IN, "Switch the second step off", takes=PasswordAndCode, gives=Signed),
    Verb("second_step.recovery_codes", "POST", "/me/recovery-codes", recovery_codes, SIGNED_IN, "New recovery codes in the place of the old", takes=OneCode, gives=RecoveryCodes),
)  # fmt: skip
