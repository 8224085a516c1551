"""The ledger's verbs: a company's statement of account, and the books for those who keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wolke.business import verb
from wolke.business.ledger import store
from wolke.business.ledger.accounts import AccountPage, EntryPage, list_accounts, list_entries
from wolke.business.ledger.model import Entry, Transaction
from wolke.business.verb import ACCOUNTANTS, STAFF, Found, Page, Verb
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

#: Between a company's own accounts: they change nothing of what it owes.
_TRANSFERS = ("settlement", "surplus")


class Balance(msgspec.Struct, frozen=True):
    """``owed_minor``: above 0 is owed to us, below 0 is the company's credit. ``credit_minor``: what is paid ahead, 0 or more."""

    currency: str
    owed_minor: int
    credit_minor: int


class StatementRow(msgspec.Struct, frozen=True):
    """``minor`` above 0: more is owed. ``balance_minor``: what was owed afterwards. ``kind``: as in ``ledger.model.Transaction``; ``text``: its document's number."""

    id: str
    at: Instant
    kind: str
    text: str
    document_id: str
    currency: str
    minor: int
    balance_minor: int


class AccountBalance(msgspec.Struct, frozen=True):
    """``minor``: a debit above 0, a credit below."""

    account: str
    currency: str
    minor: int


class TrialBalance(msgspec.Struct, frozen=True):
    """``sums``: of all entries by currency, each 0. ``unbalanced``: transactions that do not sum to 0; there are none."""

    sums: dict[str, int]
    unbalanced: list[str]
    accounts: list[AccountBalance]


class TransactionShown(msgspec.Struct, frozen=True):
    transaction: Transaction
    entries: list[Entry]


async def show_balance(desk: Desk, who: Who, asked: None) -> Balance:
    company = await desk.customers.companies.of(who)
    return await _balance(desk, company.id, company.currency)


async def show_customer_balance(desk: Desk, who: Who, asked: None, company_id: str) -> Balance:
    company = await desk.customers.companies.get(company_id)
    return await _balance(desk, company.id, company.currency)


async def _balance(desk: Desk, company_id: str, currency: str) -> Balance:
    db, ledger = desk.needs.db, desk.ledger
    return Balance(currency, await ledger.owed(db, company_id, currency), await ledger.credit(db, company_id, currency))


async def list_statement(desk: Desk, who: Who, asked: Page) -> Found:
    company = await desk.customers.companies.of(who)
    return await _statement(desk, company.id, asked)


async def list_customer_statement(desk: Desk, who: Who, asked: Page, company_id: str) -> Found:
    company = await desk.customers.companies.get(company_id)
    return await _statement(desk, company.id, asked)


async def _statement(desk: Desk, company_id: str, asked: Page) -> Found:
    """In the order of time, or the other way round; each row with what was owed after it."""
    db, own = desk.needs.db, Where("kind", "notin", _TRANSFERS)
    found = await verb.find(
        db, store.ENTRIES, asked, sorts={"at": "id"}, default="-at", where=[own], company_id=company_id
    )
    entries: list[Entry] = found.items
    if not entries:
        return found
    first = min(entries, key=lambda entry: entry.id)
    before = (await db.sums(store.ENTRIES, "minor", where=[own, Where("id", "lt", first.id)], company_id=company_id))[1]
    rows: dict[str, StatementRow] = {}
    for entry in sorted(entries, key=lambda entry: entry.id):
        before += entry.minor
        rows[entry.id] = StatementRow(
            entry.id, entry.at, entry.kind, entry.text, entry.document_id, entry.currency, entry.minor, before
        )  # fmt: skip
    return Found([rows[entry.id] for entry in entries], found.total, found.after)


async def show_trial_balance(desk: Desk, who: Who, asked: None) -> TrialBalance:
    db = desk.needs.db
    accounts = [AccountBalance(account, currency, total) for account, currency, total in await db.rows(store.BALANCES)]
    unbalanced = [row[0] for row in await db.rows(store.UNBALANCED)]
    return TrialBalance(await desk.ledger.trial_balance(db), unbalanced, accounts)


async def list_transactions(desk: Desk, who: Who, asked: Page) -> Found:
    sorts = {"at": "number"}
    return await verb.find(desk.needs.db, store.TRANSACTIONS, asked, sorts=sorts, default="-at", words="words")


async def show_transaction(desk: Desk, who: Who, asked: None, transaction_id: str) -> TransactionShown:
    transaction = await desk.ledger.transaction(desk.needs.db, transaction_id)
    entries = await desk.needs.db.find(store.ENTRIES, transaction_id=transaction_id)
    return TransactionShown(transaction, sorted(entries, key=lambda entry: entry.id))


VERBS: tuple[Verb, ...] = (
    Verb("balance.show", "GET", "/balance", show_balance, ACCOUNTANTS, "What you owe, and your credit", gives=Balance),
    Verb(
        "statement.list", "GET", "/statement", list_statement, ACCOUNTANTS, "Your statement of account", takes=Page, gives=Found
    ),
    Verb(
        "provider.customers.balance", "GET", "/provider/customers/{company_id}/balance", show_customer_balance, STAFF,
        "What a customer owes", gives=Balance,
    ),
    Verb(
        "provider.customers.statement", "GET", "/provider/customers/{company_id}/statement", list_customer_statement, STAFF,
        "A customer's statement of account", takes=Page, gives=Found,
    ),
    Verb(
        "provider.ledger.balance", "GET", "/provider/ledger/balance", show_trial_balance, STAFF,
        "All accounts and the trial balance, which is 0", gives=TrialBalance,
    ),
    Verb(
        "provider.ledger.accounts", "GET", "/provider/ledger/accounts", list_accounts, STAFF, "Accounts and how they stand",
        takes=AccountPage, gives=Found,
    ),
    Verb(
        "provider.ledger.entries", "GET", "/provider/ledger/entries", list_entries, STAFF, "What was posted to an account",
        takes=EntryPage, gives=Found,
    ),
    Verb(
        "provider.ledger.list", "GET", "/provider/ledger/transactions", list_transactions, STAFF, "What was posted",
        takes=Page, gives=Found,
    ),
    Verb(
        "provider.ledger.show", "GET", "/provider/ledger/transactions/{transaction_id}", show_transaction, STAFF,
        "A transaction and its entries", gives=TransactionShown,
    ),
)  # fmt: skip
