"""What the provider sells: plans, and their prices, each seen on last month's usage before it is set."""

from __future__ import annotations

from typing import Any

from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, figured, lists
from wolke.core.http import Response

_PLANS, _PLAN = "/provider/plans", "/provider/plans/{plan_id}"
_DIGITS, _MOST_TIERS = 12, 20
plans = lists("provider_plans.html", "provider.plans.list", "position", products="provider.products.list")


async def plan(ask: Ask, preview: Any = None) -> Response:
    prices = (await ask.call("provider.prices.list")).items
    found = await ask.call("provider.plans.show")
    products = (await ask.call("provider.products.list")).items
    unit = next((one.unit for one in products if one.id == found.product_id), "")
    return ask.draw(
        "provider_plan.html", plan=found, prices=prices, unit=unit, preview=preview, tiers=_tiers(ask, _newest(prices))
    )


async def preview(ask: Ask) -> Response:
    """What another price would have changed last month; nothing is written."""
    return await plan(ask, await ask.call("provider.prices.preview", asked(ask, "provider.prices.preview")))


async def create(ask: Ask) -> Response:
    await ask.call("provider.prices.create", asked(ask, "provider.prices.create"))
    return ask.go(_PLAN.format(**ask.places), "The price is set.")


async def plan_new(ask: Ask) -> Response:
    products = (await ask.call("provider.products.list")).items
    return ask.draw("provider_plan_new.html", products=products, unit="", tiers=_tiers(ask, []))


async def offer(ask: Ask) -> Response:
    await ask.call("provider.plans.create", asked(ask, "provider.plans.create"))
    return ask.go(_PLANS, "The plan is offered.")


def asked(ask: Ask, verb: str) -> dict[str, Any]:
    """What was typed of a price, its tiers from two columns of fields. A row of which nothing was typed is none."""
    given = figured(ask.filled(verb), "unit", "month", "included", behind=_DIGITS)
    given["included"] = given.get("included") or "0"
    rows = [figured(row, "up_to", "unit", behind=_DIGITS) for row in _typed(ask) if any(row.values())]
    return given | ({"tiers": rows} if given.get("model") == "graduated" else {})


def _typed(ask: Ask) -> list[dict[str, str]]:
    ends, units = ask.form.all("tier_up_to"), ask.form.all("tier_unit")
    return [{"up_to": end.strip(), "unit": unit.strip()} for end, unit in zip(ends, units, strict=False)]


def _tiers(ask: Ask, newest: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows that the form shows: what was typed, with one more or without the one that was taken out; at first those of the newest price."""
    if not ask.form.sent:
        return newest or [{"up_to": "", "unit": ""}] * 2
    rows, change = _typed(ask), ask.form.first("tier")
    if change == "add" and len(rows) < _MOST_TIERS:
        rows.append({"up_to": "", "unit": ""})
    elif change.isdecimal() and len(rows) > 1:
        rows = [row for at, row in enumerate(rows) if str(at) != change]
    return rows


def _newest(prices: list[Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = prices[-1].terms.get("tiers", []) if prices else []
    return found


PAGES = (
    Page("GET", _PLANS, plans),
    Page("GET", f"{_PLANS}/new", plan_new),
    Page("POST", f"{_PLANS}/new", offer, again=plan_new),
    Page("POST", f"{_PLANS}/new/tiers", plan_new),
    Page("GET", _PLAN, plan),
    Page("POST", f"{_PLAN}/tiers", plan),
    Page("POST", f"{_PLAN}/preview", preview, again=plan),
    Page("POST", f"{_PLAN}/prices", create, again=plan),
    Page("POST", f"{_PLAN}/withdraw", does("provider.plans.withdraw", _PLAN, "The plan is sold no more; what runs of it runs on.")),
    Page("POST", f"{_PLAN}/restore", does("provider.plans.restore", _PLAN, "The plan is sold again.")),
)  # fmt: skip
