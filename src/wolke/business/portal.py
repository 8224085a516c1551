"""The composition of the point of purchase: which parts there are and what each is given. No logic of its own.

``open`` before requests are taken, ``begin`` once they are; ``end`` stops the loops, ``close`` the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wolke.business.api import build_api
from wolke.business.audit import Audit
from wolke.business.catalogue import Catalogue
from wolke.business.catalogue import verbs as catalogue_verbs
from wolke.business.config import BusinessConfig
from wolke.business.customers import Customers
from wolke.business.customers import verbs as customers_verbs
from wolke.business.desk import Desk, Needs
from wolke.business.invoicing import Invoicing
from wolke.business.invoicing import verbs as invoicing_verbs
from wolke.business.invoicing.documents import verbs as documents_verbs
from wolke.business.ledger import Ledger
from wolke.business.ledger import verbs as ledger_verbs
from wolke.business.mail import Mailbox, into_folder, over_smtp
from wolke.business.metering import Metering
from wolke.business.metering import verbs as metering_verbs
from wolke.business.migrations import BUSINESS
from wolke.business.openstack import CloudWindow
from wolke.business.payments import Payments
from wolke.business.payments import verbs as payments_verbs
from wolke.business.resources import Resources
from wolke.business.resources import verbs as resources_verbs
from wolke.business.support import Support
from wolke.business.support import verbs as support_verbs
from wolke.business.verb import Verb
from wolke.business.web import build_door
from wolke.core.clock import Clock
from wolke.core.db import Database, open_database
from wolke.core.http import Application
from wolke.core.loop import Leases, Loop

PARTS = (
    customers_verbs, catalogue_verbs, resources_verbs, metering_verbs, ledger_verbs, invoicing_verbs, documents_verbs, payments_verbs, support_verbs,
)  # fmt: skip


def verbs() -> dict[str, Verb]:
    """Every verb by its name."""
    rows: Iterable[Verb] = (verb for part in PARTS for verb in part.VERBS)
    return {verb.name: verb for verb in rows}


def build_desk(needs: Needs, cloud: CloudWindow) -> Desk:
    """Every part, made with what it needs."""
    customers = Customers(needs)
    catalogue = Catalogue(needs)
    ledger = Ledger(needs)
    metering = Metering(needs)
    invoicing = Invoicing(needs, customers, catalogue, metering, ledger)
    resources = Resources(needs, customers, catalogue, metering, invoicing, cloud)
    return Desk(
        needs=needs, customers=customers, catalogue=catalogue, resources=resources, metering=metering, ledger=ledger,
        invoicing=invoicing, payments=Payments(needs, ledger, invoicing), support=Support(needs, customers),
        cloud=cloud, verbs=verbs(),
    )  # fmt: skip


class Portal:
    """``folder`` holds the secret, the embedded database and, in development, mail. ``cloud`` is the one window to OpenStack."""

    def __init__(self, config: BusinessConfig, folder: Path, secret: bytes, clock: Clock, cloud: CloudWindow) -> None:
        self._config, self._folder, self._secret, self._clock, self._cloud = config, folder, secret, clock, cloud
        self._tasks: list[asyncio.Task[None]] = []
        self.db: Database | None = None

    async def open(self) -> None:
        config, clock = self._config, self._clock
        url = config.database or f"sqlite:///{self._folder / 'business.db'}"
        await BUSINESS.upgrade(url)
        self.db = db = await open_database(url)
        self.leases = Leases(db, clock) if db.shared else None
        send = over_smtp(config) if config.smtp_host else into_folder(self._folder / "mail")
        needs = Needs(db, config, clock, Audit(clock), Mailbox(db, config, clock, send), self._secret)
        self.desk = build_desk(needs, self._cloud)
        await self.desk.catalogue.seed()
        self.api = build_api(self.desk)
        pages = await asyncio.to_thread(build_door, self.desk)
        self.application = Application([self.api], _nobody, fallback=pages)

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        await self.application(scope, receive, send)

    async def begin(self) -> None:
        for loop in self._loops():
            self._tasks.append(asyncio.create_task(loop.run(), name=loop.name))

    def _loops(self) -> list[Loop]:
        desk, leases = self.desk, self.leases
        return [
            desk.needs.mailbox.loop(leases),
            *desk.customers.loops(leases),
            *desk.resources.loops(leases),
            *desk.invoicing.loops(leases),
            *desk.payments.loops(leases),
            *desk.support.loops(leases),
        ]

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def close(self) -> None:
        """Also one that could not be opened."""
        await self._cloud.close()
        if self.db is not None:
            await self.db.close()


async def _nobody(token: str, service_token: str | None) -> Any:
    raise AssertionError("no route of the point of purchase takes a token of Identity")
