"""The ledger's accounts, for those who keep the books: whose each is, and how it stands.

Sums are made by the database in one pass; there are as many accounts as customers, twice, so they are searched, sorted and cut into pages here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from wolke.business import verb
from wolke.business.errors import Invalid
from wolke.business.ledger import store
from wolke.business.ledger.model import PREPAID, RECEIVABLE
from wolke.business.verb import LONGEST_PAGE, Found, Page
from wolke.business.who import Who
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_SORTS: dict[str, Callable[[Any], Any]] = {
    "account": lambda one: (one.account, one.currency),
    "balance": lambda one: (one.minor, one.account, one.currency),
}
_OWN = "own"


class AccountPage(Page, frozen=True, kw_only=True):
    """``kind``: own (those that are there once), receivable or prepaid. A search finds accounts by name, and those of customers by theirs."""

    kind: str = ""


class AccountRow(msgspec.Struct, frozen=True):
    """``id``: the account and its currency. ``kind``: bank, waiting, revenue, written-off, vat, receivable or prepaid. ``minor``: a debit above 0, a credit below."""

    id: str
    account: str
    kind: str
    company_id: str
    company_name: str
    currency: str
    minor: int


class EntryPage(Page, frozen=True, kw_only=True):
    account: str
    currency: str = ""


def account_row(account: str, currency: str, minor: int) -> AccountRow:
    kind, _, rest = account.partition(":")
    company_id = rest if kind in (RECEIVABLE, PREPAID) else ""
    return AccountRow(f"{account} {currency}", account, kind, company_id, "", currency, minor)


async def list_accounts(desk: Desk, who: Who, asked: AccountPage) -> Found:
    key = _SORTS.get((asked.sort or "account").removeprefix("-"))
    if key is None:
        raise Invalid(
            "This list cannot be sorted like that.", fields={"sort": "Please choose one of those that are offered."}
        )
    named = await _customers(desk, who, asked.search) if asked.search else set()
    words = asked.search.lower().split()
    found = []
    for account, currency, total in await desk.needs.db.rows(store.BALANCES):
        one = account_row(account, currency, int(total))
        text = f"{account} {currency}".lower()
        if _is(one, asked.kind) and (one.company_id in named or all(word in text for word in words)):
            found.append(one)
    found.sort(key=key, reverse=asked.sort.startswith("-"))
    begin = next((at for at, one in enumerate(found, 1) if one.id == asked.after), 0)
    if asked.after and not begin:
        raise Invalid("This page of the list is not there any more. Please begin at its first one.")
    end = begin + max(1, min(asked.limit, LONGEST_PAGE))
    page = await _named(desk, found[begin:end])
    return Found(page, len(found), page[-1].id if end < len(found) else "")


def _is(one: AccountRow, kind: str) -> bool:
    return not kind or one.kind == kind or (kind == _OWN and not one.company_id)


async def _customers(desk: Desk, who: Who, search: str) -> set[str]:
    asked = verb.read(desk.verbs["customers.list"].takes or Page, {"search": search, "limit": LONGEST_PAGE})
    return {one.id for one in (await desk.call(who, "customers.list", asked)).items}


async def _named(desk: Desk, rows: list[AccountRow]) -> list[AccountRow]:
    names = await desk.customers.companies.names(sorted({one.company_id for one in rows if one.company_id}))
    return [msgspec.structs.replace(one, company_name=names.get(one.company_id, "")) for one in rows]


async def list_entries(desk: Desk, who: Who, asked: EntryPage) -> Found:
    where = [Where("currency", "eq", asked.currency)] if asked.currency else []
    return await verb.find(
        desk.needs.db, store.ENTRIES, asked, sorts={"at": "id"}, default="-at", where=where, account=asked.account
    )
