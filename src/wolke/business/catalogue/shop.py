"""What things cost one customer: for an hour and for a month of 730 hours, with their discount, without tax and with it.

Pure but for what it is given. The same figures stand in the shop, beside every button that orders something, and in an order's check
against the budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

import msgspec

from wolke.business.catalogue.model import Plan, Price, Product
from wolke.business.money import Amount, multiplied
from wolke.business.rating import HOURS_OF_A_MONTH, Tariff, cost, plain
from wolke.business.rating.model import decimal
from wolke.business.rating.vat import Treatment
from wolke.core.clock import Instant

_HUNDRED = Decimal(100)
_FINEST = Decimal("0.000001")


class Cost(msgspec.Struct, frozen=True):
    """``hour_net``, ``hour_gross``: decimals as text, to a millionth. Months in minor units. ``included``: of it, free of charge in each month, not
    counted here. ``tax_sentence``: why there is no tax, or ""."""

    currency: str
    unit: str
    hour_net: str
    hour_gross: str
    month_net_minor: int
    month_tax_minor: int
    month_gross_minor: int
    included: str
    discount_percent: str
    tax_percent: str
    tax_sentence: str


class ShopPlan(msgspec.Struct, frozen=True):
    """``cost``: of one (a server, a GiB, an address). ``model`` and ``terms``: as in ``Price``, for tiers. ``next_at``: when another price begins that is known
    already, and what it will cost then."""

    id: str
    name: str
    cloud_name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    model: str
    terms: dict[str, str | list[dict[str, str]]]
    cost: Cost
    next_at: Instant | None
    next_cost: Cost | None


class ShopProduct(msgspec.Struct, frozen=True):
    id: str
    kind: str
    names: dict[str, str]
    unit: str
    plans: list[ShopPlan]


class Shop(msgspec.Struct, frozen=True):
    products: list[ShopProduct]


class Quote(msgspec.Struct, frozen=True):
    """What ``count`` of a plan cost, each of ``size`` (the GiB of a disk; 1 of a server)."""

    plan_id: str
    plan_name: str
    size: int
    count: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class For:
    """For whom prices are shown."""

    currency: str
    discount_percent: str
    tax: Treatment


def cost_of(tariff: Tariff, amount: int, buyer: For) -> Cost:
    """Of ``amount`` units at once, beyond what is included."""
    every = Tariff(tariff.model, tariff.terms, Decimal(0), tariff.currency)
    factor = (_HUNDRED - decimal(buyer.discount_percent)) / _HUNDRED
    taxed = decimal(buyer.tax.percent) / _HUNDRED
    month_exact = cost(every, Decimal(0), Decimal(amount * HOURS_OF_A_MONTH), HOURS_OF_A_MONTH).amount.value
    month = Amount(multiplied(month_exact, factor), tariff.currency).rounded()
    hour = cost(every, Decimal(0), Decimal(amount), HOURS_OF_A_MONTH).amount.value * factor
    tax = (month * taxed).rounded()
    return Cost(
        currency=tariff.currency, unit=tariff.unit, hour_net=_fine(hour), hour_gross=_fine(hour * (1 + taxed)), month_net_minor=month.minor,
        month_tax_minor=tax.minor, month_gross_minor=(month + tax).minor, included=plain(tariff.included),
        discount_percent=buyer.discount_percent or "0", tax_percent=buyer.tax.percent, tax_sentence=buyer.tax.sentence,
    )  # fmt: skip


def shop(
    products: Iterable[Product], plans: Iterable[Plan], prices: Mapping[str, list[Price]], now: Instant, buyer: For
) -> Shop:
    """Plans that have no price in the buyer's currency now are left out."""
    offered: dict[str, list[ShopPlan]] = {}
    for plan in plans:
        shown = _shown(plan, prices.get(plan.id, []), now, buyer)
        if shown is not None:
            offered.setdefault(plan.product_id, []).append(shown)
    return Shop([ShopProduct(p.id, p.kind, p.names, p.unit, offered[p.id]) for p in products if p.id in offered])


def _shown(plan: Plan, prices: list[Price], now: Instant, buyer: For) -> ShopPlan | None:
    begun = [price for price in prices if price.begins_at <= now]
    coming = [price for price in prices if price.begins_at > now]
    if not begun:
        return None
    price = begun[-1]
    return ShopPlan(
        plan.id, plan.name, plan.cloud_name, plan.vcpus, plan.ram_mib, plan.disk_gib, price.model, price.terms,
        _cost_of_one(_Known(price.id, price), buyer), coming[0].begins_at if coming else None,
        _cost_of_one(_Known(coming[0].id, coming[0]), buyer) if coming else None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    """A price that is in the catalogue: its id says all of it, since it never changes."""

    id: str
    price: Price = field(compare=False)


@lru_cache(4096)
def _cost_of_one(known: _Known, buyer: For) -> Cost:
    return cost_of(known.price.tariff, 1, buyer)


def _fine(value: Decimal) -> str:
    return plain(value.quantize(_FINEST, ROUND_HALF_UP))
