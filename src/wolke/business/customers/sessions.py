"""Sessions: a random token in the browser's cookie, its hash in the table, and who is at work with it, as what.

A person is at work in one place at a time: at the provider (``company_id`` None, for staff), in one of their companies, or, as staff, on behalf of
a customer's company. Each change of that, of the password or of the second step gives a new token (``renew``), so that one that was read
elsewhere before is worth nothing after.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wolke.business.customers.links import hashed, new_token
from wolke.business.customers.model import Person, Session
from wolke.business.customers.store import MEMBERS, PEOPLE, SESSIONS
from wolke.business.errors import NotAllowed
from wolke.business.verb import Opened, Signed
from wolke.business.who import OWNER, Who
from wolke.core.db import Order, Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs

#: How long a session waits for the second step, and how exactly it is known when one was used last (each time is a write).
_CODE_S, _SEEN_S = 600.0, 60.0


class Sessions:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def who(self, token: str, address: str) -> tuple[Who, str]:
        """And what each write must say in ``X-CSRF-Token``. A token that is not good (any more) is nobody's."""
        db = self._needs.db
        session = await db.get(SESSIONS, id=hashed(token))
        if session is None or not self._lives(session):
            return Who(address=address), ""
        if session.awaits_code:
            return Who(session_id=session.id, address=address), session.csrf
        person = await db.get(PEOPLE, id=session.person_id)
        if person is None:
            return Who(address=address), ""
        if session.seen_at < self._needs.clock.after(-_SEEN_S):
            async with db.transaction() as tx:
                await tx.update(SESSIONS, {"seen_at": self._needs.clock.now(), "address": address}, id=session.id)
        if self._owes_second_step(person):
            who = Who(person_id=person.id, locale=person.locale, owes_second_step=True)
        else:
            who = await at_work(db, person, session.company_id, session.acting_for)
        return replace(who, session_id=session.id, address=address), session.csrf

    def _owes_second_step(self, person: Person) -> bool:
        return bool(person.staff) and person.totp is None and self._needs.config.staff_second_step

    def _lives(self, session: Session) -> bool:
        clock, config = self._needs.clock, self._needs.config
        return (
            session.ended_at is None
            and session.seen_at > clock.after(-config.session_idle_s)
            and session.begun_at > clock.after(-config.session_longest_s)
            and not (session.awaits_code and session.created_at <= clock.after(-_CODE_S))
        )

    async def open(
        self, tx: Transaction, person: Person, address: str, company_id: str | None, *, awaits_code: bool = False
    ) -> Opened:
        """At work at ``company_id``, which is ``place``."""
        return await self._insert(tx, person.id, company_id, None, address, awaits_code=awaits_code)

    async def renew(
        self, tx: Transaction, session: Session, *, company_id: str | None, acting_for: str | None
    ) -> Opened:
        """The same sign-in with another token, at work at ``company_id``."""
        await self.end(tx, session.id)
        return await self._insert(
            tx, session.person_id, company_id, acting_for, session.address, begun_at=session.begun_at
        )

    async def own(self, reader: Reader, who: Who) -> Session:
        """That with which ``who`` asks: what changes who one is needs more than a key."""
        session = await reader.get(SESSIONS, id=who.session_id) if who.session_id else None
        if session is None:
            raise NotAllowed("This needs a person who has signed in; a key does not do.")
        return session

    async def end(self, tx: Transaction, session_id: str) -> None:
        await tx.update(SESSIONS, {"ended_at": self._needs.clock.now()}, id=session_id, ended_at=None)

    async def end_all(self, tx: Transaction, person_id: str, *, but: str | None = None) -> int:
        where = (Where("id", "ne", but),) if but is not None else ()
        return await tx.update(
            SESSIONS, {"ended_at": self._needs.clock.now()}, person_id=person_id, ended_at=None, where=where
        )

    async def of(self, person_id: str) -> list[Session]:
        """Those that live, the newest first."""
        order = (Order("created_at", True), Order("id"))
        found = await self._needs.db.find(SESSIONS, person_id=person_id, ended_at=None, order=order)
        return [session for session in found if self._lives(session)]

    async def _insert(
        self, tx: Transaction, person_id: str, company_id: str | None, acting_for: str | None, address: str, *,
        awaits_code: bool = False, begun_at: str | None = None,
    ) -> Opened:  # fmt: skip
        token, csrf, now = new_token(), new_token(), self._needs.clock.now()
        session = Session(
            id=hashed(token), person_id=person_id, company_id=company_id, acting_for=acting_for, awaits_code=awaits_code, csrf=csrf,
            address=address, begun_at=begun_at or now, created_at=now, seen_at=now, ended_at=None,
        )  # fmt: skip
        await tx.insert(SESSIONS, session)
        return Opened(token, Signed(csrf=csrf, needs_code=awaits_code))


async def at_work(reader: Reader, person: Person, company_id: str | None, acting_for: str | None = None) -> Who:
    """``person`` at that place, as what they are there now; nowhere, if they are not (any more)."""
    if acting_for is not None and person.staff:
        return Who(
            person_id=person.id,
            company_id=company_id,
            roles=frozenset({OWNER}),
            acting_for=acting_for,
            locale=person.locale,
        )
    member = (
        await reader.get(MEMBERS, company_id=company_id, person_id=person.id) if company_id and not acting_for else None
    )
    if member is None:
        return Who(person_id=person.id, staff=frozenset(person.staff), locale=person.locale)
    return Who(
        person_id=person.id,
        company_id=member.company_id,
        roles=frozenset(member.roles),
        projects=None if member.projects is None else frozenset(member.projects),
        locale=person.locale,
    )


async def place(reader: Reader, person: Person) -> str | None:
    """Where they were at work last, else at the provider (None) or in their first company."""
    members = await reader.find(MEMBERS, person_id=person.id, order=(Order("created_at"), Order("id")))
    companies = [member.company_id for member in members]
    last = await reader.find(
        SESSIONS, person_id=person.id, acting_for=None, order=(Order("created_at", True), Order("id")), limit=1
    )
    if last and (last[0].company_id in companies or (last[0].company_id is None and person.staff)):
        return last[0].company_id
    return companies[0] if companies and not person.staff else None
