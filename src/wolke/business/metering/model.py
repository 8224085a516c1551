"""What was used: facts, appended only."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import msgspec

from wolke.core.clock import Instant

#: Quantities are kept in billionths of a unit, as whole numbers, so that sums in SQL are exact.
NANO = 1_000_000_000


class Usage(msgspec.Struct, frozen=True):
    """One resource in one hour (UTC). ``quantity`` is a decimal as text in the plan's unit: an hour's server that ran two minutes is 0.033333333.
    There is one for each ``(meter, resource_id, plan_id, window)``; it is recorded once, maybe much later than ``window``."""

    meter: str
    resource_id: str
    resource_name: str
    project_id: str
    company_id: str
    plan_id: str
    window: Instant  # where the hour begins
    quantity: str


class Recorded(msgspec.Struct, frozen=True):
    """A usage as it is kept. ``day``: the one of the config's time zone in which ``window`` begins."""

    resource_id: str
    window: Instant
    plan_id: str
    meter: str
    project_id: str
    day: str
    nano: int
    recorded_at: Instant


class ResourceDay(msgspec.Struct, frozen=True):
    """The sum of one resource's usage of one plan in one day, kept up with each usage that is recorded."""

    project_id: str
    plan_id: str
    day: str
    resource_id: str
    resource_name: str
    nano: int


class ProjectDay(msgspec.Struct, frozen=True):
    """The same of all resources of a project."""

    project_id: str
    day: str
    plan_id: str
    company_id: str
    nano: int


class UsageMonth(msgspec.Struct, frozen=True):
    """``count``: of the usage that a project has in a month (2026-11); whoever worked something out from it sees whether more has come."""

    project_id: str
    month: str
    company_id: str
    count: int


class Use(msgspec.Struct, frozen=True):
    """How much a resource used of a plan in some time."""

    resource_id: str
    resource_name: str
    nano: int


def decimal(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


def nano(quantity: Decimal) -> int:
    """Half up."""
    return int((quantity * NANO).to_integral_value(ROUND_HALF_UP))
