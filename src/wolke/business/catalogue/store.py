"""The catalogue's tables."""

from __future__ import annotations

from wolke.business.catalogue.model import Plan, Price, Product
from wolke.core.db import Table

PRODUCTS = Table("business_products", Product, unique=(("kind",),))
PLANS = Table(
    "business_plans",
    Plan,
    indexes=(("product_id", "position", "id"), ("product_id", "cloud_name"), ("position", "id")),
    unique=(("product_id", "name"),),
)
PRICES = Table("business_prices", Price, unique=(("plan_id", "currency", "begins_at"),))
