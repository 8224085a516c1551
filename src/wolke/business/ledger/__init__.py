"""The ledger: double entry, inserted into and never changed.

What is wrong is put right by another transaction. A transaction has a key that says what business it is (``invoice:ID``, ``payment:ID``),
so whoever dies between a payment and its posting posts again, and it is posted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wolke.business.errors import NotThere
from wolke.business.ledger import store
from wolke.business.ledger.model import Entry, Leg, Transaction, prepaid, receivable
from wolke.core import ids
from wolke.core.db import Reader, Where
from wolke.core.db import Transaction as Writing

if TYPE_CHECKING:
    from wolke.business.desk import Needs

LOCK = "business-ledger"


class Unbalanced(ValueError):
    """The legs of a transaction do not sum to zero: a fault of ours, and nothing was posted."""


class Ledger:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def post(
        self, tx: Writing, key: str, kind: str, text: str, currency: str, legs: Sequence[Leg], *, document_id: str,
        company_id: str | None = None,
    ) -> bool:  # fmt: skip
        """False if ``key`` is posted already, and then nothing is. Legs of 0 are left out. ``Unbalanced`` before anything is written."""
        legs = [leg for leg in legs if leg.minor]
        if sum(leg.minor for leg in legs) != 0 or not legs:
            raise Unbalanced(f"{key}: {[(leg.account, leg.minor) for leg in legs]}")
        await tx.lock(LOCK)
        if await tx.get(store.TRANSACTIONS, key=key) is not None:
            return False
        number = (await tx.rows(store.LAST_NUMBER))[0][0] + 1
        now = self._needs.clock.now()
        transaction = Transaction(
            ids.uuid(), number, key, kind, text, company_id, document_id, now, f"{kind} {text} {company_id or ''}".lower()
        )  # fmt: skip
        await tx.insert(store.TRANSACTIONS, transaction)
        for position, leg in enumerate(legs, 1):
            whose = company_id if company_id and leg.account in (receivable(company_id), prepaid(company_id)) else None
            entry = Entry(
                f"{number:012}-{position:03}", transaction.id, leg.account, whose, currency, leg.minor, now, kind, text, document_id
            )  # fmt: skip
            await tx.insert(store.ENTRIES, entry)
        return True

    async def posted(self, reader: Reader, key: str) -> bool:
        return await reader.get(store.TRANSACTIONS, key=key) is not None

    async def transaction(self, reader: Reader, transaction_id: str) -> Transaction:
        found = await reader.get(store.TRANSACTIONS, id=transaction_id)
        if found is None:
            raise NotThere("There is no such transaction.")
        return found

    async def balance(self, reader: Reader, account: str, currency: str, *, until: str | None = None) -> int:
        """In minor units, a debit above 0. ``until``: of what was posted before that instant."""
        where = (Where("at", "lt", until),) if until else ()
        return (await reader.sums(store.ENTRIES, "minor", where=where, account=account, currency=currency))[1]

    async def owed(self, reader: Reader, company_id: str, currency: str) -> int:
        """What a company owes us, less what it has paid before; below 0 it has credit."""
        due = await self.balance(reader, receivable(company_id), currency)
        return due + await self.balance(reader, prepaid(company_id), currency)

    async def credit(self, reader: Reader, company_id: str, currency: str) -> int:
        """What a company has paid before there was an invoice and has not used yet: 0 or more."""
        return -await self.balance(reader, prepaid(company_id), currency)

    async def trial_balance(self, reader: Reader) -> dict[str, int]:
        """The sum of all entries by currency: 0, or something is broken."""
        return {str(currency): int(total) for currency, total in await reader.rows(store.TRIAL)}
