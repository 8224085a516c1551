"""Another e-mail address: asked for with the password, confirmed by a link in a mail to the new one. The old one is told at both times, since
whoever reads its mail is the one who would miss the account.

Whether the new address is somebody's already is told to that somebody alone, by mail.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers.limits import network
from wolke.business.customers.people import address_of, words_of
from wolke.business.customers.shapes import Email, Password
from wolke.business.customers.store import PEOPLE
from wolke.business.customers.verbs.own import check, own
from wolke.business.customers.verbs.sign_up import Address, Followed, Sent
from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.verb import ANYONE, SIGNED_IN, Verb
from wolke.business.who import Who
from wolke.core.db import DuplicateRow

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_KIND, _LASTS_S = "email", 24 * 3600.0


class NewAddress(msgspec.Struct, frozen=True):
    email: Email
    password: Password


async def ask(desk: Desk, who: Who, asked: NewAddress) -> Sent:
    """Nothing changes until the link is followed; an earlier one ends."""
    customers, email = desk.customers, address_of(asked.email)
    _, person = await own(desk, desk.needs.db, who)
    if email == person.email:
        raise Invalid("Please check what is marked below.", fields={"email": "This is your address already."})
    await check(desk, person, password=("password", asked.password))
    customers.limits.mail.count(email)
    customers.limits.mail.count(f"addresses of {person.id}")
    async with desk.needs.db.transaction() as tx:
        await customers.links.end(tx, kind=_KIND, person_id=person.id)
        somebody = await customers.people.by_email(email, tx)
        if somebody is not None:
            await customers.post.tell(tx, "email_known", somebody, link="/sign-in")
        else:
            data = {"from": person.email}
            link = await customers.links.make(tx, _KIND, email, lasts_s=_LASTS_S, person_id=person.id, data=data)
            await customers.post.put(tx, "email_new", email, person.name, person.locale, link=link)
        await customers.post.tell(tx, "email_asked", person, email=email, address=who.address, link="/forgotten")
        await desk.needs.audit.write(tx, who, "people.change_email", person.id, {"email": email})
    return Sent(email)


async def confirm(desk: Desk, who: Who, asked: Followed) -> Address:
    """All other sessions end, and links that went to the old address."""
    customers, db = desk.customers, desk.needs.db
    customers.limits.links.count(network(who.address))
    async with db.transaction() as tx:
        link = await customers.links.take(tx, asked.token, _KIND)
        person = await customers.people.get(link.person_id or "", tx)
        if person.email != link.data["from"]:
            raise NotThere("This link has been used already, or its time is over. Please ask for a new one.")
        changes = {
            "email": link.email,
            "words": words_of(person.name, link.email),
            "confirmed_at": desk.needs.clock.now(),
        }
        try:
            await tx.update(PEOPLE, changes, id=person.id)
        except DuplicateRow:
            raise NotNow("There is an account with this e-mail address already. Please sign in.") from None
        for kind in (_KIND, "reset", "decide"):
            await customers.links.end(tx, kind=kind, person_id=person.id)
        await customers.attempts.forget(tx, link.email)
        own_session = who.session_id if who.person_id == person.id else None
        await customers.sessions.end_all(tx, person.id, but=own_session)
        await customers.post.tell(tx, "email_changed", person, email=link.email, address=who.address)
        details = {"email": [person.email, link.email]}
        await desk.needs.audit.write(tx, replace(who, person_id=person.id), "people.confirm_email", person.id, details)
    return Address(link.email)


VERBS = (
    Verb("people.change_email", "POST", "/me/email", ask, SIGNED_IN, "Ask for another e-mail address; a mail to it asks to confirm that", takes=NewAddress, gives=Sent, status=202),
    Verb("people.confirm_email", "POST", "/me/email/confirm", confirm, ANYONE, "Follow the link that confirms another e-mail address", takes=Followed, gives=Address),
)  # fmt: skip
