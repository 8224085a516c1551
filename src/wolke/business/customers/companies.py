"""Companies: whoever buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wolke.business.customers.countries import COUNTRIES, vat_id_refusal, written
from wolke.business.customers.model import OPEN, SUSPENDED, Company, Member
from wolke.business.customers.shapes import plain
from wolke.business.customers.store import COMPANIES, MEMBERS
from wolke.business.errors import Invalid, NotAllowed, NotNow, NotThere
from wolke.business.who import OWNER, Who
from wolke.core import ids
from wolke.core.db import Order, Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs

_FIRST_NUMBER = 10001
#: Changed, they make a VAT id that was checked an unchecked one.
_CHECKED = ("name", "country", "vat_id")


class Companies:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def get(self, company_id: str, reader: Reader | None = None) -> Company:
        """For the point of purchase itself and for staff: any of them."""
        company = await (reader or self._needs.db).get(COMPANIES, id=company_id)
        if company is None:
            raise NotThere("There is no such customer.")
        return company

    async def names(self, company_ids: Sequence[str]) -> dict[str, str]:
        """By their ids; at most a page of them."""
        return {
            one.id: one.name for one in await self._needs.db.find(COMPANIES, where=(Where("id", "in", company_ids),))
        }

    async def of(self, who: Who, reader: Reader | None = None) -> Company:
        """That at which ``who`` is at work."""
        if who.company_id is None:
            raise NotAllowed("You are at work at no company now. Please choose one.")
        return await self.get(who.company_id, reader)

    async def may_buy(self, company_id: str, reader: Reader | None = None) -> Company:
        """``NotNow`` if it is suspended."""
        company = await self.get(company_id, reader)
        if company.state == SUSPENDED:
            raise NotNow(
                "Your account is suspended: {reason} What you have keeps running, and you can pay; please write to us.",
                reason=company.reason or "",
            )
        return company

    async def add(self, tx: Transaction, name: str, country: str, owner_id: str) -> Company:
        """With its first owner."""
        await tx.lock("business-company-numbers")
        last = await tx.find(COMPANIES, order=(Order("number", True),), limit=1)
        number, now = (last[0].number + 1 if last else _FIRST_NUMBER), self._needs.clock.now()
        company = Company(
            id=ids.uuid(), number=number, name=plain(name), street="", postcode="", city="", country=country, vat_id="", vat_checked_at=None,
            currency=self._needs.config.currency, discount_percent="0", state=OPEN, reason=None, words="", created_at=now,
        )  # fmt: skip
        await tx.insert(COMPANIES, company)
        await self.change(tx, company, {})
        await tx.insert(MEMBERS, Member(ids.uuid(), company.id, owner_id, [OWNER], None, now))
        return company

    async def change(self, tx: Transaction, company: Company, changes: dict[str, Any]) -> None:
        """What it is found by follows, and a VAT id that was checked is unchecked where the check does not hold any more."""
        new = {name: getattr(company, name) for name in ("name", "city", "country", "vat_id")} | changes
        if any(new[name] != getattr(company, name) for name in _CHECKED):
            changes = changes | {"vat_checked_at": None}
        words = f"{company.number} {new['name']} {new['city']} {new['vat_id']}".lower()
        await tx.update(COMPANIES, changes | {"words": words}, id=company.id)


def country_of(text: str) -> str:
    """``Invalid`` if there is no such country."""
    if text.upper() not in COUNTRIES:
        raise Invalid("Please check what is marked below.", fields={"country": "Please choose a country."})
    return text.upper()


def vat_id_of(country: str, text: str) -> str:
    vat_id = written(text)
    if reason := vat_id_refusal(country, vat_id):
        raise Invalid("Please check what is marked below.", fields={"vat_id": reason})
    return vat_id
