"""Wrong passwords and codes in a row, counted for each e-mail address whether somebody has it or not, so that the lock tells a stranger nothing.

An attempt is counted before the password is looked at, and taken back when it was right: a hundred guesses at once are a hundred attempts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.customers.limits import span
from wolke.business.customers.links import hashed
from wolke.business.customers.model import Attempts as Row
from wolke.business.customers.store import ATTEMPTS
from wolke.business.errors import TooOften
from wolke.core.clock import moment
from wolke.core.db import Transaction

if TYPE_CHECKING:
    from wolke.business.desk import Needs

FREE = 5
FORGOTTEN_S = 24 * 3600.0
_FIRST_S, _LONGEST_S = 60.0, 3600.0


class Attempts:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def begin(self, email: str) -> bool:
        """One more; True if it is the one that locks unless it is right. ``TooOften`` while the address is locked."""
        key, clock = hashed(email), self._needs.clock
        async with self._needs.db.transaction() as tx:
            await tx.lock(f"business-attempts-{key}")
            row = await tx.get(ATTEMPTS, id=key)
            if row is not None and row.at < clock.after(-FORGOTTEN_S):
                await tx.delete(ATTEMPTS, id=key)
                row = None
            if row is not None and row.locked_until is not None and row.locked_until > clock.now():
                raise self._locked(row.locked_until)
            failures = row.failures + 1 if row is not None else 1
            locks = failures >= FREE
            until = clock.after(pause_s(failures)) if locks else None
            if row is None:
                await tx.insert(ATTEMPTS, Row(key, failures, until, clock.now()))
            else:
                await tx.update(ATTEMPTS, {"failures": failures, "locked_until": until, "at": clock.now()}, id=key)
        return locks

    async def take_back(self, tx: Transaction, email: str) -> None:
        """The password was right, and the code is still to come: neither one more nor none."""
        row = await tx.get(ATTEMPTS, id=hashed(email))
        if row is not None:
            await tx.update(ATTEMPTS, {"failures": row.failures - 1, "locked_until": None}, id=row.id)

    async def failures(self, email: str) -> int:
        row = await self._needs.db.get(ATTEMPTS, id=hashed(email))
        return row.failures if row is not None else 0

    async def forget(self, tx: Transaction, email: str) -> None:
        """It was right, or the address proved itself by a link."""
        await tx.delete(ATTEMPTS, id=hashed(email))

    def _locked(self, until: str) -> TooOften:
        wait_s = max(1, int(moment(until).timestamp() - self._needs.clock.time()) + 1)
        return TooOften(
            "There were too many wrong passwords for this address. Please try again in {wait}, or set a new password by mail.",
            wait=span(wait_s), headers={"Retry-After": str(wait_s)},
        )  # fmt: skip


def pause_s(failures: int) -> float:
    """A minute at the fifth in a row, twice as long each time, an hour at most."""
    return min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures - FREE, 16))
