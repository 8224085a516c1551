"""Staff: people at the provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wolke.business.customers.model import Person
from wolke.business.customers.people import address_of
from wolke.business.customers.store import PEOPLE
from wolke.business.errors import NotNow, NotThere
from wolke.business.who import ADMINISTRATOR, ITSELF
from wolke.core.db import Order, Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.customers.passwords import Passwords
    from wolke.business.customers.people import People
    from wolke.business.desk import Needs

#: Any role at all. Lists are kept as JSON, in which the empty one comes after those of texts: so an index finds the few among all people.
SOMEBODY = Where("staff", "lt", [])


class Staff:
    def __init__(self, needs: Needs, people: People, passwords: Passwords) -> None:
        self._needs, self._people, self._passwords = needs, people, passwords

    async def begin(self, email: str, password: str) -> bool:
        """The first administrator, at the first start; False if there is one already. Whoever has that address becomes it with the password they have."""
        db, email = self._needs.db, address_of(email)
        if await self._administrators(db):
            return False
        hashed = await self._passwords.hash(password)
        async with db.transaction() as tx:
            await tx.lock("business-staff")
            if await self._administrators(tx):
                return False
            person = await self._people.by_email(email, tx)
            if person is None:
                name = email.partition("@")[0]
                person = await self._people.add(tx, email, name, hashed, "en", staff=(ADMINISTRATOR,))
            else:
                await tx.update(PEOPLE, {"staff": [ADMINISTRATOR]}, id=person.id)
            await self._needs.audit.write(tx, ITSELF, "staff.begin", person.id, {"email": email})
        return True

    async def all(self, reader: Reader | None = None) -> list[Person]:
        return await (reader or self._needs.db).find(PEOPLE, where=(SOMEBODY,), order=(Order("name"), Order("id")))

    async def seen(self, person_id: str, reader: Reader) -> Person:
        person = await reader.get(PEOPLE, id=person_id)
        if person is None or not person.staff:
            raise NotThere("There is no such person among the staff.")
        return person

    async def change(self, tx: Transaction, person: Person, roles: Sequence[str]) -> None:
        """No roles: not among the staff any more. The last administrator stays one."""
        await tx.lock("business-staff")
        if ADMINISTRATOR not in roles and {one.id for one in await self._administrators(tx)} == {person.id}:
            raise NotNow("This is the last administrator. Please make somebody else one first.")
        await tx.update(PEOPLE, {"staff": sorted(set(roles))}, id=person.id)

    async def _administrators(self, reader: Reader) -> list[Person]:
        return [person for person in await self.all(reader) if ADMINISTRATOR in person.staff]
