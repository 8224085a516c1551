"""API keys: for programs. A key is shown once, when it is made; it may what its person may in the company it was made for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wolke.business.customers.limits import Limit, network
from wolke.business.customers.links import hashed
from wolke.business.customers.sessions import at_work
from wolke.business.customers.store import KEYS, PEOPLE
from wolke.business.errors import NotSignedIn
from wolke.business.who import Who

if TYPE_CHECKING:
    from wolke.business.desk import Needs

_USED_S = 60.0


class Keys:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._wrong = Limit(needs.clock, 60, 60.0)

    async def who(self, key: str, address: str) -> Who:
        """``NotSignedIn`` if it is none, or its person has left the company."""
        db, clock = self._needs.db, self._needs.clock
        found = await db.get(KEYS, id=hashed(key))
        person = await db.get(PEOPLE, id=found.person_id) if found is not None and found.ended_at is None else None
        who = await at_work(db, person, found.company_id) if found is not None and person is not None else None
        if found is None or who is None or who.company_id is None:
            self._wrong.count(network(address))
            raise NotSignedIn("This key is not good, or not any more. You find your keys in the portal.")
        if found.used_at is None or found.used_at < clock.after(-_USED_S):
            async with db.transaction() as tx:
                await tx.update(KEYS, {"used_at": clock.now()}, id=found.id)
        return replace(who, address=address)
