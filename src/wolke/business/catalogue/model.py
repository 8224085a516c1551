"""What is for sale and what it costs. Prices are dated and never change: a new one begins where the old one ends."""

from __future__ import annotations

import msgspec

from wolke.business.rating import Tariff
from wolke.business.rating.model import decimal
from wolke.core.clock import Instant

SERVER, DISK, ADDRESS, OBJECT_STORAGE = "server", "disk", "address", "object-storage"
OFFERED, WITHDRAWN = "offered", "withdrawn"
#: What a plan's use is counted in. Usage is metered in these, prices are per one of them: a disk of 50 GiB uses 50 GiB-hours in an hour.
UNITS = ("server-hour", "GiB-hour", "address-hour")


class Product(msgspec.Struct, frozen=True):
    """``kind``: server, disk, address, object-storage. ``meter`` is what counts its use, in ``unit``. ``names`` by locale."""

    id: str
    kind: str
    meter: str
    unit: str
    names: dict[str, str]
    position: int


class Plan(msgspec.Struct, frozen=True):
    """One size of a product. ``cloud_name``: the flavor or volume type that it is in the cloud; empty where there is none.
    ``vcpus``, ``ram_mib``, ``disk_gib``: what it gives (0 where that says nothing). ``state``: offered or withdrawn (old ones run on)."""

    id: str
    product_id: str
    name: str
    cloud_name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    state: str
    position: int


class Price(msgspec.Struct, frozen=True):
    """From ``begins_at`` until the next price of the same plan and currency begins; an hour has the price in force where it begins. ``model`` is one of
    ``rating.prices``; ``terms`` are its figures, decimals as text: ``{"unit": "0.0119", "unit_name": "server-hour"}``. ``included``: of
    each project's month, free of charge, in the same unit."""

    id: str
    plan_id: str
    currency: str
    begins_at: Instant
    model: str
    terms: dict[str, str | list[dict[str, str]]]
    included: str
    created_at: Instant

    @property
    def tariff(self) -> Tariff:
        return Tariff(self.model, self.terms, decimal(self.included), self.currency)
