"""The catalogue's verbs: the shop for everybody, and under ``/provider`` plans and prices for those who sell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from wolke.business import verb
from wolke.business.catalogue import store
from wolke.business.catalogue.model import OFFERED, WITHDRAWN, Plan, Price, Product
from wolke.business.catalogue.shop import For, Quote, Shop, cost_of, shop
from wolke.business.errors import NotThere
from wolke.business.rating.vat import treatment
from wolke.business.verb import ADMINISTRATORS, ANYONE, STAFF, Found, Page, Verb
from wolke.business.who import Who
from wolke.core.db import Order, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.customers.model import Company
    from wolke.business.desk import Desk

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Figure = Annotated[str, msgspec.Meta(max_length=40)]
_SORTS = {name: name for name in ("position", "name", "state", "vcpus", "ram_mib", "disk_gib")}


class Asked(msgspec.Struct, frozen=True):
    """``size``: how many of the plan's unit each has, such as the GiB of a disk."""

    size: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class PlanPage(Page, frozen=True, kw_only=True):
    product_id: str = ""
    state: Literal["", "offered", "withdrawn"] = ""


class Tier(msgspec.Struct, frozen=True):
    """``up_to`` empty: without an end, for the last."""

    up_to: Figure
    unit: Figure


class NewPrice(msgspec.Struct, frozen=True, kw_only=True):
    """Decimals as text. ``unit`` for per-unit, ``tiers`` for graduated, ``month`` for flat. ``begins_at`` empty: now."""

    model: Literal["per-unit", "graduated", "flat"] = "per-unit"
    unit: Figure = ""
    month: Figure = ""
    tiers: Annotated[list[Tier], msgspec.Meta(max_length=20)] = []
    included: Figure = "0"
    begins_at: Annotated[str, msgspec.Meta(max_length=40)] = ""
    currency: Annotated[str, msgspec.Meta(max_length=3)] = ""

    def figures(self) -> dict[str, str | list[dict[str, str]]]:
        tiers: Any = [{"up_to": tier.up_to, "unit": tier.unit} for tier in self.tiers]
        return {"per-unit": {"unit": self.unit}, "flat": {"month": self.month}, "graduated": {"tiers": tiers}}[
            self.model
        ]


class NewPlan(NewPrice, frozen=True, kw_only=True):
    """A plan and its first price."""

    product_id: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    name: Name
    cloud_name: Annotated[str, msgspec.Meta(max_length=255)] = ""
    vcpus: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    ram_mib: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 0
    disk_gib: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class Products(msgspec.Struct, frozen=True):
    items: list[Product]


class Prices(msgspec.Struct, frozen=True):
    """In the order of time."""

    items: list[Price]


async def _buyer(desk: Desk, who: Who) -> For:
    """Whoever has no company yet sees prices as somebody in the seller's country."""
    config = desk.needs.config
    day = desk.metering.calendar.day_of(desk.needs.clock.now())
    if who.company_id is None:
        return For(config.currency, "0", treatment(config.country, config.country, vat_id_checked=False, day=day))
    return buyer_of(await desk.customers.companies.of(who), config.country, day)


def buyer_of(company: Company, seller: str, day: str) -> For:
    checked = bool(company.vat_id and company.vat_checked_at)
    tax = treatment(seller, company.country, vat_id_checked=checked, day=day)
    return For(company.currency, company.discount_percent, tax)


async def show_shop(desk: Desk, who: Who, asked: None) -> Shop:
    buyer, reader = await _buyer(desk, who), desk.needs.db
    plans = await desk.catalogue.plans(state=OFFERED)
    prices = await desk.catalogue.prices(reader, [plan.id for plan in plans], buyer.currency)
    return shop(await desk.catalogue.products(), plans, prices, desk.needs.clock.now(), buyer)


async def quote(desk: Desk, who: Who, asked: Asked, plan_id: str) -> Quote:
    buyer, plan = await _buyer(desk, who), await desk.catalogue.plan(plan_id)
    price = await desk.catalogue.price_at(plan_id, desk.needs.clock.now(), currency=buyer.currency)
    if price is None or plan.state != OFFERED:
        raise NotThere("This is not for sale now.")
    return Quote(plan.id, plan.name, asked.size, asked.count, cost_of(price.tariff, asked.size * asked.count, buyer))


async def list_products(desk: Desk, who: Who, asked: None) -> Products:
    return Products(await desk.catalogue.products())


async def list_plans(desk: Desk, who: Who, asked: PlanPage) -> Found:
    where = [
        Where(name, "eq", value) for name, value in (("product_id", asked.product_id), ("state", asked.state)) if value
    ]
    return await verb.find(desk.needs.db, store.PLANS, asked, sorts=_SORTS, default="position", where=where)


async def show_plan(desk: Desk, who: Who, asked: None, plan_id: str) -> Plan:
    return await desk.catalogue.plan(plan_id)


async def create_plan(desk: Desk, who: Who, asked: NewPlan) -> Plan:
    catalogue, needs = desk.catalogue, desk.needs
    size = (asked.vcpus, asked.ram_mib, asked.disk_gib)
    async with needs.db.transaction() as tx:
        plan = await catalogue.add_plan(tx, asked.product_id, asked.name, asked.cloud_name, size)
        price = await _add_price(desk, tx, plan.id, asked)
        details = {"name": plan.name, "price": msgspec.to_builtins(price)}
        await needs.audit.write(tx, who, "provider.plans.create", plan.id, details)
    return plan


async def withdraw_plan(desk: Desk, who: Who, asked: None, plan_id: str) -> Plan:
    return await _change_state(desk, who, plan_id, WITHDRAWN, "provider.plans.withdraw")


async def restore_plan(desk: Desk, who: Who, asked: None, plan_id: str) -> Plan:
    return await _change_state(desk, who, plan_id, OFFERED, "provider.plans.restore")


async def _change_state(desk: Desk, who: Who, plan_id: str, state: str, action: str) -> Plan:
    async with desk.needs.db.transaction() as tx:
        plan = await desk.catalogue.change_state(tx, plan_id, state)
        await desk.needs.audit.write(tx, who, action, plan_id, {"name": plan.name})
    return plan


async def list_prices(desk: Desk, who: Who, asked: None, plan_id: str) -> Prices:
    await desk.catalogue.plan(plan_id)
    by_currency = await desk.needs.db.find(store.PRICES, order=(Order("begins_at"), Order("id")), plan_id=plan_id)
    return Prices(by_currency)


async def create_price(desk: Desk, who: Who, asked: NewPrice, plan_id: str) -> Price:
    async with desk.needs.db.transaction() as tx:
        price = await _add_price(desk, tx, plan_id, asked)
        await desk.needs.audit.write(tx, who, "provider.prices.create", plan_id, msgspec.to_builtins(price))
    return price


async def _add_price(desk: Desk, tx: Transaction, plan_id: str, asked: NewPrice) -> Price:
    return await desk.catalogue.add_price(
        tx, plan_id, asked.model, asked.figures(), included=asked.included, begins_at=asked.begins_at, currency=asked.currency
    )  # fmt: skip


VERBS: tuple[Verb, ...] = (
    Verb("shop.show", "GET", "/shop", show_shop, ANYONE, "What is for sale, and what it costs", gives=Shop),
    Verb("shop.quote", "GET", "/shop/{plan_id}", quote, ANYONE, "What one order would cost", takes=Asked, gives=Quote),
    Verb("provider.products.list", "GET", "/provider/products", list_products, STAFF, "Products", gives=Products),
    Verb("provider.plans.list", "GET", "/provider/plans", list_plans, STAFF, "Plans", takes=PlanPage, gives=Found),
    Verb("provider.plans.show", "GET", "/provider/plans/{plan_id}", show_plan, STAFF, "A plan", gives=Plan),
    Verb(
        "provider.plans.create", "POST", "/provider/plans", create_plan, ADMINISTRATORS, "Offer a new plan",
        takes=NewPlan, gives=Plan, status=201,
    ),
    Verb(
        "provider.plans.withdraw", "POST", "/provider/plans/{plan_id}/withdraw", withdraw_plan, ADMINISTRATORS,
        "Sell a plan no more; what runs of it runs on", gives=Plan,
    ),
    Verb(
        "provider.plans.restore", "POST", "/provider/plans/{plan_id}/restore", restore_plan, ADMINISTRATORS, "Sell a plan again", gives=Plan
    ),
    Verb(
        "provider.prices.list", "GET", "/provider/plans/{plan_id}/prices", list_prices, STAFF, "All prices of a plan", gives=Prices
    ),
    Verb(
        "provider.prices.create", "POST", "/provider/plans/{plan_id}/prices", create_price, ADMINISTRATORS,
        "Give a plan a new price, from now on or later", takes=NewPrice, gives=Price, status=201,
    ),
)  # fmt: skip
