"""What can be bought: a server, a disk, an address, or more of one.

An order is checked and written in one transaction, which holds the project alone: two orders at once cannot both fit into what is left of a
budget. One that does not fit is refused with what is missing, or, if that is asked for, becomes a request that an approver decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from wolke.business import sentences
from wolke.business.catalogue.model import Plan
from wolke.business.catalogue.store import PLANS, PRODUCTS
from wolke.business.customers.model import READY, Company, Project
from wolke.business.errors import Invalid, NeedsApproval, NotNow, NotThere
from wolke.business.money import Amount
from wolke.business.resources import model
from wolke.business.resources.acts import wish
from wolke.business.resources.base import Means
from wolke.business.resources.costs import Planned, Reckoner, price_of
from wolke.business.resources.limits import beyond, limits_of, taken
from wolke.business.resources.store import ADDRESSES, DISKS, IMAGES, KEYS, SERVERS, SNAPSHOTS
from wolke.business.who import Who
from wolke.core import ids
from wolke.core.db import Reader, Transaction

_OFFERED = "offered"
Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,58}[A-Za-z0-9])?$")
]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
DiskSize = Annotated[int, msgspec.Meta(ge=1, le=16_384)]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """``ask``: if it is beyond a budget or a limit, ask an approver, with this ``note``."""

    ask: bool = False
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class NewServer(Asked, frozen=True, kw_only=True):
    """``image_id``: of an image, or of a snapshot of the project. ``first_words``: cloud-init's, for those who know it."""

    name: Name
    plan_id: str
    image_id: str
    key_id: str = ""
    public_address: bool = True
    first_words: Annotated[str, msgspec.Meta(max_length=16_000)] = ""


class NewSize(Asked, frozen=True, kw_only=True):
    plan_id: str


class NewDisk(Asked, frozen=True, kw_only=True):
    """``server_id``: which is to use it as soon as it is there."""

    name: Label
    plan_id: str
    size_gib: DiskSize
    server_id: str = ""


class LargerDisk(Asked, frozen=True, kw_only=True):
    size_gib: DiskSize


class NewAddress(Asked, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    server_id: str = ""


class Ordered(msgspec.Struct, frozen=True):
    """One of the two: what has been ordered, or the request that is to be decided."""

    object_id: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order that is fit to be made. ``planned``: what it adds to the costs. ``summary``: for the approver. ``make`` writes it."""

    summary: str
    more: model.Limits
    planned: Sequence[Planned]
    make: Callable[[Transaction, Who], Awaitable[str]]


Prepare = Callable[[Transaction, Project, Any, str], Awaitable[Purchase]]


class Orders:
    """``prepare`` by the name of the verb; ``object_id`` is what it is asked of, "" for something new."""

    def __init__(self, means: Means, reckoner: Reckoner) -> None:
        self._means, self._reckoner = means, reckoner
        self.prepare: dict[str, tuple[type[Asked], Prepare]] = {
            "servers.order": (NewServer, self._server),
            "servers.resize": (NewSize, self._resize),
            "disks.order": (NewDisk, self._disk),
            "disks.grow": (LargerDisk, self._grow),
            "addresses.order": (NewAddress, self._address),
        }

    async def place(
        self, tx: Transaction, who: Who, project_id: str, verb: str, asked: Asked, object_id: str = "", *, approved: bool = False
    ) -> tuple[str, Purchase, list[str], Amount]:  # fmt: skip
        """The ordered object's id ("" where it was not ordered, because of what is missing), the order, what is missing, and what the month
        would cost with it."""
        await tx.lock(f"business-project:{project_id}")
        project = await self._means.customers.projects.seen(who, project_id, tx)
        if project.state != READY:
            raise NotNow("This project is still being prepared. Wait a moment and try again.")
        company = await self._means.customers.companies.may_buy(project.company_id, tx)
        purchase = await self.prepare[verb][1](tx, project, asked, object_id)
        month, missing = await self._check(tx, project, company, purchase)
        if missing and not approved:
            return "", purchase, missing, month
        return await purchase.make(tx, who), purchase, missing, month

    async def _check(
        self, tx: Transaction, project: Project, company: Company, purchase: Purchase
    ) -> tuple[Amount, list[str]]:
        now, currency = self._means.now(), company.currency
        for one in purchase.planned:
            if await price_of(tx, one.plan_id, currency, now) is None:
                raise NotNow("This has no price yet, and so it cannot be ordered. Please choose something else.")
        costs = await self._reckoner.costs(tx, project, company, purchase.planned)
        month = Amount.of_minor(costs.forecast_minor, currency)
        missing = []
        if project.budget_minor is not None and costs.forecast_minor > project.budget_minor:
            budget = Amount.of_minor(project.budget_minor, currency)
            missing.append(
                sentences.BEYOND_BUDGET.format(
                    month=month.value, currency=currency, budget=budget.value, currency2=currency
                )
            )
        most = await limits_of(tx, self._means.needs.config, project.id)
        missing += beyond(most, await taken(tx, project.id), purchase.more)
        return month, missing

    # -- what can be bought

    async def _server(self, tx: Transaction, project: Project, asked: NewServer, _: str) -> Purchase:
        plan = await offered(tx, "server", asked.plan_id)
        image_id, image_name = await self._image(tx, project, plan, asked.image_id)
        if asked.key_id and await tx.get(KEYS, id=asked.key_id, project_id=project.id) is None:
            raise Invalid("Please check what is marked below.", fields={"key_id": "This key is not there any more."})
        if await tx.count(SERVERS, project_id=project.id, name=asked.name, gone_at=None):
            raise Invalid(
                "Please check what is marked below.", fields={"name": "A server of this project has that name."}
            )
        address = await plan_of(tx, "address") if asked.public_address else None
        now = self._means.now()
        row = model.Server(
            id=ids.uuid(), company_id=project.company_id, project_id=project.id, name=asked.name, state=model.ORDERED, doing="being made",
            reason=None, plan_id=plan.id, size_name=plan.cloud_name, vcpus=plan.vcpus, ram_mib=plan.ram_mib, disk_gib=plan.disk_gib,
            image_id=image_id, image_name=image_name, key_id=asked.key_id or None, public_address="", private_addresses=[], cloud_id=None,
            host="", ordered_at=now, began_at=None, changed_at=now, gone_at=None, words=asked.name.lower(), touched_at=now,
        )  # fmt: skip

        async def make(tx: Transaction, who: Who) -> str:
            await tx.insert(SERVERS, row)
            details = {"first_words": asked.first_words} if asked.first_words else {}
            await wish(tx, self._means, who, row, model.SERVER, "order", details)
            if address is not None:
                await self._make_address(tx, who, project, address, "", row.id)
            return row.id

        more = model.Limits(project.id, 1, plan.vcpus, plan.ram_mib, 0, int(address is not None))
        planned = [Planned(plan.id, Decimal(1))] + ([Planned(address.id, Decimal(1))] if address is not None else [])
        return Purchase(sentences.SERVER.format(name=asked.name, plan=plan.name, image=image_name), more, planned, make)

    async def _image(self, tx: Transaction, project: Project, plan: Plan, image_id: str) -> tuple[str, str]:
        """The cloud's id and the name of what a server is to run, which must fit."""
        image = await tx.get(IMAGES, id=image_id)
        snapshot = await tx.get(SNAPSHOTS, id=image_id, project_id=project.id, gone_at=None) if image is None else None
        if image is None and (snapshot is None or snapshot.state != model.READY or snapshot.cloud_id is None):
            raise Invalid(
                "Please check what is marked below.",
                fields={"image_id": "This is not there any more. Please choose another."},
            )
        least_gib = (
            image.least_disk_gib if image is not None else snapshot.least_disk_gib if snapshot is not None else 0
        )
        if plan.disk_gib and least_gib > plan.disk_gib:
            sentence = sentences.TOO_SMALL.format(size=least_gib)
            raise Invalid("Please check what is marked below.", fields={"plan_id": sentence})
        if image is not None:
            return image.id, image.name
        assert snapshot is not None and snapshot.cloud_id is not None
        return snapshot.cloud_id, snapshot.name

    async def _resize(self, tx: Transaction, project: Project, asked: NewSize, object_id: str) -> Purchase:
        server = await _own(tx, SERVERS, project, object_id)
        plan = await offered(tx, "server", asked.plan_id)
        if plan.id == server.plan_id:
            raise Invalid("Please check what is marked below.", fields={"plan_id": "It has this size already."})
        if plan.disk_gib and plan.disk_gib < server.disk_gib:
            sentence = sentences.NOT_SMALLER_DISK.format(size=server.disk_gib)
            raise Invalid("Please check what is marked below.", fields={"plan_id": sentence})

        async def make(tx: Transaction, who: Who) -> str:
            details = {"plan_id": plan.id, "size_name": plan.cloud_name, "plan": plan.name}
            await wish(tx, self._means, who, server, model.SERVER, "resize", details, doing="changing its size")
            return str(server.id)

        more = model.Limits(
            project.id, 0, max(0, plan.vcpus - server.vcpus), max(0, plan.ram_mib - server.ram_mib), 0, 0
        )
        planned = [Planned(plan.id, Decimal(1))] + ([Planned(server.plan_id, Decimal(-1))] if server.plan_id else [])
        return Purchase(sentences.RESIZED.format(plan=plan.name, name=server.name), more, planned, make)

    async def _disk(self, tx: Transaction, project: Project, asked: NewDisk, _: str) -> Purchase:
        plan = await offered(tx, "disk", asked.plan_id)
        if asked.server_id:
            await _own(tx, SERVERS, project, asked.server_id, "server_id")
        now = self._means.now()
        row = model.Disk(
            id=ids.uuid(), company_id=project.company_id, project_id=project.id, name=asked.name, state=model.ORDERED, reason=None,
            plan_id=plan.id, kind=plan.cloud_name, size_gib=asked.size_gib, server_id=None, cloud_id=None, ordered_at=now, began_at=None,
            gone_at=None, words=asked.name.lower(), touched_at=now,
        )  # fmt: skip

        async def make(tx: Transaction, who: Who) -> str:
            await tx.insert(DISKS, row)
            await wish(tx, self._means, who, row, model.DISK, "order")
            if asked.server_id:
                await wish(tx, self._means, who, row, model.DISK, "attach", {"server_id": asked.server_id})
            return row.id

        more = model.Limits(project.id, 0, 0, 0, asked.size_gib, 0)
        return Purchase(
            sentences.DISK.format(name=asked.name, size=asked.size_gib),
            more,
            [Planned(plan.id, Decimal(asked.size_gib))],
            make,
        )

    async def _grow(self, tx: Transaction, project: Project, asked: LargerDisk, object_id: str) -> Purchase:
        disk = await _own(tx, DISKS, project, object_id)
        if asked.size_gib <= disk.size_gib:
            sentence = sentences.NOT_SMALLER.format(size=disk.size_gib)
            raise Invalid("Please check what is marked below.", fields={"size_gib": sentence})

        async def make(tx: Transaction, who: Who) -> str:
            await wish(tx, self._means, who, disk, model.DISK, "grow", {"size_gib": asked.size_gib})
            return str(disk.id)

        grown = asked.size_gib - disk.size_gib
        planned = [Planned(disk.plan_id, Decimal(grown))] if disk.plan_id else []
        return Purchase(
            sentences.GROWN.format(size=grown, name=disk.name),
            model.Limits(project.id, 0, 0, 0, grown, 0),
            planned,
            make,
        )

    async def _address(self, tx: Transaction, project: Project, asked: NewAddress, _: str) -> Purchase:
        plan = await plan_of(tx, "address")
        if asked.server_id:
            await _own(tx, SERVERS, project, asked.server_id, "server_id")

        async def make(tx: Transaction, who: Who) -> str:
            return await self._make_address(tx, who, project, plan, asked.name, asked.server_id)

        return Purchase(
            sentences.ADDRESS, model.Limits(project.id, 0, 0, 0, 0, 1), [Planned(plan.id, Decimal(1))], make
        )

    async def _make_address(
        self, tx: Transaction, who: Who, project: Project, plan: Plan, name: str, server_id: str
    ) -> str:
        now = self._means.now()
        row = model.Address(
            id=ids.uuid(), company_id=project.company_id, project_id=project.id, address="", name=name, state=model.ORDERED, reason=None,
            plan_id=plan.id, server_id=None, cloud_id=None, ordered_at=now, began_at=None, gone_at=None, words=name.lower(), touched_at=now,
        )  # fmt: skip
        await tx.insert(ADDRESSES, row)
        await wish(tx, self._means, who, row, model.ADDRESS, "order")
        if server_id:
            await wish(tx, self._means, who, row, model.ADDRESS, "assign", {"server_id": server_id})
        return row.id


def refusal(missing: Sequence[str]) -> NeedsApproval:
    said = "; ".join(missing)
    return NeedsApproval("This needs approval: {missing}. You can ask for it.", missing=said)


async def offered(reader: Reader, kind: str, plan_id: str) -> Plan:
    product = await reader.get(PRODUCTS, kind=kind)
    plan = await reader.get(PLANS, id=plan_id, product_id=product.id, state=_OFFERED) if product is not None else None
    if plan is None:
        raise Invalid(
            "Please check what is marked below.",
            fields={"plan_id": "This is not offered any more. Please choose another."},
        )
    return plan


async def plan_of(reader: Reader, kind: str) -> Plan:
    """The first one that is offered."""
    product = await reader.get(PRODUCTS, kind=kind)
    plans = await reader.find(PLANS, product_id=product.id, state=_OFFERED) if product is not None else []
    if not plans:
        raise NotNow("The provider does not sell this yet.")
    return min(plans, key=lambda plan: plan.position)


async def _own(reader: Reader, table: Any, project: Project, object_id: str, field: str = "") -> Any:
    row = await reader.get(table, id=object_id, project_id=project.id, gone_at=None)
    if row is None and field:
        raise Invalid("Please check what is marked below.", fields={field: "It is not there any more."})
    if row is None:
        raise NotThere("It is not there any more.")
    return row
