"""What Placement knows. ``used`` stands beside the inventory that it is taken from and is changed in the same transaction
as the allocations it sums, by one guarded statement: so capacity is never outrun, however many claim at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

MAX_INT = 2**31 - 1
UNKNOWN_TYPE = "unknown"  # the type of consumers that were written by those who know no types


class Provider(msgspec.Struct, frozen=True):
    uuid: str
    name: str
    parent: str | None
    root: str
    generation: int
    created_at: str
    updated_at: str


class Inventory(msgspec.Struct, frozen=True):
    provider: str
    resource_class: str
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0
    used: int = 0
    updated_at: str = ""

    @property
    def capacity(self) -> float:
        return (self.total - self.reserved) * self.allocation_ratio

    def admits(self, amount: int) -> bool:
        """Whether one consumer may ask for that much at all."""
        return self.min_unit <= amount <= self.max_unit and amount % self.step_size == 0

    def fits(self, amount: int) -> bool:
        return self.admits(amount) and self.used + amount <= self.capacity


class Consumer(msgspec.Struct, frozen=True):
    uuid: str
    project_id: str
    user_id: str
    type: str | None
    generation: int
    created_at: str
    updated_at: str


class Allocation(msgspec.Struct, frozen=True):
    consumer: str
    provider: str
    resource_class: str
    amount: int
    updated_at: str


class ProviderTrait(msgspec.Struct, frozen=True):
    provider: str
    trait: str


class ProviderAggregate(msgspec.Struct, frozen=True):
    provider: str
    aggregate: str


class CustomName(msgspec.Struct, frozen=True):
    """A custom trait or resource class."""

    name: str
    updated_at: str


Amounts = Mapping[str, int]
"""Resource class → how much."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider with room for what was asked. ``row`` is (total, reserved, allocation_ratio, used) of each of ``classes``,
    as it came from the database: a thousand of them are made for every choice."""

    provider_id: str
    classes: Sequence[str]
    row: Sequence[Any]

    def free(self, resource_class: str) -> float:
        """How much more of a class that was asked for could be claimed."""
        at = 4 * self.classes.index(resource_class)
        total, reserved, ratio, used = self.row[at : at + 4]
        return float((total - reserved) * ratio - used)

    def total(self, resource_class: str) -> int:
        return int(self.row[4 * self.classes.index(resource_class)])
