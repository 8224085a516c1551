"""The ledger's tables: inserted into, and nothing else."""

from __future__ import annotations

import sqlalchemy as sa

from wolke.business.ledger.model import Entry, Transaction
from wolke.core.db import Query, Table

TRANSACTIONS = Table(
    "business_transactions",
    Transaction,
    unique=(("key",), ("number",)),
    indexes=(("document_id", "number"), ("company_id", "number"), ("at", "id")),
)
ENTRIES = Table(
    "business_entries",
    Entry,
    indexes=(("account", "currency", "at", "minor"), ("account", "id"), ("transaction_id",)),
    sparse=(("company_id", "id"),),
)

_t, _e = TRANSACTIONS.sql.c, ENTRIES.sql.c
LAST_NUMBER = Query(sa.select(sa.func.coalesce(sa.func.max(_t.number), 0)))
BALANCES = Query(
    sa.select(_e.account, _e.currency, sa.cast(sa.func.sum(_e.minor), sa.BigInteger))
    .group_by(_e.account, _e.currency)
    .order_by(_e.account, _e.currency)
)
TRIAL = Query(
    sa.select(_e.currency, sa.cast(sa.func.sum(_e.minor), sa.BigInteger)).group_by(_e.currency).order_by(_e.currency)
)
UNBALANCED = Query(
    sa.select(_e.transaction_id, _e.currency)
    .group_by(_e.transaction_id, _e.currency)
    .having(sa.func.sum(_e.minor) != 0)
)
