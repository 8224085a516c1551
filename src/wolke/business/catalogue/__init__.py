"""The catalogue: what is for sale, and what it cost at any time.

A price is put there once, for now or later, and stays: what was used is sold at the price of its hour, whenever the bill is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wolke.business.catalogue import seed, store
from wolke.business.catalogue.model import OFFERED, SERVER, WITHDRAWN, Plan, Price, Product
from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.rating.prices import MODELS
from wolke.business.rating.prices.figures import wrong_figure
from wolke.business.who import ITSELF
from wolke.core import ids
from wolke.core.clock import Instant, instant, moment
from wolke.core.db import DuplicateRow, Order, Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs

_LOCK = "business-catalogue"
Figures = dict[str, str | list[dict[str, str]]]


class Catalogue:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    # -- what is there

    async def products(self, reader: Reader | None = None) -> list[Product]:
        return await (reader or self._needs.db).find(store.PRODUCTS, order=(Order("position"), Order("id")))

    async def plan(self, plan_id: str, reader: Reader | None = None) -> Plan:
        plan = await (reader or self._needs.db).get(store.PLANS, id=plan_id)
        if plan is None:
            raise NotThere("There is no such plan.")
        return plan

    async def plans(self, *, kind: str = "", state: str = "", reader: Reader | None = None) -> list[Plan]:
        """``kind``: of one product alone; ``state``: offered or withdrawn."""
        reader = reader or self._needs.db
        where = [Where("state", "eq", state)] if state else []
        if kind:
            where.append(Where("product_id", "eq", (await self._product(reader, kind)).id))
        return await reader.find(store.PLANS, order=(Order("position"), Order("id")), where=where)

    async def unit_of(self, plan_id: str) -> str:
        """What its use is counted in."""
        return (await self._product_of(self._needs.db, plan_id)).unit

    async def price_at(
        self, plan_id: str, at: Instant, *, currency: str = "", reader: Reader | None = None
    ) -> Price | None:
        """The price of a plan at an instant; None if it had none then. ``currency``: the config's, if nothing is said."""
        reader = reader or self._needs.db
        found = await reader.find(
            store.PRICES, where=(Where("begins_at", "le", at),), order=(Order("begins_at", True),), limit=1, plan_id=plan_id,
            currency=currency or self._needs.config.currency,
        )  # fmt: skip
        return found[0] if found else None

    async def prices(self, reader: Reader, plan_ids: Iterable[str], currency: str) -> dict[str, list[Price]]:
        """All prices of each plan there ever were and are known to come, in the order of time."""
        by_plan: dict[str, list[Price]] = {plan_id: [] for plan_id in plan_ids}
        where = (Where("plan_id", "in", sorted(by_plan)),)
        for price in await reader.find(store.PRICES, where=where, order=(Order("begins_at"),), currency=currency):
            by_plan[price.plan_id].append(price)
        return by_plan

    # -- changes

    async def seed(self) -> None:
        """At the first start, when there is no product yet."""
        needs = self._needs
        async with needs.db.transaction() as tx:
            await tx.lock(_LOCK)
            if await tx.count(store.PRODUCTS):
                return
            for product in seed.PRODUCTS:
                await tx.insert(store.PRODUCTS, product)
            for product_id, name, model, figures, included in seed.PLANS:
                plan = await self.add_plan(tx, product_id, name)
                await self.add_price(tx, plan.id, model, figures, included=included)
            await needs.audit.write(tx, ITSELF, "catalogue.seed")

    async def offer(self, kind: str, cloud_name: str, vcpus: int = 0, ram_mib: int = 0, disk_gib: int = 0) -> Plan:
        """The plan that sells what the cloud calls ``cloud_name`` (a flavor, a volume type); the first time it is made, with a name and a price that follow from
        its size. Whatever people have made of it since stays."""
        needs = self._needs
        async with needs.db.transaction() as tx:
            await tx.lock(_LOCK)
            product = await self._product(tx, kind)
            there = await tx.find(store.PLANS, product_id=product.id, cloud_name=cloud_name)
            if there:
                return there[0]
            names = seed.size_names(vcpus, ram_mib, disk_gib) if kind == SERVER else (cloud_name,)
            taken = {plan.name for plan in await tx.find(store.PLANS, product_id=product.id)}
            name = next((name for name in names if name not in taken), cloud_name)
            plan = await self.add_plan(tx, product.id, name, cloud_name, (vcpus, ram_mib, disk_gib))
            if kind == SERVER:
                await self.add_price(tx, plan.id, "per-unit", {"unit": seed.price_of_size(vcpus, ram_mib, disk_gib)})
            else:
                model, figures, included = next(row[2:] for row in seed.PLANS if row[0] == kind)
                await self.add_price(tx, plan.id, model, figures, included=included)
            await needs.audit.write(
                tx, ITSELF, "provider.plans.create", plan.id, {"name": name, "cloud_name": cloud_name}
            )
            return plan

    async def add_plan(
        self, tx: Transaction, product_id: str, name: str, cloud_name: str = "", size: tuple[int, int, int] = (0, 0, 0)
    ) -> Plan:
        """``size``: processors, MiB of memory, GiB of disk."""
        vcpus, ram_mib, disk_gib = size
        position = ram_mib * 1000 + vcpus * 100 + min(disk_gib, 99_999) // 1000
        plan = Plan(ids.uuid(), product_id, name, cloud_name, vcpus, ram_mib, disk_gib, OFFERED, position)
        if await tx.get(store.PRODUCTS, id=product_id) is None:
            raise NotThere("There is no such product.")
        try:
            await tx.insert(store.PLANS, plan)
        except DuplicateRow:
            raise NotNow("There is a plan of that name already. Please choose another name.") from None
        return plan

    async def add_price(
        self, tx: Transaction, plan_id: str, model: str, figures: Figures, *, included: str = "0", begins_at: Instant = "",
        currency: str = "",
    ) -> Price:  # fmt: skip
        """``begins_at`` empty: now. ``Invalid`` for what lies in the past or cannot be reckoned with, ``NotNow`` if one begins then already."""
        now = self._needs.clock.now()
        begins_at = begins(begins_at, now)
        product = await self._product_of(tx, plan_id)
        terms = checked(model, {**figures, "unit_name": product.unit}, included)
        price = Price(
            ids.uuid(), plan_id, currency or self._needs.config.currency, begins_at, model, terms, included or "0", now
        )  # fmt: skip
        same = {"plan_id": plan_id, "currency": price.currency, "begins_at": begins_at}
        if await tx.get(store.PRICES, **same) is not None:
            raise NotNow(
                "A price of this plan begins just then already, and prices do not change. Please choose another time."
            )
        await tx.insert(store.PRICES, price)
        return price

    async def change_state(self, tx: Transaction, plan_id: str, state: str) -> Plan:
        """Withdrawn: nobody can buy it any more; what runs of it runs on."""
        await self.plan(plan_id, tx)
        await tx.update(store.PLANS, {"state": state}, id=plan_id)
        return await self.plan(plan_id, tx)

    async def _product(self, reader: Reader, kind: str) -> Product:
        product = await reader.get(store.PRODUCTS, kind=kind)
        if product is None:
            raise NotThere("There is no such product.")
        return product

    async def _product_of(self, reader: Reader, plan_id: str) -> Product:
        product = await reader.get(store.PRODUCTS, id=(await self.plan(plan_id, reader)).product_id)
        assert product is not None
        return product


def begins(at: str, now: Instant) -> Instant:
    """``at`` as an instant; now if it is empty. ``Invalid`` in the past: what was used then was sold at the price that was told then."""
    if not at:
        return now
    try:
        begins_at = instant(moment(at))
    except (ValueError, OverflowError):
        raise Invalid("Please check what is marked below.", fields={"begins_at": "This is not a date."}) from None
    if begins_at < now:
        sentence = "A price begins now or later: what was used before was sold at the price that was shown then."
        raise Invalid("Please check what is marked below.", fields={"begins_at": sentence})
    return begins_at


def checked(model: str, terms: Figures, included: str) -> Figures:
    """``terms``, if they are what ``model`` can reckon with."""
    if model not in MODELS:
        raise Invalid(
            "Please check what is marked below.", fields={"model": "Please choose one of those that are offered."}
        )
    wrong = MODELS[model].check(terms)
    if included and (sentence := wrong_figure(included)):
        wrong["included"] = sentence
    if wrong:
        raise Invalid("Please check what is marked below.", fields=wrong)
    return terms


__all__ = ["OFFERED", "WITHDRAWN", "Catalogue", "begins", "checked"]
