"""People: who they are, wherever they work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wolke.business.customers.model import Person
from wolke.business.customers.shapes import plain
from wolke.business.customers.store import MEMBERS, PEOPLE
from wolke.business.errors import NotNow, NotThere
from wolke.core import ids
from wolke.core.db import DuplicateRow, Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs


def address_of(text: str) -> str:
    """An e-mail address as it is kept."""
    return text.strip().lower()


def words_of(name: str, email: str) -> str:
    return f"{name} {email}".lower()


class People:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def get(self, person_id: str, reader: Reader | None = None) -> Person:
        person = await (reader or self._needs.db).get(PEOPLE, id=person_id)
        if person is None:
            raise NotThere("There is no such person.")
        return person

    async def by_email(self, email: str, reader: Reader | None = None) -> Person | None:
        return await (reader or self._needs.db).get(PEOPLE, email=address_of(email))

    async def add(
        self, tx: Transaction, email: str, name: str, password: str, locale: str, *, staff: Iterable[str] = ()
    ) -> Person:
        """Whose address has proved to be theirs. ``password``: hashed. ``NotNow`` if somebody has it."""
        now, name = self._needs.clock.now(), plain(name)
        person = Person(
            id=ids.uuid(), email=email, name=name, password=password, staff=sorted(staff), locale=locale, confirmed_at=now, totp=None,
            totp_offered=None, totp_last=0, words=words_of(name, email), created_at=now,
        )  # fmt: skip
        try:
            await tx.insert(PEOPLE, person)
        except DuplicateRow:
            raise NotNow("There is an account with this e-mail address already. Please sign in.") from None
        return person

    async def names(self, person_ids: Iterable[str], reader: Reader | None = None) -> dict[str, str]:
        """By id; whoever is not there any more is left out."""
        wanted = sorted(set(person_ids))
        found = await (reader or self._needs.db).find(PEOPLE, where=(Where("id", "in", wanted),)) if wanted else []
        return {person.id: person.name for person in found}

    async def with_roles(self, company_id: str, *roles: str, reader: Reader | None = None) -> list[Person]:
        """The company's people who have one of ``roles``: to whom mail about it goes."""
        reader = reader or self._needs.db
        members = await reader.find(MEMBERS, company_id=company_id)
        wanted = sorted(member.person_id for member in members if set(member.roles) & set(roles))
        return await reader.find(PEOPLE, where=(Where("id", "in", wanted),)) if wanted else []
