"""Runs: the making of a month's invoices, company by company, each in a transaction of its own.

A run that was killed is taken up again by the loop: what it has issued is billed, and so nothing of it is due any more. A month's run
begins by itself some hours after the month has ended, so that usage which comes late is on its invoice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from wolke.business.errors import BusinessError, Invalid, NotNow
from wolke.business.invoicing import store
from wolke.business.invoicing.documents.paper import Unsound
from wolke.business.invoicing.issuing import NO_SELLER
from wolke.business.invoicing.model import DRAFT, Invoice, Run, RunFailure
from wolke.business.metering.calendar import month_before
from wolke.business.who import ITSELF, Who
from wolke.core import ids
from wolke.core.clock import instant, moment
from wolke.core.db import Order, Transaction, Where
from wolke.core.log import get_logger
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.desk import Needs
    from wolke.business.invoicing.drafts import Drafts
    from wolke.business.invoicing.issuing import Issuing
    from wolke.business.metering import Calendar

log = get_logger(__name__)
WAKE = "business.runs"
_BATCH = 200


class Runs:
    def __init__(self, needs: Needs, drafts: Drafts, issuing: Issuing, calendar: Calendar) -> None:
        self._needs, self._drafts, self._issuing, self._calendar = needs, drafts, issuing, calendar

    async def begin(self, tx: Transaction, who: Who, month: str, *, issues: bool) -> Run:
        """``Invalid`` for a month that is not over."""
        now = self._needs.clock.now()
        if month >= self._calendar.month_of(now):
            raise Invalid("Please check what is marked below.", fields={"month": "This month is not over yet."})
        if issues and not self._issuing.can_sell:
            raise NotNow(NO_SELLER)
        person = None if who is ITSELF else who.person_id
        run = Run(ids.uuid(), month, issues, person, now, None, 0, 0, self._needs.config.currency, [])
        await tx.insert(store.RUNS, run)
        await self._needs.audit.write(tx, who, "provider.runs.create", run.id, {"month": month, "issues": issues})
        tx.wake(WAKE)
        return run

    async def issue(self, tx: Transaction, who: Who, run: Run) -> Run:
        """The loop issues what the run has left as drafts."""
        if not self._issuing.can_sell:
            raise NotNow(NO_SELLER)
        await tx.update(store.RUNS, {"issues": True, "ended_at": None}, id=run.id)
        await self._needs.audit.write(tx, who, "provider.runs.issue", run.id, {"month": run.month})
        tx.wake(WAKE)
        return msgspec.structs.replace(run, issues=True, ended_at=None)

    def loop(self, leases: Leases | None) -> Loop:
        loop = Loop("business-invoices", self.due, self.act, period_s=60.0, concurrency=1, leases=leases)
        self._needs.db.on_wake(WAKE, loop.wake)
        return loop

    async def due(self) -> list[str]:
        """Runs that are not done, and a month that is to be begun."""
        open_runs = await self._needs.db.find(store.RUNS, ended_at=None, order=(Order("created_at"), Order("id")))
        if open_runs:
            return [run.id for run in open_runs]
        month = await self._month_to_begin()
        return [month] if month else []

    async def _month_to_begin(self) -> str | None:
        """The month before this one, once its time has come, if anything is to be billed and no run has begun by itself."""
        needs = self._needs
        waited = instant(moment(needs.clock.now()) - timedelta(hours=needs.config.invoice_delay_h))
        month = month_before(self._calendar.month_of(waited))
        if await needs.db.find(store.RUNS, month=month, person_id=None, limit=1):
            return None
        more = await needs.db.rows(store.COMPANIES_WITH_MORE, month=month, after="", most=1)
        return month if more else None

    async def act(self, key: str) -> None:
        """``key``: a run's id, or the month that is to be begun."""
        run = await self._needs.db.get(store.RUNS, id=key)
        if run is None:
            issues = self._needs.config.invoice_issues and self._issuing.can_sell
            async with self._needs.db.transaction() as tx:
                await tx.lock(WAKE)
                if await self._month_to_begin() == key:
                    await self.begin(tx, ITSELF, key, issues=issues)
            return
        if run.ended_at is None:
            await self._make(run)

    async def _make(self, run: Run) -> None:
        """Drafts that a run has left are issued as people have seen them; then whatever else is due is billed. Whoever cannot be billed keeps nobody waiting."""
        failures: dict[str, str] = {}
        if run.issues:
            await self._issue_drafts(run, failures)
        after = ""
        while companies := await self._companies(run.month, after):
            for company_id in companies:
                if company_id not in failures:
                    await self._bill(run, company_id, failures)
            after = companies[-1]
        invoices, net = await self._needs.db.sums(store.INVOICES, "net_minor", run_id=run.id)
        failed = [RunFailure(company_id, reason) for company_id, reason in failures.items()]
        changes = {"ended_at": self._needs.clock.now(), "invoices": invoices, "net_minor": net, "failures": failed}
        async with self._needs.db.transaction() as tx:
            await tx.update(store.RUNS, changes, id=run.id)
        log.info("invoices are made", month=run.month, invoices=invoices, issued=run.issues, failed=len(failed))

    async def _issue_drafts(self, run: Run, failures: dict[str, str]) -> None:
        after = ""
        while drafts := await self._left(run.id, after):
            for draft in drafts:
                with _noted(draft.company_id, failures):
                    async with self._needs.db.transaction() as tx:
                        await self._issuing.issue(tx, ITSELF, draft.id)
            after = drafts[-1].id

    async def _bill(self, run: Run, company_id: str, failures: dict[str, str]) -> None:
        """A company's invoice, all or nothing of it; a draft alone where it cannot be issued."""
        with _noted(company_id, failures):
            async with self._needs.db.transaction() as tx:
                draft = await self._drafts.make(tx, company_id, run.month, run.id)
                if draft is not None and run.issues:
                    await self._issuing.issue(tx, ITSELF, draft.id)
        if company_id in failures:
            async with self._needs.db.transaction() as tx:
                await self._drafts.make(tx, company_id, run.month, run.id)

    async def _companies(self, month: str, after: str) -> list[str]:
        rows = await self._needs.db.rows(store.COMPANIES_WITH_MORE, month=month, after=after, most=_BATCH)
        return [row[0] for row in rows]

    async def _left(self, run_id: str, after: str) -> list[Invoice]:
        """Drafts that it has made."""
        where, order = (Where("id", "gt", after),), (Order("id"),)
        return await self._needs.db.find(
            store.INVOICES, run_id=run_id, state=DRAFT, where=where, order=order, limit=_BATCH
        )


@contextlib.contextmanager
def _noted(company_id: str, failures: dict[str, str]) -> Iterator[None]:
    """What is refused is written down; anything else is a fault of ours, and the loop tries again."""
    try:
        yield
    except BusinessError as error:
        failures[company_id] = error.message
    except Unsound as error:
        log.exception("an invoice contradicts itself", company_id=company_id)
        failures[company_id] = str(error)
